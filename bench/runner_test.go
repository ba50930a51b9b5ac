//go:build cgo

package bench

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/cwinmm"
)

// TestMain turns this test binary into a busy process, or one to be ended, when it is told to.
func TestMain(m *testing.M) {
	if how := os.Getenv("ONSET_TEST_END"); how != "" {
		endAs(how)
		return
	}
	if file := os.Getenv("ONSET_TEST_SPIN"); file != "" {
		_ = Spin(os.Stdin)
		_ = os.WriteFile(file, nil, 0o600) // that it has ended by itself
		return
	}
	os.Exit(m.Run())
}

// shortly is a plan that takes no longer than it must.
func shortly(contenders, loads, backgrounds []string) Plan {
	return Plan{
		Contenders: contenders, Loads: loads, Backgrounds: backgrounds, Rounds: 1,
		Duration: 30 * time.Millisecond, WarmUp: 5 * time.Millisecond, Seed: 1,
		SourceCPU: 0, PollerCPU: -1, Route: slices.ContainsFunc(contenders, needsRoute),
	}
}

// spinning has the background busy-processes start this test binary, and ended returns how many of
// them have come to their end by themselves.
func spinning(t *testing.T) (busy func() *exec.Cmd, ended func() (started, ended int)) {
	t.Helper()
	folder, err := os.MkdirTemp("", "onset") // TempDir's cleanup fails in Wine 8
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	var files []string
	t.Cleanup(func() {
		for _, file := range append(files, folder) {
			assert.NoError(t, os.Remove(file))
		}
	})
	return func() *exec.Cmd {
			file := filepath.Join(folder, strings.Repeat("x", len(files)+1))
			files = append(files, file)
			c := exec.Command(self)
			c.Env = append(os.Environ(), "ONSET_TEST_SPIN="+file)
			return c
		}, func() (int, int) {
			there := 0
			for _, file := range files {
				if _, err := os.Stat(file); err == nil {
					there++
				}
			}
			return len(files), there
		}
}

// sound says that a measured round is one that can be.
func sound(t *testing.T, c *Cell, r *Round, route bool) {
	t.Helper()
	name := c.Contender + ", " + c.Load + ", " + c.Background
	require.Positive(t, r.Sent, name)
	require.LessOrEqual(t, r.Received, r.Sent, name)
	assert.Equal(t, r.Sent, r.Received+r.Lost(), name)
	if c.Load == "millisecond" {
		assert.Zero(t, r.Lost(), name)
	}
	want := []Measure{Dispatch, DispatchIntended, Held, DriverToCallback, Late}
	switch {
	case c.Contender == immediate:
		want = []Measure{InToOut, InToOutIntended, Held, DriverToCallback, Late}
	case onlySends(c.Contender):
		want = []Measure{InToOut, InToOutIntended, Held, Late} // not a thing of the handler's
	case route:
		want = slices.Concat([]Measure{InToOut, InToOutIntended}, want)
	}
	measured := slices.DeleteFunc((&Cell{Rounds: []Round{*r}}).Measures(), func(m Measure) bool {
		return m == DispatchFirst || m == HeldBehind // a matter of the load's times
	})
	require.Empty(t, cmp.Diff(want, measured), name)
	for _, m := range []Measure{Held, Late} {
		require.NotNil(t, r.Get(m), name)
		assert.Equal(t, r.Sent, r.Get(m).Count(), "%s, %s", name, m)
	}
	assert.Equal(t, r.Received, r.Get(want[0]).Count(), name)
	seen := uint64(0)
	for _, s := range r.Timeline {
		seen += s.Count
	}
	assert.Equal(t, r.Received, seen, "%s: messages in the timeline", name)
	assert.NotEmpty(t, r.SourcePriority, name)
	assert.NotEmpty(t, r.Priority, name)
	assert.Equal(t, c.Background == quiet && r.Sent > 1000, r.Allocations != nil, name)
}

