// Package tick reads the clock that events are stamped with, without cgo: the processor's time-stamp
// counter where it is invariant, else the operating system's counter. The C side reads the same one
// (cwinmm/clock.h).
package tick

import (
	"math/bits"
	"sync"
	"time"
)

// Now reads the counter. Successive readings on one thread do not decrease, and none is taken before
// the loads that precede it in the program are done.
func Now() uint64 {
	if isTSC {
		return rdtsc()
	}
	return osTicks()
}

// IsTSC reports whether the counter is the processor's time-stamp counter.
func IsTSC() bool { return isTSC }

var isTSC = invariantTSC()

// calibrateFor is how long the counter is compared with the operating system's: at about 50 ns of
// uncertainty at either end, the rate is then good to 10 ppm.
const calibrateFor = 10 * time.Millisecond

// rate is nanoseconds a tick and ticks a nanosecond, both times 2^32.
type rate struct{ ns, ticks uint64 }

// calibrated compares the two counters once, which takes calibrateFor.
var calibrated = sync.OnceValue(func() rate {
	hz := osHz()
	ns, ticks := uint64(1e9), hz
	if isTSC {
		tsc0, os0 := both()
		time.Sleep(calibrateFor)
		tsc1, os1 := both()
		ns, ticks = (os1-os0)*1e9/hz, tsc1-tsc0
	}
	return rate{quotient(ns, ticks), quotient(ticks, ns)}
})

// both reads the two counters as closely together as a few tries can.
func both() (tsc, os uint64) {
	best := ^uint64(0)
	for range 16 {
		before := rdtsc()
		now := osTicks()
		after := rdtsc()
		if after-before < best {
			best, tsc, os = after-before, before+(after-before)/2, now
		}
	}
	return tsc, os
}

func quotient(a, b uint64) uint64 {
	q, _ := bits.Div64(a>>32, a<<32, b)
	return q
}

// Duration converts a difference of two readings, which may be negative, to time. The first call
// takes 10 ms where the counter has to be calibrated.
func Duration(ticks int64) time.Duration {
	if ticks < 0 {
		return -Duration(-ticks)
	}
	hi, lo := bits.Mul64(uint64(ticks), calibrated().ns)
	return time.Duration(hi<<32 | lo>>32)
}

// Ticks converts a time of 0 or more to ticks. The first call takes 10 ms where the counter has to be
// calibrated.
func Ticks(d time.Duration) uint64 {
	hi, lo := bits.Mul64(uint64(d), calibrated().ticks)
	return hi<<32 | lo>>32
}
