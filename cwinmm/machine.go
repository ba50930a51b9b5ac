//go:build cgo && (linux || windows)

package cwinmm

// #include "machine.h"
// #include "winmm.h"
// static uint64_t slept(struct onset_driver *d) { return d->calls->slept_ns(d); }
import "C"

import (
	"sync"
	"syscall"
	"time"
)

// ErrHalfGranted is what FullSpeed returns where the system keeps timers' resolution to itself.
var ErrHalfGranted = error(&sentinel{"not of timers", ErrNotSupported})

func grantError(grant C.onset_grant) error {
	switch grant {
	case C.ONSET_GRANTED:
		return nil
	case C.ONSET_NO_SUCH:
		return ErrNotSupported
	case C.ONSET_HALF_ONLY:
		return ErrHalfGranted
	default:
		return syscall.Errno(grant)
	}
}

// StayAwake keeps the machine from going to sleep by itself until end is called. With an error it does not;
// then end does nothing.
func StayAwake() (end func(), err error) {
	var request C.uintptr_t
	if err := grantError(C.onset_stay_awake(&request)); err != nil {
		return func() {}, err
	}
	return func() { C.onset_may_sleep(request) }, nil
}

// fullSpeed is who wants the process at full speed.
var fullSpeed struct {
	sync.Mutex
	users int
	err   error
}

// FullSpeed has the system not slow the process down to save power, until end is called as often as FullSpeed.
func FullSpeed() (end func(), err error) {
	f := &fullSpeed
	f.Lock()
	defer f.Unlock()
	if f.users == 0 {
		f.err = grantError(C.onset_unthrottle(true))
	}
	f.users++
	return func() {
		f.Lock()
		defer f.Unlock()
		if f.users--; f.users == 0 {
			C.onset_unthrottle(false)
		}
	}, f.err
}

var hearWaking = sync.OnceValue(func() error { return grantError(C.onset_hear_waking()) })

// HearWaking has the system tell when the machine wakes up, for the rest of the process.
func HearWaking() error { return hearWaking() }

// Wakings returns how often it has.
func Wakings() uint32 { return uint32(C.onset_wakings()) }

// Slept returns how long the machine has slept since it was started, as the driver's devices have noticed: what
// its clocks show, and what a script of faults has made up. It grows some time after the machine has woken up.
func (d *Driver) Slept() time.Duration { return time.Duration(C.slept(d.c)) }
