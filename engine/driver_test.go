//go:build cgo

package engine_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// Two threads in the callback at once: every call is delivered or counted, and the ring stays whole.
func TestConcurrentCallbacksLoseNothingUncounted(t *testing.T) {
	const each = 300_000
	r := newRig(t, engine.Options{Wait: engine.WaitPark})
	in := r.input(t, 0, engine.InputOptions{})
	var all sync.WaitGroup
	call := r.loop.Rogue(0)
	for range 3 {
		all.Go(func() { call(each) })
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	var delivered, lost uint64
	r.run(t, func(ev *engine.Event) bool {
		switch ev.Kind {
		case engine.KindMessage:
			require.Equal(t, engine.SourceMessage(uint64(ev.Driver)), ev.Message)
			delivered++
		case engine.KindGap:
			lost += ev.Lost
		}
		return delivered+lost == 3*each
	})
	<-ended
	s := in.Stats()
	balanced(t, s)
	assert.Equal(t, delivered, s.Delivered)
	assert.Equal(t, lost, s.Dropped.Full+s.Dropped.Concurrent)
	assert.Equal(t, uint64(3*each), s.Received)
	t.Logf("%d refused as concurrent, %d as full", s.Dropped.Concurrent, s.Dropped.Full)
}

// A driver that goes on calling while and long after its input is closed touches nothing, not even the
// input that has its place by then.
func TestCallbacksAfterCloseTouchNothing(t *testing.T) {
	r := newRig(t, engine.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx, func(*engine.Event) {}) }()
	in := r.input(t, 0, engine.InputOptions{})
	call := r.loop.Rogue(0)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { call(200_000) })
	}
	for in.Stats().Received == 0 {
		runtime.Gosched()
	}
	require.NoError(t, in.Close())
	balanced(t, in.Stats())
	all.Wait()

	// There are 256 places, used in turn: one of these has the first one's.
	stale := r.Stats().StaleCallbacks
	for range 256 {
		in := r.input(t, 1, engine.InputOptions{})
		call(3)
		assert.Equal(t, uint64(10), r.play(t, 1, engine.Source{Count: 10})())
		require.NoError(t, in.Close())
		s := in.Stats()
		balanced(t, s)
		assert.Equal(t, uint64(10), s.Received)
	}
	assert.NotZero(t, r.Stats().StaleCallbacks-stale)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}