// Every contender takes every load, and a load under every background; the report goes through every writer.
func TestEverythingIsMeasured(t *testing.T) {
	for _, c := range []struct {
		name               string
		loads, backgrounds []string
		rounds             int
		route              bool
	}{
		{"every load", LoadNames(), []string{quiet}, 1, true},
		{"every background", []string{"millisecond"}, BackgroundNames(), 1, true},
		{"without routing", []string{"millisecond", "dense"}, []string{quiet}, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := shortly(ContenderNames(), c.loads, c.backgrounds)
			plan.Route, plan.Rounds = c.route, c.rounds
			if !c.route {
				plan.Contenders = slices.DeleteFunc(plan.Contenders, needsRoute)
			}
			busy, ended := spinning(t)
			told := 0
			all := len(plan.Contenders) * len(c.loads) * len(c.backgrounds) * c.rounds
			runner := Runner{Plan: plan, Busy: busy, Progress: func(p Progress) {
				assert.Equal(t, told, p.Done)
				assert.Equal(t, all, p.All)
				told++
			}}
			report, err := runner.Run(t.Context())
			require.NoError(t, err)
			assert.Equal(t, all, told)
			require.Len(t, report.Cells, all/c.rounds)
			for i := range report.Cells {
				cell := &report.Cells[i]
				require.Len(t, cell.Rounds, c.rounds)
				for j := range cell.Rounds {
					sound(t, cell, &cell.Rounds[j], c.route)
				}
			}
			processes, gone := ended()
			assert.Equal(t, slices.Contains(c.backgrounds, "busy-processes"), processes > 0)
			assert.Equal(t, processes, gone, "processes that have ended")
			everyWriterShows(t, report)
		})
	}
}

// What the source does besides is in the plan, and every contender is measured all the same.
func TestASourceThatIsBusyAndMoves(t *testing.T) {
	plan := shortly([]string{"park", "c-park", "in-callback"}, []string{"millisecond"}, []string{quiet})
	plan.SourceBusy, plan.SourceMoves = 2*time.Millisecond, 5
	report, err := (&Runner{Plan: plan}).Run(t.Context())
	require.NoError(t, err)
	for _, c := range report.Cells {
		sound(t, &c, &c.Rounds[0], true)
		late := c.Rounds[0].Get(Late)
		assert.GreaterOrEqual(t, late.Max, time.Duration(late.Count())*time.Millisecond, "2 ms of work every 1 ms")
	}
	assert.Contains(t, table(t, report), "source: real-time priority, from processor 0 on to the next after every 5 messages, busy for 2ms after each message;")
}

// A processor that the source does not get is an error.
func TestASourceWithoutItsProcessor(t *testing.T) {
	for want, plan := range map[string]Plan{
		"processor 9999 for the source: not granted": {SourceCPU: 9999},
		"the source on each of ":                     {SourceCPU: 9999, SourceMoves: 5},
	} {
		plan.PollerCPU, plan.Duration = -1, time.Millisecond
		_, err := performed(t, plan, "c-park")
		assert.ErrorContains(t, err, want)
	}
}

// Nor is a contender measured on another processor than it should be on.
func TestAContenderWithoutItsProcessor(t *testing.T) {
	for _, contender := range []string{"spin", "park", "channel", "c-spin", "datagram"} {
		_, err := performed(t, Plan{SourceCPU: -1, PollerCPU: 9999, Duration: time.Millisecond}, contender)
		assert.EqualError(t, err, "processor 9999 for the contender: not granted", contender)
	}
}

func TestTheReportSaysWhichProcessorsWereGranted(t *testing.T) {
	plan := shortly([]string{"park", "c-park", "c-apart", "datagram", "exported", "channel"}, []string{"dense"}, []string{quiet})
	plan.SourceCPU, plan.PollerCPU, plan.NormalSource = 0, 0, true
	report, err := (&Runner{Plan: plan}).Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "source: normal on processor 0; contender: normal on processor 0 (park, c-park, datagram, channel), "+
		"normal on processor 1 (c-apart), the driver's (exported)", report.granted())

	plan.PollerCPU, plan.SourceMoves = -1, 9
	plan.Contenders = []string{"park", "c-park"}
	report, err = (&Runner{Plan: plan}).Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "source: normal; contender: normal", report.granted())
}

