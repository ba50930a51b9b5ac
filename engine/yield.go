package engine

import (
	"time"

	"github.com/onset-midi/onset/engine/internal/tick"
)

// yielder says when the poller is to yield to Go's scheduler.
//
// The scheduler interrupts a goroutine that has not yielded for 10 ms, by a signal or by suspending its
// thread. If it is asleep in C, its processor is taken away, at every sleep from then on, and more of the kind
// is looked for 50,000 times a second: microseconds for each message. So the poller yields by itself. That takes
// two switches of threads, because it is locked to its own, and an event that comes meanwhile waits for them:
// from soft on it yields when none is likely to come, from hard on in any case. A poller that spins waits for a
// moment of quiet, so as not to split a chord. One that sleeps finds a chord complete when it wakes; it yields
// after an event, if the one before was long ago.
type yielder struct {
	last              uint64 // ticks when it last did
	soft, hard, quiet uint64 // in ticks
}

func newYielder() yielder {
	return yielder{
		soft: tick.Ticks(7 * time.Millisecond), hard: tick.Ticks(9 * time.Millisecond),
		quiet: tick.Ticks(100 * time.Microsecond),
	}
}

// due says whether to yield now, in a pass without an event, the first of which was idle ticks ago, and gap after
// the one before. sleepy: the poller is about to sleep.
func (y *yielder) due(now, idle, gap uint64, sleepy bool) bool {
	since := now - y.last
	if since < y.soft || since >= y.hard {
		return since >= y.hard
	}
	if sleepy {
		return gap > 2*y.quiet
	}
	return idle > y.quiet && idle < y.quiet+y.quiet/8 // and not half way to the next event
}
