//go:build cgo

package engine_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// newRigOf is an engine on cables of these names.
func newRigOf(t *testing.T, names ...string) rig {
	t.Helper()
	r := openRig(t, engine.Options{NormalPriority: true, Deadline: 300 * time.Millisecond}, names...)
	t.Cleanup(func() {
		_ = r.Close() // the test looks at that where it matters
		assert.Zero(t, r.loop.OpenPorts(), "ports left open")
		r.loop.Close()
	})
	return r
}

// next runs the engine until an event of this kind has come from all these ports, and returns the last and those
// before it, but for the buffers that a driver gives back when its device goes.
func (r rig) next(t *testing.T, kind engine.Kind, ports ...engine.Port) (engine.Event, []engine.Event) {
	t.Helper()
	var last engine.Event
	var before []engine.Event
	r.run(t, func(ev *engine.Event) bool {
		last = *ev
		last.SysEx = append([]byte(nil), ev.SysEx...)
		if i := slices.Index(ports, ev.Port); ev.Kind == kind && i >= 0 {
			ports = slices.Delete(slices.Clone(ports), i, i+1)
			if len(ports) == 0 {
				return true
			}
		}
		if ev.Kind != engine.KindSysExEmpty {
			before = append(before, last)
		}
		return false
	})
	return last, before
}

// kinds returns what events are, those of the list of ports left out.
func kinds(events []engine.Event) (kinds []engine.Kind) {
	for _, ev := range events {
		if ev.Kind != engine.KindPortAdded && ev.Kind != engine.KindPortRemoved {
			kinds = append(kinds, ev.Kind)
		}
	}
	return kinds
}

// listed runs the engine until the list of outputs, which is told after that of inputs, has another port of this
// name, or one less.
func (r rig) listed(t *testing.T, kind engine.Kind, name string) {
	t.Helper()
	r.run(t, func(ev *engine.Event) bool {
		return ev.Kind == kind && ev.Info.Name == name && ev.Info.Direction == engine.Out
	})
}

// looked has the watch look at the list twice from now on, by means of a cable that nothing else is about.
func (r rig) looked(t *testing.T, cable int) {
	t.Helper()
	r.loop.Unplug(cable)
	r.listed(t, engine.KindPortRemoved, "Other")
	require.NoError(t, r.loop.Replug(cable, 255, ""))
	r.listed(t, engine.KindPortAdded, "Other")
}

// An input whose device goes and comes back goes on, under its new name and at its new place.
func TestALostInputIsFoundAndOpenedAgain(t *testing.T) {
	for _, wait := range strategies {
		t.Run(wait.String(), func(t *testing.T) {
			r := newRig(t, engine.Options{Wait: wait})
			in := r.input(t, 0, engine.InputOptions{})
			before := in.Info()
			r.play(t, 0, engine.Source{Count: 3})()
			r.loop.Unplug(0)
			var kinds []engine.Kind
			delivered := 0
			r.run(t, func(ev *engine.Event) bool {
				switch ev.Kind {
				case engine.KindMessage:
					assert.Equal(t, in.Port(), ev.Port)
					delivered++
				case engine.KindPortLost:
					assert.Equal(t, before, *ev.Info)
					require.NoError(t, r.loop.Replug(0, 1, "2- Alpha"))
					kinds = append(kinds, ev.Kind)
				case engine.KindPortFound, engine.KindPortReopened:
					assert.Equal(t, in.Port(), ev.Port)
					assert.Equal(t, "2- Alpha", ev.Info.Name)
					assert.Equal(t, 1, ev.Info.Index)
					kinds = append(kinds, ev.Kind)
					if ev.Kind == engine.KindPortReopened {
						r.play(t, 0, engine.Source{Count: 5})
					}
				}
				return delivered == 8
			})
			assert.Equal(t, []engine.Kind{engine.KindPortLost, engine.KindPortFound, engine.KindPortReopened}, kinds)
			s := in.Stats()
			balanced(t, s)
			assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, s.Device)
			assert.Equal(t, "2- Alpha", in.Info().Name)
			assert.Equal(t, 1, r.loop.OpenPorts())
		})
	}
}

