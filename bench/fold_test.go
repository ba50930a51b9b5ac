//go:build cgo

package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/cwinmm"
)

// sentTrace returns a trace of messages that have been sent, n at n+1 ticks.
func sentTrace(t *testing.T, rows int) *cwinmm.Trace {
	t.Helper()
	trace, err := cwinmm.NewTrace(rows)
	require.NoError(t, err)
	t.Cleanup(trace.Free)
	for n := range rows {
		trace.Sent[n] = uint64(n) + 1
	}
	return trace
}

// A round's figures are of the messages that count, and those that never came are lost.
func TestFold(t *testing.T) {
	const rows, counted = 100, 40
	trace := sentTrace(t, rows)
	plan := Schedule{At: make([]time.Duration, rows), Message: make([]uint32, rows), Counted: counted}
	for n := range rows {
		plan.At[n] = time.Duration(n) * 10 * time.Millisecond
		trace.Left[n] = trace.Sent[n] + 5
		trace.LateNS[n] = uint64(n)
		if n%10 != 0 {
			trace.Entered[n], trace.Arrived[n] = trace.Sent[n]+1, trace.Sent[n]+1000
		}
	}
	round := Round{Began: time.Hour}
	require.NoError(t, round.fold(trace, plan, measuresOf(true)))
	assert.EqualValues(t, 60, round.Sent)
	assert.Zero(t, round.Received, "nothing reached the output")
	assert.Nil(t, round.Get(InToOut))
	assert.EqualValues(t, 54, round.Get(Dispatch).Count())
	assert.EqualValues(t, 60, round.Get(Held).Count())
	assert.Equal(t, 99*time.Nanosecond, round.Get(Late).Max)
	took, _ := since(trace.Sent[counted], trace.Sent[rows-1])
	assert.Equal(t, took, round.Took, "as it was sent, not as it was due")

	round = Round{Began: time.Hour}
	require.NoError(t, round.fold(trace, plan, measuresOf(false)))
	assert.EqualValues(t, 54, round.Received)
	assert.EqualValues(t, 6, round.Lost())
	require.Len(t, round.Timeline, 6)
	for i, s := range round.Timeline {
		assert.Equal(t, time.Hour+time.Duration(i+4)*100*time.Millisecond, s.At)
		assert.EqualValues(t, 9, s.Count)
		assert.Equal(t, round.Get(Dispatch).Max, s.Max)
	}
}

// latencies returns what a measure's distribution holds, as far as it is exact: below 2 µs.
func (d *Distribution) latencies() (all []time.Duration) {
	if d == nil {
		return nil
	}
	for _, bar := range d.histogram().Distribution() {
		for range bar.Count {
			all = append(all, time.Duration(bar.From))
		}
	}
	return all
}

// What follows a silence is measured apart: the message that ends it, and those right behind that one.
func TestFoldOfSilences(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		at            []time.Duration
		counted       int
		first, behind []int // the messages that are measured as such
	}{
		"chords":             {[]time.Duration{0, 0, 250 * ms, 250 * ms, 250 * ms, 500 * ms, 500 * ms}, 0, []int{2, 5}, []int{3, 4, 6}},
		"those that count":   {[]time.Duration{0, 0, 250 * ms, 250 * ms, 250 * ms, 500 * ms, 500 * ms}, 4, []int{5}, []int{4, 6}},
		"just silence":       {[]time.Duration{0, 5*ms - 1, 10*ms - 1, 15*ms - 1}, 0, []int{2, 3}, nil},
		"just behind":        {[]time.Duration{0, 10 * ms, 10*ms + 500, 11*ms - 1, 11 * ms, 11*ms + 1}, 0, []int{1}, []int{2, 3}},
		"without a silence":  {[]time.Duration{0, 4 * ms, 8 * ms, 8 * ms}, 0, nil, nil},
		"nothing before it":  {[]time.Duration{10 * ms, 10 * ms}, 0, nil, nil},
		"silence in between": {[]time.Duration{0, 10 * ms, 10 * ms, 16 * ms, 16 * ms}, 0, []int{1, 3}, []int{2, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			trace := sentTrace(t, len(c.at))
			of := func(rows []int, ticks uint64) (all []time.Duration) {
				for _, n := range rows {
					d, _ := since(1, 1+ticks+uint64(n)*10)
					all = append(all, d)
				}
				return all
			}
			const dispatch, held = 200, 100
			for n := range c.at {
				trace.Entered[n], trace.Arrived[n] = trace.Sent[n]+5, trace.Sent[n]+5+dispatch+uint64(n)*10
				trace.Left[n] = trace.Sent[n] + held + uint64(n)*10
			}
			var round Round
			require.NoError(t, round.fold(trace, Schedule{At: c.at, Message: make([]uint32, len(c.at)), Counted: c.counted}, measuresOf(false)))
			assert.Equal(t, of(c.first, dispatch), round.Get(DispatchFirst).latencies())
			assert.Equal(t, of(c.behind, held), round.Get(HeldBehind).latencies())
			assert.Equal(t, len(c.first) > 0, slices.Contains((&Cell{Rounds: []Round{round}}).Measures(), DispatchFirst))
		})
	}
}

// A system exclusive message is sent among those that are measured, and is none of them.
func TestFoldOfLongMessages(t *testing.T) {
	trace, err := cwinmm.NewTrace(3)
	require.NoError(t, err)
	defer trace.Free()
	plan := Schedule{At: []time.Duration{0, 10 * time.Millisecond, 11 * time.Millisecond}, Message: []uint32{0, longRow | sysexBytes, 0}}
	for n := range plan.At {
		trace.Sent[n], trace.Entered[n], trace.Arrived[n], trace.Left[n] = 1, 1, 2, 2
	}
	var r Round
	require.NoError(t, r.fold(trace, plan, []Measure{Dispatch, Late, DispatchFirst, HeldBehind}))
	assert.EqualValues(t, 2, r.Sent)
	assert.EqualValues(t, 2, r.Received)
	assert.EqualValues(t, 2, r.Get(Late).Count())
	assert.Nil(t, r.Get(DispatchFirst))
	assert.Nil(t, r.Get(HeldBehind), "a system exclusive message ends no silence")
}
