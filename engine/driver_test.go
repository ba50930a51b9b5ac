//go:build cgo

package engine_test

import (
	"context"
	"runtime"
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

// A driver that goes on calling while and long after its input is closed touches nothing, not even the
// input that has its place by then.
func TestCallbacksAfterCloseTouchNothing(t *testing.T) {
	r := newRig(t, engine.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx, func(*engine.Event) {}) }()
	in := r.input(t, 0, engine.InputOptions{})
	rogue := r.loop.Rogue(0)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { rogue.Data(200_000) })
	}
	for in.Stats().Received == 0 {
		runtime.Gosched()
	}
	require.NoError(t, in.Close())
	balanced(t, in.Stats())
	all.Wait()

	// There are 256 places, used in turn: one of these has the first one's.
	stale, calls := r.Stats().StaleCallbacks, uint64(0)
	for range 257 {
		in := r.input(t, 1, engine.InputOptions{})
		rogue.Data(3)
		rogue.Malformed(1)
		rogue.Vanish()
		calls += 4
		assert.Equal(t, uint64(10), r.play(t, 1, engine.Source{Count: 10})())
		require.NoError(t, in.Close())
		s := in.Stats()
		balanced(t, s)
		assert.Equal(t, uint64(10), s.Received)
		assert.Zero(t, s.Malformed)
	}
	assert.Equal(t, calls, r.Stats().StaleCallbacks-stale)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestMoreDataAndErrorsAreDeliveredAndCounted(t *testing.T) {
	r := newRig(t, engine.Options{})
	// Channel 1 is ignored, but what is malformed has none.
	in := r.input(t, 0, engine.InputOptions{Ignore: engine.Ignore{Channels: 1 << 1}})
	rogue := r.loop.Rogue(0)
	rogue.MoreData(3) // channels 0, 1, 2
	rogue.Malformed(2)
	var got []engine.Event
	r.run(t, func(ev *engine.Event) bool {
		got = append(got, *ev)
		return len(got) == 4
	})
	for i, want := range []struct {
		kind    engine.Kind
		message uint64
	}{{engine.KindMessage, 0}, {engine.KindMessage, 2}, {engine.KindMalformed, 0}, {engine.KindMalformed, 1}} {
		assert.Equal(t, want.kind, got[i].Kind)
		assert.Equal(t, engine.SourceMessage(want.message), got[i].Message)
	}
	s := in.Stats()
	balanced(t, s)
	assert.Equal(t, [4]uint64{5, 3, 2, 1}, [4]uint64{s.Received, s.MoreData, s.Malformed, s.Filtered})
}

// A device that goes is told once, however often its driver says so.
func TestADeviceThatClosesItselfIsToldOnce(t *testing.T) {
	r := newRig(t, engine.Options{Wait: engine.WaitPark})
	in := r.input(t, 0, engine.InputOptions{StayLost: true})
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

// A driver that does not return from closing is abandoned at the deadline, and shown; when it returns,
// what it held is given back.
func TestAStuckInputIsAbandonedAtTheDeadline(t *testing.T) {
	r := newRig(t, engine.Options{Deadline: 300 * time.Millisecond})
	in := r.input(t, 0, engine.InputOptions{})
	before := r.Stats().Abandoned
	r.loop.Slow(0, 2*time.Second)
	assert.ErrorIs(t, in.Close(), engine.ErrTimedOut)
	assert.Equal(t, before+1, r.Stats().Abandoned)
	_, err := r.OpenInput(engine.Index(0), engine.InputOptions{})
	assert.ErrorIs(t, err, engine.ErrInUse)
	assert.Eventually(t, func() bool { return r.Stats().Abandoned == before && r.loop.OpenPorts() == 0 }, 30*time.Second, time.Millisecond)
}
