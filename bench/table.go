package bench

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteTable writes the report for a terminal: what ran on what, then a block for each load and
// background. Latencies are in microseconds, percentiles over all rounds' messages. CPU is in per cent of
// one processor. Beneath stand what follows a silence, each contender's ratios to its floor, and those of
// contenders that are compared directly, round by round: their median and range. It returns the writer's
// error.
func (r *Report) WriteTable(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "Onset latency, %s\n\n", r.Began.Format("2006-01-02 15:04:05 -0700"))
	for _, f := range r.facts() {
		fmt.Fprintf(out, "%-9s %s\n", f.Name, f.Text)
	}
	for _, warning := range r.warnings() {
		fmt.Fprintf(out, "WARNING   %s\n", warning)
	}
	for _, b := range r.blocks() {
		fmt.Fprintf(out, "\nLoad %s, background %s\n", b.load, b.background)
		for _, g := range r.grids(b) {
			fmt.Fprintln(out)
			g.write(out)
		}
	}
	fmt.Fprintf(out, "\n%s\n", legend)
	return out.Flush()
}

const legend = absent + ": not measured, or by fewer messages than the percentile needs"

// absent stands for a figure that a row lacks.
const absent = "–"

// grid is a table with a row for each contender.
type grid struct {
	Groups []group
	Rows   []row
}

// group is neighbouring columns with a heading in common.
type group struct {
	Title   string
	Columns []string
}

// row is a contender's figures.
type row struct {
	Contender string
	Figures   []string
}

// column is a figure that a grid could have.
type column struct {
	group, name string
	figure      func(*Cell) string // empty: it was not measured
}

// grids returns a block's tables: the figures, and where there are any those of silences, the ratios to the
// floor, and the duels.
func (r *Report) grids(b block) []grid {
	all := []grid{newGrid(b.cells, figures(b))}
	for _, columns := range [][]column{silenceColumns(b), r.ratioColumns()} {
		if g := newGrid(b.cells, columns); len(g.Groups) > 0 {
			all = append(all, g.measured())
		}
	}
	if g := r.duels(b); len(g.Rows) > 0 {
		all = append(all, g)
	}
	return all
}

// newGrid returns the columns that at least one cell has a figure for.
func newGrid(cells []*Cell, columns []column) grid {
	var g grid
	for _, c := range cells {
		g.Rows = append(g.Rows, row{Contender: c.Contender})
	}
	for _, col := range columns {
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = col.figure(c)
		}
		if strings.Join(texts, "") == "" {
			continue
		}
		for i, text := range texts {
			if text == "" {
				text = absent
			}
			g.Rows[i].Figures = append(g.Rows[i].Figures, text)
		}
		if n := len(g.Groups); n > 0 && g.Groups[n-1].Title == col.group {
			g.Groups[n-1].Columns = append(g.Groups[n-1].Columns, col.name)
		} else {
			g.Groups = append(g.Groups, group{col.group, []string{col.name}})
		}
	}
	return g
}

// measured returns the grid without the rows that have no figure.
func (g grid) measured() grid {
	with := grid{Groups: g.Groups}
	for _, r := range g.Rows {
		if strings.Trim(strings.Join(r.Figures, ""), absent) != "" {
			with.Rows = append(with.Rows, r)
		}
	}
	return with
}

// figures returns the columns of a block's first table.
func figures(b block) []column {
	columns := []column{{"messages", "lost", func(c *Cell) string {
		lost, _ := c.lost()
		return fmt.Sprint(lost)
	}}}
	columns = append(columns, latencyColumns(b, Dispatch, "dispatch, µs", 50, 99, 99.9, 100)...)
	columns = append(columns, latencyColumns(b, Return, "round trip, µs", 50, 99, 99.9, 100)...)
	columns = append(columns, latencyColumns(b, Held, "held, µs", 50, 99, 100)...)
	columns = append(columns, latencyColumns(b, InToOut, "in to out, µs", 50, 99)...)
	return append(columns,
		column{"CPU, %", "loaded", meanColumn("%.1f", func(r *Round) *float64 { return r.percent(r.CPU) })},
		column{"CPU, %", "idle", meanColumn("%.1f", func(r *Round) *float64 { return r.percent(r.IdleCPU) })},
		column{"allocs", "an event", meanColumn("%.2g", func(r *Round) *float64 { return r.Allocations })})
}

// silenceColumns returns the columns of the table of what happens after a silence.
func silenceColumns(b block) []column {
	return append(latencyColumns(b, DispatchFirst, "first after a silence: dispatch, µs", 50, 99, 100),
		latencyColumns(b, HeldBehind, "right behind it: held, µs", 50, 99, 100)...)
}

