//go:build cgo

package engine_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// script has these faults happen, a line each.
func (r rig) script(t *testing.T, lines ...string) {
	t.Helper()
	faults, err := engine.ParseFaults(strings.NewReader(strings.Join(lines, "\n")), t.Name())
	require.NoError(t, err)
	require.NoError(t, r.loop.Script(faults))
}

// A program's failures can be rehearsed: here, that opening, sending and closing fail.
func TestFaultsReachTheProgram(t *testing.T) {
	r := newRig(t, engine.Options{Deadline: 200 * time.Millisecond})
	r.script(t,
		"midiInOpen cable=0 nth=1 -> ALLOCATED ; somebody else has it",
		"midiOutShortMsg nth=2 -> NOTREADY",
		"midiInClose cable=0 -> hang",
		"message cable=1 nth=3 -> MIM_CLOSE")

	_, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
	require.ErrorIs(t, err, engine.ErrInUse)
	in, other := r.input(t, 0, engine.InputOptions{}), r.input(t, 1, engine.InputOptions{})

	out := r.output(t, 1, engine.OutputOptions{})
	clock := messages(t, "clock")[0]
	require.NoError(t, out.SendNow(clock))
	var refused *engine.DriverError
	require.ErrorAs(t, out.SendNow(clock), &refused)
	assert.Equal(t, "midiOutShortMsg", refused.Func)
	require.NoError(t, out.SendNow(clock))
	require.NoError(t, out.SendNow(clock))
	r.run(t, func(ev *engine.Event) bool {
		assert.Equal(t, other.Port(), ev.Port)
		return ev.Kind == engine.KindPortLost
	})

	before := r.Stats().Abandoned
	require.ErrorIs(t, in.Close(), os.ErrDeadlineExceeded)
	assert.Equal(t, before+1, r.Stats().Abandoned)
	assert.Equal(t, uint64(4), r.loop.Struck())
	r.script(t) // which lets the call return
	assert.Eventually(t, func() bool { return r.Stats().Abandoned == before }, time.Minute, time.Millisecond)
}

func TestACableComesBack(t *testing.T) {
	r := newRig(t, engine.Options{})
	lost := r.input(t, 0, engine.InputOptions{StayLost: true})
	r.loop.Unplug(0)
	r.run(t, func(ev *engine.Event) bool { return ev.Kind == engine.KindPortLost && ev.Port == lost.Port() })
	require.NoError(t, r.loop.Replug(0, 0, "2- Alpha"))
	in, err := r.OpenInput(engine.Named("2- Alpha"), engine.InputOptions{})
	require.NoError(t, err)
	r.play(t, 0, engine.Source{Count: 3})
	r.run(t, func(ev *engine.Event) bool {
		if ev.Port != engine.NoPort { // of the list
			assert.Equal(t, in.Port(), ev.Port)
		}
		return ev.Message == engine.SourceMessage(2)
	})
	assert.NoError(t, lost.Close())
	assert.Equal(t, 1, r.loop.OpenPorts())
	assert.Error(t, r.loop.Replug(0, -1, ""))
	assert.Error(t, r.loop.Replug(0, 0, strings.Repeat("x", 32)))
}
