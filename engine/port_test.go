//go:build cgo

package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// The names are such that each rule of Named has something to decide.
func openNames(t *testing.T) *engine.Engine {
	t.Helper()
	loop, err := engine.NewLoopback("Synth Two", "Synth", "7", "1 Mixer", "Synth", "Ünïçødé ♫")
	require.NoError(t, err)
	eng, err := engine.Open(engine.Options{Driver: loop})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, eng.Close())
		loop.Close()
	})
	return eng
}

func TestListDescribesEveryPort(t *testing.T) {
	eng := openNames(t)
	for direction, list := range map[engine.Direction]func() ([]engine.PortInfo, error){
		engine.In: eng.Inputs, engine.Out: eng.Outputs,
	} {
		ports, err := list()
		require.NoError(t, err)
		require.Len(t, ports, 6)
		want := engine.PortInfo{Direction: direction, Index: 5, Name: "Ünïçødé ♫", Identity: `\\?\onset#cable#5`, Manufacturer: 0xFFFF, Product: 6, Version: 0x0100}
		assert.Empty(t, cmp.Diff(want, ports[5]))
		assert.Equal(t, "1.0", ports[5].Version.String())
	}
}

func TestPortsAreFoundByIndexNameAndPrefix(t *testing.T) {
	eng := openNames(t)
	for _, c := range []struct {
		port  engine.Selector
		index int
	}{
		{engine.Index(0), 0},
		{engine.Index(5), 5},
		{engine.Named("3"), 3},         // a number that is an index
		{engine.Named("1"), 1},         // before a name that begins so
		{engine.Named("7"), 2},         // no index, but a name
		{engine.Named("Synth"), 1},     // an exact name before an earlier prefix
		{engine.Named("Synth T"), 0},   // a prefix
		{engine.Named("Syn"), 0},       // the first of several
		{engine.Named("1 Mix"), 3},     // not a number
		{engine.Named("Ünïçødé ♫"), 5}, // beyond ASCII
	} {
		in, err := eng.OpenInput(c.port, engine.InputOptions{})
		if assert.NoError(t, err) {
			assert.Equal(t, c.index, in.Info().Index, "%s", c.port)
			assert.NoError(t, in.Close())
		}
		out, err := eng.OpenOutput(c.port, engine.OutputOptions{})
		if assert.NoError(t, err) {
			assert.Equal(t, c.index, out.Info().Index, "%s", c.port)
			assert.NoError(t, out.Close())
		}
	}
}

func TestAPortThatIsNotThereIsAnErrorThatSaysWhatIs(t *testing.T) {
	const exist = `; there are 0 "Synth Two", 1 "Synth", 2 "7", 3 "1 Mixer", 4 "Synth", 5 "Ünïçødé ♫"`
	eng := openNames(t)
	for want, port := range map[string]engine.Selector{
		`no input port 6`:       engine.Index(6),
		`no input port -1`:      engine.Index(-1),
		`no input port "synth"`: engine.Named("synth"),
		`no input port "6"`:     engine.Named("6"),
		`no input port "-1"`:    engine.Named("-1"),
		`empty input port name`: engine.Named(""),
	} {
		_, err := eng.OpenInput(port, engine.InputOptions{})
		assert.EqualError(t, err, want+exist)
		assert.ErrorIs(t, err, engine.ErrNoDevice)
	}
	other, err := eng.Find(engine.Out, engine.Index(1))
	require.NoError(t, err)
	other.Index = 4 // of the same name, but in another place
	_, err = eng.OpenOutput(engine.Exactly(other), engine.OutputOptions{})
	assert.ErrorContains(t, err, `no output port 4 "Synth"`)
	assert.ErrorIs(t, err, engine.ErrNoDevice)
	_, err = eng.OpenOutput(engine.Named("x"), engine.OutputOptions{})
	assert.EqualError(t, err, `no output port "x"`+exist)
}

func TestOptionsOutOfRangeAreErrors(t *testing.T) {
	r := newRig(t, engine.Options{})
	_, err := r.OpenInput(engine.Index(0), engine.InputOptions{Capacity: 100})
	assert.ErrorContains(t, err, "input capacity 100")
	_, err = r.OpenOutput(engine.Index(0), engine.OutputOptions{Capacity: 8})
	assert.ErrorContains(t, err, "output capacity 8")
	_, err = r.OpenOutput(engine.Index(0), engine.OutputOptions{Slow: -1})
	assert.ErrorContains(t, err, "not negative")
	_, err = engine.Open(engine.Options{Wait: 9})
	assert.ErrorContains(t, err, "wait strategy 9")
	_, err = engine.Open(engine.Options{SpinFor: -1})
	assert.ErrorContains(t, err, "not negative")
	_, err = engine.NewLoopback()
	assert.ErrorContains(t, err, "0 cables")
	_, err = engine.NewLoopback("A name of thirty-two characters.")
	assert.ErrorContains(t, err, "from 1 to 31")
	assert.Zero(t, r.loop.OpenPorts())
}
