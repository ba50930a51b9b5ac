//go:build cgo

package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// MIM_CLOSE unasked, from a device that is there and works: told once, however often it comes, and the
// device is opened again.
func TestCase12CloseUnaskedAndTwice(t *testing.T) {
	r := newCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{})
	rogue := r.rogue(0).r
	rogue.Vanish()
	rogue.Vanish()
	_, before := r.next(t, engine.KindPortReopened, in.Port())
	assert.Equal(t, []engine.Kind{engine.KindPortLost, engine.KindPortFound}, kinds(before))
	rogue.Vanish() // for the opening that has ended
	r.play(t, 0, engine.Source{Count: 3})()
	_, before = r.next(t, engine.KindMessage, in.Port())
	assert.Empty(t, before)
	assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, in.Stats().Device)
	assert.Equal(t, 1, r.loop.OpenPorts())
}

// MIM_CLOSE that comes when the input has long been closed and another one has been opened.
func TestCase12CloseLate(t *testing.T) {
	r := newCase(t, engine.Options{})
	r.script(t, "midiInClose nth=1 -> no-close", "midiInClose nth=1 -> MIM_CLOSE after=20ms")
	require.NoError(t, r.input(t, 0, engine.InputOptions{}).Close())
	in := r.input(t, 0, engine.InputOptions{})
	require.Eventually(t, func() bool { return r.loop.Struck() == 2 }, time.Minute, time.Millisecond)
	r.play(t, 0, engine.Source{Count: 1})()
	_, before := r.next(t, engine.KindMessage, in.Port())
	assert.Empty(t, before)
	assert.Zero(t, in.Stats().Device)
}

// The same where another input has the place that the closed one had: there are 256, used in turn.
func TestCase12CloseLateForAnother(t *testing.T) {
	r := newCase(t, engine.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx, func(*engine.Event) {}) }()
	in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{})
	rogue := r.rogue(0).r
	for range 257 {
		require.NoError(t, in.Close())
		in = r.input(t, 0, engine.InputOptions{SysExBuffers: 1})
		rogue.Vanish()
		// Its thread has been round since: the only buffer has come back three times.
		require.Eventually(t, func() bool {
			assert.NoError(t, out.SendSysEx(sysex(2, 0)))
			return in.Stats().SysEx > 3
		}, hang, time.Millisecond)
		require.Zero(t, in.Stats().Device)
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// What was going on when the plug was pulled is ended: a message that was half received, notes and a pedal. After
// it has come back nothing of that is left.
func TestCase13UnplugInMidSysExAndWithNotesHeld(t *testing.T) {
	r := newCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{EndNotes: true})
	out := r.output(t, 0, engine.OutputOptions{})
	for _, m := range messages(t, "note-on 1 60 100 note-on 16 127 1 control-change 2 64 127 note-on 1 61 100 note-off 1 61 0") {
		require.NoError(t, out.SendNow(m))
	}
	require.Eventually(t, func() bool { return in.Stats().Received == 5 }, time.Minute, time.Millisecond)
	r.script(t, "at=0s cable=0 -> MIM_LONGDATA bytes=10")
	require.Eventually(t, func() bool { return in.Stats().Received == 6 }, time.Minute, time.Millisecond)
	r.loop.Unplug(0)

	last, before := r.next(t, engine.KindPortLost, in.Port(), out.Port())
	before = slices.DeleteFunc(append(before, last), func(ev engine.Event) bool { return ev.Port != in.Port() })
	require.Len(t, before, 10)
	assert.Equal(t, engine.KindPortLost, before[9].Kind)
	assert.Equal(t, engine.KindSysExInterrupted, before[5].Kind)
	assert.Len(t, before[5].SysEx, 10)
	for i, m := range messages(t, "note-off 1 60 64 note-off 16 127 64 control-change 2 64 0") {
		assert.Equal(t, m, before[6+i].Message)
		assert.True(t, before[6+i].Recovered)
	}

	require.NoError(t, r.loop.Replug(0, 0, ""))
	r.next(t, engine.KindPortReopened, in.Port(), out.Port())
	require.NoError(t, out.SendSysEx([]byte{0xF0, 1, 2, 0xF7}))
	ev, before := r.next(t, engine.KindSysEx, in.Port())
	assert.Empty(t, kinds(before))
	assert.Len(t, ev.SysEx, 4)
	r.loop.Unplug(0)
	_, before = r.next(t, engine.KindPortLost, in.Port())
	assert.NotContains(t, kinds(before), engine.KindMessage, "nothing is held")

	s := in.Stats()
	balanced(t, s)
	assert.Equal(t, [3]uint64{3, 1, 1}, [3]uint64{s.Recovered, s.SysExInterrupted, s.SysEx})
	assert.Equal(t, engine.Device{Lost: true, Losses: 2, Reopened: 1}, s.Device)
}

