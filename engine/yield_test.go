package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/onset-midi/onset/engine/internal/tick"
)

// yields plays events at their times to a poller that looks every 5 µs, or, if it sleeps, only when one comes,
// and returns how long before the next event each yield was, and the longest time without one.
func yields(events []time.Duration, sleeps bool) (before []time.Duration, longest time.Duration) {
	const step, look = time.Microsecond, 5
	y := newYielder()
	var idleSince, last, lastYield time.Duration
	now := func(at time.Duration) uint64 { return tick.Ticks(at + time.Second) }
	y.last = now(0)
	for i, at := range events {
		next := at + time.Second
		if i+1 < len(events) {
			next = events[i+1]
		}
		gap := at - last
		last, idleSince = at, at
		for t := at; t < next; t += look * step {
			if y.due(now(t), tick.Ticks(t-idleSince), tick.Ticks(gap), sleeps) {
				before = append(before, next-t)
				longest = max(longest, t-lastYield)
				lastYield = t
				y.last = now(t)
			}
			if sleeps {
				break
			}
		}
		if i+1 == len(events) {
			break
		}
	}
	return before, longest
}

func every(gap time.Duration, n int) (events []time.Duration) {
	for i := range n {
		events = append(events, time.Duration(i)*gap)
	}
	return events
}

// A yield takes up to 100 µs. Where events leave room for that, none comes meanwhile; and Go's 10 ms never pass.
func TestYieldsAreOutOfTheWay(t *testing.T) {
	for gap, sleeps := range map[time.Duration]bool{time.Millisecond: true, 960 * time.Microsecond: false, 300 * time.Microsecond: true, 220 * time.Microsecond: false} {
		before, longest := yields(every(gap, 1000), sleeps)
		assert.NotEmpty(t, before, "gap %v, sleeps %v", gap, sleeps)
		assert.Less(t, longest, 10*time.Millisecond, "gap %v, sleeps %v", gap, sleeps)
		for _, b := range before {
			assert.Greater(t, b, 100*time.Microsecond, "gap %v, sleeps %v", gap, sleeps)
		}
	}
}

// Events that leave no room put a yield off, but not for long.
func TestADenseStreamIsYieldedInToo(t *testing.T) {
	for _, sleeps := range []bool{true, false} {
		before, longest := yields(every(50*time.Microsecond, 20_000), sleeps)
		assert.NotEmpty(t, before)
		assert.GreaterOrEqual(t, longest, 9*time.Millisecond, "sleeps %v", sleeps)
		assert.Less(t, longest, 10*time.Millisecond, "sleeps %v", sleeps)
	}
}

// A poller that spins does not yield between the notes of a chord.
func TestAChordIsNotSplit(t *testing.T) {
	var chords []time.Duration
	for i := range 200 {
		for note := range 16 {
			chords = append(chords, time.Duration(i)*7900*time.Microsecond+time.Duration(note)*20*time.Microsecond)
		}
	}
	before, _ := yields(chords, false)
	assert.NotEmpty(t, before)
	for _, b := range before {
		assert.Greater(t, b, 100*time.Microsecond)
	}
}
