//go:build cgo && (linux || windows)

package cwinmm

/*
#include <stdbool.h>

#include "winmm.h"

// cgo cannot call a pointer in a table.
static UINT count(struct onset_driver *d, bool in) {
    return in ? d->calls->in_count(d) : d->calls->out_count(d);
}
static MMRESULT caps(struct onset_driver *d, bool in, UINT id, struct onset_caps *caps) {
    return in ? d->calls->in_caps(d, id, caps) : d->calls->out_caps(d, id, caps);
}
*/
import "C"

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Inputs lists the driver's input devices; the index is the device id. A device that does not say what it
// is must not hide the others: it stays without a name. Each question to the driver waits for at most
// deadline. The error joins an *Error for each that has not been answered by then, or when it was last asked and
// not since, which is not waited for; the list is good without those.
func (d *Driver) Inputs(deadline time.Duration) ([]Caps, error) { return d.list(true, deadline) }

// Outputs lists the driver's output devices, as Inputs does.
func (d *Driver) Outputs(deadline time.Duration) ([]Caps, error) { return d.list(false, deadline) }

func (d *Driver) list(in bool, deadline time.Duration) ([]Caps, error) {
	how, what := "midiOutGetNumDevs", "midiOutGetDevCaps"
	if in {
		how, what = "midiInGetNumDevs", "midiInGetDevCaps"
	}
	count, err := ask(d, question{how, 0}, deadline, func() int { return int(C.count(d.c, C.bool(in))) })
	if err != nil {
		return nil, err
	}
	all := make([]Caps, count)
	var unanswered []error
	for id := range all {
		all[id], err = ask(d, question{what, id}, deadline, func() (c Caps) {
			var caps C.struct_onset_caps
			if r := MMResult(C.caps(d.c, C.bool(in), C.UINT(id), &caps)); r == mmNoError {
				c = capsOf(&caps)
			}
			return c
		})
		unanswered = append(unanswered, err)
	}
	return all, errors.Join(unanswered...)
}

// questions are those that the driver has not answered in time, and not yet.
type questions struct {
	mu    sync.Mutex
	stuck map[question]int // how often it was asked
}

type question struct {
	call string
	id   int // of the device
}

// unanswered is how many there are in the process.
var unanswered atomic.Int64

// add counts a question as unanswered, or as not unanswered any more.
func (qs *questions) add(q question, n int) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if qs.stuck == nil {
		qs.stuck = map[question]int{}
	}
	qs.stuck[q] += n
	unanswered.Add(int64(n))
}

func (qs *questions) isStuck(q question) bool {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	return qs.stuck[q] > 0
}

// ask has f ask the driver on a thread of its own, since the driver may not answer. Then the thread is left
// to itself, and the question is not asked again until it has been answered: the error is an *Error.
func ask[T any](d *Driver, q question, deadline time.Duration, f func() T) (answer T, err error) {
	stuck := &Error{q.call, mmTimedOut}
	if d.asked.isStuck(q) {
		return answer, stuck
	}
	answered, late := make(chan T), make(chan struct{})
	C.onset_driver_hold(d.c) // the thread may outlast whoever else holds it
	go func() {
		defer C.onset_driver_drop(d.c)
		a := f()
		select {
		case answered <- a:
		case <-late:
			d.asked.add(q, -1)
		}
	}()
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case answer = <-answered:
		return answer, nil
	case <-timer.C:
		d.asked.add(q, 1)
		close(late)
		return answer, stuck
	}
}
