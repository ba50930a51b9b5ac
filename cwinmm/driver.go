//go:build cgo && (linux || windows)

package cwinmm

/*
#cgo CFLAGS: -std=gnu11 -Wall -Wextra
#cgo windows CFLAGS: -D_WIN32_WINNT=0x0A00
#cgo windows LDFLAGS: -lwinmm -lsynchronization
#cgo linux LDFLAGS: -pthread
#include "service.h"
#include "winmm.h"
*/
import "C"

import (
	"time"
	"unicode/utf16"
	"unsafe"
)

// Driver is where devices come from: winmm.dll or virtual cables. Its methods may be called
// concurrently, but not after or with Close.
type Driver struct {
	c     *C.struct_onset_driver
	asked *questions
}

func newDriver(c *C.struct_onset_driver) *Driver {
	return &Driver{c, &questions{stuck: map[question]int{}}}
}

// Shim returns d: so a Driver and what embeds one are drivers for package engine.
func (d *Driver) Shim() *Driver { return d }

// Pointer returns the struct onset_driver, for package rival.
func (d *Driver) Pointer() unsafe.Pointer { return unsafe.Pointer(d.c) }

// Share returns the same driver once more: each is given up for itself.
func (d *Driver) Share() *Driver {
	C.onset_driver_hold(d.c)
	return &Driver{d.c, d.asked}
}

// Close gives the driver up. Handles that are open keep what they need of it.
func (d *Driver) Close() {
	C.onset_driver_drop(d.c)
}

func capsOf(c *C.struct_onset_caps) Caps {
	return Caps{
		Name:         text(c.name[:]),
		Identity:     text(c.identity[:]),
		Manufacturer: uint16(c.manufacturer),
		Product:      uint16(c.product),
		Version:      uint16(c.version),
	}
}

// text converts UTF-16 up to a NUL.
func text(units []C.uint16_t) string {
	var s []uint16
	for _, u := range units {
		if u == 0 {
			break
		}
		s = append(s, uint16(u))
	}
	return string(utf16.Decode(s))
}

// wide writes s into units, which the caller has made sure of that it fits, with a 0 behind it.
func wide(units []C.uint16_t, s string) {
	for i, u := range utf16.Encode([]rune(s)) {
		units[i] = C.uint16_t(u)
	}
}

func errorOf(outcome *C.struct_onset_outcome) error {
	if outcome.call == nil {
		return nil
	}
	return &Error{C.GoString(outcome.call), MMResult(outcome.result)}
}

// openError is errorOf for an opening, which the driver may be late with; pending: it is still.
func openError(outcome *C.struct_onset_outcome, pending func() bool) error {
	err := &Error{C.GoString(outcome.call), MMResult(outcome.result)}
	if err.Result == mmTimedOut {
		return &LateError{err, pending}
	}
	return err
}

// nanoseconds converts a deadline; C takes a negative one for none.
func nanoseconds(d time.Duration) C.int64_t {
	return C.int64_t(max(d, 0))
}
