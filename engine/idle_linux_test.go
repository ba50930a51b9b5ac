//go:build cgo

package engine_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/onset-midi/onset/engine"
)

// sleeps returns how often a thread of this process has gone to sleep, as the kernel counts.
func sleeps(t *testing.T, thread int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", thread))
	require.NoError(t, err)
	match := regexp.MustCompile(`\nvoluntary_ctxt_switches:\s*(\d+)`).FindSubmatch(status)
	require.NotNil(t, match)
	n, err := strconv.Atoi(string(match[1]))
	require.NoError(t, err)
	return n
}

// An engine that waits for events does not wake up more often than once a second.
func TestAnIdleEngineSleeps(t *testing.T) {
	for _, wait := range []engine.Wait{engine.WaitPark, engine.WaitHybrid} {
		t.Run(wait.String(), func(t *testing.T) {
			r := newRig(t, engine.Options{Wait: wait})
			r.input(t, 0, engine.InputOptions{})
			ctx, cancel := context.WithCancel(t.Context())
			thread, ended := make(chan int, 1), make(chan error)
			go func() {
				ended <- r.Run(ctx, func(*engine.Event) { thread <- syscall.Gettid() })
			}()
			r.play(t, 0, engine.Source{Count: 1})()
			poller := <-thread
			time.Sleep(100 * time.Millisecond) // the hybrid's spin is over
			before, parks := sleeps(t, poller), r.Stats().Parks
			const seconds = 4
			time.Sleep(seconds * time.Second)
			assert.LessOrEqual(t, sleeps(t, poller)-before, seconds)
			assert.LessOrEqual(t, r.Stats().Parks-parks, uint64(seconds))
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
		})
	}
}

// What Stats says was granted is what the kernel has, and it is taken back when Run returns. A poller that
// spins gets no real-time priority, which the kernel takes away from a busy thread for 50 ms of each second.
func TestARaisedThreadIsLoweredAgain(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	state := func() string {
		attr, err := unix.SchedGetAttr(0, 0)
		require.NoError(t, err)
		switch {
		case attr.Policy == unix.SCHED_FIFO:
			return "SCHED_FIFO"
		case attr.Nice == -20:
			return "nice -20"
		}
		return "normal"
	}
	before := state()
	granted := map[engine.Wait]string{}
	for _, wait := range []engine.Wait{engine.WaitPark, engine.WaitHybrid, engine.WaitSpin} {
		r := newRaisedRig(t, engine.Options{Wait: wait})
		r.input(t, 0, engine.InputOptions{})
		r.play(t, 0, engine.Source{Count: 1})()
		r.run(t, func(*engine.Event) bool {
			granted[wait] = state()
			assert.Equal(t, granted[wait], r.Stats().Priority)
			return true
		})
		assert.Equal(t, before, state())
	}
	for _, wait := range []engine.Wait{engine.WaitHybrid, engine.WaitSpin} {
		assert.NotEqual(t, "SCHED_FIFO", granted[wait])
	}
	t.Logf("granted: %v", granted)
}
