//go:build cgo && (linux || windows)

package cwinmm

// #include "input.h"
import "C"

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Input is an open input device. Its ring's consumer is the poller; the other methods may be called
// concurrently.
type Input struct {
	Ring *Ring

	pool *C.struct_onset_pool
	size int // of its buffers

	mu     sync.Mutex
	ending bool                        // Close has begun
	stuck  bool                        // it has given up: the driver has not returned
	c      *C.struct_onset_input       // nil once closed
	counts C.struct_onset_input_counts // when it was
	kept   bool                        // the driver kept a buffer
	final  *InputCounts                // once freed
}

// OpenInput opens the driver's device id and starts it. Its events go to Ring and notify w, which is
// told when the device vanishes. The caller ends it with Close and, when nobody reads Ring any more, Free. The error
// is an *Error; nothing is left open, unless the driver did not return within deadline (ErrTimedOut, a *LateError):
// then what it holds is released when it does.
func OpenInput(d *Driver, id int, w *Waiter, options InputOptions, deadline time.Duration) (*Input, error) {
	ring, err := newRing(options.Capacity, options.Buffers)
	if err != nil {
		return nil, err
	}
	pool := C.onset_pool_new(C.uint32_t(options.Buffers), C.uint32_t(options.Size))
	if pool == nil {
		ring.free()
		return nil, &Error{"sysex buffers", mmNoMem}
	}
	var outcome C.struct_onset_outcome
	var token C.uint32_t
	c := C.onset_input_open(d.c, C.UINT(id), ring.c, pool, w.c, &C.struct_onset_input_options{
		filter: C.uint32_t(options.Filter), clock: C.enum_onset_clock(options.Clock), raise: C.bool(options.Raise),
	}, nanoseconds(deadline), &outcome, &token)
	if c == nil {
		ring.free()
		C.onset_pool_drop(pool)
		return nil, openError(&outcome, func() bool { return bool(C.onset_input_pending(token)) })
	}
	return &Input{Ring: ring, pool: pool, size: options.Size, c: c}, nil
}

// Bytes returns what the driver has put into a buffer whose event the consumer has taken. It is the driver's
// memory: it may be read until Return, or Free.
func (in *Input) Bytes(buffer int) []byte {
	header := &unsafe.Slice(in.pool.headers, in.pool.count)[buffer]
	n := min(int(header.dwBytesRecorded), in.size) // a driver that counts wrongly must not take us along
	return unsafe.Slice((*byte)(unsafe.Pointer(header.lpData)), n)
}

// Return gives such a buffer back. The driver may have it again at once; once Close has begun, it has not.
func (in *Input) Return(buffer int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	// An input that is abandoned may be another's before Close has returned.
	if in.c != nil && !in.ending {
		C.onset_input_return(in.c, C.uint32_t(buffer))
	}
}

// Stuck returns the call that the driver has been in for longer than limit, as an *Error; nil: none. It is
// about what Open and Close do not wait for: giving the driver buffers.
func (in *Input) Stuck(limit time.Duration) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.c == nil {
		return nil
	}
	if call := C.onset_input_stuck(in.c, C.uint64_t(nanoseconds(limit))); call != nil {
		return &Error{C.GoString(call), mmTimedOut}
	}
	return nil
}

// Close stops and closes the device; call it once. When it returns, no callback writes to the ring any
// more, unless the error is ErrTimedOut: then the driver has not returned, and what it holds is kept
// until it does.
func (in *Input) Close(deadline time.Duration) error {
	in.mu.Lock()
	in.ending = true
	in.mu.Unlock()
	// Not under mu: it may take as long as the deadline, and Counts must not.
	var outcome C.struct_onset_outcome
	var counts C.struct_onset_input_counts
	closed := C.onset_input_close(in.c, nanoseconds(deadline), &outcome, &counts)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.counts = counts
	in.stuck = !bool(closed)
	if closed {
		in.kept = bool(in.pool.kept)
		C.onset_input_release(in.c)
	}
	in.c = nil
	return errorOf(&outcome)
}

