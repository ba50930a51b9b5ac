//go:build cgo && (linux || windows)

package cwinmm

// #include "ring.h"
import "C"

import (
	"sync/atomic"
	"unsafe"
)

// Ring is the consumer's side of struct onset_ring in ring.h. Look, Next and Lost belong to one
// goroutine at a time; Counts may be called by any. Nothing in it enters cgo but newRing and free.
type Ring struct {
	// In C memory.
	head, lost, gaps, tail *atomic.Uint64
	gone                   *atomic.Uint32
	slots                  unsafe.Pointer
	mask                   uint64

	// The consumer's own.
	next     uint64 // index of the next event; what tail says
	end      uint64 // head when last looked at
	lostSeen uint64 // lost when last looked at, before head was
	told     uint64 // losses told so far

	gapsMet   atomic.Uint64
	highWater atomic.Uint64
	c         *C.struct_onset_ring
}

const (
	_ = uint(unsafe.Sizeof(Event{}) - C.sizeof_struct_onset_event) // the same size,
	_ = uint(C.sizeof_struct_onset_event - unsafe.Sizeof(Event{})) // both ways
	_ = uint(unsafe.Offsetof(Event{}.Data)-8) + uint(8-unsafe.Offsetof(Event{}.Data))
	_ = uint(unsafe.Offsetof(Event{}.DriverMS)-12) + uint(12-unsafe.Offsetof(Event{}.DriverMS))
)

func newRing(capacity int) (*Ring, error) {
	c := C.onset_ring_new(C.uint64_t(capacity))
	if c == nil {
		return nil, &Error{"ring", mmNoMem}
	}
	// Offsets as asserted in ring.h.
	at := func(offset int) *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Add(unsafe.Pointer(c), offset)) }
	return &Ring{
		head:  at(0),
		lost:  at(8),
		gaps:  at(32),
		gone:  (*atomic.Uint32)(unsafe.Add(unsafe.Pointer(c), 40)),
		tail:  at(C.ONSET_APART),
		slots: unsafe.Add(unsafe.Pointer(c), 3*C.ONSET_APART),
		mask:  uint64(capacity) - 1,
		c:     c,
	}, nil
}

// free gives the consumer's side up. The producer's keeps the memory for as long as it needs it.
func (r *Ring) free() { C.onset_ring_drop(r.c) }

// Look sees how far the producer has come and returns how many events Next may now be called for.
func (r *Ring) Look() uint64 {
	// Losses first: whatever was published before a loss is then below the head read after it. Acquire
	// pairs with the releases in onset_ring_refuse and onset_ring_push.
	r.lostSeen = r.lost.Load()
	r.end = r.head.Load()
	waiting := r.end - r.next
	if waiting > r.highWater.Load() {
		r.highWater.Store(waiting)
	}
	return waiting
}

// News reports whether Look would find anything, reading both words seq_cst and not moving a thing:
// the look between Waiter.Arm and Waiter.Wait.
func (r *Ring) News() bool {
	return r.lost.Load() > r.told || r.head.Load() != r.next
}

// Next copies out the next event and hands its slot back to the producer, so that what is done with
// the event holds up nobody. Call it no more often than Look said. For an event of KindGap,
// DriverMS is the number of events lost at this place; false means it is one whose losses Lost has
// told already.
func (r *Ring) Next(ev *Event) bool {
	*ev = *(*Event)(unsafe.Add(r.slots, (r.next&r.mask)*uint64(unsafe.Sizeof(Event{}))))
	ok := true
	if ev.Kind() == KindGap {
		// The record's total may be older than what Lost has told since: a loss of concurrent callbacks
		// is added while the producer writes.
		lost := int32(ev.DriverMS - uint32(r.told))
		if ok = lost > 0; ok {
			ev.DriverMS = uint32(lost)
			r.told += uint64(lost)
		}
		r.gapsMet.Add(1)
	}
	r.next++
	// Release: the copy is made before the producer may write the slot (onset_ring_push acquires).
	r.tail.Store(r.next)
	return ok
}

// NextTicks returns the time stamp of the event that Next would copy out.
func (r *Ring) NextTicks() uint64 {
	return *(*uint64)(unsafe.Add(r.slots, (r.next&r.mask)*uint64(unsafe.Sizeof(Event{}))))
}

// Lost returns the number of events lost behind everything that Look saw, once Next has taken all of
// that, and counts them as told: a loss followed by silence has no record in the ring.
func (r *Ring) Lost() uint64 {
	if r.next != r.end || r.lostSeen <= r.told {
		return 0
	}
	n := r.lostSeen - r.told
	r.told = r.lostSeen
	return n
}

// Gone reports whether the device has vanished. Asked before Look, every event it delivered is found.
func (r *Ring) Gone() bool { return r.gone.Load() != 0 }

// Pointer returns the struct onset_ring, for package rival.
func (r *Ring) Pointer() unsafe.Pointer { return unsafe.Pointer(r.c) }

// Capacity returns how many events fit.
func (r *Ring) Capacity() uint64 { return r.mask + 1 }

// Drained reports whether Next has taken all that Look saw.
func (r *Ring) Drained() bool { return r.next == r.end }
