//go:build cgo && (linux || windows)

package cwinmm

// #include "wait.h"
import "C"

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// Waiter is what a poller sleeps on: struct onset_waiter in wait.h, which explains the hand-shake.
// Arm, Disarm and Wait belong to the one goroutine that sleeps; Tell may be called by any.
type Waiter struct {
	c       *C.struct_onset_waiter
	state   *atomic.Uint32
	command *atomic.Uint32
	waker   *atomic.Uint32
	tether  Tether
}

// NewWaiter returns a waiter that is awake. Release it with Close.
func NewWaiter() (*Waiter, error) {
	c := C.onset_waiter_new()
	if c == nil {
		return nil, &Error{"waiter", mmNoMem}
	}
	p := unsafe.Pointer(c)
	return &Waiter{
		c:       c,
		state:   (*atomic.Uint32)(p),
		command: (*atomic.Uint32)(unsafe.Add(p, 4)),
		waker:   (*atomic.Uint32)(unsafe.Add(p, 12)),
		tether:  Tether{c: &c.tether, state: (*atomic.Uint32)(unsafe.Add(p, 16))},
	}, nil
}

// Arm announces that the sleeper is about to sleep. It must look once more at everything it can be
// woken for before it does; sync/atomic's loads are seq_cst, as that look has to be. Pairs with the
// fence in onset_is_awake. Swap, not Store: with the race detector a Store is only a release, and the look
// could come before it.
func (w *Waiter) Arm() { w.state.Swap(C.ONSET_ASLEEP) }

// Disarm takes the announcement back.
func (w *Waiter) Disarm() { w.state.Store(C.ONSET_AWAKE) }

// Wait sleeps until notified since Arm, or for timeout; below 0 there is none. False: the time was
// up. It may return early.
func (w *Waiter) Wait(timeout time.Duration) bool {
	return bool(C.onset_rest(w.c, C.int64_t(timeout)))
}

// Command grows with each Tell.
func (w *Waiter) Command() uint32 { return w.command.Load() }

// Waker returns the processor that the sleeper was last woken from.
func (w *Waiter) Waker() int { return int(w.waker.Load()) }

// Tether returns what keeps the sleeper's thread to a processor, until Close.
func (w *Waiter) Tether() *Tether { return &w.tether }

// Tell has the sleeper look at what it was told apart from its rings, awake or asleep.
func (w *Waiter) Tell() { C.onset_command(w.c) }

// Pointers returns the struct onset_waiter and the function onset_wait, for package rival.
func (w *Waiter) Pointers() (waiter, wait unsafe.Pointer) {
	return unsafe.Pointer(w.c), C.onset_wait
}

// Close gives the waiter up. Inputs that are open, or abandoned, keep the word.
func (w *Waiter) Close() { C.onset_waiter_drop(w.c) }
