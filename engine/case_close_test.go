//go:build cgo

package engine_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine"
)

// A driver that says once that there is no driver is closed all the same. One that goes on saying so keeps its
// buffers, and the handle: both are kept and shown.
func TestCase03NoDriverAtClose(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		r := newCase(t, engine.Options{})
		in, _ := r.works(t, 0)
		r.script(t, "midiInStop nth=1 -> NODRIVER", "midiInReset nth=1 -> NODRIVER")
		r.keeps = 1 // they come home, but later than they can be waited for
		assert.ErrorContains(t, in.Close(), "midiInStop: MMSYSERR_NODRIVER")
		assert.Equal(t, 1, r.loop.OpenPorts(), "the output")
		r.works2(t, 0)
	})
	t.Run("for ever", func(t *testing.T) {
		r := newCase(t, engine.Options{})
		in, out := r.works(t, 0)
		r.script(t, "midiInStop -> NODRIVER", "midiInReset -> NODRIVER")
		r.keeps, r.leaves = 1, 1
		assert.ErrorContains(t, in.Close(), "midiInStop: MMSYSERR_NODRIVER")
		assert.Equal(t, 2, r.loop.OpenPorts())

		// The driver calls on, with what it has kept: all of that is stale.
		stale := r.Stats().StaleCallbacks
		require.NoError(t, out.SendSysEx(sysex(20, 1)))
		require.NoError(t, out.SendNow(0x643C90))
		assert.Eventually(t, func() bool { return r.Stats().StaleCallbacks == stale+2 }, hang, time.Millisecond)
	})
	t.Run("output", func(t *testing.T) {
		r := newCase(t, engine.Options{})
		_, out := r.works(t, 0)
		out.ResetOnClose(true)
		r.script(t, "midiOutReset -> NODRIVER")
		assert.ErrorContains(t, out.Close(), "midiOutReset: MMSYSERR_NODRIVER")
		assert.Equal(t, 1, r.loop.OpenPorts(), "the input")
	})
}

// works2 is works where the output is open.
func (r *trial) works2(t *testing.T, cable int) {
	t.Helper()
	in, out := r.input(t, cable, engine.InputOptions{}), r.outs[len(r.outs)-1]
	require.NoError(t, out.SendNow(0x643C90))
	r.run(t, func(ev *engine.Event) bool { return ev.Port == in.Port() && ev.Message == 0x643C90 })
}

// A driver that will not close a handle is asked for a while, and then left with it.
func TestCase04StillPlayingForEver(t *testing.T) {
	r := newCase(t, engine.Options{Deadline: 3 * time.Second})
	in, out := r.works(t, 0)
	other, _ := r.works(t, 1)
	r.script(t, "midiInClose cable=0 -> STILLPLAYING", "midiOutClose cable=0 -> STILLPLAYING")
	before := r.Stats().Abandoned
	r.leaves = 2 // but it gives the buffers back
	within(t, "closing", func() {
		assert.ErrorContains(t, in.Close(), "midiInClose: MIDIERR_STILLPLAYING")
		assert.ErrorContains(t, out.Close(), "midiOutClose: MIDIERR_STILLPLAYING")
	})
	assert.Equal(t, before, r.Stats().Abandoned)
	for _, s := range r.loop.Strikes() {
		assert.Greater(t, s.Times, uint64(1), "it was asked again: %s", s.Fault)
	}
	require.NoError(t, other.Close())
}

// A driver that is slow to answer as well is asked no less often for that.
func TestCase04StillPlayingAndSlow(t *testing.T) {
	r := newCase(t, engine.Options{Deadline: 400 * time.Millisecond})
	in, _ := r.works(t, 0)
	r.script(t, "midiInClose cable=0 nth=1..5 -> STILLPLAYING", "midiInReset cable=0 nth=2 -> delay 200ms")
	within(t, "closing", func() {
		if err := in.Close(); err != nil { // the deadline is over, the handle's thread goes on
			assert.ErrorIs(t, err, engine.ErrTimedOut)
		}
	})
}

// A driver that does not return is abandoned at the deadline, and shown, and the error says where it is. The rest
// goes on, and the engine can be closed. When the driver returns, what it held is given back.
func testStuck(t *testing.T, call string, closing func(*trial, *engine.Input, *sender) error) {
	r := newCase(t, engine.Options{Deadline: 300 * time.Millisecond})
	in, out := r.works(t, 0)
	out.ResetOnClose(true)
	other, otherOut := r.works(t, 1)
	before := r.Stats().Abandoned
	r.script(t, call+" cable=0 -> hang")
	within(t, "closing", func() {
		err := closing(r, in, out)
		assert.ErrorIs(t, err, engine.ErrTimedOut)
		assert.ErrorContains(t, err, call)
	})
	assert.Equal(t, before+1, r.Stats().Abandoned)

	require.NoError(t, otherOut.SendNow(0x653C90))
	r.run(t, func(ev *engine.Event) bool { return ev.Port == other.Port() && ev.Message == 0x653C90 })
	within(t, "closing the engine", func() { assert.NoError(t, r.Close()) })
	assert.Equal(t, before+1, r.Stats().Abandoned)
}

