package bench

import (
	"fmt"
	"slices"
	"strings"
)

// floorOf returns the contender that others are measured against: a thread in C on the same ring, which
// waits as they do. What a contender takes longer than it is what Go costs. From in to out it is the one that
// sends inside the callback. The floors have none.
func floorOf(contender string, m Measure) string {
	if m == InToOut {
		if contender == immediate {
			return ""
		}
		return immediate
	}
	switch strings.TrimSuffix(contender, raised) {
	case "c-spin", "c-park", immediate:
		return ""
	case "spin", "hybrid":
		return "c-spin"
	}
	return "c-park"
}

// immediate is the contender that sends a message on within the callback: nothing can be sooner, so it is
// what InToOut is measured against.
const immediate = "in-callback"

// spread is a figure over the rounds.
type spread struct{ median, low, high float64 }

func (s spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", digits(s.median), digits(s.low), digits(s.high))
}

// spreadOf returns the median and the range of values; false: there are none.
func spreadOf(values []float64) (spread, bool) {
	if len(values) == 0 {
		return spread{}, false
	}
	return spread{median(values), slices.Min(values), slices.Max(values)}, true
}

// median returns the middle of at least one value, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratios returns for each round how a percentile of c compares with the same of the floor, which ran in
// the same round, so that the machine's drift cancels out. Rounds that lack either are left out, and those
// in which the floor's is 0, below the clock's step.
func ratios(c, floor *Cell, m Measure, percentile float64) []float64 {
	var all []float64
	for i := range min(len(c.Rounds), len(floor.Rounds)) {
		above, ok := supported(c.Rounds[i].Get(m), percentile)
		below, ok2 := supported(floor.Rounds[i].Get(m), percentile)
		if ok && ok2 && below > 0 {
			all = append(all, float64(above)/float64(below))
		}
	}
	return all
}