// A device that is missing in the list has gone, whatever its driver says, or does not say.
func TestALossIsSeenInTheList(t *testing.T) {
	r := newRig(t, engine.Options{Wait: engine.WaitPark})
	in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{})
	before := in.Info()
	r.script(t, `at=0s cable=0 -> replug id="another"`)
	_, events := r.next(t, engine.KindPortLost, in.Port(), out.Port())
	assert.Contains(t, kinds(events), engine.KindPortLost)
	assert.Equal(t, before, in.Info())
	r.script(t, "at=0s cable=0 -> replug id="+before.Identity)
	r.next(t, engine.KindPortReopened, in.Port(), out.Port())
	assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, in.Stats().Device)
	assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, out.Stats().Device)
	r.play(t, 0, engine.Source{Count: 1})()
	r.next(t, engine.KindMessage, in.Port())
}

// What is sent to a lost output is refused and counted, what was queued is dropped, and the books balance over all
// that.
func TestALostOutputIsFoundAndOpenedAgain(t *testing.T) {
	r := newRig(t, engine.Options{})
	out := r.output(t, 0, engine.OutputOptions{Slow: time.Nanosecond})
	clock := messages(t, "clock")[0]
	r.loop.Slow(0, time.Millisecond)
	accepted := uint64(0)
	for range 100 { // most of it waits in the queue
		require.NoError(t, out.Send(clock))
		accepted++
	}
	r.loop.Unplug(0)
	refused := uint64(0)
	var err error
	for err == nil {
		if err = out.Send(clock); err == nil {
			accepted++
		}
		time.Sleep(time.Millisecond)
	}
	if refused++; !assert.ErrorIs(t, err, engine.ErrLost) {
		return
	}
	require.ErrorIs(t, err, engine.ErrNoDevice)
	require.ErrorIs(t, out.SendNow(clock), engine.ErrLost)
	require.ErrorIs(t, out.SendSysEx([]byte{0xF0, 0xF7}), engine.ErrLost)
	refused += 2
	r.next(t, engine.KindPortLost, out.Port())

	require.NoError(t, r.loop.Replug(0, 1, ""))
	r.loop.Slow(0, 0)
	_, before := r.next(t, engine.KindPortReopened, out.Port())
	assert.Equal(t, []engine.Kind{engine.KindPortFound}, kinds(before))
	require.NoError(t, out.SendNow(clock))
	accepted++
	s := out.Stats()
	assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, s.Device)
	assert.Equal(t, refused, s.Unsent)
	assert.Equal(t, accepted, s.Sent+s.Failed+s.Dropped)
	assert.NotZero(t, s.Dropped)
	assert.Zero(t, s.Queued)
	require.NoError(t, out.Close())
	assert.Equal(t, accepted, out.Stats().Sent+out.Stats().Failed+out.Stats().Dropped)
	assert.ErrorIs(t, out.Send(clock), engine.ErrClosed)
}

// A call that says that the device has gone is believed at once.
func TestALossIsHeardFromACall(t *testing.T) {
	for _, result := range []string{"NODRIVER", "BADDEVICEID", "INVALHANDLE", "NODEVICE"} {
		t.Run(result, func(t *testing.T) {
			r := newRig(t, engine.Options{})
			in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{})
			r.script(t, "midiOutShortMsg nth=1 -> "+result)
			require.Error(t, out.Send(messages(t, "clock")[0]))
			r.next(t, engine.KindPortReopened, out.Port())
			require.NoError(t, out.Send(messages(t, "clock")[0]))

			r.script(t, "midiInAddBuffer nth=1 -> "+result)
			require.NoError(t, out.SendSysEx([]byte{0xF0, 1, 0xF7}))
			r.next(t, engine.KindPortReopened, in.Port())
			assert.Equal(t, uint64(1), in.Stats().Device.Losses)
		})
	}
}

// A device that somebody else has is tried again, and told of once.
func TestADeviceInUseIsTriedAgain(t *testing.T) {
	r := newRig(t, engine.Options{})
	in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{})
	r.script(t, "midiInOpen nth=1..2 -> ALLOCATED", "midiOutOpen nth=1..2 -> ALLOCATED")
	r.loop.Unplug(0)
	r.next(t, engine.KindPortLost, in.Port(), out.Port())
	require.NoError(t, r.loop.Replug(0, 0, ""))
	r.next(t, engine.KindPortFound, in.Port())
	require.Eventually(t, func() bool { return in.Stats().Device.LastError != nil }, time.Minute, time.Millisecond)
	assert.ErrorIs(t, in.Stats().Device.LastError, engine.ErrInUse)
	_, before := r.next(t, engine.KindPortReopened, in.Port(), out.Port())
	for _, ev := range before {
		assert.False(t, ev.Kind == engine.KindPortFound && ev.Port == in.Port(), "told twice")
	}
	assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, in.Stats().Device)
}

