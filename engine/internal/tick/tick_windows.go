package tick

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel32    = windows.NewLazySystemDLL("kernel32.dll")
	qpCounter   = kernel32.NewProc("QueryPerformanceCounter")
	qpFrequency = kernel32.NewProc("QueryPerformanceFrequency")
)

// osTicks reads QueryPerformanceCounter, which does not fail since Windows XP.
func osTicks() uint64 {
	var now uint64
	// Not qpCounter.Call, which would have now allocated: this is read in every round of a spin.
	_, _, _ = syscall.SyscallN(qpCounter.Addr(), uintptr(unsafe.Pointer(&now)))
	return now
}

func osHz() uint64 {
	var hz uint64
	_, _, _ = syscall.SyscallN(qpFrequency.Addr(), uintptr(unsafe.Pointer(&hz)))
	return hz
}

func osTrustsTSC() bool { return true }
