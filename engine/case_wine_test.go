//go:build cgo && winmm && wine

package engine_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/onset-midi/onset/engine"
)

// The cases that Wine's winmm.dll can carry, through it, with faults of the cable driver (cwinmm/wine/fault.h).
// It cannot those in which closing fails, since it forgets a handle whatever its driver says to that; and it has
// no word for a device that has gone.

var (
	cableDriver = windows.NewLazyDLL("wineonset.drv")
	fault       = cableDriver.NewProc("OnsetFault")
	noFaults    = cableDriver.NewProc("OnsetNoFaults")

	faultsStruck = cableDriver.NewProc("OnsetFaultsStruck")
)

// The driver's messages (mmddk.h), and results.
const (
	modmOpen, modmClose, modmData, modmLongData, modmReset                          = 3, 4, 7, 8, 9
	midmOpen, midmClose, midmPrepare, midmAddBuffer, midmStart, midmStop, midmReset = 55, 56, 57, 59, 60, 61, 62
	badDeviceID, allocated, noDriver, noMem, notReady                               = 2, 4, 6, 7, 67
	mimClose, mimData, mimError, mimMoreData                                        = 0x3C2, 0x3C3, 0x3C5, 0x3CC
	returns, hangs, tells                                                           = 0, 1, 2
)

const every = 1 << 31

// fails has a call to the first cable do wrong, from the first to the last of the times that it is made.
func fails(message, first, last, effect, value uintptr) {
	_, _, _ = fault.Call(0, message, first, last, effect, value)
}

func newWinMMCase(t *testing.T, options engine.Options) *trial {
	t.Helper()
	// What winmm.dll keeps for itself when it is first used.
	eng, err := engine.Open(engine.Options{})
	require.NoError(t, err)
	in, err := eng.OpenInput(engine.Index(0), engine.InputOptions{})
	require.NoError(t, err)
	require.NoError(t, in.Close())
	require.NoError(t, eng.Close())

	r := newTrial(t)
	r.calmed = func() { _, _, _ = noFaults.Call() }
	options.NormalPriority = true
	r.Engine, err = engine.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { r.end(t) })
	return r
}

func TestWinMMCase01InUseAtOpen(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	fails(midmOpen, 1, 300, returns, allocated)
	fails(modmOpen, 1, 300, returns, allocated)
	for range 300 {
		_, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
		require.ErrorIs(t, err, engine.ErrInUse)
		_, err = r.OpenOutput(engine.Index(0), engine.OutputOptions{})
		require.ErrorIs(t, err, engine.ErrInUse)
	}
	r.works(t, 0)
	_, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
	require.ErrorIs(t, err, engine.ErrInUse)
}

func TestWinMMCase02GoneAtOpen(t *testing.T) {
	for _, result := range []uintptr{badDeviceID, noDriver} {
		r := newWinMMCase(t, engine.Options{})
		fails(midmOpen, 1, 1, returns, result)
		fails(modmOpen, 1, 1, returns, result)
		_, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
		require.ErrorIs(t, err, engine.ErrNoDevice)
		_, err = r.OpenOutput(engine.Index(0), engine.OutputOptions{})
		require.ErrorIs(t, err, engine.ErrNoDevice)
		r.works(t, 0)
		require.NoError(t, r.Close())
	}
}

func TestWinMMCase21PrepareFailsHalfWay(t *testing.T) {
	for message, call := range map[uintptr]string{
		midmPrepare: "midiInPrepareHeader", midmAddBuffer: "midiInAddBuffer", midmStart: "midiInStart",
	} {
		t.Run(call, func(t *testing.T) {
			r := newWinMMCase(t, engine.Options{})
			nth := uintptr(17)
			if message == midmStart {
				nth = 1
			}
			fails(message, nth, nth, returns, noMem)
			_, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
			var refused *engine.DriverError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, call, refused.Func)
			r.works(t, 0)
		})
	}
}

// Where stopping fails, resetting gives the buffers back all the same.
func TestWinMMCase03NoDriverAtClose(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	in, _ := r.works(t, 0)
	fails(midmStop, 1, 1, returns, noDriver)
	assert.ErrorContains(t, in.Close(), "midiInStop: MMSYSERR_NODRIVER")
	r.works2(t, 0)
}

func TestWinMMCase05And06CallsThatNeverReturn(t *testing.T) {
	for call, message := range map[string]uintptr{
		"midiInStop": midmStop, "midiInReset": midmReset, "midiInClose": midmClose, "midiOutReset": modmReset, "midiOutClose": modmClose,
	} {
		t.Run(call, func(t *testing.T) {
			r := newWinMMCase(t, engine.Options{Deadline: 300 * time.Millisecond})
			in, out := r.works(t, 0)
			out.ResetOnClose(true)
			other, otherOut := r.works(t, 1)
			fails(message, 1, every, hangs, 0)
			within(t, "closing", func() {
				err := errors.Join(in.Close(), out.Close())
				assert.ErrorIs(t, err, engine.ErrTimedOut)
				assert.ErrorContains(t, err, call)
			})
			assert.Equal(t, r.abandoned+1, r.Stats().Abandoned)
			require.NoError(t, otherOut.SendNow(0x653C90))
			r.run(t, func(ev *engine.Event) bool { return ev.Port == other.Port() && ev.Message == 0x653C90 })
			within(t, "closing the engine", func() { assert.NoError(t, r.Close()) })
		})
	}
}

