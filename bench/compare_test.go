package bench

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repeated is a run with rounds enough for the comparison to tell something.
func repeated(seed uint64) synthetic {
	s := typical(seed)
	s.loads, s.backgrounds, s.rounds, s.messages = s.loads[:1], s.backgrounds[:1], 8, 2000
	return s
}

func compared(t *testing.T, a, b *Report) *Comparison {
	t.Helper()
	b.Plan.Seed = a.Plan.Seed // the seeds of these tests are their latencies'
	c, err := Compare(a, b)
	require.NoError(t, err)
	return c
}

func comparison(t *testing.T, c *Comparison) string {
	return written(t, func(b *bytes.Buffer) error { return c.Write(b) })
}

func (c *Comparison) of(t *testing.T, contender, figure string) Change {
	t.Helper()
	for _, change := range c.Changes {
		if change.Contender == contender && change.Figure == figure {
			return change
		}
	}
	require.Fail(t, "no such change", "%s %s", contender, figure)
	return Change{}
}

func TestCompareFindsAShift(t *testing.T) {
	slower := repeated(2)
	slower.shift = map[string]float64{"spin": 1.25}
	c := compared(t, repeated(1).report(), slower.report())
	change := c.of(t, "spin", "p50")
	assert.Equal(t, Worse, change.Verdict)
	assert.Equal(t, "c-spin", change.Floor)
	assert.InDelta(t, 1.25, change.B/change.A, 0.05)
	assert.InDelta(t, 1.25, change.RatioB/change.RatioA, 0.05)
	assert.Less(t, change.P, 0.05)
	for _, other := range []string{"c-spin", "c-park", "hybrid", "park"} {
		assert.Equal(t, Same, c.of(t, other, "p50").Verdict, other)
	}
	text := comparison(t, c)
	assert.Regexp(t, `(?m)^spin +p50, µs +0\.2\d +0\.\d\d +\+2\d\.\d % +1\.\d\d +1\.\d\d +\+2\d\.\d % +c-spin +0\.0\d\d +WORSE$`, text)
	assert.NotContains(t, text, "LIKE FOR LIKE")

	back := compared(t, slower.report(), repeated(1).report())
	assert.Equal(t, Better, back.of(t, "spin", "p50").Verdict)
}

// TestCompareDoesNotCryWolf compares runs of the same thing: 5 in 100 may find something that is not there.
func TestCompareDoesNotCryWolf(t *testing.T) {
	alarms := 0
	for seed := range uint64(20) {
		c := compared(t, repeated(10+2*seed).report(), repeated(11+2*seed).report())
		for _, change := range c.Changes {
			if change.Verdict == Better || change.Verdict == Worse {
				t.Logf("%+v", change)
				alarms++
			}
			assert.NotEqual(t, TooFew, change.Verdict)
		}
	}
	assert.LessOrEqual(t, alarms, 1)
}

// TestCompareOnASlowerDay has all contenders take 12 % longer: only their floors changed.
func TestCompareOnASlowerDay(t *testing.T) {
	slow := repeated(2)
	slow.drift = 0.12
	c := compared(t, repeated(1).report(), slow.report())
	for _, contender := range []string{"spin", "hybrid", "park"} {
		change := c.of(t, contender, "p50")
		assert.InDelta(t, 1.12, change.B/change.A, 0.04)
		assert.Equal(t, Same, change.Verdict, contender)
	}
	assert.Equal(t, Worse, c.of(t, "c-spin", "p50").Verdict)
}

func TestCompareOfASmallChange(t *testing.T) {
	a, b := plain(), plain()
	for _, r := range []*Report{a, b} {
		for i := range r.Cells {
			r.Cells[i].Rounds = nil
			for j := range 8 {
				step := time.Duration(1000 + 2*j)
				if r == b && r.Cells[i].Contender == "spin" {
					step += 40 // 4 %, in every round
				}
				r.Cells[i].Rounds = append(r.Cells[i].Rounds, Round{Measured: []Distribution{even(Dispatch, 1000, step)}})
			}
		}
	}
	change := compared(t, a, b).of(t, "spin", "p50")
	assert.Less(t, change.P, 0.05, "it is no chance")
	assert.Equal(t, Same, change.Verdict, "and does not matter")

	b.Machine.ClockStep = time.Millisecond
	for j := range b.Find("spin", "din", "quiet").Rounds {
		b.Find("spin", "din", "quiet").Rounds[j].Measured[0] = even(Dispatch, 1000, 1400)
	}
	assert.Equal(t, Same, compared(t, a, b).of(t, "spin", "p50").Verdict, "200 µs are less than the clock's step")
	b.Machine.ClockStep = time.Microsecond
	assert.Equal(t, Worse, compared(t, a, b).of(t, "spin", "p50").Verdict)
}

