//go:build cgo && (linux || windows)

package cwinmm

// #include "tether.h"
import "C"

import "sync/atomic"

// Tether keeps a sleeper's thread to a processor, until an input of its waiter has to refuse an event because
// the ring is full: struct onset_tether in tether.h. All methods belong to that thread.
type Tether struct {
	c     *C.struct_onset_tether
	state *atomic.Uint32
}

// Begin remembers the calling thread and where it may run. False: the system does not say. Otherwise it has
// to be followed by End, on the same thread, before it can be called again.
func (t *Tether) Begin() bool { return bool(C.onset_tether_begin(t.c)) }

// Narrow keeps the thread to one of the processors that it could run on at Begin. False: it could not run there.
func (t *Tether) Narrow(processor int) bool {
	return bool(C.onset_tether_narrow(t.c, C.uint32_t(processor)))
}

// Widen lets the thread go anywhere it could at Begin.
func (t *Tether) Widen() { C.onset_tether_widen(t.c) }

// Freed reports whether a callback has let the thread go since Narrow.
func (t *Tether) Freed() bool { return t.state.Load()&C.ONSET_FREED != 0 } // a hint: Widen synchronises

// End widens, and forgets the thread.
func (t *Tether) End() { C.onset_tether_end(t.c) }