// performed returns what measuring one contender gives, whatever the plan's Check says.
func performed(t *testing.T, plan Plan, contender string) (*Round, error) {
	t.Helper()
	loop, err := cwinmm.NewLoopback("Bench in", "Bench out")
	require.NoError(t, err)
	t.Cleanup(loop.Close)
	c, err := FindContender(contender)
	require.NoError(t, err)
	round, err := (&Runner{Plan: plan, began: time.Now(), loop: loop}).perform(c, planned(t, "dense", 0, 10*time.Millisecond, 1), quiet)
	assert.Zero(t, loop.OpenHandles())
	return round, err
}

// A chord's first note ends a silence, and the others are right behind it, for every contender.
func TestWhatFollowsASilenceIsMeasured(t *testing.T) {
	plan := shortly([]string{"hybrid", "park", "in-callback"}, []string{"chord"}, []string{quiet})
	plan.Duration = 260 * time.Millisecond // with the chord at 250 ms
	report, err := (&Runner{Plan: plan}).Run(t.Context())
	require.NoError(t, err)
	for _, c := range report.Cells {
		r := &c.Rounds[0]
		assert.EqualValues(t, 16, r.Sent)
		require.NotNil(t, r.Get(HeldBehind), c.Contender)
		assert.EqualValues(t, 15, r.Get(HeldBehind).Count(), c.Contender)
		if c.Contender != immediate {
			require.NotNil(t, r.Get(DispatchFirst), c.Contender)
			assert.EqualValues(t, 1, r.Get(DispatchFirst).Count(), c.Contender)
		}
	}
}

func everyWriterShows(t *testing.T, report *Report) {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, report.WriteJSON(&file))
	back, err := ReadJSON(&file, "a.json")
	require.NoError(t, err)
	for name, text := range map[string]string{
		"table": table(t, report), "page": htmlPage(t, report), "benchmarks": goBench(t, report), "table from JSON": table(t, back),
	} {
		for _, contender := range report.Plan.Contenders {
			assert.Contains(t, text, contender, name)
		}
	}
	assert.Equal(t, table(t, report), table(t, back))
}

// began returns the contenders of a load in the order in which they were measured in a round.
func began(report *Report, load string, round int) []string {
	var cells []*Cell
	for i := range report.Cells {
		if report.Cells[i].Load == load {
			cells = append(cells, &report.Cells[i])
		}
	}
	slices.SortFunc(cells, func(a, b *Cell) int { return int(a.Rounds[round].Began - b.Rounds[round].Began) })
	return names(cells, func(c *Cell) string { return c.Contender })
}

func TestTheOrderOfContendersVaries(t *testing.T) {
	plan := shortly([]string{"park", "c-park", "exported", "hybrid"}, []string{"dense"}, []string{quiet})
	plan.Rounds, plan.Duration, plan.WarmUp = 6, 2*time.Millisecond, 0
	orders := func() (all []string) {
		report, err := (&Runner{Plan: plan}).Run(t.Context())
		require.NoError(t, err)
		for round := range plan.Rounds {
			all = append(all, strings.Join(began(report, "dense", round), " "))
		}
		return all
	}
	first := orders()
	assert.Greater(t, len(slices.Compact(slices.Sorted(slices.Values(first)))), 2, "%v", first)
	assert.Equal(t, first, orders(), "the same seed gives the same order")
	plan.Seed = 2
	assert.NotEqual(t, first, orders())
}

