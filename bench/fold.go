package bench

import (
	"slices"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine"
)

// sliceLength is how long a Slice of the timeline is.
const sliceLength = 100 * time.Millisecond

// silence is how long no message must have been due for the next to be a first one. crowd is for how long
// after that others are right behind it.
const (
	silence = 5 * time.Millisecond
	crowd   = time.Millisecond
)

// place is where a message stands among its neighbours.
type place int

const (
	among  place = iota // neither of the following
	first               // due at least silence after the one before
	behind              // due less than crowd after a first one
)

// places returns the place of each message. What was before the load is unknown: nothing is first there.
func (s *Schedule) places() []place {
	all := make([]place, len(s.At))
	crowded := time.Duration(0) // when the last crowd ends
	for n := 1; n < len(s.At); n++ {
		switch {
		case s.At[n]-s.At[n-1] >= silence:
			all[n] = first
			crowded = s.At[n] + crowd
		case s.At[n] < crowded:
			all[n] = behind
		}
	}
	return all
}

// passage is what became of one message.
type passage struct {
	trace *cwinmm.Trace
	n     int
	place place
}

// since is how long after one thing, in ticks, another happened; ok is false if either did not.
func since(from, to uint64) (d time.Duration, ok bool) {
	return engine.Instant(to).Sub(engine.Instant(from)), from != 0 && to != 0
}

// latency returns one of its measures; ok is false if it is without.
func (p passage) latency(m Measure) (d time.Duration, ok bool) {
	t, n := p.trace, p.n
	late := time.Duration(t.LateNS[n])
	if isLong(t.Message[n]) {
		return 0, false
	}
	switch m {
	case Dispatch:
		return since(t.Entered[n], t.Arrived[n])
	case DispatchIntended, ReturnIntended:
		d, ok = since(t.Sent[n], t.Arrived[n])
		return d + late, ok
	case DispatchFirst:
		d, ok = since(t.Entered[n], t.Arrived[n])
		return d, ok && p.place == first
	case Held:
		return since(t.Sent[n], t.Left[n])
	case HeldBehind:
		d, ok = since(t.Sent[n], t.Left[n])
		return d, ok && p.place == behind
	case DriverToCallback:
		return since(t.Sent[n], t.Entered[n])
	case InToOut:
		return since(t.Sent[n], t.Reached[n])
	case Return:
		return since(t.Sent[n], t.Arrived[n])
	case InToOutIntended:
		d, ok = since(t.Sent[n], t.Reached[n])
		return d + late, ok
	default: // Late
		return late, t.Sent[n] != 0
	}
}

// measuresOf returns what a contender on a cable is measured by.
func measuresOf(route bool) []Measure {
	all := []Measure{Dispatch, DispatchIntended, DispatchFirst, Held, HeldBehind, DriverToCallback, Late}
	if route {
		all = append([]Measure{InToOut, InToOutIntended}, all...)
	}
	return all
}

// fold makes a round's figures of its trace: of the messages that count, a distribution for each of the
// measures. A message was received if it has the first of them, which the timeline shows. All that is
// computed is computed here, when nothing is measured any more.
func (r *Round) fold(trace *cwinmm.Trace, plan Schedule, measures []Measure) error {
	places := plan.places()
	for i, m := range measures {
		d := NewDistribution(m)
		for n := plan.Counted; n < len(plan.At); n++ {
			if latency, ok := (passage{trace, n, places[n]}).latency(m); ok {
				d.Record(latency)
			}
		}
		if i == 0 {
			r.Received = d.Count()
		}
		if d.Count() == 0 {
			continue // the contender does not do this at all, or the load has no such message
		}
		if err := d.pack(); err != nil {
			return err
		}
		r.Measured = append(r.Measured, *d)
	}
	r.Sent = 0
	for _, message := range trace.Message[plan.Counted:len(plan.At)] {
		if !isLong(message) {
			r.Sent++
		}
	}
	r.Took = plan.At[len(plan.At)-1] - plan.At[plan.Counted]
	r.Timeline = cut(trace, plan, measures[0], r.Began)
	return nil
}

// cut cuts the messages that count into slices by when they were due.
func cut(trace *cwinmm.Trace, plan Schedule, m Measure, began time.Duration) []Slice {
	var slices []Slice
	var within []time.Duration
	at := plan.At[plan.Counted] / sliceLength * sliceLength
	flush := func() {
		if len(within) > 0 {
			slices = append(slices, sliceOf(began+at, within))
			within = within[:0]
		}
	}
	for n := plan.Counted; n < len(plan.At); n++ {
		if plan.At[n] >= at+sliceLength {
			flush()
			at = plan.At[n] / sliceLength * sliceLength
		}
		if latency, ok := (passage{trace: trace, n: n}).latency(m); ok {
			within = append(within, latency)
		}
	}
	flush()
	return slices
}

func sliceOf(at time.Duration, latencies []time.Duration) Slice {
	slices.Sort(latencies)
	return Slice{At: at, Count: uint64(len(latencies)), P50: latencies[(len(latencies)-1)/2], Max: latencies[len(latencies)-1]}
}