func TestWinMMCase07CallbacksWhileClosing(t *testing.T) {
	for _, call := range []uintptr{midmStop, midmReset, midmClose} {
		for _, message := range []uintptr{mimData, mimMoreData, mimError} {
			t.Run(fmt.Sprintf("%d %X", call, message), func(t *testing.T) {
				r := newWinMMCase(t, engine.Options{})
				in, _ := r.works(t, 0)
				fails(call, 1, every, tells, message)
				within(t, "closing", func() { assert.NoError(t, in.Close()) })
				assert.Equal(t, uint64(1), in.Stats().Dropped.Late)
			})
		}
	}
}

func TestWinMMCase08BuffersReturnedWhileClosing(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{SysExBuffers: 8, SysExBufferSize: 32})
	out := r.output(t, 0, engine.OutputOptions{})
	for n := range 3 {
		require.NoError(t, out.SendSysEx(sysex(20, n)))
	}
	require.Eventually(t, func() bool { return in.Stats().Waiting == 3 }, hang, time.Millisecond)
	within(t, "closing", func() { require.NoError(t, in.Close()) })
	assert.Equal(t, engine.Dropped{Closed: 3}, in.Stats().Dropped)
}

func TestWinMMCase11MoreDataAndErrors(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	fails(midmAddBuffer, 1, 2, tells, mimMoreData)
	fails(midmStart, 1, 1, tells, mimError)
	in := r.input(t, 0, engine.InputOptions{})
	var kinds []engine.Kind
	r.run(t, func(ev *engine.Event) bool {
		assert.Equal(t, engine.Message(0x403C90), ev.Message)
		kinds = append(kinds, ev.Kind)
		return len(kinds) == 3
	})
	assert.Equal(t, []engine.Kind{engine.KindMessage, engine.KindMessage, engine.KindMalformed}, kinds)
	s := in.Stats()
	assert.Equal(t, [2]uint64{2, 1}, [2]uint64{s.MoreData, s.Malformed})
}

func TestWinMMCase12CloseUnasked(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	fails(midmStart, 1, 1, tells, mimClose)
	in := r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{})
	_, before := r.next(t, engine.KindPortReopened, in.Port())
	assert.Equal(t, []engine.Kind{engine.KindPortLost, engine.KindPortFound}, kinds(before))
	require.NoError(t, out.Send(numbered(0, 1)))
	ev, before := r.next(t, engine.KindMessage, in.Port())
	assert.Empty(t, kinds(before))
	assert.Equal(t, numbered(0, 1), ev.Message)
	assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, in.Stats().Device)
}

// The driver says at a call that the device has gone.
func TestWinMMCase13GoneWithNotesHeld(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{EndNotes: true})
	out := r.output(t, 0, engine.OutputOptions{})
	require.NoError(t, out.Send(messages(t, "note-on 1 60 100")[0]))
	fails(midmAddBuffer, 1, 1, returns, noDriver)
	require.NoError(t, out.SendSysEx(sysex(20, 1)))
	_, before := r.next(t, engine.KindPortReopened, in.Port())
	assert.Equal(t, []engine.Kind{
		engine.KindMessage, engine.KindSysEx, engine.KindMessage, engine.KindPortLost, engine.KindPortFound,
	}, kinds(before))
	assert.Equal(t, messages(t, "note-off 1 60 64")[0], before[2].Message)
	fails(modmData, 1, 1, returns, noDriver)
	require.ErrorIs(t, out.Send(engine.Clock), engine.ErrNoDevice)
	require.ErrorIs(t, out.Send(engine.Clock), engine.ErrLost)
	r.next(t, engine.KindPortReopened, out.Port())
	require.NoError(t, out.Send(engine.Clock))
	ev, _ := r.next(t, engine.KindMessage, in.Port())
	assert.Equal(t, engine.Message(engine.Clock), ev.Message)
	for _, d := range []engine.Device{in.Stats().Device, out.Stats().Device} {
		assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, d)
	}
}

