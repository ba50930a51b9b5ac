//go:build cgo && (linux || windows)

package cwinmm

// #include "watch.h"
import "C"

import "time"

// Watch looks at a driver's list of devices again and again, on a thread of its own: watch.h.
type Watch struct{ c *C.struct_onset_watch }

// StartWatch starts a watch that looks every so often, and sooner where the system tells of devices that come
// and go. It tells w when the list has changed, or when a port in the process has lost its device. End it
// with Stop.
func StartWatch(d *Driver, w *Waiter, every time.Duration) (*Watch, error) {
	var outcome C.struct_onset_outcome
	c := C.onset_watch_start(d.c, w.c, nanoseconds(every), &outcome)
	if c == nil {
		return nil, errorOf(&outcome)
	}
	return &Watch{c}, nil
}

// Insist says whether w is told after every look.
func (w *Watch) Insist(insist bool) { C.onset_watch_insist(w.c, C.bool(insist)) }

// Stop ends it; call it once, and nothing after it. ErrTimedOut: the driver does not return from a look; the
// thread ends when it does.
func (w *Watch) Stop(deadline time.Duration) error {
	var outcome C.struct_onset_outcome
	C.onset_watch_stop(w.c, nanoseconds(deadline), &outcome)
	return errorOf(&outcome)
}