func closeInput(_ *trial, in *engine.Input, _ *sender) error   { return in.Close() }
func closeOutput(_ *trial, _ *engine.Input, out *sender) error { return out.Close() }

func TestCase05CloseNeverReturns(t *testing.T) {
	t.Run("input", func(t *testing.T) { testStuck(t, "midiInClose", closeInput) })
	t.Run("output", func(t *testing.T) { testStuck(t, "midiOutClose", closeOutput) })
}

func TestCase06ResetNeverReturns(t *testing.T) {
	t.Run("input", func(t *testing.T) { testStuck(t, "midiInReset", closeInput) })
	t.Run("output", func(t *testing.T) { testStuck(t, "midiOutReset", closeOutput) })
	t.Run("with the thread still giving the driver buffers", func(t *testing.T) {
		r := newCase(t, engine.Options{Deadline: 300 * time.Millisecond})
		in, out := r.works(t, 0)
		r.script(t, "midiInAddBuffer cable=0 -> hang")
		require.NoError(t, out.SendSysEx(sysex(20, 1)))
		r.run(t, func(ev *engine.Event) bool { return ev.Kind == engine.KindSysEx })
		require.Eventually(t, func() bool { return r.loop.Struck() > 0 }, hang, time.Millisecond)
		rogue, stale := r.rogue(0), cwinmm.StaleCallbacks()
		within(t, "closing", func() { assert.ErrorIs(t, in.Close(), engine.ErrTimedOut) })
		closed := in.Stats()
		rogue.Data(10)
		assert.Equal(t, stale+10, cwinmm.StaleCallbacks())
		assert.Equal(t, closed, in.Stats())
	})
	t.Run("with the driver still calling", func(t *testing.T) {
		r := newCase(t, engine.Options{Deadline: 300 * time.Millisecond})
		in, _ := r.works(t, 0)
		r.script(t, "midiInReset -> MIM_DATA", "midiInReset -> MIM_LONGDATA bytes=5 after=1s",
			"midiInReset -> MIM_DATA after=1s", "midiInReset -> hang")
		rogue := r.rogue(0)
		stale := cwinmm.StaleCallbacks()
		within(t, "closing", func() { assert.ErrorIs(t, in.Close(), engine.ErrTimedOut) })
		assert.Equal(t, uint64(1), in.Stats().Dropped.Late)
		rogue.Data(10)
		assert.Eventually(t, func() bool { return cwinmm.StaleCallbacks() == stale+12 }, hang, time.Millisecond)
	})
}

// What the driver calls with while an input is being closed, in whichever call, is counted and goes nowhere, and
// so is what it calls with afterwards.
func TestCase07CallbacksWhileClosing(t *testing.T) {
	long := map[string]uint64{"midiInStop": 1, "midiInReset": 1, "midiInClose": 0} // it has no buffer left then
	for call, longs := range long {
		for event, late := range map[string]uint64{
			"MIM_DATA": 1, "MIM_MOREDATA": 1, "MIM_ERROR": 1, "MIM_LONGDATA bytes=5": longs, "MIM_LONGERROR bytes=5": longs,
			"MIM_LONGDATA": 0, "MIM_LONGERROR": 0, "MIM_CLOSE": 0,
		} {
			t.Run(call+" "+event, func(t *testing.T) {
				r := newCase(t, engine.Options{})
				in, _ := r.works(t, 0)
				received := in.Stats().Received
				r.script(t, call+" -> "+event, call+" -> "+event+" after=50ms")
				within(t, "closing", func() { assert.NoError(t, in.Close()) })
				s := in.Stats()
				assert.Equal(t, late, s.Dropped.Late)
				assert.Equal(t, received+late, s.Received)
				assert.Eventually(t, func() bool { return r.loop.Struck() == 2 }, hang, time.Millisecond)
			})
		}
	}
}

