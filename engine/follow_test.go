//go:build cgo

package engine

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine/internal/tick"
)

// wakings has a follower sleep n times, when wakings take 40 µs, or this long where it follows, and returns
// in how many of them it did.
func wakings(f *follower, n int, following time.Duration) (kept int) {
	for range n {
		f.place(0)
		took := 40 * time.Microsecond
		if f.at.Load() == 0 {
			took = following
			kept++
		}
		f.woken(tick.Ticks(took))
	}
	return kept
}

// newFollower returns a follower of the calling thread's, and the waiter that it sleeps on.
func newFollower(t *testing.T) (*follower, *cwinmm.Waiter) {
	t.Helper()
	waiter, err := cwinmm.NewWaiter()
	require.NoError(t, err)
	t.Cleanup(waiter.Close)
	f := &follower{tether: waiter.Tether()}
	f.begin()
	return f, waiter
}

// allowed returns the processors that the calling thread may run on.
func allowed(t *testing.T) (all []int) {
	t.Helper()
	waiter, err := cwinmm.NewWaiter()
	require.NoError(t, err)
	defer waiter.Close()
	tether := waiter.Tether()
	require.True(t, tether.Begin())
	defer tether.End()
	for n := range runtime.NumCPU() {
		if tether.Narrow(n) {
			all = append(all, n)
		}
	}
	return all
}

func TestAFollowerTakesTheQuickerWay(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := allowed(t)
	f, _ := newFollower(t)

	wakings(f, 2*window, 10*time.Microsecond)
	assert.Greater(t, wakings(f, 10_000, 10*time.Microsecond), 9900, "it has found out, and hardly looks back")

	// The driver's thread has become busy: following is slow now.
	wakings(f, 3*window, 500*time.Microsecond)
	assert.Less(t, wakings(f, 10_000, 500*time.Microsecond), 100)

	// Neither is clearly quicker: it stays as it is.
	assert.Less(t, wakings(f, 10_000, 38*time.Microsecond), 100)

	f.end()
	assert.Zero(t, wakings(f, 20_000, 10*time.Microsecond), "it has ended")
	assert.Equal(t, before, allowed(t), "the thread may run where it could before")
}

// A thread that may not run where its driver's does stays where it was put.
func TestAFollowerKeepsToItsProcessors(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer cwinmm.PinThread(-1)
	require.True(t, cwinmm.PinThread(runtime.NumCPU()-1))
	f, _ := newFollower(t)
	for range 10 * window {
		f.place(runtime.NumCPU()) // there is none of this number
		f.woken(1000)
	}
	assert.EqualValues(t, -1, f.at.Load())
	f.end()
	assert.Equal(t, []int{runtime.NumCPU() - 1}, allowed(t))
}

// A driver's thread that never sleeps leaves no time to a poller on its processor. What is lost then lets it go, and
// it does not come back soon.
func TestAFollowerIsLetGoWhenEventsAreLost(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := allowed(t)
	f, waiter := newFollower(t)
	defer f.end()
	loop, err := cwinmm.NewLoopback("Onset")
	require.NoError(t, err)
	defer loop.Close()
	in, err := cwinmm.OpenInput(loop.Shim(), 0, waiter, cwinmm.InputOptions{Capacity: 16}, time.Minute)
	require.NoError(t, err)
	defer func() {
		assert.NoError(t, in.Close(time.Minute))
		in.Free()
	}()
	wakings(f, 3*window, 10*time.Microsecond)
	require.Zero(t, f.at.Load(), "it follows")

	loop.Play(0, cwinmm.Source{Count: 16})
	require.False(t, f.tether.Freed(), "nothing is lost yet")
	loop.Play(0, cwinmm.Source{Count: 1})
	require.True(t, f.tether.Freed())
	assert.Equal(t, before, allowed(t))

	assert.Zero(t, wakings(f, 100_000, 10*time.Microsecond))
	assert.EqualValues(t, 1, f.freed.Load())
	assert.NotZero(t, wakings(f, 100_000, 10*time.Microsecond), "it tries again in the end")
}
