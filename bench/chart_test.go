package bench

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var move = regexp.MustCompile(`[ML](-?[0-9.]+) (-?[0-9.]+)`)

// points reads the points of an SVG path, which has nothing else in it.
func points(t *testing.T, d string) []point {
	t.Helper()
	require.Regexp(t, `^([ML]-?[0-9.]+ -?[0-9.]+(h0)?)*$`, d)
	var all []point
	for _, m := range move.FindAllStringSubmatch(d, -1) {
		x, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		y, err := strconv.ParseFloat(m[2], 64)
		require.NoError(t, err)
		all = append(all, point{x, y})
	}
	return all
}

func inside(t *testing.T, all []point) {
	t.Helper()
	for _, p := range all {
		assert.True(t, p.x >= 0 && p.x <= extent && p.y >= 0 && p.y <= extent, "%v is out of the plot", p)
	}
}

func TestCurves(t *testing.T) {
	many, few := even(Dispatch, 100_000, 10), even(Dispatch, 1000, 100)
	all := []drawn{{0, &Cell{Contender: "many"}, &many}, {3, &Cell{Contender: "few"}, &few}}
	a := axesOf(all)
	p := a.curves(all)

	var labels []string
	for _, tick := range p.X {
		labels = append(labels, tick.Label)
	}
	assert.Equal(t, []string{"0", "50", "90", "99", "99.9", "99.99", "99.999"}, labels)
	require.Len(t, p.Traces, 2)
	for i, trace := range p.Traces {
		line := points(t, trace.Line)
		inside(t, line)
		assert.Greater(t, len(line), 10)
		assert.Less(t, len(line), 120, "it is simplified")
		for j := 1; j < len(line); j++ {
			assert.Greater(t, line[j].x, line[j-1].x)
			assert.LessOrEqual(t, line[j].y, line[j-1].y, "latencies only grow along a curve")
		}
		end := points(t, trace.Dots)
		assert.Equal(t, line[len(line)-1:], end, "a curve ends with its dot")
		assert.InDelta(t, extent*a.x(lastRank(all[i].Count())), end[0].x, 0.1, "where its messages end")
		assert.InDelta(t, a.latency.y(all[i].Max), end[0].y, 0.1, "at the slowest")
	}
	assert.Equal(t, "few: 1000 messages, the slowest 100 µs", p.Traces[1].Title)
	assert.Equal(t, 3, p.Traces[1].N)
	assert.Equal(t, []float64{50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999, 99.9995}, readings(a.most))
	assert.Equal(t, "50.0 75.0 90.0 95.0 99.0 99.5 99.9 – – – – –", strings.Join(p.Traces[1].Values, " "))
}

// A curve with lost messages ends where they begin, and says of no percentile beyond what it was.
func TestCurvesOfLostMessages(t *testing.T) {
	whole, part := even(Dispatch, 10_000, 10), even(Dispatch, 9000, 10) // of the same messages, the slowest 1000 lost
	part.Lost = 1000
	all := []drawn{{0, &Cell{Contender: "whole"}, &whole}, {1, &Cell{Contender: "part"}, &part}}
	a := axesOf(all)
	assert.EqualValues(t, 10_000, axesOf(all[1:]).most)
	p := a.curves(all)
	end := points(t, p.Traces[1].Dots)[0]
	assert.InDelta(t, extent*a.x(rank(90)), end.x, 0.1)
	assert.InDelta(t, a.latency.y(part.Max), end.y, 0.1)
	assert.Equal(t, "50.0 75.0 90.0 95.0 99.0 99.5 99.9 100.0 100 –", strings.Join(p.Traces[0].Values, " "))
	assert.Equal(t, "50.0 75.0 90.0 lost lost lost lost lost lost –", strings.Join(p.Traces[1].Values, " "))
	ranks, latencies := part.curve()
	wholes, values := whole.curve()
	for i := range len(ranks) - 1 {
		assert.Equal(t, wholes[i], ranks[i])
		assert.InEpsilon(t, values[i], latencies[i], 0.002, "rank %v", ranks[i])
	}
}

