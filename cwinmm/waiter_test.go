//go:build cgo && (linux || windows)

package cwinmm

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A sleeper that has no timeout to fall back on is woken for every event, whenever it comes. A minute
// without a wake-up is a lost one.
func TestNoWakeUpIsLost(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const count = 500_000
	r := openRing(t, 16)
	w, err := NewWaiter()
	require.NoError(t, err)
	defer w.Close()
	done := make(chan struct{})
	go func() {
		r.produceSingly(w, count)
		close(done)
	}()
	var ev Event
	slept := 0
	for n := 0; n < count; {
		if r.Look() > 0 {
			r.Next(&ev)
			n++
			continue
		}
		w.Arm()
		if !r.News() {
			require.True(t, w.Wait(time.Minute), "event %d did not wake the sleeper", n)
			slept++
		}
		w.Disarm()
	}
	<-done
	t.Logf("slept %d times for %d events", slept, count)
}
