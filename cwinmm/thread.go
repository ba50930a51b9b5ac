//go:build cgo && (linux || windows)

package cwinmm

// #include "thread.h"
import "C"

// ThreadID identifies the thread that calls it.
func ThreadID() uint64 { return uint64(C.onset_thread_id()) }

// RaiseThread raises the calling thread's priority as far as the system grants it and says how far.
// lower, on the same thread, takes it back.
func RaiseThread() (granted Priority, lower func()) {
	var task C.uintptr_t // a HANDLE: no pointer in Go's eyes
	got := C.onset_thread_raise(&task)
	return Priority(got), func() { C.onset_thread_lower(got, task) }
}
