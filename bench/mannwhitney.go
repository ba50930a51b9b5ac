package bench

import (
	"math"
	"slices"
)

// mannWhitney returns the two-sided p of the Mann-Whitney U test: how probable it is that two samples of
// one population differ as much in their ranks as a and b, or more. Equal values share their mean rank. Up
// to 60 values it is exact, also then; beyond, it is the normal approximation. Both need a value.
func mannWhitney(a, b []float64) float64 {
	ranks, mine := doubledRanks(a, b)
	n, all := len(a), len(ranks)
	off := abs(mine - n*(all+1))
	if all > 60 {
		return approximateP(ranks, n, off)
	}
	extreme, total := 0.0, 0.0
	for s, ways := range rankSums(ranks, n) {
		total += ways
		if abs(s-n*(all+1)) >= off {
			extreme += ways
		}
	}
	return extreme / total
}

// smallestP returns the least p that the test can give for that many values without equal ones.
func smallestP(n, m int) float64 {
	p := 2.0
	for i := 1; i <= n; i++ {
		p *= float64(i) / float64(m+i)
	}
	return min(p, 1)
}

// doubledRanks returns the ranks of all values, twice so that they are integers, and the sum of a's.
func doubledRanks(a, b []float64) (ranks []int, sumOfA int) {
	sorted := slices.Sorted(slices.Values(slices.Concat(a, b)))
	doubled := func(x float64) int {
		first, _ := slices.BinarySearch(sorted, x)
		last := first
		for last+1 < len(sorted) && sorted[last+1] == x {
			last++
		}
		return first + last + 2
	}
	for _, x := range sorted {
		ranks = append(ranks, doubled(x))
	}
	for _, x := range a {
		sumOfA += doubled(x)
	}
	return ranks, sumOfA
}

// rankSums returns in how many ways n of the ranks have each sum.
func rankSums(ranks []int, n int) []float64 {
	most := 0
	for _, r := range ranks {
		most += r
	}
	ways := make([][]float64, n+1) // by how many are chosen, by sum
	for k := range ways {
		ways[k] = make([]float64, most+1)
	}
	ways[0][0] = 1
	for _, r := range ranks {
		for k := n; k > 0; k-- { // downwards: each rank is chosen once
			for s := r; s <= most; s++ {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	return ways[n]
}

// approximateP takes the rank sum as normal, with its variance corrected for equal ranks.
func approximateP(ranks []int, n, off int) float64 {
	all := float64(len(ranks))
	spread := 0.0
	for _, r := range ranks {
		spread += math.Pow(float64(r)/2-(all+1)/2, 2)
	}
	variance := float64(n) * (all - float64(n)) / (all * (all - 1)) * spread
	if variance == 0 {
		return 1
	}
	z := max(float64(off)/2-0.5, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// holm corrects p values, in place, for being many: of those then below a level, the probability that even
// one is by chance is below it.
func holm(ps []*float64) {
	slices.SortStableFunc(ps, func(a, b *float64) int {
		switch {
		case *a < *b:
			return -1
		case *a > *b:
			return 1
		}
		return 0
	})
	least := 0.0
	for i, p := range ps {
		least = max(least, min(1, *p*float64(len(ps)-i)))
		*p = least
	}
}

func abs(x int) int { return max(x, -x) }