// Kept reports, after Close, whether the driver has not given all buffers back. Their memory is kept then, and the
// input's place in the table.
func (in *Input) Kept() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.kept
}

// Pointers returns the struct onset_input and the function onset_input_return, for package rival.
func (in *Input) Pointers() (input, giveBack unsafe.Pointer) {
	return unsafe.Pointer(in.c), C.onset_input_return
}

// Free gives the ring up, after Close. Events still in it stay counted as Waiting.
func (in *Input) Free() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.final == nil {
		final := in.sum()
		in.final = &final
		in.Ring.free()
		C.onset_pool_drop(in.pool)
	}
}

// Discard closes and frees an input whose events nobody is to have: they count as StaleCallbacks.
func (in *Input) Discard(deadline time.Duration) {
	_ = in.Close(deadline) // an abandoned one is counted
	in.Free()
	discarded.Add(in.Counts().Received)
}

var discarded atomic.Uint64

// Settled reports whether all that came along routes which are no longer the input's (Route) has been taken out of Ring,
// and so has all else that came until now. It is for the ring's consumer.
func (in *Input) Settled() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.final != nil:
		return true
	case in.ending && in.c != nil, in.stuck:
		return false // a callback may be under way
	case in.c == nil:
		return in.Ring.emptied()
	}
	return in.Ring.settled()
}

// Counts returns the input's counters; each is exact, but they are read one after the other.
func (in *Input) Counts() InputCounts {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.final != nil {
		return *in.final
	}
	return in.sum()
}

func (in *Input) sum() InputCounts {
	if in.c != nil {
		in.counts = C.onset_input_counts(in.c)
	}
	n, r := &in.counts, in.Ring
	// What has left the ring is read before what has gone in. Even so a gap record may be half counted
	// for a moment.
	tail, met := r.tail.Load(), r.gapsMet.Load()
	gaps, head := r.gaps.Load(), r.head.Load()
	lost := r.lost.Load() // after folded, which is part of it
	counts := InputCounts{
		Delivered:  tail - met,
		Waiting:    uint64(max(0, int64(head-gaps-(tail-met)))),
		Filtered:   uint64(n.filtered),
		Full:       lost - uint64(n.folded),
		Concurrent: uint64(n.concurrent),
		Late:       uint64(n.late),
		More:       uint64(n.more),
		Malformed:  uint64(n.malformed),
		HighWater:  r.highWater.Load(),
		Capacity:   r.capacity,
		Dry:        uint64(n.dry),
		Unqueued:   uint64(n.unqueued),
		Routed:     uint64(n.routed),
		Unsent:     uint64(n.unsent),
		Looped:     uint64(n.looped),
		Loop:       uint32(n.loop),
	}
	for i := range counts.LostBy {
		counts.LostBy[i] = r.lostBy[i].Load()
	}
	counts.Received = head - gaps + counts.Full + counts.Concurrent + counts.Filtered + counts.Late
	if counts.Full > 0 {
		counts.HighWater = max(counts.HighWater, counts.Capacity)
	}
	return counts
}

// StaleCallbacks returns how often a driver called for an input that had been closed, abandoned or discarded,
// since the process began. Such calls are harmless.
func StaleCallbacks() uint64 { return uint64(C.onset_stale_callbacks()) + discarded.Load() }

// EmptiedBuffers returns how many buffers came back empty because their input was being closed, since the
// process began. They are no messages, and no input's counts have them.
func EmptiedBuffers() uint64 { return uint64(C.onset_emptied_buffers()) }

// KeptPools returns of how many inputs in the process the driver did not give all buffers back when they were
// closed. Their memory is kept.
func KeptPools() int { return int(C.onset_kept_pools()) }

// LeftOpen returns how many handles in the process the driver has refused to close, for good.
func LeftOpen() int { return int(C.onset_left_open()) }

// Abandoned returns how many handles and questions (Driver.Inputs) in the process have been given up at a
// deadline because their driver did not return, and has not yet.
func Abandoned() int { return int(C.onset_abandoned()) + int(unanswered.Load()) }
