//go:build cgo

package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// wedge is an engine on two cables. The driver does not return from a call for the first; the other has an input
// and an output open.
type wedge struct {
	rig
	t      *testing.T
	call   string // that hangs
	in     *engine.Input
	out    *engine.Output
	before int // handles abandoned
}

func newWedge(t *testing.T, call string) *wedge {
	loop, err := engine.NewLoopback("Alpha", "Beta")
	require.NoError(t, err)
	eng, err := engine.Open(engine.Options{Driver: loop, Deadline: 200 * time.Millisecond, NormalPriority: true})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = eng.Close() // only where the test has failed
		loop.Close()
	})
	w := &wedge{rig: rig{eng, loop, 2}, t: t, call: call, before: eng.Stats().Abandoned}
	w.in, w.out = w.input(t, 1, engine.InputOptions{}), w.output(t, 1, engine.OutputOptions{})
	_, err = eng.Find(engine.In, engine.Index(0)) // the engine has looked at the list, and does not ask at the same time
	require.NoError(t, err)
	return w
}

// hang has the call hang from now on.
func (w *wedge) hang() {
	w.t.Helper()
	if strings.HasSuffix(w.call, "GetNumDevs") {
		w.script(w.t, w.call+" -> hang") // of no device
	} else {
		w.script(w.t, w.call+" cable=0 -> hang")
	}
}

// open opens the port whose driver hangs.
func (w *wedge) open() (port, error) {
	if strings.HasPrefix(w.call, "midiIn") {
		return w.OpenInput(engine.Index(0), engine.InputOptions{})
	}
	out, err := w.OpenOutput(engine.Index(0), engine.OutputOptions{Slow: time.Hour})
	if err == nil {
		out.ResetOnClose(true)
	}
	return out, err
}

type port interface{ Close() error }

// stuck is the call that statistics say a port's driver does not return from.
func stuck(p port) error {
	if in, ok := p.(*engine.Input); ok {
		return in.Stats().Stuck
	}
	return p.(*engine.Output).Stats().Stuck
}

// goesOn checks that the other cable carries a message to the program.
func (w *wedge) goesOn() {
	w.t.Helper()
	require.NoError(w.t, w.out.Send(engine.Start))
	w.run(w.t, func(ev *engine.Event) bool { return ev.Port == w.in.Port() && ev.Message == engine.Start })
}

// isTold checks that an error says what does not return.
func (w *wedge) isTold(err error) {
	w.t.Helper()
	require.ErrorIs(w.t, err, engine.ErrTimedOut)
	var failed *engine.DriverError
	require.ErrorAs(w.t, err, &failed)
	assert.Equal(w.t, w.call, failed.Func)
}

// ends checks that what the driver holds is counted, and after closing too, which must not wait for it; and
// that all is given back when it returns after all.
func (w *wedge) ends() {
	w.t.Helper()
	assert.Equal(w.t, w.before+1, w.Stats().Abandoned)
	w.goesOn()
	_ = w.Close()
	assert.Equal(w.t, w.before+1, w.Stats().Abandoned)
	w.comesBack()
}

func (w *wedge) comesBack() {
	w.t.Helper()
	w.script(w.t)
	require.Eventually(w.t, func() bool { return w.Stats().Abandoned == w.before && w.loop.OpenPorts() == 0 }, time.Minute, time.Millisecond)
}

func TestOpeningDoesNotWaitForEver(t *testing.T) {
	for _, call := range []string{
		"midiInGetNumDevs", "midiInOpen", "midiInPrepareHeader", "midiInAddBuffer", "midiInStart",
		"midiOutGetNumDevs", "midiOutOpen",
	} {
		t.Run(call, func(t *testing.T) {
			w := newWedge(t, call)
			w.hang()
			_, err := w.open()
			w.isTold(err)
			w.ends()
		})
	}
}

func TestClosingDoesNotWaitForEver(t *testing.T) {
	for _, call := range []string{
		"midiInStop", "midiInReset", "midiInUnprepareHeader", "midiInClose",
		"midiOutReset", "midiOutClose",
	} {
		t.Run(call, func(t *testing.T) {
			w := newWedge(t, call)
			p, err := w.open()
			require.NoError(t, err)
			w.hang()
			w.isTold(p.Close())
			w.ends()
		})
		t.Run(call+", the engine", func(t *testing.T) {
			w := newWedge(t, call)
			_, err := w.open()
			require.NoError(t, err)
			w.hang()
			w.isTold(w.Close())
			assert.Equal(t, w.before+1, w.Stats().Abandoned)
			w.comesBack()
		})
	}
}

