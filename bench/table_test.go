package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// even returns a distribution of n latencies: step, 2 step, 3 step and so on.
func even(m Measure, n int, step time.Duration) Distribution {
	d := NewDistribution(m)
	for i := 1; i <= n; i++ {
		d.Record(time.Duration(i) * step)
	}
	return *d
}

// plain returns a report of two rounds with latencies that can be told by heart: in the second round all
// are twice as long, of "spin" three times.
func plain() *Report {
	r := &Report{
		Began:   time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC),
		Plan:    Plan{Contenders: []string{"c-spin", "spin"}, Rounds: 2, Duration: time.Second, SourceCPU: 2, PollerCPU: -1},
		Machine: Machine{OS: "Windows 11", Arch: "amd64", CPU: "Z80", Processors: 1, Go: "go1.26", GOMAXPROCS: 1, GOGC: "100"},
	}
	objects := 0.25
	for _, c := range []struct {
		name       string
		step, next time.Duration
		objects    *float64
	}{{"spin", 20, 60, &objects}, {"c-spin", 10, 20, nil}} {
		cell := Cell{Contender: c.name, Load: "din", Background: "quiet"}
		for i, step := range []time.Duration{c.step, c.next} {
			cell.Rounds = append(cell.Rounds, Round{
				Began: time.Duration(i) * time.Second, Sent: 1000, Received: 1000, CPU: 0.5, IdleCPU: 0.01,
				SourcePriority: "normal", Priority: "normal", Allocations: c.objects,
				Measured: []Distribution{even(Dispatch, 1000, step)},
				Timeline: []Slice{{At: time.Duration(i) * time.Second, Count: 1000, P50: 500 * step, Max: 1000 * step}},
			})
		}
		r.Cells = append(r.Cells, cell)
	}
	return r
}

func written(t *testing.T, write func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b))
	return b.String()
}

func table(t *testing.T, r *Report) string {
	return written(t, func(b *bytes.Buffer) error { return r.WriteTable(b) })
}

func TestTable(t *testing.T) {
	want := strings.TrimLeft(`
Onset latency, 2026-03-04 12:30:00 +0000

Machine   Windows 11, amd64, Z80 (1 processor)
Software  Onset unknown, go1.26, GOMAXPROCS=1, GOGC=100
Clock     unknown in steps of 0s; a reading takes 0 ns from Go, 0 ns from C; noting an arrival takes 0 ns; a sleep of 1 ms ends 0s late
Rounds    2 rounds of 1s after 0s of warm-up for each of 2 cells; seed 0
Asked     source: real-time priority, processor 2; contender: normal priority, any processor
Granted   source: normal; contender: normal

Load din, background quiet

            messages              dispatch, µs         CPU, %     allocs
contender       lost    p50   p99  p99.9   max   loaded  idle   an event
c-spin             0   6.67  19.6   20.0  20.0     50.0   1.0          –
spin               0   15.0  58.8   59.9  60.0     50.0   1.0       0.25

            against          dispatch, times the floor's
contender     floor                p50               p99
spin         c-spin   2.50 (2.00–3.00)  2.50 (2.00–3.00)

–: not measured, or by fewer messages than the percentile needs
`, "\n")
	assert.Empty(t, cmp.Diff(want, table(t, plain())))
}

func TestTableSaysWhatTheSourceIsAskedFor(t *testing.T) {
	r := plain()
	for want, of := range map[string]Plan{
		"source: real-time priority, any processor;":                                         {SourceCPU: -1},
		"source: normal priority, processor 1, busy for 200µs after each message;":           {SourceCPU: 1, SourceBusy: 200 * time.Microsecond, NormalSource: true},
		"source: real-time priority, from processor 0 on to the next after every 1 message;": {SourceCPU: -1, SourceMoves: 1},
		"from processor 1 on to the next after every 9 messages, busy for 1ms after each":    {SourceCPU: 1, SourceMoves: 9, SourceBusy: time.Millisecond},
	} {
		r.Plan = of
		assert.Contains(t, table(t, r), want)
	}
}

func TestTableWarns(t *testing.T) {
	r := plain()
	r.Machine.Hypervisor, r.Machine.Wine = true, "wine-10.0"
	r.Cells[0].Rounds[1].Received -= 3
	r.Cells[1].Rounds = r.Cells[1].Rounds[:1]
	r.Cells[0].Rounds[0].Priority = "time-critical"
	text := table(t, r)
	for _, want := range []string{
		"WARNING   This is a virtual machine",
		"WARNING   This ran under Wine (wine-10.0), not on Windows",
		"WARNING   spin lost 3 of 2000 messages (load din, background quiet).",
		"WARNING   c-spin has 1 round of the 2 planned (load din, background quiet).",
		"contender: normal (spin, c-spin), time-critical (spin)",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, table(t, plain()), "WARNING")
}

func TestTableOfABlackBox(t *testing.T) {
	r := plain()
	for i := range r.Cells {
		for j := range r.Cells[i].Rounds {
			r.Cells[i].Rounds[j].Measured[0].Measure = Return
		}
	}
	text := table(t, r)
	assert.Contains(t, text, "round trip, µs")
	assert.Contains(t, text, "spin               0   15.0  58.8   59.9  60.0")
	assert.NotContains(t, text, "dispatch")
	assert.NotContains(t, text, "floor")
}

