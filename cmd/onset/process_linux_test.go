//go:build cgo

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startMonitor starts onset monitor as a process and returns when it listens; the rest of its stderr is to
// be read.
func startMonitor(t *testing.T) (*exec.Cmd, io.Reader) {
	t.Helper()
	c := onset(t, "monitor", "0", "1")
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = io.ReadFull(stderr, make([]byte, len("monitoring")))
	require.NoError(t, err)
	return c, stderr
}

func TestCtrlCEndsTheProgramCleanly(t *testing.T) {
	c, stderr := startMonitor(t)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(stderr)
	require.NoError(t, err)
	assert.NoError(t, c.Wait(), "exit code")
	assert.Equal(t, 2, bytes.Count(rest, []byte("0 received = 0 delivered")), "%s", rest)
}

func TestCtrlCEndsARigCleanly(t *testing.T) {
	c := onset(t, "run", write(t, newFolder(t), "rig.cfg", through), "--watch")
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = io.ReadFull(stderr, make([]byte, len("running")))
	require.NoError(t, err)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(stderr)
	require.NoError(t, err)
	assert.NoError(t, c.Wait(), "exit code")
	assert.Contains(t, string(rest), "in: 0 changes")
}

// sleeps returns how often each thread of a process has gone to sleep, as the kernel counts.
func sleeps(t *testing.T, process int) map[string]int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", process))
	require.NoError(t, err)
	all := make(map[string]int)
	for _, file := range files {
		status, err := os.ReadFile(file)
		require.NoError(t, err)
		_, line, _ := strings.Cut(string(status), "\nvoluntary_ctxt_switches:")
		n, err := strconv.Atoi(strings.Fields(line)[0])
		require.NoError(t, err)
		all[file] = n
	}
	return all
}

// mostWakings returns how often the busiest thread of a process wakes up within a time.
func mostWakings(t *testing.T, process int, within time.Duration) int {
	t.Helper()
	before := sleeps(t, process)
	time.Sleep(within)
	most := 0
	for thread, n := range sleeps(t, process) {
		most = max(most, n-before[thread])
	}
	return most
}

// While nothing arrives, no thread of the program wakes up more often than once a second, but when the pollers
// are woken for safety (each 10 s): Go's own threads wake up a few dozen times then, and more on a busy machine.
// So one of the spans of 5 s has to be quiet.
func TestAnIdleProgramSleeps(t *testing.T) {
	c, stderr := startMonitor(t)
	const seconds = 5
	var most []int
	for {
		most = append(most, mostWakings(t, c.Process.Pid, seconds*time.Second))
		if most[len(most)-1] <= seconds || len(most) == 8 {
			break
		}
	}
	assert.LessOrEqual(t, most[len(most)-1], seconds, "wakings of the busiest thread in %d s each: %v", seconds, most)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	_, err := io.ReadAll(stderr)
	require.NoError(t, err)
	assert.NoError(t, c.Wait())
}