func TestWinMMCase16PoolDry(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{SysExBuffers: 3, SysExBufferSize: 16})
	out := r.output(t, 0, engine.OutputOptions{})
	require.NoError(t, out.SendSysEx(sysex(40, 1)))
	require.Eventually(t, func() bool { return in.Stats().SysExDry == 1 }, hang, time.Millisecond)
	notes := 0
	for start := time.Now(); time.Since(start) < time.Second; notes++ {
		require.NoError(t, out.SendSysEx(sysex(200, 2)))
		require.NoError(t, out.SendNow(numbered(0, notes)))
	}
	heard := 0
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind == engine.KindMessage {
			assert.Equal(t, numbered(0, heard), ev.Message)
			heard++
		}
		return heard == notes
	})
	require.NoError(t, out.SendSysEx(sysex(20, 3)))
	r.run(t, func(ev *engine.Event) bool { return ev.Kind == engine.KindSysEx })
}

func TestWinMMCase18ShortMsgBlocksAndFails(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{})
	fails(modmData, 2, 2, returns, notReady)
	fails(modmData, 3, 3, hangs, 0)
	require.NoError(t, out.SendNow(numbered(0, 0)))
	assert.ErrorContains(t, out.SendNow(numbered(0, 1)), "MIDIERR_NOTREADY")
	blocked := make(chan error)
	go func() { blocked <- out.SendNow(numbered(0, 2)) }()
	require.Eventually(t, func() bool {
		n, _, _ := faultsStruck.Call()
		return n == 2
	}, hang, time.Millisecond)
	within(t, "the others", func() {
		for n := range 100 {
			assert.NoError(t, out.Send(numbered(0, 3+n)))
		}
	})
	r.calm(t)
	require.NoError(t, <-blocked)
	want := []int{0}
	for n := range 101 {
		want = append(want, 2+n)
	}
	assert.Equal(t, want, numbers(r.receive(t, len(want))))

	fails(modmData, 1, every, returns, noMem)
	for range 100 {
		assert.ErrorContains(t, out.SendNow(0xF8), "MMSYSERR_NOMEM")
	}
	assert.EqualValues(t, 101, out.Stats().Failed)
	require.NoError(t, out.Close())
}

func TestWinMMCase19LongMsgNeverReady(t *testing.T) {
	r := newWinMMCase(t, engine.Options{Deadline: 300 * time.Millisecond})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{})
	fails(modmLongData, 1, every, returns, notReady)
	require.NoError(t, out.SendSysEx(sysex(20, 1)))
	require.NoError(t, out.Send(numbered(0, 1)))
	assert.Equal(t, []int{1}, numbers(r.receive(t, 1)))
	s := out.Stats()
	assert.Equal(t, engine.OutputSysEx{Failed: 1, Retried: s.SysEx.Retried}, s.SysEx)
	assert.NotZero(t, s.SysEx.Retried)
}

// MOM_DONE always comes inside the call here.
func TestWinMMCase20DoneInsideTheCall(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{Ignore: engine.Ignore{SysEx: true}})
	out := r.output(t, 0, engine.OutputOptions{LongChunk: 10})
	for n := range 20 {
		require.NoError(t, out.SendSysEx(sysex(25, n)))
		require.NoError(t, out.Send(numbered(0, n)))
	}
	r.receive(t, 20)
	assert.Equal(t, engine.OutputSysEx{Sent: 20, Bytes: 500}, out.Stats().SysEx)
}

func TestWinMMCase23OpenAndClose(t *testing.T) {
	const warm, rounds = 50, 500
	r := newWinMMCase(t, engine.Options{Wait: engine.WaitPark})
	var before leftovers
	var memory int
	for n := range rounds {
		if n == warm {
			before, memory = measure(t), resident(t)
		}
		in, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
		require.NoError(t, err)
		out, err := r.OpenOutput(engine.Index(0), engine.OutputOptions{})
		require.NoError(t, err)
		require.NoError(t, out.SendNow(0xF8))
		require.NoError(t, out.SendSysEx(sysex(10, n)))
		_, err = r.ReadInto(make([]engine.Event, 16))
		require.NoError(t, err)
		require.NoError(t, in.Close())
		require.NoError(t, out.Close())
		balanced(t, in.Stats())
	}
	after := measure(t)
	assert.InDelta(t, before.threads, after.threads, 4, "threads")
	grown := resident(t) - memory
	assert.Less(t, grown, 8<<20, "bytes of memory")
	t.Logf("from round %d to %d: from %+v to %+v, %d KiB more", warm, rounds, before, after, grown>>10)
}

func TestWinMMCase24TwoEngines(t *testing.T) {
	r := newWinMMCase(t, engine.Options{})
	a, err := engine.Open(engine.Options{NormalPriority: true})
	require.NoError(t, err)
	in, out := r.works(t, 0)
	_, err = a.OpenInput(engine.Index(0), engine.InputOptions{})
	require.ErrorIs(t, err, engine.ErrInUse)
	other, err := a.OpenInput(engine.Index(1), engine.InputOptions{})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	assert.Zero(t, other.Stats().Received)
	require.NoError(t, out.SendNow(0xF8))
	r.run(t, func(ev *engine.Event) bool { return ev.Port == in.Port() && ev.Message == 0xF8 })
}
