package bench

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMannWhitney(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b []float64
		want float64
	}{
		{"3 against 3, apart", []float64{1, 2, 3}, []float64{4, 5, 6}, 0.1},
		{"4 against 4, apart", []float64{5, 6, 7, 8}, []float64{1, 2, 3, 4}, 2.0 / 70},
		{"Mann and Whitney's tortoises and hares", // ranks 1, 7 to 11 and the others: U = 11
			[]float64{1, 7, 8, 9, 10, 11}, []float64{2, 3, 4, 5, 6, 12}, 286.0 / 924},
		{"Hollander and Wolfe's permeability", // U = 35, one-sided 0.1272
			[]float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46},
			[]float64{1.15, 0.88, 0.90, 0.74, 1.21}, 0.2544},
		{"alike", []float64{1, 1, 1}, []float64{1, 1, 1}, 1},
		{"one against one", []float64{1}, []float64{2}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.InDelta(t, c.want, mannWhitney(c.a, c.b), 0.0001)
			assert.InDelta(t, c.want, mannWhitney(c.b, c.a), 0.0001, "the other way round")
		})
	}
}

// TestMannWhitneyAgainstEnumeration compares with trying all ways to choose a's values, with many equal.
func TestMannWhitneyAgainstEnumeration(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		a, b := make([]float64, 1+random.IntN(5)), make([]float64, 1+random.IntN(5))
		for i := range a {
			a[i] = float64(random.IntN(4))
		}
		for i := range b {
			b[i] = float64(random.IntN(4))
		}
		var ranks []int // twice: of those below, and of those alike the mean
		for _, x := range slices.Concat(a, b) {
			rank := 1
			for _, y := range slices.Concat(a, b) {
				rank += cmp.Compare(x, y) + 1
			}
			ranks = append(ranks, rank)
		}
		mine := 0
		for _, r := range ranks[:len(a)] {
			mine += r
		}
		centre := len(a) * (len(ranks) + 1)
		extreme, all := 0, 0
		for chosen := range 1 << len(ranks) {
			n, s := 0, 0
			for i, r := range ranks {
				if chosen>>i&1 == 1 {
					n, s = n+1, s+r
				}
			}
			if n != len(a) {
				continue
			}
			all++
			if abs(s-centre) >= abs(mine-centre) {
				extreme++
			}
		}
		assert.InDelta(t, float64(extreme)/float64(all), mannWhitney(a, b), 1e-12, "%v against %v", a, b)
	}
}

// TestMannWhitneyOfMany checks that beyond the exact test's 60 values the approximation goes on from there.
func TestMannWhitneyOfMany(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, shift := range []float64{0, 0.3, 0.6} {
		var a, b []float64
		for range 30 {
			a, b = append(a, random.NormFloat64()), append(b, random.NormFloat64()+shift)
		}
		ranks, mine := doubledRanks(a, b)
		exact := mannWhitney(a, b)
		assert.InDelta(t, exact, approximateP(ranks, 30, abs(mine-30*61)), 0.003)
	}
	same := make([]float64, 40)
	assert.Equal(t, 1.0, mannWhitney(same, same))
	assert.Less(t, mannWhitney(same, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), 1e-10)
}

func TestSmallestP(t *testing.T) {
	assert.InDelta(t, 0.1, smallestP(3, 3), 1e-12)
	assert.InDelta(t, 0.02857, smallestP(4, 4), 0.00001)
	assert.InDelta(t, 1.0, smallestP(1, 1), 1e-12)
}

func TestHolm(t *testing.T) {
	ps := []float64{0.01, 0.04, 0.03, 0.005, 0.9}
	var all []*float64
	for i := range ps {
		all = append(all, &ps[i])
	}
	holm(all)
	assert.InDeltaSlice(t, []float64{0.04, 0.09, 0.09, 0.025, 0.9}, ps, 1e-12)
}
