//go:build cgo

package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// until waits until a port's statistics are as they should be.
func until(t *testing.T, device func() engine.Device, done func(engine.Device) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return done(device()) }, time.Minute, time.Millisecond, "%+v", device())
}

func device(in *engine.Input) func() engine.Device {
	return func() engine.Device { return in.Stats().Device }
}

func deviceOf(out *engine.Output) func() engine.Device {
	return func() engine.Device { return out.Stats().Device }
}

func isLost(d engine.Device) bool { return d.Lost }

// reopened returns a condition: it has been opened again so often.
func reopened(times uint64) func(engine.Device) bool {
	return func(d engine.Device) bool { return d.Reopened == times }
}

// A device that opens and goes at once is opened again once a look, not all the time.
func TestADeviceThatGoesAtOnceIsNotOpenedAllTheTime(t *testing.T) {
	const pause = engine.Instant(time.Second)
	t.Run("input", func(t *testing.T) {
		r := newRig(t, engine.Options{})
		in := r.input(t, 0, engine.InputOptions{})
		r.script(t, "midiInStart cable=0 -> MIM_CLOSE after=1ms", "at=0s cable=0 -> MIM_CLOSE")
		first, _ := r.next(t, engine.KindPortReopened, in.Port())
		second, _ := r.next(t, engine.KindPortReopened, in.Port())
		assert.GreaterOrEqual(t, second.Time-first.Time, pause)
	})
	t.Run("output", func(t *testing.T) {
		r := newRig(t, engine.Options{})
		out := r.output(t, 0, engine.OutputOptions{})
		r.script(t, "midiOutShortMsg cable=0 -> NODRIVER")
		var times []engine.Instant
		require.Error(t, out.Send(engine.Clock))
		r.run(t, func(ev *engine.Event) bool {
			if ev.Kind == engine.KindPortReopened {
				times = append(times, ev.Time)
				assert.ErrorIs(t, out.Send(engine.Clock), engine.ErrNoDevice)
			}
			return len(times) == 2
		})
		assert.GreaterOrEqual(t, times[1]-times[0], pause)
	})
}

// Each time that a driver keeps buffers costs one of few places for inputs. So the device is given up before they are
// used up, and its port says why.
func TestADriverThatKeepsBuffersIsGivenUp(t *testing.T) {
	r := newRigOf(t, "Alpha", "Other")
	in := r.input(t, 0, engine.InputOptions{})
	before := r.Stats().KeptBuffers
	r.script(t, "midiInUnprepareHeader cable=0 -> STILLPLAYING", "midiInStart cable=0 -> MIM_CLOSE after=1ms", "at=0s cable=0 -> MIM_CLOSE")
	run := make(chan struct{})
	go func() {
		defer close(run)
		r.run(t, func(*engine.Event) bool { return in.Stats().Device.Losses == 8 })
	}()
	until(t, device(in), func(d engine.Device) bool { return d.Losses == 8 && d.LastError != nil })
	<-run
	assert.ErrorContains(t, in.Stats().Device.LastError, "not opened again")
	assert.Equal(t, engine.Device{Lost: true, Losses: 8, Reopened: 7, LastError: in.Stats().Device.LastError}, in.Stats().Device)
	r.script(t)
	other := r.input(t, 1, engine.InputOptions{})
	for range 3 { // from the second time on another is opened no sooner than this one would be
		r.loop.Unplug(1)
		r.next(t, engine.KindPortLost, other.Port())
		require.NoError(t, r.loop.Replug(1, 1, ""))
		r.next(t, engine.KindPortReopened, other.Port())
	}
	assert.Equal(t, before+8, r.Stats().KeptBuffers)
	assert.True(t, in.Stats().Device.Lost)
	require.NoError(t, in.Close())
	r.input(t, 0, engine.InputOptions{}) // by the program it can be
}

