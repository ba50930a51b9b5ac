//go:build cgo

package rig_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/rig"
)

// script has faults happen on the stage's cables from now on.
func script(t *testing.T, loop *engine.Loopback, lines ...string) {
	t.Helper()
	faults, err := engine.ParseFaults(strings.NewReader(strings.Join(lines, "\n")), "faults")
	require.NoError(t, err)
	require.NoError(t, loop.Script(faults))
}

// newEngine is an engine on cables of these names.
func newEngine(t *testing.T, names ...string) (*engine.Engine, *engine.Loopback) {
	t.Helper()
	loop, err := engine.NewLoopback(names...)
	require.NoError(t, err)
	eng, err := engine.Open(engine.Options{Driver: loop, NormalPriority: true})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, eng.Close())
		loop.Close()
	})
	return eng, loop
}

// A list that changes between finding a port and opening it leads to no other.
func TestAChangingListLeadsToNoOtherPort(t *testing.T) {
	for call, way := range map[string]string{"midiInGetDevCaps": "read", "midiOutGetDevCaps": "write"} {
		eng, loop := newEngine(t, "A", "B", "C")
		script(t, loop, call+" cable=2 nth=1 -> replug index=0")
		s, err := rig.Start(eng, parse(t, "[winmidi b]\n"+way+" = B\n"), nil)
		require.NoError(t, err)
		stats := eng.Stats()
		if way == "read" {
			assert.Equal(t, "B", stats.Inputs[0].Info.Name)
		} else {
			assert.Equal(t, "B", stats.Outputs[0].Info.Name)
		}
		require.NoError(t, s.Close())
	}
}

// Instances that name one port share it, also when the list has just been put into another order.
func TestInstancesShareAPortThatHasMoved(t *testing.T) {
	for _, ids := range []bool{true, false} {
		eng, loop := newEngine(t, "Alpha", "Beta", "Gamma")
		if !ids {
			loop.HideIdentities()
		}
		s, err := rig.Start(eng, parse(t, "[winmidi in]\nread = Beta\n[winmidi out]\nwrite = Beta\n"), nil)
		require.NoError(t, err)
		for _, place := range []int{2, 0} {
			require.NoError(t, loop.Replug(0, place, ""))
			name := "[winmidi two]\nread = B\n[winmidi three]\nwrite = Be\n"
			require.NoError(t, s.Replace(parse(t, "[winmidi in]\nread = Beta\n[winmidi out]\nwrite = Beta\n"+name)))
			assert.Equal(t, 2, loop.OpenPorts())
		}
		require.NoError(t, s.Close())
	}
}

// A note that was held when its output went is let go of when that is back: its key's note-off met nobody.
func TestNotesHeldOverALossAreLetGoOf(t *testing.T) {
	s := newStage(t, parse(t, "[winmidi in]\nread = Probe In\n[winmidi out]\nwrite = Probe Out\n[map]\n"+
		"in.ch0.note60 > out.ch0.note61\nin.ch0.cc64 > out.ch0.cc64\n"))
	s.send("90 3C 40")
	s.send("B0 40 7F")
	assert.Equal(t, []string{"90 3d 40", "b0 40 7f"}, s.received())
	script(t, s.loop, "midiOutShortMsg cable=1 nth=1 -> NODRIVER")
	s.send("80 3C 00")
	s.awaitPlugged(rig.Gone)
	s.awaitPlugged(rig.Back)
	assert.Equal(t, []string{"80 3d 40", "b0 40 00"}, s.receive(2))
}

// What happens to an output that stays is told while other ports are opened, whatever comes of those.
func TestAFailedReplacementSwallowsNoNotice(t *testing.T) {
	s := newStage(t, parse(t, "[winmidi in]\nread = Probe In\n[winmidi out]\nwrite = Probe Out\n"))
	script(t, s.loop, "midiInOpen cable=2 -> hang")
	replaced := make(chan error, 1)
	go func() {
		replaced <- s.session.Replace(parse(t, "[winmidi in]\nread = Second In\n[winmidi out]\nwrite = Probe Out\n[winmidi no]\nread = None\n"))
	}()
	require.Eventually(t, func() bool { return s.loop.Struck() > 0 }, time.Minute, time.Millisecond)
	s.loop.Unplug(probeOut)
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(s.engine.Stats().Outputs, func(o engine.OutputStats) bool { return o.Device.Lost })
	}, time.Minute, time.Millisecond)
	require.NoError(t, s.engine.Call(func() {})) // what there is to tell has been handled
	script(t, s.loop)
	require.Error(t, <-replaced)
	assert.Equal(t, "out Probe Out", s.awaitPlugged(rig.Gone))
}

// Where the engine had more to tell than could wait, any output may have gone and be back.
func TestNoNoteHangsWhereALossHasNotBeenTold(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note60 > out.ch0.note61\n"))
	s.send("90 3C 40")
	assert.Equal(t, []string{"90 3d 40"}, s.received())
	require.NoError(t, s.engine.Call(func() {
		s.session.Handle(&engine.Event{Kind: engine.KindGap, Port: engine.NoPort, Lost: 5})
	}))
	assert.Equal(t, []string{"80 3d 40"}, s.receive(1))
	assert.Equal(t, rig.Notice{Kind: rig.Gap, Lost: 5}, <-s.notices)
}
