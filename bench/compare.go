package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Comparison is what differs between two reports, A and B.
//
// A figure's rounds in A are compared with those in B by a two-sided Mann-Whitney U test, since latencies
// are nothing like normal. Where both reports have the contender's floor, it is the round's ratio to the
// floor in the same round that is tested: whatever made the whole machine slower on the other day, a clock
// rate, a browser, hits both and cancels out. Floors and CPU time are compared as they are, so that a floor
// which changed tells of the machine. But what the floor shares with the contender, the callback and the
// ring, cancels out too: there, read the floor's own row.
//
// All tests of a comparison are one family, corrected by Holm's method: the probability that it reports
// any difference where there is none is below 5 %, however many cells there are. It has a price: many
// cells need more rounds, and the comparison says how many. A difference must besides matter: 5 %, and for
// a latency a step of the clock, for CPU time 0.5 % of a processor. The maximum is a single message's, so
// it is shown and not tested.
type Comparison struct {
	Changes     []Change // by cell, in A's order
	Differences []string // in machines and plans: with any, the reports are not like for like
	OnlyA       []string // cells that B lacks
	OnlyB       []string // and A
	Tests       int      // how many figures were tested

	a, b *Report
}

// Change is one figure of a cell in both reports.
type Change struct {
	Contender, Load, Background string

	Figure           string  // "p50", "p99", "p99.9" or "max" of Dispatch or Return, or "CPU"
	A, B             float64 // medians over the rounds: in ns, or in CPU seconds a second
	RoundsA, RoundsB int     // that have the figure
	Floor            string  // what the verdict's ratios are to; empty: the verdict is on the figure itself
	RatioA, RatioB   float64 // medians over the rounds
	P                float64 // corrected for all tests; NaN: not tested
	Verdict          Verdict
}

// Verdict says whether a figure changed. Less is better for all of them.
type Verdict string

// The verdicts.
const (
	Better   Verdict = "BETTER"
	Worse    Verdict = "WORSE"
	Same     Verdict = "no difference beyond noise"
	TooFew   Verdict = "too few rounds to tell"
	Untested Verdict = "not tested"
)

const (
	level       = 0.05
	leastChange = 0.05
	leastCPU    = 0.005
)

// Compare compares every cell that both reports have. It is an error if there is none.
func Compare(a, b *Report) (*Comparison, error) {
	c := &Comparison{a: a, b: b, Differences: differences(a, b), OnlyA: lacking(a, b), OnlyB: lacking(b, a)}
	for _, block := range a.blocks() {
		for _, cell := range block.cells {
			if other := b.Find(cell.Contender, cell.Load, cell.Background); other != nil {
				c.add(cell, other)
			}
		}
	}
	if len(c.Changes) == 0 {
		return nil, errors.New("the reports have nothing in common to compare: A has " + cellNames(a) + "; B has " + cellNames(b))
	}
	c.judge()
	return c, nil
}

// add adds a cell's figures.
func (c *Comparison) add(a, b *Cell) {
	floorA, floorB := c.a.Find(floorOf(a.Contender), a.Load, a.Background), c.b.Find(floorOf(b.Contender), b.Load, b.Background)
	for _, m := range []Measure{Dispatch, Return} {
		for _, p := range []float64{50, 99, 99.9, 100} {
			sample := pair{latencies(a, m, p), latencies(b, m, p)}
			tested := sample
			floor := ""
			if floorA != nil && floorB != nil && p < 100 {
				if r := (pair{ratios(a, floorA, m, p), ratios(b, floorB, m, p)}); r.some() {
					tested, floor = r, floorA.Contender
				}
			}
			c.addFigure(a, percentileName(p), floor, sample, tested)
		}
	}
	cpu := pair{perRound(a, func(r *Round) float64 { return r.CPU }), perRound(b, func(r *Round) float64 { return r.CPU })}
	c.addFigure(a, figureCPU, "", cpu, cpu)
}

const figureCPU = "CPU"

// pair is a figure's rounds in both reports.
type pair struct{ a, b []float64 }

func (p pair) some() bool { return len(p.a) > 0 && len(p.b) > 0 }

// addFigure adds a figure that both reports have, with the p of its own test.
func (c *Comparison) addFigure(cell *Cell, figure, floor string, sample, tested pair) {
	if !sample.some() {
		return
	}
	change := Change{
		Contender: cell.Contender, Load: cell.Load, Background: cell.Background, Figure: figure, Floor: floor,
		A: median(sample.a), B: median(sample.b), RoundsA: len(tested.a), RoundsB: len(tested.b), P: math.NaN(),
	}
	if floor != "" {
		change.RatioA, change.RatioB = median(tested.a), median(tested.b)
	}
	if figure != percentileName(100) {
		change.P = mannWhitney(tested.a, tested.b)
		c.Tests++
	}
	c.Changes = append(c.Changes, change)
}