// When the machine has slept, ports are opened again, but for those that are to stay as they are.
func TestPortsAreOpenedAgainAfterSleep(t *testing.T) {
	r := newRig(t, engine.Options{})
	in, out := r.input(t, 0, engine.InputOptions{EndNotes: true}), r.output(t, 0, engine.OutputOptions{})
	stays := r.input(t, 1, engine.InputOptions{StayLost: true})
	require.NoError(t, out.SendNow(messages(t, "note-on 1 60 100")[0]))
	r.next(t, engine.KindMessage, in.Port())
	r.script(t, "at=0s cable=0 -> suspend 8h")
	_, before := r.next(t, engine.KindPortReopened, in.Port(), out.Port())
	assert.Equal(t, engine.KindResumed, kinds(before)[0], "before what the ports have to tell")
	assert.True(t, slices.ContainsFunc(before, func(ev engine.Event) bool {
		return ev.Recovered && ev.Message == messages(t, "note-off 1 60 64")[0]
	}), "nobody would have let go of the note")
	for _, d := range []engine.Device{in.Stats().Device, out.Stats().Device} {
		assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, d)
	}
	assert.Zero(t, stays.Stats().Device)
	require.NoError(t, out.SendNow(messages(t, "start")[0]))
	ev, _ := r.next(t, engine.KindMessage, in.Port())
	assert.Equal(t, messages(t, "start")[0], ev.Message)
}

func TestAPortCanStayLost(t *testing.T) {
	r := newRigOf(t, "Alpha", "Other")
	in, out := r.input(t, 0, engine.InputOptions{StayLost: true}), r.output(t, 0, engine.OutputOptions{StayLost: true})
	r.loop.Unplug(0)
	r.next(t, engine.KindPortLost, in.Port(), out.Port())
	require.NoError(t, r.loop.Replug(0, 0, ""))
	r.looked(t, 1)
	assert.Equal(t, engine.Device{Lost: true, Losses: 1}, in.Stats().Device)
	require.Eventually(t, func() bool { return r.loop.OpenPorts() == 0 }, time.Minute, time.Millisecond)
	assert.ErrorIs(t, out.Send(messages(t, "clock")[0]), engine.ErrLost)
	assert.NoError(t, in.Close())
	assert.NoError(t, out.Close())
}

// A driver that does not come back from opening, or from the list, holds up neither closing nor the others, and
// no second call is made into it.
func TestClosingWhileADeviceIsOpenedAgain(t *testing.T) {
	for _, call := range []string{"midiInOpen", "midiInClose", "midiInGetNumDevs"} {
		t.Run(call, func(t *testing.T) {
			r := newRigOf(t, "Alpha", "Beta")
			in, other := r.input(t, 0, engine.InputOptions{}), r.input(t, 1, engine.InputOptions{})
			before := r.Stats().Abandoned
			r.script(t, call+" -> hang")
			r.loop.Unplug(0)
			require.NoError(t, r.loop.Replug(0, 0, ""))
			r.next(t, engine.KindPortLost, in.Port())
			require.Eventually(t, func() bool { return r.loop.Struck() > 0 }, time.Minute, time.Millisecond)
			r.play(t, 1, engine.Source{Count: 1})()
			r.next(t, engine.KindMessage, other.Port())
			if call == "midiInOpen" {
				require.Eventually(t, func() bool { return in.Stats().Device.LastError != nil }, time.Minute, time.Millisecond)
				assert.Equal(t, before+1, r.Stats().Abandoned)
			}
			closed := make(chan error, 1)
			go func() { closed <- r.Close() }()
			err := <-closed
			if call == "midiInClose" {
				assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			}
			require.Eventually(t, func() bool { return r.Stats().Abandoned > before }, time.Minute, time.Millisecond) // listing has its own deadline
			r.script(t)
			require.Eventually(t, func() bool { return r.Stats().Abandoned == before && r.loop.OpenPorts() == 0 }, time.Minute, time.Millisecond)
		})
	}
}
