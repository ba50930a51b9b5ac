//go:build cgo

package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/onset-midi/onset/cwinmm"
)

// BenchmarkLatency has each contender take b.N messages of a load, after a warm-up. An op is a message, so
// ns/op is the time between them; read the other columns, and compare them within a run. onset bench
// measures the same, with all contenders in turn.
func BenchmarkLatency(b *testing.B) {
	for _, name := range []string{"millisecond", "dense"} {
		load, err := FindLoad(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range contenders() {
			if needsRoute(c.Name) || c.Name == apart {
				continue // they want a plan of their own
			}
			b.Run(fmt.Sprintf("%s/%s", c.Name, name), func(b *testing.B) {
				loop, err := cwinmm.NewLoopback("Bench in", "Bench out")
				if err != nil {
					b.Fatal(err)
				}
				defer loop.Close()
				// A second of the load and then as much of it as b.N messages take.
				plan := load.Schedule(time.Second, time.Minute, 1)
				end := min(plan.Counted+b.N, len(plan.At))
				plan.At, plan.Message = plan.At[:end], plan.Message[:end]
				runner := Runner{Plan: Plan{SourceCPU: -1, PollerCPU: -1, Duration: time.Minute}, began: time.Now(), loop: loop}
				b.ResetTimer()
				round, err := runner.perform(c, plan, quiet)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(round.Took.Nanoseconds())/float64(max(round.Sent-1, 1)), "ns/op")
				b.ReportMetric(float64(round.Lost()), "lost")
				for _, m := range []Measure{Dispatch, Held} {
					for _, p := range []float64{50, 99, 100} {
						if latency, ok := supported(round.Get(m), p); ok {
							b.ReportMetric(float64(latency)/float64(time.Microsecond), fmt.Sprintf("%s-%s-µs", m, percentileName(p)))
						}
					}
				}
			})
		}
	}
}
