//go:build cgo && (linux || windows)

package cwinmm

/*
#cgo noescape onset_output_send
#cgo nocallback onset_output_send
#cgo noescape onset_output_send_long
#cgo nocallback onset_output_send_long
#include "long.h"
*/
import "C"

import (
	"cmp"
	"time"
	"unsafe"
)

// Output is an open output device: struct onset_output in output.h. All but Close and Free may be
// called concurrently, but not after or with Close; package engine sees to that.
type Output struct {
	c *C.struct_onset_output
}

// OpenOutput opens the driver's device id. Deadline is for that, and for what a driver does later: see
// output.h. The error is an *Error, as of OpenInput.
func OpenOutput(d *Driver, id int, options OutputOptions, deadline time.Duration) (*Output, error) {
	o := C.struct_onset_output_options{
		capacity:    C.uint32_t(options.Capacity),
		drop_oldest: C.bool(options.DropOldest),
		clock:       C.enum_onset_clock(options.Clock),
		slow_ticks:  C.uint64_t(options.SlowTicks),
		calm_ticks:  C.uint64_t(options.CalmTicks),
		stuck_ticks: C.uint64_t(options.StuckTicks),

		long_chunk:    C.uint32_t(options.LongChunk),
		long_pause_ns: C.uint64_t(options.LongPause),
		deadline_ns:   C.uint64_t(max(deadline, 0)),
	}
	var outcome C.struct_onset_outcome
	var token C.uint32_t
	c := C.onset_output_open(d.c, C.UINT(id), &o, &outcome, &token)
	if c == nil {
		return nil, openError(&outcome, func() bool { return bool(C.onset_place_pending(token)) })
	}
	return &Output{c}, nil
}

// Send gives the driver short messages, 1 to MostTogether, with nothing in between: on this thread while the driver
// is quick, else by way of the output's queue. The error is an *Error from midiOutShortMsg, or from the call that the driver is
// stuck in, or ErrQueueFull. It does not allocate unless it fails.
func (o *Output) Send(messages ...uint32) error {
	switch came := C.onset_output_send(o.c, (*C.uint32_t)(unsafe.SliceData(messages)), C.uint32_t(len(messages))); came {
	case C.ONSET_SENT, C.ONSET_QUEUED:
		return nil
	case C.ONSET_FULL:
		return ErrQueueFull
	case C.ONSET_STUCK:
		return o.stuck()
	default:
		return &Error{"midiOutShortMsg", MMResult(came)}
	}
}

// SendLong queues a copy of a long message, of at least one byte, for the output's thread. The error
// is ErrQueueFull, ErrQueueBytes, or an *Error: out of memory, or as of Send. It does not allocate on Go's heap
// unless it fails.
func (o *Output) SendLong(message []byte) error {
	came := C.onset_output_send_long(o.c, unsafe.Pointer(unsafe.SliceData(message)), C.uint32_t(len(message)))
	switch came {
	case C.ONSET_QUEUED:
		return nil
	case C.ONSET_FULL:
		return ErrQueueFull
	case C.ONSET_HEAVY:
		return ErrQueueBytes
	case C.ONSET_STUCK:
		return o.stuck()
	default:
		return &Error{"midiOutLongMsg", MMResult(came)}
	}
}

// stuck returns the error of a send that is refused because the driver is stuck. It may have returned
// just now.
func (o *Output) stuck() error { return &Error{cmp.Or(o.stuckIn(), "driver"), mmTimedOut} }

// stuckIn returns the call that the driver has been in for longer than the deadline; empty: none.
func (o *Output) stuckIn() string {
	if call := C.onset_output_stuck(o.c); call != nil {
		return C.GoString(call)
	}
	return ""
}

// SendNow gives the driver a short message on this thread, after all that was queued before, however
// long that takes. The error is an *Error from midiOutShortMsg.
func (o *Output) SendNow(message uint32) error {
	if r := MMResult(C.onset_output_send_now(o.c, C.uint32_t(message))); r != mmNoError {
		return &Error{"midiOutShortMsg", r}
	}
	return nil
}

// ResetFirst says whether Close resets the device before it closes it.
func (o *Output) ResetFirst(reset bool) { C.onset_output_reset_first(o.c, C.bool(reset)) }

// Gone reports whether a call has told that the device has gone.
func (o *Output) Gone() bool { return bool(C.onset_output_gone(o.c)) }

// Lose has the output drop what is queued, now and later: its device has gone.
func (o *Output) Lose() { C.onset_output_lose(o.c) }

// Missed counts what it has been given and the driver has not taken, long messages among it. It does not allocate.
func (o *Output) Missed() uint64 {
	n := C.onset_output_counts(o.c)
	return uint64(n.failed + n.refused + n.dropped)
}

// Counts returns the output's counters.
func (o *Output) Counts() OutputCounts {
	n := C.onset_output_counts(o.c)
	counts := OutputCounts{
		Sent:     uint64(n.sent),
		Failed:   uint64(n.failed),
		Refused:  uint64(n.refused),
		Dropped:  uint64(n.dropped),
		Slow:     uint64(n.slow),
		Direct:   uint64(n.direct),
		Moved:    uint64(n.moved),
		Queued:   uint64(n.queued),
		Threaded: n.lane == C.ONSET_THREADED,
		Long: LongCounts{
			Sent:    uint64(n.long_sent),
			Failed:  uint64(n.long_failed),
			Refused: uint64(n.long_refused),
			Dropped: uint64(n.long_dropped),
			Queued:  uint64(n.long_queued),
			Bytes:   uint64(n.long_bytes),
			Memory:  uint64(n.long_memory),
			Retried: uint64(n.long_retried),
			Held:    uint64(n.long_held),
		},
	}
	if n.last_call != nil {
		counts.LastError = &Error{C.GoString(n.last_call), MMResult(n.last_error)}
	}
	if call := o.stuckIn(); call != "" {
		counts.Stuck = &Error{call, mmTimedOut}
	}
	return counts
}

// Close sends what is queued and closes the device. ErrTimedOut: the driver has not returned, or not
// sent all in half of OpenOutput's deadline. What it holds is kept until it gives it back. Call it
// once, when no send begins any more; one that is stuck in the driver holds it up, so then the
// deadline had better be 0, which only has the thread close when it can.
func (o *Output) Close(deadline time.Duration) error {
	var outcome C.struct_onset_outcome
	C.onset_output_close(o.c, nanoseconds(deadline), &outcome)
	return errorOf(&outcome)
}

// Settled reports, after Close, whether the counters stand still: the driver is done with everything.
func (o *Output) Settled() bool { return bool(C.onset_output_settled(o.c)) }

// Free gives the output up after Close, when no send is under way any more.
func (o *Output) Free() { C.onset_output_drop(o.c) }

// Held returns how many long messages drivers have not given back at their deadline, and not yet, in
// the whole process. Their memory is kept until they do.
func Held() int { return int(C.onset_held()) }

// StaleDones returns how often a driver said that a long message was done (MOM_DONE) for an output
// that had been closed, since the process began. Such calls are harmless.
func StaleDones() uint64 { return uint64(C.onset_stale_dones()) }