// judge corrects the p values for each other and gives the verdicts.
func (c *Comparison) judge() {
	var ps []*float64
	for i := range c.Changes {
		if p := &c.Changes[i].P; !math.IsNaN(*p) {
			ps = append(ps, p)
		}
	}
	holm(ps)
	for i := range c.Changes {
		c.Changes[i].Verdict = c.verdict(&c.Changes[i])
	}
}

func (c *Comparison) verdict(change *Change) Verdict {
	switch relative, difference := change.amount(); {
	case math.IsNaN(change.P):
		return Untested
	case smallestP(change.RoundsA, change.RoundsB)*float64(c.Tests) > level:
		return TooFew
	case change.P > level || math.Abs(relative) < leastChange || math.Abs(difference) < c.least(change):
		return Same
	case difference < 0:
		return Better
	}
	return Worse
}

// least returns the smallest difference of a figure that matters.
func (c *Comparison) least(change *Change) float64 {
	if change.Figure == figureCPU {
		return leastCPU
	}
	return float64(max(c.a.Machine.ClockStep, c.b.Machine.ClockStep))
}

// amount returns the change that the verdict is on: as a part of what the figure was in A, and in its unit.
func (c *Change) amount() (relative, difference float64) {
	if c.Floor != "" {
		relative = c.RatioB/c.RatioA - 1
		return relative, relative * c.A
	}
	return c.B/c.A - 1, c.B - c.A
}

// latencies returns a percentile of each round that has messages enough for it, in ns.
func latencies(c *Cell, m Measure, percentile float64) []float64 {
	var all []float64
	for i := range c.Rounds {
		if latency, ok := supported(c.Rounds[i].Get(m), percentile); ok {
			all = append(all, float64(latency))
		}
	}
	return all
}

func perRound(c *Cell, of func(*Round) float64) []float64 {
	var all []float64
	for i := range c.Rounds {
		all = append(all, of(&c.Rounds[i]))
	}
	return all
}

// lacking returns the names of a's cells that b lacks.
func lacking(a, b *Report) []string {
	var all []string
	for _, block := range a.blocks() {
		for _, c := range block.cells {
			if b.Find(c.Contender, c.Load, c.Background) == nil {
				all = append(all, c.name())
			}
		}
	}
	return all
}

func (c *Cell) name() string {
	return fmt.Sprintf("%s (load %s, background %s)", c.Contender, c.Load, c.Background)
}

func cellNames(r *Report) string {
	all := lacking(r, &Report{})
	if len(all) == 0 {
		return "no cell"
	}
	return strings.Join(all, ", ")
}

// differences returns in what the machines and the plans differ that could change a figure.
func differences(a, b *Report) []string {
	var all []string
	for _, d := range []struct {
		name string
		of   func(*Report) any
	}{
		{"operating system", func(r *Report) any { return r.Machine.OS }},
		{"Wine", func(r *Report) any { return r.Machine.Wine }},
		{"architecture", func(r *Report) any { return r.Machine.Arch }},
		{"CPU", func(r *Report) any { return r.Machine.CPU }},
		{"processors", func(r *Report) any { return r.Machine.Processors }},
		{"virtual machine", func(r *Report) any { return r.Machine.Hypervisor }},
		{"Go", func(r *Report) any { return r.Machine.Go }},
		{"GOMAXPROCS", func(r *Report) any { return r.Machine.GOMAXPROCS }},
		{"GOGC", func(r *Report) any { return r.Machine.GOGC }},
		{"clock", func(r *Report) any { return r.Machine.Clock }},
		{"clock's step", func(r *Report) any { return r.Machine.ClockStep }},
		{"duration of a round", func(r *Report) any { return r.Plan.Duration }},
		{"warm-up", func(r *Report) any { return r.Plan.WarmUp }},
		{"seed", func(r *Report) any { return r.Plan.Seed }},
		{"source's processor", func(r *Report) any { return processor(r.Plan.SourceCPU) }},
		{"contender's processor", func(r *Report) any { return processor(r.Plan.PollerCPU) }},
		{"source busy after each message", func(r *Report) any { return r.Plan.SourceBusy }},
		{"messages until the source moves", func(r *Report) any { return r.Plan.SourceMoves }},
		{"normal priority asked for the source", func(r *Report) any { return r.Plan.NormalSource }},
		{"real-time priority asked for the contender", func(r *Report) any { return r.Plan.Raise }},
		{"messages sent on", func(r *Report) any { return r.Plan.Route }},
		{"granted", func(r *Report) any { return r.common(a, b).granted() }},
	} {
		if x, y := d.of(a), d.of(b); x != y {
			all = append(all, fmt.Sprintf("%s: %q in A, %q in B", d.name, fmt.Sprint(x), fmt.Sprint(y)))
		}
	}
	return all
}

// common returns the report with only the cells that both others have.
func (r *Report) common(a, b *Report) *Report {
	var common Report
	for _, c := range r.Cells {
		if a.Find(c.Contender, c.Load, c.Background) != nil && b.Find(c.Contender, c.Load, c.Background) != nil {
			common.Cells = append(common.Cells, c)
		}
	}
	return &common
}

