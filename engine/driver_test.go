//go:build cgo

package engine_test

import (
	"context"
	"sync"
	"testing"
	"time"

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
	rogue := r.loop.Rogue(0)
	for range 3 {
		all.Go(func() { rogue.Data(each) })
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
			if ev.Recovered {
				break
			}
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

// A device that goes is told once, however often its driver says so.
func TestADeviceThatClosesItselfIsToldOnce(t *testing.T) {
	r := newRig(t, engine.Options{Wait: engine.WaitPark})
	in := r.input(t, 0, engine.InputOptions{})
	rogue := r.loop.Rogue(0)
	rogue.Vanish()
	rogue.Vanish()
	lost := 0
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Run(ctx, func(ev *engine.Event) {
		assert.Equal(t, engine.KindPortLost, ev.Kind)
		assert.Equal(t, in.Port(), ev.Port)
		lost++
	}), context.DeadlineExceeded)
	assert.Equal(t, 1, lost)
}

// A driver that takes its time to close one input holds up no other, nor Stats.
func TestASlowCloseHoldsUpNobodyElse(t *testing.T) {
	r := newRig(t, engine.Options{Wait: engine.WaitPark})
	slow := r.input(t, 0, engine.InputOptions{})
	r.input(t, 1, engine.InputOptions{})
	rogue := r.loop.Rogue(0)
	r.loop.Slow(0, 2*time.Second)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		assert.NoError(t, slow.Close())
	}()
	for slow.Stats().Dropped.Late == 0 { // until it is closing
		rogue.Data(1)
	}
	wait := r.play(t, 1, engine.Source{Count: 100, Interval: time.Millisecond})
	n := 0
	r.run(t, func(*engine.Event) bool {
		if n%10 == 0 {
			r.SetReadDeadline(time.Now()) // a command, for which the poller looks at everything
			r.Stats()
		}
		n++
		return n == 100
	})
	wait()
	select {
	case <-closed:
		t.Error("the other input was held up until the slow one had closed")
	default:
	}
	<-closed
}
