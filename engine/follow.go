package engine

import (
	"slices"
	"sync/atomic"

	"github.com/onset-midi/onset/cwinmm"
)

// follower keeps a poller that parks on the processor that its driver's thread wakes it from, as long as
// that is quicker: an idle processor has to be woken first, which takes longer than the driver's thread
// takes to go back to sleep. Where the driver's thread stays busy after the callback it is slower, so what
// wakings take is measured either way, in windows of them, and the better way is kept and, from time to
// time, held against the other.
//
// A driver's thread that does not sleep at all would keep the poller from ever running again. The callback
// that first finds a ring full lets the poller go, and then it does not follow for long.
//
// It belongs to the poller, and does its work before the poller sleeps.
type follower struct {
	tether *cwinmm.Tether
	able   bool
	at     atomic.Int32  // the processor that it keeps to; -1: any
	freed  atomic.Uint64 // times that a callback let it go

	follows bool      // the way that is being taken
	median  [2]uint64 // ticks that a waking took in the last window: not following, following; 0: not known
	trial   bool      // this window is a look at the other way
	took    [window]uint64
	n       int  // wakings in this window
	stay    int  // windows until the next trial
	term    int  // how many they were at first
	shy     bool // it has been let go: there is no trial before stay is over
}

const (
	window    = 32 // wakings that are judged together, by their median: single ones take milliseconds
	glance    = 9  // the same in a trial, which must not show in the 99th percentile
	shortTerm = 32 // windows between trials, after a change
	longTerm  = 4096
	clearly   = 5 // a way has to be quicker by 1/clearly to be changed to
)

// begin is called on the poller's thread when it starts.
func (f *follower) begin() {
	f.able = f.tether.Begin()
	f.at.Store(-1)
	f.follows, f.trial, f.shy, f.median = false, false, false, [2]uint64{}
	f.n, f.term, f.stay = 0, shortTerm, 0
}

// end is called there when it stops. From then on it does nothing: ReadInto polls on any thread.
func (f *follower) end() {
	if f.able {
		f.tether.End()
		f.able = false
		f.at.Store(-1)
	}
}

func (f *follower) release() {
	if f.at.Load() >= 0 {
		f.tether.Widen()
		f.at.Store(-1)
	}
}

// woken tells how long a waking took, from the callback's stamp on.
func (f *follower) woken(ticks uint64) {
	if f.able {
		f.took[f.n] = ticks
		f.n++
	}
}

// place puts the thread where it is to sleep, given where it was last woken from.
func (f *follower) place(waker int) {
	if !f.able {
		return
	}
	if f.tether.Freed() {
		f.giveUp()
	} else {
		f.judge()
	}
	switch {
	case !f.follows:
		f.release()
	case f.at.Load() != int32(waker):
		// A driver's thread that moves is followed. Where the poller may not go, it does not.
		if f.tether.Narrow(waker) {
			f.at.Store(int32(waker))
		} else {
			f.end()
		}
	}
}

// giveUp takes following for a trial that was lost, and more: events were.
func (f *follower) giveUp() {
	f.freed.Add(1)
	f.follows, f.trial, f.shy = false, false, true
	f.n, f.term, f.stay = 0, longTerm, longTerm
}

// judge decides on the way at the end of a window.
func (f *follower) judge() {
	if f.n < window && (!f.trial || f.n < glance) {
		return
	}
	slices.Sort(f.took[:f.n])
	median := f.took[f.n/2]
	f.n = 0
	before := f.median[way(f.follows)]
	f.median[way(f.follows)] = median
	other := f.median[way(!f.follows)]
	switch {
	case f.trial:
		f.trial = false
		if median+median/clearly < other {
			f.term = shortTerm // it has won
		} else {
			f.follows = !f.follows
			f.term = min(2*f.term, longTerm)
		}
		f.stay = f.term
	case f.stay == 0 || !f.shy && before > 0 && median > 2*before:
		f.trial, f.shy = true, false
		f.follows = !f.follows
	default:
		f.stay--
	}
}

func way(follows bool) int {
	if follows {
		return 1
	}
	return 0
}
