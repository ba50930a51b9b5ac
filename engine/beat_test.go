//go:build cgo

package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// When the poller goes on with an opening that is lost again, the next one begins, without waiting for a beat.
func TestALossWhileThePollerIsAwayIsMended(t *testing.T) {
	loop, err := NewLoopback("Alpha", "Beta", "Other")
	require.NoError(t, err)
	defer loop.Close()
	e, err := Open(Options{Driver: loop, NormalPriority: true})
	require.NoError(t, err)
	defer func() { assert.NoError(t, e.Close()) }()
	e.beat.Stop()
	in, err := e.OpenInput(Index(0), InputOptions{})
	require.NoError(t, err)
	other, err := e.OpenInput(Index(1), InputOptions{})
	require.NoError(t, err)
	until := func(done func() bool) { require.Eventually(t, done, time.Minute, time.Millisecond) }
	for n := range uint64(2) { // nobody polls
		loop.Unplug(0)
		until(func() bool { return in.Stats().Device.Losses == n+1 })
		require.NoError(t, loop.Replug(0, 0, ""))
		until(func() bool { return in.Stats().Device.Reopened == 1 })
	}
	// The looker has seen all that, and after another look the watch rests.
	loop.Unplug(2)
	require.NoError(t, loop.Replug(2, 0, ""))
	until(func() bool { return other.Info().Index == 2 })
	_, err = e.Find(In, Named("Alpha"))
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := 0
	require.ErrorIs(t, e.Run(ctx, func(ev *Event) {
		if ev.Kind == KindPortReopened {
			if n++; n == 2 {
				cancel()
			}
		}
	}), context.Canceled)
	assert.Equal(t, Device{Losses: 2, Reopened: 2}, in.Stats().Device)
}
