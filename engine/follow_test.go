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

func TestAFollowerTakesTheQuickerWay(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before cwinmm.Affinity
	require.True(t, before.Keep())
	var f follower
	f.begin()

	wakings(&f, 2*window, 10*time.Microsecond)
	assert.Greater(t, wakings(&f, 10_000, 10*time.Microsecond), 9900, "it has found out, and hardly looks back")

	// The driver's thread has become busy: following is slow now.
	wakings(&f, 3*window, 500*time.Microsecond)
	assert.Less(t, wakings(&f, 10_000, 500*time.Microsecond), 100)

	// Neither is clearly quicker: it stays as it is.
	assert.Less(t, wakings(&f, 10_000, 38*time.Microsecond), 100)

	f.end()
	assert.Zero(t, wakings(&f, 20_000, 10*time.Microsecond), "it has ended")
	var after cwinmm.Affinity
	require.True(t, after.Keep())
	assert.Equal(t, before, after, "the thread may run where it could before")
}

// A thread that may not run where its driver's does stays where it was put.
func TestAFollowerKeepsToItsProcessors(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before cwinmm.Affinity
	require.True(t, before.Keep())
	defer before.Widen()
	require.True(t, cwinmm.PinThread(runtime.NumCPU()-1))
	var f follower
	f.begin()
	for range 10 * window {
		f.place(runtime.NumCPU()) // there is none of this number
		f.woken(1000)
	}
	assert.EqualValues(t, -1, f.at.Load())
	f.end()
	assert.True(t, f.affinity.Narrow(runtime.NumCPU()-1))
}