// What was completed when a run is cancelled is kept.
func TestACancelledRunKeepsItsRounds(t *testing.T) {
	plan := shortly([]string{"park", "c-park"}, []string{"dense", "din"}, []string{quiet})
	plan.Rounds = 100
	for stopAt, rounds := range map[int]int{0: 0, 2: 0, 3: 1, 6: 1} {
		ctx, cancel := context.WithCancel(t.Context())
		report, err := (&Runner{Plan: plan, Progress: func(p Progress) {
			if p.Done == stopAt {
				cancel()
			}
		}}).Run(ctx)
		cancel()
		require.ErrorIs(t, err, context.Canceled)
		for _, c := range report.Cells {
			assert.Equal(t, rounds, len(c.Rounds), "stopped in measurement %d", stopAt)
		}
	}
}

func TestAPlanThatIsWrongIsNotCarriedOut(t *testing.T) {
	good := shortly([]string{"park"}, []string{"din"}, []string{quiet})
	assert.NoError(t, good.Check())
	for name, c := range map[string]struct {
		spoil func(*Plan)
		want  []string
	}{
		"names": {func(p *Plan) {
			p.Contenders, p.Loads, p.Backgrounds = []string{"park", "go"}, []string{"heavy"}, []string{"noise"}
		}, []string{`load "heavy": there are sparse, `, `background "noise": there are quiet, `, `contender "go": there are spin, `}},
		"nothing": {func(p *Plan) { *p = Plan{} }, []string{"0 loads, 0 rounds: at least 1 of each is needed", "duration 0s",
			"at least one contender and one background are needed"}},
		"times":     {func(p *Plan) { p.Duration, p.WarmUp = 2*time.Minute, -1 }, []string{"duration 2m0s, warm-up -1ns: from above 0 to 1m"}},
		"processor": {func(p *Plan) { p.SourceCPU, p.PollerCPU = 9999, 3 }, []string{"processor 9999 for the source, 3 for the poller: there are 0 to "}},
		"besides": {func(p *Plan) { p.SourceBusy, p.SourceMoves = 11*time.Millisecond, -1 }, []string{
			"source busy for 11ms, moving after -1 messages: from 0 to 10ms, and from 0, are possible"}},
		"apart from everywhere": {func(p *Plan) { p.Contenders, p.SourceMoves = []string{apart}, 1 }, []string{
			"c-apart: it is kept on another processor than the source's: say which that is, and do not have it move"}},
		"only routing": {func(p *Plan) { p.Contenders = []string{immediate, "park-unnoted", direct} }, []string{
			"in-callback: it is about what is sent on: measure it with routing", "park-unnoted: ", "direct: "}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := good
			c.spoil(&plan)
			measured := 0
			report, err := (&Runner{Plan: plan, Progress: func(Progress) { measured++ }}).Run(t.Context())
			assert.Nil(t, report)
			assert.Zero(t, measured)
			require.Error(t, err)
			assert.Equal(t, plan.Check().Error(), err.Error())
			assert.Len(t, strings.Split(err.Error(), "\n"), len(c.want), "%v", err)
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

func TestBusyProcessesThatCannotBe(t *testing.T) {
	plan := shortly([]string{"park"}, []string{"din"}, []string{"busy-processes"})
	_, err := (&Runner{Plan: plan}).Run(t.Context())
	assert.EqualError(t, err, "background busy-processes: there is no command to start them with")

	busy, ended := spinning(t)
	calls := 0
	_, err = (&Runner{Plan: plan, Busy: func() *exec.Cmd {
		if calls++; calls == 2 {
			return exec.Command("no-such-program")
		}
		return busy()
	}}).Run(t.Context())
	if calls > 1 { // there is more than one processor
		assert.ErrorContains(t, err, "background busy-processes: no-such-program: ")
		started, gone := ended()
		assert.Equal(t, 1, started)
		assert.Equal(t, 1, gone, "the first has ended")
	}
}

// From callback to handler, and through a rig, Onset allocates nothing: what little there is, is the
// harness's own.
func TestOnsetAllocatesNothingPerEvent(t *testing.T) {
	for _, route := range []bool{false, true} {
		plan := shortly([]string{"spin", "hybrid", "park"}, []string{"dense"}, []string{quiet})
		plan.Duration, plan.Route = 200*time.Millisecond, route
		report, err := (&Runner{Plan: plan}).Run(t.Context())
		require.NoError(t, err)
		for _, c := range report.Cells {
			require.NotNil(t, c.Rounds[0].Allocations)
			assert.Less(t, *c.Rounds[0].Allocations, 0.05, "%s, routing %v", c.Contender, route)
		}
	}
}

// Latencies are kept, merged, packed, written and read without a figure changing.
func TestDistribution(t *testing.T) {
	one, two, both := NewDistribution(Held), NewDistribution(Held), NewDistribution(Held)
	for i := range 5000 {
		a, b := time.Duration(i*37%1000), time.Duration(math.Pow(1.002, float64(i)))*time.Microsecond
		one.Record(a)
		two.Record(b)
		both.Record(a)
		both.Record(b)
	}
	require.NoError(t, two.pack())
	one.Merge(two)
	require.NoError(t, one.pack())
	text, err := one.MarshalJSON()
	require.NoError(t, err)
	var back Distribution
	require.NoError(t, back.UnmarshalJSON(text))
	for _, d := range []*Distribution{one, &back} {
		assert.EqualValues(t, 10_000, d.Count())
		assert.Equal(t, both.Mean(), d.Mean())
		for p := 0.0; p <= 100; p += 0.5 {
			require.Equal(t, both.Percentile(p), d.Percentile(p), "p%v", p)
		}
	}
	assert.Equal(t, 249*time.Nanosecond, distributionOf(0, 249).Percentile(100))
	exact := 1234567 * time.Nanosecond
	assert.Equal(t, exact, distributionOf(1, exact).Percentile(100))
	assert.Equal(t, exact, distributionOf(exact, 1).Max)
	assert.LessOrEqual(t, distributionOf(exact, exact).Percentile(50), exact, "never above the maximum")
	assert.Equal(t, 2*time.Hour, distributionOf(2*time.Hour).Max, "also beyond the histogram's end")
	assert.EqualValues(t, 1, distributionOf(-5).Count())
	assert.Zero(t, distributionOf(-5).Percentile(50))
	assert.Zero(t, distributionOf().Percentile(50))
}

// A message that was lost is slower than any other.
func TestDistributionOfLostMessages(t *testing.T) {
	d := distributionOf(1, 2, 3, 4, 5, 6, 7, 8)
	d.Lost = 2
	require.NoError(t, d.pack())
	text, err := d.MarshalJSON()
	require.NoError(t, err)
	var back Distribution
	require.NoError(t, back.UnmarshalJSON(text))
	twice := distributionOf()
	twice.Merge(d)
	twice.Merge(&back)
	for _, d := range []*Distribution{d, &back, twice} {
		for p, want := range map[float64]time.Duration{0: 1, 10: 1, 50: 5, 80: 8, 81: Never, 100: Never} {
			assert.Equal(t, want, d.Percentile(p), "p%v", p)
		}
		assert.EqualValues(t, 8, d.Max)
	}
	assert.EqualValues(t, 4, twice.Lost)
	none := &Distribution{Lost: 3}
	assert.Equal(t, Never, none.Percentile(0))
	for lost := range uint64(999) { // the slowest that came is where it is, however the fraction is rounded
		d := distributionOf(slices.Repeat([]time.Duration{7}, int(1000-lost))...)
		d.Lost = lost
		assert.EqualValues(t, 7, d.Percentile(100*float64(1000-lost)/1000), "%d lost", lost)
	}
}

// distributionOf returns a distribution of latencies.
func distributionOf(latencies ...time.Duration) *Distribution {
	d := NewDistribution(Dispatch)
	for _, l := range latencies {
		d.Record(l)
	}
	return d
}