// A driver that is late with opening once is asked again when it has returned.
func TestALateOpeningIsTriedAgain(t *testing.T) {
	for call, port := range map[string]engine.Direction{"midiInOpen": engine.In, "midiOutOpen": engine.Out} {
		t.Run(call, func(t *testing.T) {
			r := newRigOf(t, "Alpha", "Beta")
			stats := device(r.input(t, 0, engine.InputOptions{StayLost: port == engine.Out}))
			if port == engine.Out {
				stats = deviceOf(r.output(t, 0, engine.OutputOptions{}))
			}
			before := r.Stats().Abandoned
			r.script(t, call+" nth=1 -> hang")
			r.loop.Unplug(0)
			until(t, stats, isLost)
			require.NoError(t, r.loop.Replug(0, 0, ""))
			until(t, stats, func(d engine.Device) bool { return d.LastError != nil })
			require.ErrorIs(t, stats().LastError, engine.ErrTimedOut)
			for range 3 { // not while it has not returned
				_, err := r.Find(engine.In, engine.Named("Alpha"))
				require.NoError(t, err)
			}
			assert.Equal(t, before+1, r.Stats().Abandoned)
			assert.Zero(t, stats().Reopened)
			r.script(t)
			until(t, stats, reopened(1))
			assert.NoError(t, stats().LastError)
		})
	}
}

// A list from before a port was opened says nothing about it.
func TestAnOldListLosesNoNewPort(t *testing.T) {
	t.Run("being read", func(t *testing.T) {
		r := openRig(t, engine.Options{NormalPriority: true}, "Alpha", "Other")
		t.Cleanup(func() {
			assert.NoError(t, r.Close())
			r.loop.Close()
		})
		r.input(t, 0, engine.InputOptions{})
		r.loop.Unplug(1)
		r.listed(t, engine.KindPortRemoved, "Other")
		r.script(t, "midiOutGetNumDevs -> hang") // the list of inputs has been read by then
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			_, _ = r.Find(engine.In, engine.Named("Alpha"))
		}()
		require.Eventually(t, func() bool { return r.loop.Struck() > 0 }, time.Minute, time.Millisecond)
		require.NoError(t, r.loop.Replug(1, 1, ""))
		in := r.input(t, 1, engine.InputOptions{})
		r.script(t)
		<-looked
		assert.Zero(t, in.Stats().Device)
	})
	t.Run("not answered", func(t *testing.T) {
		r := newRigOf(t, "Alpha", "Other")
		r.input(t, 0, engine.InputOptions{})
		r.loop.Unplug(1)
		r.listed(t, engine.KindPortRemoved, "Other")
		r.script(t, "midiOutGetNumDevs -> hang")
		require.NoError(t, r.loop.Replug(1, 1, ""))
		in := r.input(t, 1, engine.InputOptions{})
		for range 2 {
			_, err := r.Find(engine.In, engine.Named("Other"))
			require.NoError(t, err)
		}
		assert.Zero(t, in.Stats().Device)
		r.script(t)
	})
}

// A device that does not say what it is hides neither the going nor the coming of another.
func TestADeviceWithoutANameHidesNoOther(t *testing.T) {
	for _, ids := range []bool{true, false} {
		r := newRigOf(t, "Alpha", "Nameless", "Other")
		if !ids {
			r.loop.HideIdentities()
		}
		r.script(t, "midiInGetDevCaps cable=1 -> NODRIVER")
		in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{})
		r.loop.Unplug(0)
		r.next(t, engine.KindPortLost, in.Port(), out.Port())
		require.NoError(t, r.loop.Replug(0, 2, "2- Alpha"))
		r.next(t, engine.KindPortReopened, in.Port(), out.Port())
		if ids { // the list alone tells
			r.script(t, "midiInGetDevCaps cable=1 -> NODRIVER", `at=0s cable=0 -> replug id="another"`)
			require.Eventually(t, func() bool {
				ports, err := r.Outputs()
				return err == nil && slices.ContainsFunc(ports, func(p engine.PortInfo) bool { return p.Identity == "another" })
			}, time.Minute, time.Millisecond)
			_, err := r.Find(engine.In, engine.Named("Other"))
			require.NoError(t, err)
			assert.True(t, in.Stats().Device.Lost, "the first look tells: the one without a name was there before")
			r.next(t, engine.KindPortLost, in.Port(), out.Port())
		}
	}
}

// One that loses its name while it is there may be any of those that are missing: but not for ever.
func TestAPlaceThatStaysNamelessIsADevice(t *testing.T) {
	r := newRigOf(t, "Alpha", "Beta", "Other")
	in := r.input(t, 0, engine.InputOptions{})
	r.script(t, "midiInGetDevCaps cable=1 -> NODRIVER", `at=0s cable=0 -> replug id="another"`)
	r.next(t, engine.KindPortLost, in.Port())
}

