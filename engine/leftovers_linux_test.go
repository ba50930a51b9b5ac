//go:build cgo

package engine_test

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// osCounts returns how many threads the process has that are not Go's, but for a constant, and how many files
// are open.
func osCounts(t *testing.T) (threads, handles int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	gos, _ := runtime.ThreadCreateProfile(nil)
	return len(tasks) - gos, len(files)
}

// resident returns how many bytes of memory the process has.
func resident(t *testing.T) int {
	t.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.Atoi(string(bytes.Fields(statm)[1]))
	require.NoError(t, err)
	return pages * os.Getpagesize()
}
