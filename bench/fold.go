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

// place is what a message is among its neighbours.
type place int

const (
	among  place = iota // neither of the following
	first               // due at least silence after the one before
	behind              // due less than crowd after a first one
)

// passage is what became of one message.
type passage struct {
	trace *cwinmm.Trace
	n     int
	at    time.Duration // when it was due
	place place
}

// passages returns those of the messages that count and are measured. What was before the load is unknown:
// nothing is first there.
func passages(trace *cwinmm.Trace, plan Schedule) []passage {
	all := make([]passage, 0, len(plan.At)-plan.Counted)
	crowded := time.Duration(0) // when the last crowd ends
	for n, at := range plan.At {
		p := passage{trace: trace, n: n, at: at}
		switch {
		case isLong(plan.Message[n]):
			continue
		case n > 0 && at-plan.At[n-1] >= silence:
			p.place = first
			crowded = at + crowd
		case at < crowded:
			p.place = behind
		}
		if n >= plan.Counted {
			all = append(all, p)
		}
	}
	return all
}

// has reports whether a measure is of this message, too.
func (p passage) has(m Measure) bool {
	switch m {
	case DispatchFirst:
		return p.place == first
	case HeldBehind:
		return p.place == behind
	}
	return true
}

// since is how long after one thing, in ticks, another happened; ok is false if either did not.
func since(from, to uint64) (d time.Duration, ok bool) {
	return engine.Instant(to).Sub(engine.Instant(from)), from != 0 && to != 0
}

// latency returns one of its measures; ok is false if it is without.
func (p passage) latency(m Measure) (d time.Duration, ok bool) {
	t, n := p.trace, p.n
	late := time.Duration(t.LateNS[n])
	switch m {
	case Dispatch, DispatchFirst:
		return since(t.Entered[n], t.Arrived[n])
	case DispatchIntended, ReturnIntended:
		d, ok = since(t.Sent[n], t.Arrived[n])
		return d + late, ok
	case Held, HeldBehind:
		return since(t.Sent[n], t.Left[n])
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
	all := passages(trace, plan)
	for i, m := range measures {
		d := NewDistribution(m)
		for _, p := range all {
			if latency, ok := p.latency(m); ok && p.has(m) {
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
	r.Sent = uint64(len(all))
	r.Took, _ = since(trace.Sent[all[0].n], trace.Sent[all[len(all)-1].n])
	r.Timeline = cut(all, measures[0], r.Began)
	return nil
}

// cut cuts messages into slices by when they were due.
func cut(all []passage, m Measure, began time.Duration) []Slice {
	var slices []Slice
	var within []time.Duration
	at := all[0].at / sliceLength * sliceLength
	flush := func() {
		if len(within) > 0 {
			slices = append(slices, sliceOf(began+at, within))
			within = within[:0]
		}
	}
	for _, p := range all {
		if p.at >= at+sliceLength {
			flush()
			at = p.at / sliceLength * sliceLength
		}
		if latency, ok := p.latency(m); ok {
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