// By its id a device is found at another place and by another name, and its twin is left alone.
func TestCase14ReplugBesideATwin(t *testing.T) {
	r := newCase(t, engine.Options{}, "Twin", "Twin", "Other")
	in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{})
	id := in.Info().Identity
	r.loop.Unplug(0)
	r.next(t, engine.KindPortLost, in.Port(), out.Port())
	r.looked(t, 2) // [Twin, Other]
	assert.True(t, in.Stats().Device.Lost)
	require.ErrorIs(t, out.Send(messages(t, "clock")[0]), engine.ErrLost)
	assert.Zero(t, r.loop.OpenPorts(), "the twin has not been opened")

	require.NoError(t, r.loop.Replug(0, 1, "2- Twin")) // [Twin, 2- Twin, Other]
	r.next(t, engine.KindPortReopened, in.Port(), out.Port())
	for _, info := range []engine.PortInfo{in.Info(), out.Info()} {
		assert.Equal(t, []any{1, "2- Twin", id}, []any{info.Index, info.Name, info.Identity})
	}
	require.Equal(t, uint64(1), r.play(t, 0, engine.Source{Count: 1})(), "it is open, and not the twin")
	ev, _ := r.next(t, engine.KindMessage, in.Port())
	assert.Equal(t, engine.SourceMessage(0), ev.Message)
	require.NoError(t, out.SendNow(messages(t, "start")[0]))
	ev, _ = r.next(t, engine.KindMessage, in.Port())
	assert.Equal(t, messages(t, "start")[0], ev.Message)

	// The list may turn over while the device stays: nothing happens but that its place is known.
	require.NoError(t, r.loop.Replug(2, 0, ""))
	require.Eventually(t, func() bool { return in.Info().Index == 2 }, time.Minute, time.Millisecond)
	assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, in.Stats().Device)
	assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, out.Stats().Device)
}

// Without ids a device is found by its name, as long as that tells it from its twin.
func TestCase14ReplugWithoutIds(t *testing.T) {
	for _, c := range []struct {
		name, twin, again string
		found             bool
	}{
		{"Synth", "Flute", "2- Synth", true},
		{"Twin", "2- Twin", "3- Twin", true},
		{"2- Twin", "Twin", "2- Twin", true},
		{"Twin", "Twin", "Twin", false},
		{"Twin", "2- Twin", "2- Twin", false},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			r := newCase(t, engine.Options{}, c.name, c.twin, "Other")
			r.loop.HideIdentities()
			in := r.input(t, 0, engine.InputOptions{})
			r.loop.Unplug(0)
			r.next(t, engine.KindPortLost, in.Port())
			r.looked(t, 2) // [twin, Other]
			require.NoError(t, r.loop.Replug(0, 1, c.again))
			if c.found {
				r.next(t, engine.KindPortReopened, in.Port())
				assert.Equal(t, 1, in.Info().Index)
				assert.Equal(t, uint64(2), r.play(t, 0, engine.Source{Count: 2})())
				r.next(t, engine.KindMessage, in.Port())
				return
			}
			r.listed(t, engine.KindPortAdded, c.again)
			r.looked(t, 2)
			assert.Equal(t, engine.Device{Lost: true, Losses: 1}, in.Stats().Device)
			assert.Zero(t, r.loop.OpenPorts(), "no other has been opened")
		})
	}
}
