//go:build cgo && (linux || windows)

package cwinmm

// #include "trace.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Trace is the record of a measurement: struct onset_trace in trace.h, which says what the columns hold.
// All have as many rows, and live in C memory until Free.
type Trace struct {
	c *C.struct_onset_trace

	// The plan.
	AtNS    []uint64
	Message []uint32
	// What happened: in ticks, but for LateNS.
	LateNS, Sent, Left, Entered, Arrived, Reached []uint64
}

// NewTrace returns a trace of rows, at least 1, all zero.
func NewTrace(rows int) (*Trace, error) {
	if rows < 1 {
		return nil, fmt.Errorf("trace: %d rows: at least 1 is needed", rows)
	}
	c := C.onset_trace_new(C.uint64_t(rows))
	if c == nil {
		return nil, &Error{"trace", mmNoMem}
	}
	column := func(p *C.uint64_t) []uint64 { return unsafe.Slice((*uint64)(p), rows) }
	return &Trace{
		c:       c,
		AtNS:    column(c.at_ns),
		Message: unsafe.Slice((*uint32)(c.message), rows),
		LateNS:  column(c.late_ns),
		Sent:    column(c.sent),
		Left:    column(c.left),
		Entered: column(c.entered),
		Arrived: column(c.arrived),
		Reached: column(c.reached),
	}, nil
}

// Pointer returns the struct onset_trace, for package rival.
func (t *Trace) Pointer() unsafe.Pointer { return unsafe.Pointer(t.c) }

// Free gives the memory up. Nobody may write to it any more.
func (t *Trace) Free() { C.onset_trace_free(t.c) }
