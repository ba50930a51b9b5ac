package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// block is what is compared: the cells of one load under one background, in the plan's order.
type block struct {
	load, background string
	cells            []*Cell
}

// blocks returns the report's cells by load and background, in the plan's order.
func (r *Report) blocks() []block {
	var all []block
	for _, load := range r.names(r.Plan.Loads, func(c *Cell) string { return c.Load }) {
		for _, background := range r.names(r.Plan.Backgrounds, func(c *Cell) string { return c.Background }) {
			b := block{load: load, background: background}
			for _, contender := range r.contenders() {
				if c := r.Find(contender, load, background); c != nil {
					b.cells = append(b.cells, c)
				}
			}
			if len(b.cells) > 0 {
				all = append(all, b)
			}
		}
	}
	return all
}

func (r *Report) contenders() []string {
	return r.names(r.Plan.Contenders, func(c *Cell) string { return c.Contender })
}

// names returns what the plan names, then what only cells do.
func (r *Report) names(plan []string, of func(*Cell) string) []string {
	all := slices.Clone(plan)
	for i := range r.Cells {
		if name := of(&r.Cells[i]); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// supported returns a percentile; false: there is no distribution, or it has fewer messages than one to
// exceed the percentile, so that it would only be the maximum.
func supported(d *Distribution, percentile float64) (time.Duration, bool) {
	const rounding = 1e-6
	if d == nil || d.Count() == 0 || percentile < 100 && float64(d.Count())*(100-percentile) < 100-rounding {
		return 0, false
	}
	return d.Percentile(percentile), true
}

// micros writes a latency in microseconds.
func micros(latency time.Duration) string {
	return digits(float64(latency) / float64(time.Microsecond))
}

// digits writes a figure that is not negative with two or three digits, but never fewer than its integer
// part has.
func digits(x float64) string {
	decimals := 0
	switch {
	case x == 0:
	case x < 0.1:
		decimals = 3
	case x < 10:
		decimals = 2
	case x < 100:
		decimals = 1
	}
	return fmt.Sprintf("%.*f", decimals, x)
}

// fact is a line about the run.
type fact struct{ Name, Text string }

// facts returns what ran on what, and what was asked for and granted.
func (r *Report) facts() []fact {
	p, m := r.Plan, r.Machine
	software := fmt.Sprintf("Onset %s, %s, GOMAXPROCS=%d, GOGC=%s", known(m.Onset), known(m.Go), m.GOMAXPROCS, known(m.GOGC))
	clock := fmt.Sprintf("%s in steps of %v; a reading takes %.3g ns from Go, %.3g ns from C; noting an arrival takes %.3g ns; "+
		"a sleep of 1 ms ends %v late", known(m.Clock), m.ClockStep, m.StampCost, m.StampCostC, m.RecordCost, m.TimerResolution)
	rounds := fmt.Sprintf("%s of %v after %v of warm-up for each of %s; seed %d",
		count(p.Rounds, "round"), p.Duration, p.WarmUp, count(len(r.Cells), "cell"), p.Seed)
	source, contender := "real-time", "normal"
	if p.NormalSource {
		source = "normal"
	}
	if p.Raise {
		contender = "real-time"
	}
	asked := fmt.Sprintf("source: %s priority, %s; contender: %s priority, %s",
		source, p.source(), contender, processor(p.PollerCPU))
	return []fact{
		{"Machine", fmt.Sprintf("%s, %s, %s (%s)", known(m.OS), m.Arch, known(m.CPU), count(m.Processors, "processor"))},
		{"Software", software},
		{"Clock", clock},
		{"Rounds", rounds},
		{"Asked", asked},
		{"Granted", r.granted()},
	}
}

// source returns where the source is asked to be, and to do what besides sending.
func (p *Plan) source() string {
	text := processor(p.SourceCPU)
	if p.SourceMoves > 0 {
		text = fmt.Sprintf("from processor %d on to the next after every %s", max(p.SourceCPU, 0), count(p.SourceMoves, "message"))
	}
	if p.SourceBusy > 0 {
		text += fmt.Sprintf(", busy for %v after each message", p.SourceBusy)
	}
	return text
}

// granted returns the priorities that the source and the contenders got, and the processors that they were kept
// on. It names the contenders where they differ.
func (r *Report) granted() string {
	source, contender := map[string][]string{}, map[string][]string{}
	for i := range r.Cells {
		c := &r.Cells[i]
		for _, round := range c.Rounds {
			note(source, grant(round.SourcePriority, round.SourceProcessor), c.Contender)
			note(contender, grant(round.Priority, round.Processor), c.Contender)
		}
	}
	return "source: " + grants(source) + "; contender: " + grants(contender)
}

// grant is what one thread got.
func grant(priority string, kept *int) string {
	if kept == nil {
		return known(priority)
	}
	return known(priority) + " on " + processor(*kept)
}

func note(by map[string][]string, grant, contender string) {
	if !slices.Contains(by[grant], contender) {
		by[grant] = append(by[grant], contender)
	}
}

func grants(by map[string][]string) string {
	var all []string
	for _, grant := range slices.Sorted(maps.Keys(by)) {
		text := grant
		if len(by) > 1 {
			text += " (" + strings.Join(by[grant], ", ") + ")"
		}
		all = append(all, text)
	}
	return known(strings.Join(all, ", "))
}

// warnings returns what a reader must know before reading a figure.
func (r *Report) warnings() []string {
	var all []string
	if r.Machine.Hypervisor {
		all = append(all, "This is a virtual machine: its host may stop it at any time, so the high percentiles are the host's as well.")
	}
	if r.Machine.Wine != "" {
		all = append(all, fmt.Sprintf("This ran under Wine (%s), not on Windows: timers, priorities and waking are Linux's.", r.Machine.Wine))
	}
	for i := range r.Cells {
		c := &r.Cells[i]
		if lost, sent := c.lost(); lost > 0 {
			all = append(all, fmt.Sprintf("%s lost %d of %d messages (load %s, background %s).",
				c.Contender, lost, sent, c.Load, c.Background))
		}
		if n := len(c.Rounds); n != r.Plan.Rounds {
			all = append(all, fmt.Sprintf("%s has %s of the %d planned (load %s, background %s).",
				c.Contender, count(n, "round"), r.Plan.Rounds, c.Load, c.Background))
		}
	}
	return all
}

// lost returns how many messages were lost of how many, in all rounds.
func (c *Cell) lost() (lost, sent uint64) {
	for i := range c.Rounds {
		lost += c.Rounds[i].Lost()
		sent += c.Rounds[i].Sent
	}
	return lost, sent
}

// mean returns the mean of a figure over the rounds; false: no round has it.
func (c *Cell) mean(of func(*Round) *float64) (float64, bool) {
	sum, n := 0.0, 0
	for i := range c.Rounds {
		if v := of(&c.Rounds[i]); v != nil {
			sum += *v
			n++
		}
	}
	return sum / float64(max(n, 1)), n > 0
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func processor(n int) string {
	if n < 0 {
		return "any processor"
	}
	return fmt.Sprintf("processor %d", n)
}

func known(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}
