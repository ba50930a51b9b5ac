package bench

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteGoBench writes the report as the output of Go benchmarks (golang.org/design/14313-benchmark-format),
// for benchstat and its like: a line for each round of each cell, whose iterations are the messages that
// arrived. Latencies are in ns, which benchstat scales as it does ns/op; cpu-ns is CPU time per second.
// A percentile that a round has too few messages for, or that is of a message which was lost, is left out. It
// returns the writer's error.
func (r *Report) WriteGoBench(w io.Writer) error {
	out := bufio.NewWriter(w)
	m := r.Machine
	for _, h := range []fact{
		{"goos", m.GOOS}, {"goarch", m.Arch}, {"pkg", "github.com/onset-midi/onset/bench"}, {"cpu", m.CPU},
	} {
		if h.Text != "" {
			fmt.Fprintf(out, "%s: %s\n", h.Name, h.Text)
		}
	}
	for i := range r.Cells {
		c := &r.Cells[i]
		for j := range c.Rounds {
			fmt.Fprintf(out, "BenchmarkLatency/contender=%s/load=%s/background=%s-%d", word(c.Contender), word(c.Load),
				word(c.Background), m.GOMAXPROCS)
			c.Rounds[j].writeGoBench(out)
		}
	}
	return out.Flush()
}

// writeGoBench writes what follows the benchmark's name.
func (r *Round) writeGoBench(w io.Writer) {
	fmt.Fprintf(w, " %d", r.Received)
	for i := range r.Measured {
		d := &r.Measured[i]
		for _, p := range []float64{50, 99, 99.9, 100} {
			if latency, ok := supported(d, p); ok {
				fmt.Fprintf(w, " %d %s-%s-ns", latency.Nanoseconds(), d.Measure, percentileName(p))
			}
		}
	}
	if !r.fromOutside() {
		fmt.Fprintf(w, " %.0f cpu-ns %.0f cpu-idle-ns", r.CPU*1e9, r.IdleCPU*1e9)
	}
	fmt.Fprintf(w, " %d lost", r.Lost())
	if r.Allocations != nil {
		fmt.Fprintf(w, " %g allocs/event", *r.Allocations)
	}
	fmt.Fprintln(w)
}

// word returns a name as a benchmark's may be: without white space, or slashes, which separate its parts.
func word(name string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(name), "_"), "/", "_")
}
