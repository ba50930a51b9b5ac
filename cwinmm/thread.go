//go:build cgo && (linux || windows)

package cwinmm

/*
#include "clock.h"
#include "thread.h"
*/
import "C"

// ThreadID identifies the thread that calls it.
func ThreadID() uint64 { return uint64(C.onset_thread_id()) }

// RaiseThread raises the calling thread's priority as far as the system grants it and says how far. busy: the
// thread may use up a processor for long. lower, on the same thread, takes it back.
func RaiseThread(busy bool) (granted Priority, lower func()) {
	var task C.uintptr_t // a HANDLE: no pointer in Go's eyes
	got := C.onset_thread_raise(C.bool(busy), &task)
	return Priority(got), func() { C.onset_thread_lower(got, task) }
}

// PinThread keeps the calling thread on one processor, numbered from 0; below 0: lets it go anywhere
// again. False: not granted.
func PinThread(processor int) bool { return bool(C.onset_thread_pin(C.int(processor))) }

// SleepUntil sleeps until the system's clock has come to ns (OSNanoseconds), as exactly as the system
// can.
func SleepUntil(ns uint64) { C.onset_sleep_until(C.uint64_t(ns)) }

// OSNanoseconds reads the system's monotonic clock.
func OSNanoseconds() uint64 { return uint64(C.onset_os_ns()) }
