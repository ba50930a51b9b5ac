package engine

import (
	"sync/atomic"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine/internal/tick"
)

// Instant is a reading of the clock that callbacks are stamped with: a count of ticks of the
// processor's time-stamp counter, or of the system's where that is not steady. It is monotonic, the
// same for all inputs and engines of a process, and not comparable between processes. While the machine sleeps the
// counter may go on, stand still or begin anew (KindResumed).
type Instant uint64

// Now reads the clock. It takes some 20 ns and does not allocate.
func Now() Instant { return Instant(tick.Now()) }

// Sub returns how long after u t is.
func (t Instant) Sub(u Instant) time.Duration { return tick.Duration(int64(t - u)) }

// Add returns the instant d after t, which may be negative.
func (t Instant) Add(d time.Duration) Instant {
	if d < 0 {
		return t - Instant(tick.Ticks(-d))
	}
	return t + Instant(tick.Ticks(d))
}

// Time converts t to time of day, good to what the system's clock was when the process first asked, or when it was
// noticed that the machine had slept, and, away from that moment, to 10 ppm. It is meant for instants since then.
func (t Instant) Time() time.Time {
	a := anchor.Load()
	for a == nil {
		anchor.CompareAndSwap(nil, newAnchor())
		a = anchor.Load()
	}
	return a.wall.Add(t.Sub(a.instant))
}

type anchored struct {
	wall    time.Time
	instant Instant
}

// anchor is the process's, since the counter is; nil: nobody has asked yet.
var anchor atomic.Pointer[anchored]

func newAnchor() *anchored { return &anchored{time.Now(), Now()} }

// anchorAgain is for when the counter may have stood still, or begun anew.
func anchorAgain() { anchor.Store(newAnchor()) }

// ClockSource names the counter behind Instant.
func ClockSource() string {
	if tick.IsTSC() {
		return "time-stamp counter"
	}
	return "system counter"
}

// StampClock returns which counter that is, for those who read it in C.
func StampClock() cwinmm.Clock {
	if tick.IsTSC() {
		return cwinmm.ClockTSC
	}
	return cwinmm.ClockOS
}

// DriverTime is the driver's own stamp: whole milliseconds since its input was started
// (midiInStart). It wraps after 49.7 days.
type DriverTime uint32

// Duration returns the time since the input was started.
func (t DriverTime) Duration() time.Duration { return time.Duration(t) * time.Millisecond }
