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

// What a handler uses may be changed without a lock: the race detector sees that Call and the handler
// exclude each other, whoever is polling.
func TestCallExcludesTheHandler(t *testing.T) {
	rig := newRig(t, engine.Options{})
	rig.input(t, 0, engine.InputOptions{})
	const calls, callers, events = 200, 4, 20000
	handled, called := 0, 0
	var calling sync.WaitGroup
	for range callers {
		calling.Go(func() {
			for range calls {
				assert.NoError(t, rig.Call(func() { called++ }))
			}
		})
	}
	wait := rig.play(t, 0, engine.Source{Count: events, Interval: 10 * time.Microsecond})
	buffer := make([]engine.Event, 100)
	for handled < events/2 {
		n, err := rig.ReadInto(buffer)
		require.NoError(t, err)
		handled += n
	}
	rig.run(t, func(*engine.Event) bool {
		if handled++; handled%1000 == 0 {
			assert.NoError(t, rig.Call(func() { called++ }), "within a handler")
		}
		return handled == events
	})
	calling.Wait()
	assert.EqualValues(t, events, wait())
	total := 0
	require.NoError(t, rig.Call(func() { total = called }))
	assert.Equal(t, callers*calls+events/2000, total)
}

// A call that waits when Run ends is called all the same.
func TestCallIsCalledWhenRunEnds(t *testing.T) {
	rig := newRig(t, engine.Options{})
	rig.input(t, 0, engine.InputOptions{})
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		running := make(chan error)
		go func() { running <- rig.Run(ctx, func(*engine.Event) {}) }()
		called := make(chan error)
		go func() { called <- rig.Call(func() {}) }()
		cancel()
		assert.ErrorIs(t, <-running, context.Canceled)
		assert.NoError(t, <-called)
	}
}

// Run waits for a call that began while nobody was polling; so does another call.
func TestRunWaitsForACall(t *testing.T) {
	rig := newRig(t, engine.Options{})
	rig.input(t, 0, engine.InputOptions{})
	out := rig.output(t, 0, engine.OutputOptions{})
	require.NoError(t, out.Send(0xF8))
	begun, end := make(chan struct{}), make(chan struct{})
	called := make(chan error)
	order := 0
	go func() {
		called <- rig.Call(func() {
			close(begun)
			<-end
			order = 1
		})
	}()
	<-begun
	second := make(chan error)
	go func() { second <- rig.Call(func() { assert.Equal(t, 1, order) }) }()
	go func() {
		time.Sleep(20 * time.Millisecond)
		close(end)
	}()
	rig.run(t, func(*engine.Event) bool {
		assert.Equal(t, 1, order)
		return true
	})
	assert.NoError(t, <-called)
	assert.NoError(t, <-second)
}

func TestAPanicInACallIsItsCallers(t *testing.T) {
	rig := newRig(t, engine.Options{})
	rig.input(t, 0, engine.InputOptions{})
	assert.PanicsWithValue(t, "polled by nobody", func() { _ = rig.Call(func() { panic("polled by nobody") }) })
	out := rig.output(t, 0, engine.OutputOptions{})
	go func() {
		assert.PanicsWithValue(t, "polled", func() { _ = rig.Call(func() { panic("polled") }) })
		assert.NoError(t, out.Send(0xF8))
	}()
	rig.run(t, func(*engine.Event) bool { return true })
}

// When Call says that the engine is closed, no event is being handled any more.
func TestACallThatIsRefusedHasWaitedForTheHandler(t *testing.T) {
	for range 50 {
		rig := newRig(t, engine.Options{})
		rig.input(t, 0, engine.InputOptions{})
		out := rig.output(t, 0, engine.OutputOptions{})
		require.NoError(t, out.Send(0xF8))
		handled := 0
		handling := make(chan struct{})
		ended := make(chan error)
		go func() {
			ended <- rig.Run(t.Context(), func(*engine.Event) {
				close(handling)
				time.Sleep(time.Millisecond)
				handled++
			})
		}()
		<-handling
		closed := make(chan error)
		go func() { closed <- rig.Close() }()
		for rig.Call(func() {}) == nil {
		}
		assert.Equal(t, 1, handled)
		assert.NoError(t, <-closed)
		assert.ErrorIs(t, <-ended, engine.ErrClosed)
	}
}

func TestCallAfterCloseIsRefused(t *testing.T) {
	rig := newRig(t, engine.Options{})
	require.NoError(t, rig.Close())
	assert.ErrorIs(t, rig.Call(func() { t.Error("it was called") }), engine.ErrClosed)
}
