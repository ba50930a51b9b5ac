//go:build cgo

package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

func TestTheFloorReceives(t *testing.T) {
	loop, err := engine.NewLoopback("Alpha")
	require.NoError(t, err)
	defer loop.Close()
	for _, spin := range []bool{true, false} {
		floor, err := engine.OpenFloor(loop, engine.Index(0), 1000, spin)
		require.NoError(t, err)
		_, err = engine.OpenFloor(loop, engine.Index(0), 1, spin)
		assert.ErrorIs(t, err, engine.ErrInUse)
		delivered, err := loop.Play(0, engine.Source{Count: 1000})
		require.NoError(t, err)
		assert.EqualValues(t, 1000, delivered)
		latency := floor.Finish()
		assert.Len(t, latency, 1000)
		for _, l := range latency {
			assert.Positive(t, l)
		}
		assert.Zero(t, loop.OpenPorts())
	}
	_, err = engine.OpenFloor(loop, engine.Named("Nowhere"), 1, true)
	assert.ErrorIs(t, err, engine.ErrNoDevice)
}

// What is lost ends it too.
func TestTheFloorEndsAfterLosses(t *testing.T) {
	loop, err := engine.NewLoopback("Alpha")
	require.NoError(t, err)
	defer loop.Close()
	floor, err := engine.OpenFloor(loop, engine.Index(0), 200000, false)
	require.NoError(t, err)
	_, err = loop.Play(0, engine.Source{Count: 200000})
	require.NoError(t, err)
	assert.NotEmpty(t, floor.Finish())
}
