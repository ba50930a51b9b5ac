package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// extent is the width and the height of a plot in its own units, whose origin is above on the left. The
// page stretches it.
const extent = 1000.0

// plot is a drawing and what its axes say.
type plot struct {
	X, Y   []tick
	Traces []trace
}

// tick is a mark on an axis.
type tick struct {
	At    float64 // per cent of the axis
	Label string  // empty: only a line
}

// trace is one contender's drawing.
type trace struct {
	Contender string
	N         int    // the contender's number in the report
	Line      string // SVG paths
	Dots      string
	Title     string
	Values    []string // by reading; absent where there is none
}

// logScale puts a figure on an axis in proportion to its logarithm.
type logScale struct{ low, high float64 } // decimal logarithms

// at returns where from 0 to 1 a figure is. What is below the scale, like 0, is at its beginning.
func (s logScale) at(x float64) float64 {
	return min(max((math.Log10(x)-s.low)/(s.high-s.low), 0), 1)
}

func (s logScale) y(latency time.Duration) float64 { return extent * (1 - s.at(float64(latency))) }

// latencyScale returns a scale for latencies, with some room. Those that are 0 have no place on it.
func latencyScale(latencies []time.Duration) logScale {
	low, high := time.Duration(math.MaxInt64), time.Duration(1)
	for _, l := range latencies {
		if l > 0 {
			low, high = min(low, l), max(high, l)
		}
	}
	low = min(low, high)
	const room = 0.08
	return logScale{math.Log10(float64(low)) - room, math.Log10(float64(high)) + room}
}

// ticks marks 1, 2 and 5 of each decade, with a label for the 1, and for all if there are few.
func (s logScale) ticks() []tick {
	var all []tick
	few := s.high-s.low < 2.5
	for decade := math.Floor(s.low); decade <= s.high; decade++ {
		for _, digit := range []float64{1, 2, 5} {
			ns := digit * math.Pow(10, decade)
			if x := math.Log10(ns); x < s.low || x > s.high {
				continue
			}
			t := tick{At: hundredths(100 * s.at(ns))}
			if digit == 1 || few {
				t.Label = fmt.Sprintf("%g", ns/1000)
			}
			all = append(all, t)
		}
	}
	return all
}

// readings are the percentiles that a reader may pick, as far as one of n messages exceeds them.
func readings(n uint64) []float64 {
	all := []float64{50, 75}
	for above := 10.0; above*float64(n) >= 100; above /= 10 {
		all = append(all, exactly(100-above), exactly(100-above/2))
	}
	return all
}

// exactly removes what a subtraction left in the last digits.
func exactly(percentile float64) float64 { return math.Round(percentile*1e7) / 1e7 }

// rank puts a percentile on the axis of HdrHistogram's plots: 90 is at 1, 99 at 2, 99.9 at 3.
func rank(percentile float64) float64 { return -math.Log10(1 - percentile/100) }

// lastRank is the rank of the slowest of n messages.
func lastRank(n uint64) float64 { return math.Log10(float64(n)) }

// lastRank is the rank of the slowest message that was not lost.
func (d *Distribution) lastRank() float64 {
	return math.Log10(float64(d.all()) / float64(max(d.Lost, 1)))
}

// point is a place in a plot.
type point struct{ x, y float64 }

// curve returns a distribution's latency by rank, from its least to its greatest.
func (d *Distribution) curve() (ranks []float64, latencies []time.Duration) {
	const perDecade = 50
	var percentiles []float64
	received := float64(d.Count()) / float64(d.all())
	for i := 0; float64(i)/perDecade < d.lastRank(); i++ {
		x := float64(i) / perDecade
		ranks, percentiles = append(ranks, x), append(percentiles, 100*(1-math.Pow(10, -x))/received)
	}
	values := d.hist.ValueAtPercentiles(percentiles)
	for _, p := range percentiles {
		latencies = append(latencies, min(time.Duration(values[p]), d.Max))
	}
	return append(ranks, d.lastRank()), append(latencies, d.Max)
}

// drawn is a contender's merged distribution of one measure.
type drawn struct {
	n int
	*Cell
	*Distribution
}

// axes are what the plots of one measure have in common, so that they can be compared with each other.
type axes struct {
	latency logScale
	most    uint64 // messages of a cell
}

func axesOf(all []drawn) axes {
	var latencies []time.Duration
	a := axes{most: 1}
	for _, d := range all {
		latencies = append(latencies, d.Max, d.Percentile(0), min(d.Percentile(50), d.Max))
		a.most = max(a.most, d.all())
	}
	a.latency = latencyScale(latencies)
	return a
}

// x returns where from 0 to 1 a rank is.
func (a axes) x(rank float64) float64 { return rank / (lastRank(a.most) + 0.1) }

// ranks marks the percentiles 0, 50, 90, 99 and so on.
func (a axes) ranks() []tick {
	all := []tick{{0, "0"}, {hundredths(100 * a.x(rank(50))), "50"}}
	for above := 10.0; above*float64(a.most) >= 100; above /= 10 {
		p := exactly(100 - above)
		all = append(all, tick{hundredths(100 * a.x(rank(p))), fmt.Sprint(p)})
	}
	return all
}

