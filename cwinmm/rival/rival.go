//go:build cgo && (linux || windows)

// Package rival is what Onset is measured against: other ways from a driver's callback to a consumer,
// fed by the same source and noted in the same trace. None is slower than it needs to be.
package rival

/*
#cgo CFLAGS: -std=gnu11 -Wall -Wextra
#cgo windows CFLAGS: -D_WIN32_WINNT=0x0A00
#cgo windows LDFLAGS: -lws2_32
#cgo linux LDFLAGS: -pthread
#include "callback.h"
#include "datagram.h"
#include "floor.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/cgo"
	"time"
	"unsafe"

	"github.com/onset-midi/onset/cwinmm"
)

// Setup is what every rival is given.
type Setup struct {
	Driver    *cwinmm.Driver
	In, Out   int // device ids; Out below 0: messages are not sent on
	Trace     *cwinmm.Trace
	Clock     cwinmm.Clock
	Processor int  // for the consumer's thread, if it has one; below 0: any
	Raise     bool // that thread's priority
}

// Rival is one at work.
type Rival interface {
	// Priority is what the consumer's thread was granted.
	Priority() string
	// Processor is the one that the consumer's thread was granted; below 0: it may be on any, or it is the
	// driver's thread.
	Processor() int
	// Drained reports whether all that the callback was given has been delivered.
	Drained() bool
	// Close ends it. Nobody writes to the trace any more when it returns.
	Close() error
}

const deadline = 5 * time.Second

func (s Setup) rival() C.struct_rival {
	return C.struct_rival{
		driver: (*C.struct_onset_driver)(s.Driver.Pointer()),
		trace:  (*C.struct_onset_trace)(s.Trace.Pointer()),
		clock:  C.enum_onset_clock(s.Clock),
	}
}

func errorOf(failed *C.char, result C.MMRESULT) error {
	return &cwinmm.Error{Func: C.GoString(failed), Result: cwinmm.MMResult(result)}
}

// consumer is the thread of a rival that has one.
type consumer struct {
	granted   cwinmm.Priority
	processor int
	ended     chan struct{}
}

// start has receive run on a thread of its own, which may be busy all the time. With an error it has ended.
func (s Setup) start(busy bool, receive func()) (*consumer, error) {
	c := &consumer{processor: s.Processor, ended: make(chan struct{})}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		defer close(c.ended)
		if s.Processor >= 0 && !cwinmm.PinThread(s.Processor) {
			ready <- fmt.Errorf("processor %d for the contender: not granted", s.Processor)
			return
		}
		if s.Raise {
			c.granted, _ = cwinmm.RaiseThread(busy)
		}
		ready <- nil
		receive()
	}()
	return c, <-ready
}

// Priority is what the thread was granted.
func (c *consumer) Priority() string { return c.granted.String() }

// Processor is the one that the thread was granted; below 0: any.
func (c *consumer) Processor() int { return c.processor }

type floor struct {
	*consumer
	c      *C.struct_floor
	waiter *cwinmm.Waiter
	input  *cwinmm.Input
}

// Floor is a thread in C in the place of the poller, on the same callback, ring and wait word: spinning, or
// asleep whenever there is nothing. What it takes is what a hand-over to another thread costs in any
// language. The error is a *cwinmm.Error, or that the processor was not granted.
func Floor(s Setup, spin bool) (Rival, error) {
	waiter, err := cwinmm.NewWaiter()
	if err != nil {
		return nil, err
	}
	f := &floor{waiter: waiter, c: (*C.struct_floor)(C.calloc(1, C.sizeof_struct_floor))}
	f.c.rival = s.rival()
	var result C.MMRESULT
	if failed := C.rival_open_output(&f.c.rival, C.int(s.Out), &result); failed != nil {
		f.free()
		return nil, errorOf(failed, result)
	}
	options := cwinmm.InputOptions{Capacity: 4096, Clock: s.Clock, Buffers: 32, Size: 4096} // as an engine's input has
	if f.input, err = cwinmm.OpenInput(s.Driver, s.In, waiter, options, deadline); err != nil {
		f.free()
		return nil, err
	}
	word, wait := waiter.Pointers()
	f.c.ring = (*C.struct_onset_ring)(f.input.Ring.Pointer())
	f.c.waiter = (*C.struct_onset_waiter)(word)
	f.c.wait = (*[0]byte)(wait)
	input, giveBack := f.input.Pointers()
	f.c.input = (*C.struct_onset_input)(input)
	f.c.give_back = (*[0]byte)(giveBack)
	f.c.spin = C.bool(spin)
	if f.consumer, err = s.start(spin, func() { C.floor_receive(f.c) }); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *floor) Drained() bool { return f.input.Counts().Waiting == 0 }

func (f *floor) Close() error {
	err := f.input.Close(deadline)
	f.waiter.Tell()
	<-f.ended
	f.input.Free()
	f.free()
	return err
}

func (f *floor) free() {
	C.rival_close(&f.c.rival)
	C.free(unsafe.Pointer(f.c))
	f.waiter.Close()
}

type datagram struct {
	*consumer
	c *C.struct_datagram
}

// Datagram is a lock, and a datagram over the loopback interface to wake the consumer: datagram.h. The
// error is a *cwinmm.Error, or that the processor was not granted.
func Datagram(s Setup) (Rival, error) {
	setup := s.rival()
	var failed *C.char
	var result C.MMRESULT
	d := &datagram{c: C.datagram_open(&setup, C.int(s.In), C.int(s.Out), &failed, &result)}
	if d.c == nil {
		return nil, errorOf(failed, result)
	}
	var err error
	if d.consumer, err = s.start(false, func() { C.datagram_receive(d.c) }); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *datagram) Drained() bool { return bool(C.datagram_drained(d.c)) }

func (d *datagram) Close() error {
	C.datagram_stop(d.c)
	<-d.ended
	C.datagram_free(d.c)
	return nil
}

const driversThread = "the driver's"

// inCallback is a rival that is done when the callback returns. It has no thread of its own.
type inCallback struct{ c *C.struct_rival }

// InCallback sends each message on first thing in the callback. The error is a *cwinmm.Error.
func InCallback(s Setup) (Rival, error) {
	r := &inCallback{(*C.struct_rival)(C.calloc(1, C.sizeof_struct_rival))}
	*r.c = s.rival()
	var result C.MMRESULT
	if failed := C.in_callback_open(r.c, C.int(s.In), C.int(s.Out), &result); failed != nil {
		C.free(unsafe.Pointer(r.c))
		return nil, errorOf(failed, result)
	}
	return r, nil
}

func (*inCallback) Priority() string { return driversThread }

func (*inCallback) Processor() int { return -1 }

func (*inCallback) Drained() bool { return true }

func (r *inCallback) Close() error {
	C.rival_close(r.c)
	C.free(unsafe.Pointer(r.c))
	return nil
}

type exported struct {
	c      *C.struct_exported
	handle cgo.Handle
}

// Handler is what Exported calls: with the callback's clock reading, the message, and the driver's time
// stamp.
type Handler func(ticks uint64, message, stamp uint32)

// Exported has the callback call an exported Go function, which calls handle on the driver's thread, and
// sends the message on. The error is a *cwinmm.Error.
func Exported(s Setup, handle Handler) (Rival, error) {
	e := &exported{c: (*C.struct_exported)(C.calloc(1, C.sizeof_struct_exported))}
	e.c.rival = s.rival()
	e.handle = cgo.NewHandle(func(ticks uint64, message, stamp uint32) {
		handle(ticks, message, stamp)
		if e.c.rival.out != nil {
			C.rival_send_on(&e.c.rival, C.uint32_t(message))
		}
	})
	e.c.handle = C.uintptr_t(e.handle)
	var result C.MMRESULT
	if failed := C.exported_open(e.c, C.int(s.In), C.int(s.Out), &result); failed != nil {
		e.free()
		return nil, errorOf(failed, result)
	}
	return e, nil
}

func (*exported) Priority() string { return driversThread }

func (*exported) Processor() int { return -1 }

func (*exported) Drained() bool { return true }

func (e *exported) Close() error {
	C.rival_close(&e.c.rival)
	e.free()
	return nil
}

func (e *exported) free() {
	e.handle.Delete()
	C.free(unsafe.Pointer(e.c))
}
