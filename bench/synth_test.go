package bench

import (
	"math"
	"math/rand/v2"
	"time"
)

// synthetic describes a report of a run that never was.
type synthetic struct {
	seed        uint64
	contenders  []string
	loads       []string
	backgrounds []string
	rounds      int
	messages    int                // of each round
	shift       map[string]float64 // by contender: what its latencies are multiplied by
	drift       float64            // how much slower the whole machine is; 0: not at all
}

// typical is what a small run measures.
func typical(seed uint64) synthetic {
	return synthetic{
		seed:        seed,
		contenders:  []string{"c-spin", "c-park", "spin", "hybrid", "park", "in-callback"},
		loads:       []string{"din", "burst"},
		backgrounds: []string{"quiet", "gc"},
		rounds:      3,
		messages:    2000,
	}
}

// usual is the median latency in nanoseconds of the contenders, and how many times that their tail reaches.
var usual = map[string]struct{ median, tail float64 }{
	"c-spin": {190, 1.25}, "spin": {230, 1.4}, "hybrid": {260, 1.6},
	"c-park": {6800, 1.3}, "park": {8300, 1.5}, "in-callback": {120, 1.2},
}

// report makes the report: log-normal latencies with stalls, the same for the same seed.
func (s synthetic) report() *Report {
	random := rand.New(rand.NewPCG(s.seed, 1))
	r := &Report{
		Format: Format,
		Began:  time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC),
		Plan: Plan{
			Contenders: s.contenders, Loads: s.loads, Backgrounds: s.backgrounds, Rounds: s.rounds,
			Duration: 2 * time.Second, WarmUp: 200 * time.Millisecond, Seed: s.seed,
			SourceCPU: 2, PollerCPU: 3, Raise: true, Route: true,
		},
		Machine: Machine{
			OS: "Windows 11 26100", GOOS: "windows", Arch: "amd64", CPU: "AMD Ryzen 7 7700", Processors: 16,
			Go: "go1.26.8", GOMAXPROCS: 16, GOGC: "100", Onset: "a84cbe9", Clock: "TSC", ClockStep: time.Nanosecond,
			StampCost: 21.3, StampCostC: 18.1, RecordCost: 30.2, TimerResolution: 520 * time.Microsecond,
		},
	}
	for _, contender := range s.contenders {
		for _, load := range s.loads {
			for _, background := range s.backgrounds {
				r.Cells = append(r.Cells, Cell{Contender: contender, Load: load, Background: background})
			}
		}
	}
	began := time.Duration(0)
	for range s.rounds {
		weather := (1 + s.drift) * math.Exp(0.02*random.NormFloat64()) // hits the cells of a round alike
		for _, i := range random.Perm(len(r.Cells)) {
			c := &r.Cells[i]
			c.Rounds = append(c.Rounds, s.round(random, c, began, weather))
			began += r.Plan.WarmUp + r.Plan.Duration
		}
	}
	return r
}

// round makes one round of a cell.
func (s synthetic) round(random *rand.Rand, c *Cell, began time.Duration, weather float64) Round {
	const slices = 20
	is := usual[c.Contender]
	factor := weather * math.Exp(0.01*random.NormFloat64())
	if shift := s.shift[c.Contender]; shift != 0 {
		factor *= shift
	}
	if c.Background == "gc" {
		is.tail *= 1.3
	}
	latency := func(median float64) time.Duration {
		ns := median * factor * math.Exp(math.Log(is.tail)*random.NormFloat64())
		if random.Float64() < 0.0004 {
			ns += 40_000 * random.ExpFloat64() * is.tail
		}
		return time.Duration(ns)
	}
	var objects float64
	round := Round{
		Began: began, Took: 2 * time.Second, Sent: uint64(s.messages), Received: uint64(s.messages),
		SourcePriority: "time-critical", Priority: "time-critical", Allocations: &objects,
		CPU: 0.04 + 0.001*random.Float64(), IdleCPU: 0.001,
	}
	measures := map[Measure]float64{DispatchIntended: is.median * 1.4, Held: 95, InToOut: is.median * 1.5}
	if c.Contender == "c-spin" || c.Contender == "c-park" {
		delete(measures, InToOut)
		round.Priority, round.Allocations = "normal", nil
	}
	dispatch := NewDistribution(Dispatch)
	for i := range slices {
		slice := NewDistribution(Dispatch)
		for range s.messages / slices {
			slice.Record(latency(is.median))
		}
		dispatch.Merge(slice)
		round.Timeline = append(round.Timeline, Slice{
			At: began + time.Duration(i)*round.Took/slices, Count: slice.Count(), P50: slice.Percentile(50), Max: slice.Max,
		})
	}
	round.Measured = append(round.Measured, *dispatch)
	for _, m := range []Measure{DispatchIntended, Held, InToOut} {
		if measures[m] == 0 {
			continue
		}
		d := NewDistribution(m)
		for range s.messages {
			d.Record(latency(measures[m]))
		}
		round.Measured = append(round.Measured, *d)
	}
	return round
}