// The failure of a send that began before a loss is about what was lost then.
func TestAnOldSendLosesNoNewOpening(t *testing.T) {
	r := newRigOf(t, "Alpha", "Beta")
	out := r.output(t, 0, engine.OutputOptions{})
	r.script(t, "midiOutShortMsg nth=1 -> hang", "midiOutShortMsg nth=1 -> NODRIVER")
	sent := make(chan error, 1)
	go func() { sent <- out.SendNow(engine.Clock) }()
	require.Eventually(t, func() bool { return r.loop.Struck() > 0 }, time.Minute, time.Millisecond)
	r.loop.Unplug(0)
	until(t, deviceOf(out), isLost)
	require.NoError(t, r.loop.Replug(0, 0, ""))
	until(t, deviceOf(out), reopened(1))
	r.script(t) // what hung goes on, and fails: its device has gone
	require.ErrorIs(t, <-sent, engine.ErrNoDevice)
	assert.Equal(t, uint64(1), out.Stats().Device.Losses)
	assert.NoError(t, out.Send(engine.Clock))
	// The opening that was given up is closed now that its driver has returned.
	require.Eventually(t, func() bool { return r.loop.OpenPorts() == 1 }, hang, time.Millisecond)
}

// What has come counts as delivered when it is, from whichever opening of the device.
func TestAnInputIsSettledWhenWhatCameIsDelivered(t *testing.T) {
	r := newRigOf(t, "Alpha")
	in := r.input(t, 0, engine.InputOptions{})
	settled := func() (settled bool) {
		assert.NoError(t, r.Call(func() { settled = in.Settled() }))
		return settled
	}
	assert.True(t, settled())
	r.SetReadDeadline(time.Now().Add(time.Minute))
	for opening := range 2 {
		r.play(t, 0, engine.Source{Count: 1})()
		event := []engine.Event{{Port: engine.NoPort}}
		for event[0].Kind != engine.KindMessage || event[0].Port != in.Port() {
			assert.False(t, settled(), "opening %d, after %v", opening, event[0].Kind)
			_, err := r.ReadInto(event)
			require.NoError(t, err)
		}
		assert.True(t, settled(), "opening %d", opening)
		if opening == 0 {
			r.loop.Unplug(0)
			until(t, device(in), isLost)
			require.NoError(t, r.loop.Replug(0, 0, ""))
			until(t, device(in), reopened(1))
		}
	}
}

// A driver that says that its device has gone before the list does is not taken at the list's word: it is told as
// found once, when it is.
func TestADeviceIsFoundOnce(t *testing.T) {
	r := newRigOf(t, "Alpha", "Other")
	in := r.input(t, 0, engine.InputOptions{})
	r.script(t, "at=0s cable=0 -> MIM_CLOSE", "midiInOpen cable=0 -> NODRIVER")
	r.next(t, engine.KindPortLost, in.Port())
	until(t, device(in), func(d engine.Device) bool { return d.LastError != nil }) // it was in the list, and opened
	r.loop.Unplug(0)
	r.listed(t, engine.KindPortRemoved, "Alpha")
	r.script(t)
	require.NoError(t, r.loop.Replug(0, 0, ""))
	_, before := r.next(t, engine.KindPortReopened, in.Port())
	assert.Equal(t, []engine.Kind{engine.KindPortFound}, kinds(before))
}

// An output whose device has gone can be closed, whether that has been noticed or not.
func TestClosingAnOutputThatHasGoneIsNoError(t *testing.T) {
	r := newRig(t, engine.Options{})
	for range 10 {
		out := r.output(t, 1, engine.OutputOptions{})
		out.ResetOnClose(true)
		r.loop.Unplug(1)
		require.NoError(t, out.Close())
		require.NoError(t, r.loop.Replug(1, 1, ""))
	}
}

// A list that is not answered is what keeps a port from being opened, not that there is none.
func TestAPortIsNotOpenedWithoutAList(t *testing.T) {
	r := newRigOf(t, "Alpha", "Beta")
	r.script(t, "midiInGetNumDevs nth=2.. -> hang")
	_, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
	require.ErrorIs(t, err, engine.ErrTimedOut)
	assert.ErrorContains(t, err, "midiInGetNumDevs")
	r.script(t)
}
