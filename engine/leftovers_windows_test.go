//go:build cgo

package engine_test

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// osCounts returns how many threads the process has that are not Go's, but for a constant. Go's threads have
// handles, in numbers of its own, so handles are looked at only where very many could leak.
func osCounts(t *testing.T) (threads, handles int) {
	t.Helper()
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	require.NoError(t, err)
	defer func() { _ = windows.CloseHandle(snapshot) }()
	entry := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	for err = windows.Thread32First(snapshot, &entry); err == nil; err = windows.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID == uint32(os.Getpid()) {
			threads++
		}
	}
	require.ErrorIs(t, err, windows.ERROR_NO_MORE_FILES)
	gos, _ := runtime.ThreadCreateProfile(nil)
	return threads - gos, 0
}

// resident returns how many bytes of memory the process has.
func resident(t *testing.T) int {
	t.Helper()
	var counters struct { // PROCESS_MEMORY_COUNTERS
		size, faults     uint32
		peak, workingSet uintptr
		rest             [6]uintptr
	}
	counters.size = uint32(unsafe.Sizeof(counters))
	ok, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo").
		Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&counters)), uintptr(counters.size))
	require.NotZero(t, ok, err)
	return int(counters.workingSet)
}
