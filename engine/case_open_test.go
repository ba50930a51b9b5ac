//go:build cgo

package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// A device that somebody else has can be tried again, more often than there are places for open ports, until it is
// free.
func TestCase01InUseAtOpen(t *testing.T) {
	r := newCase(t, engine.Options{})
	const tries = 300
	r.script(t, "midiInOpen nth=1..300 -> ALLOCATED", "midiOutOpen nth=1..300 -> ALLOCATED")
	for range tries {
		_, err := r.OpenInput(engine.Named("Beta"), engine.InputOptions{})
		require.ErrorIs(t, err, engine.ErrInUse)
		require.EqualError(t, err, `input port 1 "Beta": midiInOpen: MMSYSERR_ALLOCATED: the device is already in use`)
		_, err = r.OpenOutput(engine.Named("Beta"), engine.OutputOptions{})
		require.ErrorIs(t, err, engine.ErrInUse)
		require.ErrorContains(t, err, "midiOutOpen: MMSYSERR_ALLOCATED")
	}
	assert.Zero(t, r.loop.OpenPorts())
	r.works(t, 1)

	// The other one may be the same program.
	_, err := r.OpenInput(engine.Named("Beta"), engine.InputOptions{})
	var driver *engine.DriverError
	require.ErrorAs(t, err, &driver)
	assert.Equal(t, "midiInOpen", driver.Func)
	assert.EqualValues(t, 4, driver.Result)
	_, err = r.OpenOutput(engine.Named("Beta"), engine.OutputOptions{})
	assert.ErrorIs(t, err, engine.ErrInUse)
	assert.Equal(t, 2, r.loop.OpenPorts())
}

// works opens both ends of a cable, and sees a message through.
func (r *trial) works(t *testing.T, cable int) (*engine.Input, *sender) {
	t.Helper()
	in, out := r.input(t, cable, engine.InputOptions{}), r.output(t, cable, engine.OutputOptions{})
	require.NoError(t, out.SendNow(0x643C90))
	r.run(t, func(ev *engine.Event) bool { return ev.Port == in.Port() && ev.Message == 0x643C90 })
	return in, out
}

// A device that goes while it is being opened, at whichever call, leaves nothing behind.
func TestCase02GoneAtOpen(t *testing.T) {
	for _, fault := range []string{
		"midiInOpen -> BADDEVICEID", "midiInOpen -> NODRIVER", "midiInOpen cable=0 -> unplug",
		"midiInPrepareHeader nth=7 -> unplug", "midiInAddBuffer nth=32 -> unplug", "midiInStart -> unplug",
	} {
		t.Run(fault, func(t *testing.T) {
			r := newCase(t, engine.Options{})
			r.script(t, fault)
			_, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
			require.ErrorIs(t, err, engine.ErrNoDevice)
			assert.Zero(t, r.loop.OpenPorts())
			r.script(t)
			require.NoError(t, r.loop.Replug(0, 0, ""))
			r.works(t, 0)
		})
	}
	for _, fault := range []string{"midiOutOpen -> BADDEVICEID", "midiOutOpen -> NODRIVER", "midiOutOpen cable=0 -> unplug"} {
		t.Run(fault, func(t *testing.T) {
			r := newCase(t, engine.Options{})
			r.script(t, fault)
			_, err := r.OpenOutput(engine.Index(0), engine.OutputOptions{})
			require.ErrorIs(t, err, engine.ErrNoDevice)
			assert.Zero(t, r.loop.OpenPorts())
			r.script(t)
			require.NoError(t, r.loop.Replug(0, 0, ""))
			r.works(t, 0)
		})
	}
}

// Where the driver runs out of something half way, it is given back what it has taken, and the port can be opened
// later.
func TestCase21PrepareFailsHalfWay(t *testing.T) {
	for fault, call := range map[string]string{
		"midiInPrepareHeader nth=17 -> NOMEM": "midiInPrepareHeader",
		"midiInAddBuffer nth=17 -> NOMEM":     "midiInAddBuffer",
		"midiInStart nth=1 -> NOMEM":          "midiInStart",
	} {
		t.Run(call, func(t *testing.T) {
			r := newCase(t, engine.Options{})
			r.script(t, fault)
			_, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
			var refused *engine.DriverError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, call, refused.Func)
			assert.ErrorContains(t, err, "MMSYSERR_NOMEM")
			assert.Zero(t, r.loop.OpenPorts())
			r.works(t, 0)
		})
	}
}