// latencyColumns returns columns for percentiles of a measure.
func latencyColumns(b block, m Measure, title string, percentiles ...float64) []column {
	merged := map[*Cell]*Distribution{}
	for _, c := range b.cells {
		merged[c] = c.Merged(m)
	}
	var columns []column
	for _, p := range percentiles {
		columns = append(columns, column{title, percentileName(p), func(c *Cell) string {
			latency, ok := supported(merged[c], p)
			if !ok {
				return ""
			}
			return micros(latency)
		}})
	}
	return columns
}

// ratioColumns returns the columns of a block's second table.
func (r *Report) ratioColumns() []column {
	columns := []column{{"against", "floor", func(c *Cell) string {
		if floor := r.floor(c); floor != nil {
			return floor.Contender
		}
		return ""
	}}}
	for _, p := range []float64{50, 99} {
		columns = append(columns, column{"dispatch, times the floor's", percentileName(p), func(c *Cell) string {
			return ratioText(c, r.floor(c), Dispatch, p)
		}})
	}
	for _, p := range []float64{50, 99} {
		columns = append(columns, column{"in to out, times " + immediate + "'s", percentileName(p), func(c *Cell) string {
			if c.Contender == immediate {
				return ""
			}
			return ratioText(c, r.Find(immediate, c.Load, c.Background), InToOut, p)
		}})
	}
	return columns
}

// floor returns the cell that c is measured against; nil: there is none with the same measure.
func (r *Report) floor(c *Cell) *Cell {
	floor := r.Find(floorOf(c.Contender), c.Load, c.Background)
	if floor == nil || len(ratios(c, floor, Dispatch, 50)) == 0 {
		return nil
	}
	return floor
}

func ratioText(c, floor *Cell, m Measure, percentile float64) string {
	if floor == nil {
		return ""
	}
	if s, ok := spreadOf(ratios(c, floor, m, percentile)); ok {
		return s.String()
	}
	return ""
}

func percentileName(percentile float64) string {
	if percentile >= 100 {
		return "max"
	}
	return fmt.Sprintf("p%g", percentile)
}

// fromOutside reports whether another program was measured, whose CPU time is not known.
func (r *Round) fromOutside() bool { return r.Get(Return) != nil }

// percent returns a share of CPU time in per cent; nil if it was not measured.
func (r *Round) percent(share float64) *float64 {
	if r.fromOutside() {
		return nil
	}
	share *= 100
	return &share
}

func meanColumn(format string, of func(*Round) *float64) func(*Cell) string {
	return func(c *Cell) string {
		if mean, ok := c.mean(of); ok {
			return fmt.Sprintf(format, mean)
		}
		return ""
	}
}

// write lays the grid out in columns: figures to the right, a group's title over its columns.
func (g grid) write(w io.Writer) {
	heads := row{Contender: "contender"}
	for _, group := range g.Groups {
		heads.Figures = append(heads.Figures, group.Columns...)
	}
	rows := append([]row{heads}, g.Rows...)
	widths := g.widths(rows)
	text := pad("", -widths[0])
	first := 1
	for _, group := range g.Groups {
		text += pad(group.Title, total(widths[first:first+len(group.Columns)]))
		first += len(group.Columns)
	}
	fmt.Fprintln(w, strings.TrimRight(text, " "))
	for _, r := range rows {
		text := pad(r.Contender, -widths[0])
		for i, figure := range r.Figures {
			text += pad(figure, widths[i+1])
		}
		fmt.Fprintln(w, strings.TrimRight(text, " "))
	}
}

// pad puts a text to the right of so many columns; below 0: to the left.
func pad(text string, width int) string { return fmt.Sprintf("%*s", width, text) }

// widths returns how wide the columns are with the space before them: more of it before a group.
func (g grid) widths(rows []row) []int {
	all := make([]int, 1+len(rows[0].Figures))
	for _, r := range rows {
		all[0] = max(all[0], utf8.RuneCountInString(r.Contender))
		for i, figure := range r.Figures {
			all[i+1] = max(all[i+1], 2+utf8.RuneCountInString(figure))
		}
	}
	first := 1
	for _, group := range g.Groups {
		width := total(all[first : first+len(group.Columns)])
		all[first] += 1 + max(0, 2+utf8.RuneCountInString(group.Title)-width)
		first += len(group.Columns)
	}
	return all
}

func total(widths []int) int {
	t := 0
	for _, w := range widths {
		t += w
	}
	return t
}