// Calls that nobody waits for: those with which a driver is given back its buffers, and those that send what is
// queued. Statistics show them, and closing tells.
func TestWhatNobodyWaitsForIsSeenToBeStuck(t *testing.T) {
	sysEx := []byte{0xF0, 1, 0xF7}
	for call, provoke := range map[string]func(*wedge, port){
		"midiInAddBuffer": func(w *wedge, p port) {
			out := w.output(w.t, 0, engine.OutputOptions{})
			require.NoError(w.t, out.SendSysEx(sysEx))
			w.run(w.t, func(ev *engine.Event) bool { return ev.Kind == engine.KindSysEx })
			w.goesOn() // and the buffer goes back
			require.NoError(w.t, out.Send(engine.Clock))
			w.run(w.t, func(ev *engine.Event) bool { return ev.Port == p.(*engine.Input).Port() }) // it still delivers
			require.NoError(w.t, out.Close())
		},
		"midiOutShortMsg": func(w *wedge, p port) {
			// Behind a long message it is queued.
			w.script(w.t, "midiOutLongMsg -> delay 20ms", w.call+" cable=0 -> hang")
			require.NoError(w.t, p.(*engine.Output).SendSysEx(sysEx))
			require.NoError(w.t, p.(*engine.Output).Send(engine.Clock))
		},
		"midiOutPrepareHeader":   func(_ *wedge, p port) { _ = p.(*engine.Output).SendSysEx(sysEx) },
		"midiOutLongMsg":         func(_ *wedge, p port) { _ = p.(*engine.Output).SendSysEx(sysEx) },
		"midiOutUnprepareHeader": func(_ *wedge, p port) { _ = p.(*engine.Output).SendSysEx(sysEx) },
	} {
		begin := func(t *testing.T) (*wedge, port) {
			w := newWedge(t, call)
			p, err := w.open()
			require.NoError(t, err)
			w.hang()
			provoke(w, p)
			require.Eventually(t, func() bool { return stuck(p) != nil }, time.Minute, time.Millisecond)
			w.isTold(stuck(p))
			w.goesOn()
			return w, p
		}
		t.Run(call, func(t *testing.T) {
			w, p := begin(t)
			if out, ok := p.(*engine.Output); ok { // no message is put behind one that does not go
				before := out.Stats().Refused
				w.isTold(out.SendSysEx(sysEx))
				assert.Equal(t, before+1, out.Stats().Refused)
			}
			w.isTold(p.Close())
			w.ends()
			require.NoError(t, stuck(p))
		})
		t.Run(call+", the engine", func(t *testing.T) {
			w, _ := begin(t)
			w.isTold(w.Close())
			assert.Equal(t, w.before+1, w.Stats().Abandoned)
			w.comesBack()
		})
	}
}

// A send on the caller's own goroutine waits for the driver, and nobody waits for it.
func TestASendThatDoesNotReturnIsSeenToBeStuck(t *testing.T) {
	w := newWedge(t, "midiOutShortMsg")
	p, err := w.open()
	require.NoError(t, err)
	out := p.(*engine.Output)
	w.hang()
	sent := make(chan error)
	go func() { sent <- out.Send(engine.Clock) }()
	require.Eventually(t, func() bool { return stuck(p) != nil }, time.Minute, time.Millisecond)
	w.isTold(stuck(p))
	w.isTold(out.Send(engine.Clock)) // the next one does not wait with it
	w.isTold(p.Close())
	w.ends()
	require.NoError(t, <-sent)
	booked(t, out, 1)
}

// A device that does not say what it is hides no other, and is not asked again until it has answered.
func TestAListDoesNotWaitForEver(t *testing.T) {
	for call, direction := range map[string]engine.Direction{"midiInGetDevCaps": engine.In, "midiOutGetDevCaps": engine.Out} {
		t.Run(call, func(t *testing.T) {
			w := newWedge(t, call)
			list := map[engine.Direction]func() ([]engine.PortInfo, error){engine.In: w.Inputs, engine.Out: w.Outputs}[direction]
			w.hang()
			for range 3 {
				ports, err := list()
				w.isTold(err)
				require.Len(t, ports, 2)
				assert.Equal(t, []string{"", "Beta"}, []string{ports[0].Name, ports[1].Name})
				assert.Equal(t, w.before+1, w.Stats().Abandoned)
				assert.Equal(t, uint64(1), w.loop.Struck())
			}
			_, err := w.Find(direction, engine.Named("Beta"))
			require.NoError(t, err)
			_, err = w.Find(direction, engine.Named("Alpha"))
			w.isTold(err)
			require.ErrorIs(t, err, engine.ErrNoDevice)

			w.script(t)
			require.Eventually(t, func() bool { return w.Stats().Abandoned == w.before }, time.Minute, time.Millisecond)
			ports, err := list()
			require.NoError(t, err)
			assert.Equal(t, "Alpha", ports[0].Name)
			w.hang()
			_, err = list()
			w.isTold(err)
			w.ends()
		})
	}
}
