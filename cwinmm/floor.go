//go:build cgo && (linux || windows)

package cwinmm

// #include "floor.h"
import "C"

import (
	"time"
	"unsafe"
)

// Floor is a consumer in C on the callback, ring and wait word that the poller has: struct onset_floor
// in floor.h. It is what the poller is measured against.
type Floor struct {
	c     *C.struct_onset_floor
	count uint64
}

// OpenFloor opens the driver's device id and has a thread in C receive count events, spinning or, if
// there is none, sleeping. The error is an *Error.
func OpenFloor(d *Driver, id int, count uint64, spin bool, clock Clock, deadline time.Duration) (*Floor, error) {
	options := C.struct_onset_floor_options{
		count: C.uint64_t(count),
		spin:  C.bool(spin),
		clock: C.enum_onset_clock(clock),
	}
	var outcome C.struct_onset_outcome
	c := C.onset_floor_open(d.c, C.UINT(id), &options, nanoseconds(deadline), &outcome)
	if c == nil {
		return nil, errorOf(&outcome)
	}
	return &Floor{c, count}, nil
}

// Finish waits until all events have come or been lost and returns for each that came the ticks from
// the callback until the thread had it. It closes the device. Call it once.
func (f *Floor) Finish(deadline time.Duration) []uint32 {
	latency := make([]uint32, f.count+1) // never empty
	n := C.onset_floor_finish(f.c, (*C.uint32_t)(unsafe.Pointer(&latency[0])), nanoseconds(deadline))
	return latency[:n]
}