func TestTableOfFewMessages(t *testing.T) {
	r := plain()
	r.Cells = r.Cells[:1]
	r.Cells[0].Rounds = r.Cells[0].Rounds[:1]
	r.Cells[0].Rounds[0].Measured[0] = even(Dispatch, 99, time.Microsecond)
	assert.Regexp(t, `p50 +max .*\n.* 50\.0 +99\.0 `, table(t, r), "99 messages say nothing of the 99th percentile")
	r.Cells[0].Rounds[0].Measured[0] = even(Dispatch, 100, time.Microsecond)
	assert.Regexp(t, `p50 +p99 +max `, table(t, r))
}

func TestTableOfRoutes(t *testing.T) {
	r := plain()
	r.Cells[1].Contender = immediate
	for i := range r.Cells {
		for j, round := range r.Cells[i].Rounds {
			d := *round.Get(Dispatch)
			d.Measure = InToOut
			r.Cells[i].Rounds[j].Measured = []Distribution{d}
		}
	}
	text := table(t, r)
	assert.Contains(t, text, "in to out, times in-callback's")
	assert.Regexp(t, `(?m)^spin +2\.50 \(2\.00–3\.00\)`, text)
}

// silences returns a report of hybrid, park and spin after silences: hybrid takes twice as long as park in the
// first round, three times in the second, and half as long as spin.
func silences() *Report {
	r := plain()
	r.Cells = nil
	for _, c := range []struct {
		name       string
		step, next time.Duration
	}{{"hybrid", 20, 60}, {"park", 10, 20}, {"spin", 40, 120}} {
		cell := Cell{Contender: c.name, Load: "chord", Background: "quiet"}
		for _, step := range []time.Duration{c.step, c.next} {
			cell.Rounds = append(cell.Rounds, Round{Measured: []Distribution{
				even(Dispatch, 1000, step), even(DispatchFirst, 50, 100*step), even(Held, 1000, step), even(HeldBehind, 500, step),
			}})
		}
		r.Cells = append(r.Cells, cell)
	}
	return r
}

func TestTableOfSilences(t *testing.T) {
	text := table(t, silences())
	for _, want := range []string{`
            first after a silence: dispatch, µs   right behind it: held, µs
contender                        p50   p99  max             p50   p99   max
spin                             152   588  600            15.0  58.8  60.0
hybrid                          76.0   294  300            7.50  29.4  30.0
park                            34.0  98.0  100            3.34  9.81  10.0
`, `
                                                       times the other's
contender   against              by                p50               p99
hybrid         spin        dispatch   0.50 (0.50–0.50)  0.50 (0.50–0.50)
hybrid         park  dispatch-first   2.50 (2.00–3.00)                 –
hybrid         park     held-behind   2.50 (2.00–3.00)  2.50 (2.00–3.00)
`} {
		assert.Contains(t, text, want)
	}
	page := htmlPage(t, silences())
	assert.Contains(t, page, "Percentiles of dispatch first")
	assert.Contains(t, page, "Percentiles of held behind")

	r := silences() // of a load without silences
	r.Cells = r.Cells[:2]
	for i := range r.Cells {
		for j := range r.Cells[i].Rounds {
			r.Cells[i].Rounds[j].Measured = r.Cells[i].Rounds[j].Measured[:1]
		}
	}
	text = table(t, r)
	assert.NotContains(t, text, "silence")
	assert.NotContains(t, text, "times the other's", "without its rival, there is no duel")
	assert.NotContains(t, htmlPage(t, r), "dispatch first")
}

// What noting costs is told by the contender that does not.
func TestTableOfNoting(t *testing.T) {
	r := plain()
	r.Cells[1].Contender = "spin-unnoted"
	for i := range r.Cells {
		for j := range r.Cells[i].Rounds {
			r.Cells[i].Rounds[j].Measured[0].Measure = InToOut
		}
	}
	assert.Regexp(t, `(?m)^spin-unnoted +spin +in-to-out +0\.42 \(0\.33–0\.50\) `, table(t, r))
}

func TestTableInThePlansOrder(t *testing.T) {
	r := plain()
	r.Cells = append(r.Cells, Cell{Contender: "unplanned", Load: "din", Background: "quiet"})
	assert.Regexp(t, `(?s)\nc-spin .*\nspin .*\nunplanned +0 +– `, table(t, r))
}

func TestFloorOf(t *testing.T) {
	for contender, want := range map[string]string{
		"spin": "c-spin", "hybrid": "c-spin", "park": "c-park", "in-callback": "", "c-spin": "", "c-park": "", "c-apart": "c-park", "spin-raised": "c-spin", "park-raised": "c-park",
	} {
		assert.Equal(t, want, floorOf(contender), contender)
	}
}

func TestRatiosToNothing(t *testing.T) {
	r := plain()
	for i := range r.Find("c-spin", "din", "quiet").Rounds {
		r.Find("c-spin", "din", "quiet").Rounds[i].Measured[0] = even(Dispatch, 1000, 0)
		text := table(t, r)
		assert.NotContains(t, text, "Inf")
		assert.Equal(t, i == 0, strings.Contains(text, "c-spin   3.00 (3.00–3.00)"), "of the round that has a floor")
	}
}

func TestMicros(t *testing.T) {
	for latency, want := range map[time.Duration]string{
		0: "0", 7: "0.007", 45: "0.045", 280: "0.28", 1004: "1.00", 12_440: "12.4", 1_442_300: "1442", time.Minute: "60000000",
	} {
		assert.Equal(t, want, micros(latency), "%d ns", latency)
	}
}
