package bench

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/cwinmm/rival"
	"github.com/onset-midi/onset/engine"
)

// Inspect describes the machine that the program runs on, and what measuring costs there. It takes some
// 50 ms.
func Inspect() Machine {
	name, wine := system()
	m := Machine{
		OS: name, GOOS: runtime.GOOS, Wine: wine, Arch: runtime.GOARCH, CPU: processorName(),
		Processors: runtime.NumCPU(), Hypervisor: rival.Virtual(),
		Go: runtime.Version(), GOMAXPROCS: runtime.GOMAXPROCS(0), GOGC: os.Getenv("GOGC"), Onset: revision(),
		Clock: engine.ClockSource(), ClockStep: clockStep(),
		StampCost: stampCost(), StampCostC: rival.StampCost(engine.StampClock()), RecordCost: recordCost(),
		TimerResolution: timerResolution(),
	}
	if m.GOGC == "" {
		m.GOGC = "100"
	}
	return m
}

// revision returns version control's name for the program's source, if the build noted it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	what := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			what = s.Value + what
		case s.Key == "vcs.modified" && s.Value == "true":
			what += " with changes"
		}
	}
	return what
}

// clockStep returns the smallest difference above 0 of two readings of the clock.
func clockStep() time.Duration {
	least := time.Duration(math.MaxInt64)
	for range 10_000 {
		a := engine.Now()
		if d := engine.Now().Sub(a); d > 0 {
			least = min(least, d)
		}
	}
	return least
}

// best returns how many nanoseconds one of count runs of work takes: the least of several tries, the one
// that was disturbed least.
func best(count int, work func(i int)) float64 {
	least := math.Inf(1)
	for range 10 {
		start := engine.Now()
		for i := range count {
			work(i)
		}
		least = min(least, float64(engine.Now().Sub(start))/float64(count))
	}
	return least
}

func stampCost() float64 { return best(10_000, func(int) { engine.Now() }) }

// recordCost is what noting a message's arrival takes, its stamp included.
func recordCost() float64 {
	const rows = 10_000
	trace, err := cwinmm.NewTrace(rows)
	if err != nil {
		return 0 // without the C core nothing is measured
	}
	defer trace.Free()
	return best(rows, func(i int) { arrive(trace, uint32(i), 1) })
}

// timerResolution returns how late sleeps of 1 ms end, at the median.
func timerResolution() time.Duration {
	late := make([]time.Duration, 15)
	for i := range late {
		due := cwinmm.OSNanoseconds() + uint64(time.Millisecond)
		cwinmm.SleepUntil(due)
		late[i] = time.Duration(cwinmm.OSNanoseconds() - due)
	}
	slices.Sort(late)
	return late[len(late)/2]
}