func TestCompareOfTooFewRounds(t *testing.T) {
	few := repeated(1)
	few.rounds = 3
	many := repeated(2)
	many.shift = map[string]float64{"spin": 3}
	many.rounds = 3
	c := compared(t, few.report(), many.report())
	assert.Equal(t, TooFew, c.of(t, "spin", "p50").Verdict)
	text := comparison(t, c)
	assert.Contains(t, text, "3 rounds against 3 cannot tell anything from noise: the test's p is at least 0.1, and must be 0.0021 or less\n"+
		"for one of 24 tests to count. Measure 7 rounds each.")
	assert.Contains(t, text, "24 with too few rounds to tell")
}

func TestCompareDoesNotTestTheMaximum(t *testing.T) {
	change := compared(t, repeated(1).report(), repeated(2).report()).of(t, "spin", "max")
	assert.Equal(t, Untested, change.Verdict)
	assert.True(t, math.IsNaN(change.P))
	assert.Positive(t, change.A)
}

func TestCompareTellsWhatElseDiffers(t *testing.T) {
	a, b := plain(), plain()
	b.Machine.Go, b.Machine.Wine, b.Plan.Duration, b.Cells[0].Rounds[0].Priority = "go1.27", "wine-10", time.Minute, "high"
	b.Cells[0].Rounds[0].Received -= 5
	b.Plan.SourceBusy, b.Plan.SourceMoves = time.Millisecond, 7
	a.Cells = append(a.Cells, Cell{Contender: "park", Load: "din", Background: "quiet", Rounds: a.Cells[0].Rounds})
	b.Cells = append(b.Cells, Cell{Contender: "spin", Load: "burst", Background: "quiet", Rounds: b.Cells[0].Rounds})
	text := comparison(t, compared(t, a, b))
	for _, want := range []string{
		"NOT LIKE FOR LIKE",
		`Go: "go1.26" in A, "go1.27" in B`,
		`Wine: "" in A, "wine-10" in B`,
		`duration of a round: "1s" in A, "1m0s" in B`,
		`source busy after each message: "0s" in A, "1ms" in B`,
		`messages until the source moves: "0" in A, "7" in B`,
		`granted: "source: normal; contender: normal" in A, "source: normal; contender: high (spin), normal (spin, c-spin)" in B`,
		"Only in A: park (load din, background quiet)",
		"Only in B: spin (load burst, background quiet)",
		"   WARNING: spin lost 5 of 2000 messages (load din, background quiet).",
	} {
		assert.Contains(t, text, want)
	}
}

// TestCompareOfDifferentContenders has only A measure a contender whose priority is another.
func TestCompareOfDifferentContenders(t *testing.T) {
	a, b := plain(), plain()
	a.Cells = append(a.Cells, Cell{Contender: "park", Load: "din", Background: "quiet", Rounds: []Round{{Priority: "high"}}})
	assert.Empty(t, compared(t, a, b).Differences, "what both measure has the same priorities")
}

func TestCompareOfCPUFromNothing(t *testing.T) {
	with := func(cpu float64) *Report {
		r := plain()
		r.Cells = r.Cells[:1]
		r.Cells[0].Rounds = nil
		for range 8 {
			r.Cells[0].Rounds = append(r.Cells[0].Rounds, Round{CPU: cpu})
		}
		return r
	}
	assert.Equal(t, Same, compared(t, with(0), with(0.002)).of(t, "spin", "CPU").Verdict)
	assert.Equal(t, Worse, compared(t, with(0), with(0.02)).of(t, "spin", "CPU").Verdict)
	assert.Equal(t, Better, compared(t, with(0.02), with(0)).of(t, "spin", "CPU").Verdict)
	assert.Equal(t, Same, compared(t, with(0), with(0)).of(t, "spin", "CPU").Verdict)
}

func TestCompareOfABlackBox(t *testing.T) {
	a, b := repeated(1).report(), repeated(2).report()
	for _, r := range []*Report{a, b} {
		for i := range r.Cells {
			for j := range r.Cells[i].Rounds {
				round := &r.Cells[i].Rounds[j]
				round.Measured[0].Measure = Return
				round.Measured = round.Measured[:1]
			}
		}
	}
	change := compared(t, a, b).of(t, "spin", "p50")
	assert.Equal(t, Same, change.Verdict)
	assert.InDelta(t, 230, change.A, 15)
}

func TestCompareOfNothingInCommon(t *testing.T) {
	a, b := plain(), plain()
	a.Cells, b.Cells = a.Cells[:1], b.Cells[1:]
	_, err := Compare(a, b)
	assert.EqualError(t, err, "the reports have nothing in common to compare: "+
		"A has spin (load din, background quiet); B has c-spin (load din, background quiet)")
	_, err = Compare(a, &Report{})
	assert.ErrorContains(t, err, "B has no cell")
}
