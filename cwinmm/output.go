//go:build cgo && (linux || windows)

package cwinmm

// #include "output.h"
import "C"

import "time"

// Output is an open output device: struct onset_output in output.h. All but Close and Free may be
// called concurrently, but not after or with Close; package engine sees to that.
type Output struct {
	c *C.struct_onset_output
}

// OpenOutput opens the driver's device id. The error is an *Error, as of OpenInput.
func OpenOutput(d *Driver, id int, options OutputOptions, deadline time.Duration) (*Output, error) {
	o := C.struct_onset_output_options{
		capacity:    C.uint32_t(options.Capacity),
		drop_oldest: C.bool(options.DropOldest),
		clock:       C.enum_onset_clock(options.Clock),
		slow_ticks:  C.uint64_t(options.SlowTicks),
		calm_ticks:  C.uint64_t(options.CalmTicks),
	}
	var outcome C.struct_onset_outcome
	c := C.onset_output_open(d.c, C.UINT(id), &o, nanoseconds(deadline), &outcome)
	if c == nil {
		return nil, errorOf(&outcome)
	}
	return &Output{c}, nil
}

// Send gives the driver a short message, on this thread while the driver is quick, else by way of
// the output's queue. The error is an *Error from midiOutShortMsg, or ErrQueueFull. It does not
// allocate unless it fails.
func (o *Output) Send(message uint32) error {
	switch came := C.onset_output_send(o.c, C.uint32_t(message)); came {
	case C.ONSET_SENT, C.ONSET_QUEUED:
		return nil
	case C.ONSET_FULL:
		return ErrQueueFull
	default:
		return &Error{"midiOutShortMsg", MMResult(came)}
	}
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

// Counts returns the output's counters.
func (o *Output) Counts() OutputCounts {
	n := C.onset_output_counts(o.c)
	counts := OutputCounts{
		Sent:     uint64(n.sent),
		Failed:   uint64(n.failed),
		Refused:  uint64(n.refused),
		Dropped:  uint64(n.dropped),
		Slow:     uint64(n.slow),
		Moved:    uint64(n.moved),
		Queued:   uint64(n.queued),
		Threaded: n.lane == C.ONSET_THREADED,
	}
	if n.last_error != 0 {
		counts.LastError = &Error{"midiOutShortMsg", MMResult(n.last_error)}
	}
	return counts
}

// Close sends what is queued and closes the device. ErrTimedOut: the driver has not returned, and
// what it holds is kept until it does. Call it once.
func (o *Output) Close(deadline time.Duration) error {
	var outcome C.struct_onset_outcome
	C.onset_output_close(o.c, nanoseconds(deadline), &outcome)
	return errorOf(&outcome)
}

// Free gives the output up after Close.
func (o *Output) Free() { C.onset_output_drop(o.c) }