// Callbacks are in flight on two threads at every moment of a closing, from before it until after its end.
func TestCase07CallbacksInFlight(t *testing.T) {
	r := newCase(t, engine.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx, func(*engine.Event) {}) }()
	for range 100 {
		in := r.input(t, 0, engine.InputOptions{Capacity: 64, SysExBuffers: 1})
		rogue := r.rogue(0)
		var over atomic.Bool
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for !over.Load() {
					rogue.Data(100)
				}
			})
		}
		for in.Stats().Received == 0 {
			runtime.Gosched()
		}
		err, stale := in.Close(), r.Stats().StaleCallbacks
		turnedAway := assert.Eventually(t, func() bool { return r.Stats().StaleCallbacks > stale }, hang, time.Millisecond)
		over.Store(true)
		all.Wait()
		require.NoError(t, err)
		require.True(t, turnedAway)
		balanced(t, in.Stats())
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// A driver that goes on calling while and long after its input is closed touches nothing, not even the
// input that has its place by then.
func TestCase07CallbacksAfterClosing(t *testing.T) {
	r := newCase(t, engine.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx, func(*engine.Event) {}) }()
	in := r.input(t, 0, engine.InputOptions{})
	rogue := r.rogue(0)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { rogue.Data(200_000) })
	}
	for in.Stats().Received == 0 {
		runtime.Gosched()
	}
	require.NoError(t, in.Close())
	balanced(t, in.Stats())
	all.Wait()

	// There are 256 places, used in turn: one of these has the first one's.
	stale, calls := r.Stats().StaleCallbacks, uint64(0)
	for range 257 {
		in := r.input(t, 1, engine.InputOptions{})
		rogue.Data(3)
		rogue.Malformed(1)
		rogue.r.Vanish()
		calls += 4
		assert.Equal(t, uint64(10), r.play(t, 1, engine.Source{Count: 10})())
		require.NoError(t, in.Close())
		s := in.Stats()
		balanced(t, s)
		assert.Equal(t, uint64(10), s.Received)
		assert.Zero(t, s.Malformed)
	}
	assert.Equal(t, calls, r.Stats().StaleCallbacks-stale)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// Buffers come back within midiInStop and midiInReset, on the thread that closes, and all of them have to be home:
// those with a message that was cut off, those that wait for the poller, and the empty ones.
func TestCase08BuffersReturnedWhileClosing(t *testing.T) {
	r := newCase(t, engine.Options{Deadline: 3 * time.Second})
	in := r.input(t, 0, engine.InputOptions{SysExBuffers: 8, SysExBufferSize: 32})
	out := r.output(t, 0, engine.OutputOptions{LongChunk: 20, LongPause: time.Hour})
	for n := range 3 {
		require.NoError(t, out.SendSysEx(sysex(20, n)))
	}
	require.NoError(t, out.SendSysEx(sysex(60, 3))) // of which the first part goes
	require.Eventually(t, func() bool { return out.Stats().SysEx.Bytes == 80 }, hang, time.Millisecond)
	within(t, "closing", func() { require.NoError(t, in.Close()) })
	s := in.Stats()
	assert.Equal(t, engine.Dropped{Late: 1, Closed: 3}, s.Dropped)
	assert.Zero(t, r.loop.Readded(0))
	assert.ErrorIs(t, out.Close(), engine.ErrTimedOut, "it is in a pause")
}

// Empty buffers that are requeued come back empty, for ever. Whoever does that from within midiInReset hangs; from
// the input's thread it does no harm.
func TestCase09StormOfEmptyBuffers(t *testing.T) {
	t.Run("at reset", func(t *testing.T) {
		r := newCase(t, engine.Options{})
		in, _ := r.works(t, 0)
		r.script(t, "midiInReset -> storm 100000") // so many, or it would not end
		within(t, "closing", func() { assert.NoError(t, in.Close()) })
		assert.Zero(t, r.loop.Readded(0))
	})
	t.Run("while open", func(t *testing.T) {
		r := newCase(t, engine.Options{})
		in, other := r.input(t, 0, engine.InputOptions{}), r.input(t, 1, engine.InputOptions{})
		out, otherOut := r.output(t, 0, engine.OutputOptions{}), r.output(t, 1, engine.OutputOptions{})
		r.script(t, "midiInAddBuffer cable=0 -> bounce")
		require.NoError(t, out.SendSysEx(sysex(20, 1)))
		ctx, cancel := context.WithCancel(t.Context())
		heard, ended := make(chan bool, 1), make(chan error)
		go func() {
			ended <- r.Run(ctx, func(ev *engine.Event) {
				if ev.Port == other.Port() {
					heard <- true
				}
			})
		}()
		require.Eventually(t, func() bool { return in.Stats().SysExEmpty > 1000 }, hang, time.Millisecond)
		require.NoError(t, otherOut.Send(0x643C90))
		within(t, "the other port", func() { <-heard })
		within(t, "closing", func() { assert.NoError(t, in.Close()) })
		assert.Zero(t, r.loop.Readded(0))
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}