// curves draws percentile curves: each ends with a dot at its slowest message.
func (a axes) curves(all []drawn) plot {
	p := plot{X: a.ranks(), Y: a.latency.ticks()}
	for _, d := range all {
		var points []point
		ranks, latencies := d.curve()
		for i, r := range ranks {
			points = append(points, point{extent * a.x(r), a.latency.y(latencies[i])})
		}
		t := trace{Contender: d.Contender, N: d.n, Line: path(simplify(points)), Dots: dot(points[len(points)-1])}
		t.Title = fmt.Sprintf("%s: %d messages, the slowest %s µs", d.Contender, d.Count(), micros(d.Max))
		if d.Lost > 0 {
			t.Title += fmt.Sprintf(", %d lost", d.Lost)
		}
		for _, percentile := range readings(a.most) {
			t.Values = append(t.Values, cmp.Or(reading(d.Distribution, percentile), absent))
		}
		p.Traces = append(p.Traces, t)
	}
	return p
}

// simplify leaves out points that a line between its neighbours passes within a unit.
func simplify(points []point) []point {
	if len(points) < 3 {
		return points
	}
	first, last := points[0], points[len(points)-1]
	worst, far := 0, 1.0
	for i, p := range points[1 : len(points)-1] {
		between := first.y + (last.y-first.y)*(p.x-first.x)/(last.x-first.x)
		if d := math.Abs(p.y - between); d > far {
			worst, far = i+1, d
		}
	}
	if worst == 0 {
		return []point{first, last}
	}
	return append(simplify(points[:worst+1]), simplify(points[worst:])[1:]...)
}

// path is an SVG path through the points.
func path(points []point) string {
	var s strings.Builder
	for i, p := range points {
		s.WriteString(map[bool]string{true: "M", false: "L"}[i == 0])
		fmt.Fprintf(&s, "%.1f %.1f", p.x, p.y)
	}
	return s.String()
}

// dot is an SVG path of no length, which a round line cap shows.
func dot(p point) string { return path([]point{p}) + "h0" }

// stretch is a round of a cell on a timeline.
type stretch struct {
	n     int
	round int // from 0
	cell  *Cell
	*Round
}

// stretches returns the rounds that have a timeline, as they ran.
func stretches(cells []*Cell, numbers map[string]int) []stretch {
	var all []stretch
	for _, c := range cells {
		for i := range c.Rounds {
			if len(c.Rounds[i].Timeline) > 0 {
				all = append(all, stretch{numbers[c.Contender], i, c, &c.Rounds[i]})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b stretch) int { return cmp.Compare(a.Began, b.Began) })
	return all
}

// timelineScale returns one scale for all timelines.
func timelineScale(all []stretch) logScale {
	var latencies []time.Duration
	for _, s := range all {
		for _, slice := range s.Timeline {
			latencies = append(latencies, slice.P50, slice.Max)
		}
	}
	return latencyScale(latencies)
}

// timeline draws stretches one after the other, all as wide: the time between them, in which other cells
// ran, is only a gap.
func timeline(all []stretch, y logScale) plot {
	const gap = 0.2 // of a stretch
	p := plot{Y: y.ticks()}
	width := extent / (float64(len(all)) * (1 + gap))
	labelled := max(1, (all[len(all)-1].round+8)/8) // every so many rounds
	for i, s := range all {
		left := extent * (float64(i) + gap/2/(1+gap)) / float64(len(all))
		if i == 0 || all[i-1].round != s.round {
			t := tick{At: hundredths(100 * float64(i) / float64(len(all)))}
			if s.round%labelled == 0 {
				t.Label = clock(s.Began)
			}
			p.X = append(p.X, t)
		}
		p.Traces = append(p.Traces, s.trace(left, width, y))
	}
	return p
}

// trace draws the medians of a stretch's slices as a line and their maxima as dots. Slices without a
// message leave a gap.
func (s stretch) trace(left, width float64, y logScale) trace {
	const narrowest = 2.0 // units a slice
	n := len(s.Timeline)
	per := int(math.Ceil(float64(n) * narrowest / max(width, narrowest)))
	var line, dots strings.Builder
	var points []point
	flush := func() {
		if len(points) == 1 {
			line.WriteString(dot(points[0]))
		} else {
			line.WriteString(path(points))
		}
		points = nil
	}
	slowest := time.Duration(0)
	for i := 0; i < n; i += per {
		end := min(i+per, n)
		m := merge(s.Timeline[i:end])
		if m.Count == 0 {
			flush()
			continue
		}
		x := left + width*float64(i+end)/float64(2*n)
		points = append(points, point{x, y.y(m.P50)})
		dots.WriteString(dot(point{x, y.y(m.Max)}))
		slowest = max(slowest, m.Max)
	}
	flush()
	return trace{
		Contender: s.cell.Contender, N: s.n, Line: line.String(), Dots: dots.String(),
		Title: fmt.Sprintf("%s, round %d, at %s: the slowest message %s µs",
			s.cell.Contender, s.round+1, clock(s.Began), micros(slowest)),
	}
}

// merge returns slices as one: its median is the mean of theirs, each as often as it has messages.
func merge(all []Slice) Slice {
	m := Slice{At: all[0].At}
	sum := 0.0
	for _, s := range all {
		sum += float64(s.P50) * float64(s.Count)
		m.Count += s.Count
		m.Max = max(m.Max, s.Max)
	}
	m.P50 = time.Duration(sum / float64(max(m.Count, 1)))
	return m
}

// clock writes a time since the run began.
func clock(t time.Duration) string {
	s := int(t.Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func hundredths(x float64) float64 { return math.Round(x*100) / 100 }