// Write writes the comparison for a terminal. It returns the writer's error.
func (c *Comparison) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, of := range []struct {
		name string
		*Report
	}{{"A", c.a}, {"B", c.b}} {
		fmt.Fprintf(out, "%s  %s, Onset %s, %s\n", of.name, of.Began.Format("2006-01-02 15:04:05 -0700"),
			known(of.Machine.Onset), count(of.Plan.Rounds, "round"))
		for _, warning := range of.warnings() {
			fmt.Fprintf(out, "   WARNING: %s\n", warning)
		}
	}
	if len(c.Differences) > 0 {
		fmt.Fprintf(out, "\nNOT LIKE FOR LIKE: a change may be due to what else differs:\n")
	}
	for _, d := range c.Differences {
		fmt.Fprintf(out, "   %s\n", d)
	}
	list(out, "Only in A", c.OnlyA)
	list(out, "Only in B", c.OnlyB)
	fmt.Fprintf(out, "\n%s\n", c.method())
	for rest := c.Changes; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Load == rest[0].Load && rest[n].Background == rest[0].Background {
			n++
		}
		fmt.Fprintf(out, "\nLoad %s, background %s\n\n", rest[0].Load, rest[0].Background)
		changeGrid(rest[:n]).write(out)
		rest = rest[n:]
	}
	fmt.Fprintf(out, "\n%s\n", c.summary())
	return out.Flush()
}

func list(w io.Writer, title string, all []string) {
	for _, name := range all {
		fmt.Fprintf(w, "%s: %s\n", title, name)
	}
}

// method says what was tested, and what the test could have found.
func (c *Comparison) method() string {
	text := fmt.Sprintf("Medians over rounds. Tested by Mann-Whitney's U over rounds, on ratios to the floor where there are any;\n"+
		"%s, corrected by Holm's method; a change counts from p ≤ %g and %g %%. A floor that changed tells of the machine.", count(c.Tests, "test"), level, 100*leastChange)
	n, m := c.fewest()
	if p := smallestP(n, m); p*float64(c.Tests) > level {
		text += fmt.Sprintf("\n%s against %d cannot tell anything from noise: the test's p is at least %.2g, and must be %.2g or less\n"+
			"for one of %d tests to count. Measure %d rounds each.",
			count(n, "round"), m, p, level/float64(c.Tests), c.Tests, enough(c.Tests))
	}
	return text
}

// fewest returns the rounds of the figure that has the fewest.
func (c *Comparison) fewest() (a, b int) {
	worst := 0.0
	for i := range c.Changes {
		if ch := &c.Changes[i]; !math.IsNaN(ch.P) {
			if p := smallestP(ch.RoundsA, ch.RoundsB); p > worst {
				worst, a, b = p, ch.RoundsA, ch.RoundsB
			}
		}
	}
	return a, b
}

// enough returns with how many rounds in each report one of n tests can find something.
func enough(n int) int {
	rounds := 1
	for smallestP(rounds, rounds)*float64(n) > level {
		rounds++
	}
	return rounds
}

// summary counts the verdicts.
func (c *Comparison) summary() string {
	by := map[Verdict]int{}
	for i := range c.Changes {
		by[c.Changes[i].Verdict]++
	}
	return fmt.Sprintf("Of %s: %d better, %d worse, %d without a difference beyond noise, %d with too few rounds to tell.",
		count(c.Tests, "figure"), by[Better], by[Worse], by[Same], by[TooFew])
}

// changeGrid lays changes out.
func changeGrid(changes []Change) grid {
	g := grid{Groups: []group{
		{"", []string{"figure"}}, {"median", []string{"A", "B", "change"}},
		{"times the floor's", []string{"A", "B", "change", "floor"}}, {"", []string{"p", leftAligned("verdict")}},
	}}
	for i := range changes {
		c := &changes[i]
		r := row{c.Contender, []string{c.figure(), c.text(c.A), c.text(c.B), changeText(c.A, c.B)}}
		if c.Floor == "" {
			r.Figures = append(r.Figures, absent, absent, absent, absent)
		} else {
			r.Figures = append(r.Figures, digits(c.RatioA), digits(c.RatioB), changeText(c.RatioA, c.RatioB), c.Floor)
		}
		p := absent
		if !math.IsNaN(c.P) {
			p = fmt.Sprintf("%.3f", c.P)
		}
		r.Figures = append(r.Figures, p, leftAligned(c.Verdict))
		g.Rows = append(g.Rows, r)
	}
	return g
}

// leftAligned makes a verdict as long as the longest.
func leftAligned(v Verdict) string { return fmt.Sprintf("%-*s", len(Same), v) }

// figure returns the figure's name with its unit.
func (c *Change) figure() string {
	if c.Figure == figureCPU {
		return "CPU, %"
	}
	return c.Figure + ", µs"
}

func (c *Change) text(x float64) string {
	if c.Figure == figureCPU {
		return fmt.Sprintf("%.1f", 100*x)
	}
	return micros(time.Duration(x))
}

func changeText(a, b float64) string {
	if a == 0 {
		return absent
	}
	return fmt.Sprintf("%+.1f %%", 100*(b/a-1))
}