func TestCurvesOfOddDistributions(t *testing.T) {
	one, none, long := even(Held, 1, time.Microsecond), even(Held, 5, 0), even(Held, 2, time.Hour)
	for name, d := range map[string]Distribution{"one message": one, "only 0": none, "hours": long} {
		all := []drawn{{0, &Cell{Contender: name}, &d}}
		trace := axesOf(all).curves(all).Traces[0]
		inside(t, points(t, trace.Line+trace.Dots))
	}
}

func TestSimplify(t *testing.T) {
	var wave []point
	for i := range 500 {
		wave = append(wave, point{float64(i), 200 * math.Sin(float64(i)/60)})
	}
	left := simplify(wave)
	assert.Less(t, len(left), 60)
	at := 0
	for _, p := range wave {
		if p.x > left[at+1].x {
			at++
		}
		a, b := left[at], left[at+1]
		assert.InDelta(t, p.y, a.y+(b.y-a.y)*(p.x-a.x)/(b.x-a.x), 1)
	}
}

func TestTicks(t *testing.T) {
	scale := latencyScale([]time.Duration{0, 150, 10 * time.Microsecond})
	var labels []string
	for _, tick := range scale.ticks() {
		assert.True(t, tick.At >= 0 && tick.At <= 100)
		labels = append(labels, tick.Label)
	}
	assert.Equal(t, []string{"0.2", "0.5", "1", "2", "5", "10"}, labels)
	assert.Equal(t, extent, scale.y(0), "0 is at the bottom")
}

func TestTimeline(t *testing.T) {
	r := plain()
	slices := []Slice{{Count: 1, P50: 100, Max: 300}, {Count: 1, P50: 100, Max: 100}, {}, {Count: 1, P50: 200, Max: 200}}
	for i := range r.Cells {
		for j := range r.Cells[i].Rounds {
			round := &r.Cells[i].Rounds[j]
			round.Began, round.Timeline = time.Duration(100*j+10*i)*time.Second, slices
		}
	}
	all := stretches([]*Cell{&r.Cells[1], &r.Cells[0]}, map[string]int{"spin": 1})
	p := timeline(all, timelineScale(all))
	var order []string
	last := 0.0
	for _, trace := range p.Traces {
		order = append(order, trace.Title)
		line := points(t, trace.Line)
		inside(t, line)
		assert.Equal(t, 2, strings.Count(trace.Line, "M"), "the slice without a message is a gap")
		assert.Equal(t, 3, strings.Count(trace.Dots, "M"))
		assert.Greater(t, line[0].x, last, "after the stretch before")
		last = line[2].x
	}
	assert.Equal(t, []string{
		"spin, round 1, at 0:00: the slowest message 0.30 µs", "c-spin, round 1, at 0:10: the slowest message 0.30 µs",
		"spin, round 2, at 1:40: the slowest message 0.30 µs", "c-spin, round 2, at 1:50: the slowest message 0.30 µs",
	}, order)
	assert.Equal(t, []tick{{0, "0:00"}, {50, "1:40"}}, p.X)
}

func TestTimelineOfManySlices(t *testing.T) {
	r := plain()
	cell := &r.Cells[0]
	cell.Rounds = cell.Rounds[:1]
	cell.Rounds[0].Timeline = nil
	for range 10_000 {
		cell.Rounds[0].Timeline = append(cell.Rounds[0].Timeline, Slice{Count: 10, P50: 200, Max: 300})
	}
	cell.Rounds[0].Timeline[7777].Max = time.Millisecond
	all := stretches([]*Cell{cell}, nil)
	y := timelineScale(all)
	trace := timeline(all, y).Traces[0]
	line, dots := points(t, trace.Line), points(t, trace.Dots)
	assert.Less(t, len(line), 501)
	worst := extent
	for _, p := range dots {
		worst = min(worst, p.y)
	}
	assert.InDelta(t, y.y(time.Millisecond), worst, 0.1, "the slowest message stays")
}
