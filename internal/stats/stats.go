// Package stats is inference on small distance matrices: whether groups cluster, whether two
// matrices agree, corrections for many tests, and maps of the items.
//
// It knows symmetric matrices of floats with a zero diagonal, not tasks or measures, and no
// distributions but those of permutations: all tests are exact or seeded Monte Carlo.
package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	exactLimit = 20000 // relabellings up to which all are taken
	draws      = 9999  // random ones otherwise
)

// tie is the relative difference below which two statistics are the same number, rounded twice.
const tie = 1e-12

// check returns an error unless d is square, symmetric and finite.
func check(d [][]float64) error {
	for i, row := range d {
		if len(row) != len(d) {
			return fmt.Errorf("row %d of a distance matrix of %d items has %d entries", i, len(d), len(row))
		}
		for j, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) || v != d[j][i] {
				return fmt.Errorf("distance %v of items %d and %d is not finite, or not that of %d and %d", v, i, j, j, i)
			}
		}
	}
	return nil
}

// A Clustering is the result of a permutation test that groups cluster.
type Clustering struct {
	Within, Between float64 // mean distance of pairs of one group, and of two
	P               float64 // share of relabellings with Between − Within as large or larger
	Relabellings    int     // how many were taken
	Exact           bool    // whether these are all there are
}

// Cluster tests whether items of one group are nearer to each other than to others: one-sided, by
// the statistic mean between − mean within over all relabellings that keep the sizes of the
// groups, when there are 20 000 or fewer; else over 9999 seeded ones, with the observed one counted
// in, so that P is never 0. It takes at least one pair within a group and one between; ok is false when there is none.
func Cluster(d [][]float64, group []int, seed uint64) (c Clustering, ok bool, err error) {
	if err := check(d); err != nil {
		return c, false, err
	}
	if len(group) != len(d) {
		return c, false, fmt.Errorf("%d items have %d groups", len(d), len(group))
	}
	within, between, pairsWithin, pairsBetween := 0.0, 0.0, 0, 0
	scale := 0.0
	for i := range d {
		for j := range i {
			scale = max(scale, math.Abs(d[i][j]))
			if group[i] == group[j] {
				within += d[i][j]
				pairsWithin++
			} else {
				between += d[i][j]
				pairsBetween++
			}
		}
	}
	if pairsWithin == 0 || pairsBetween == 0 {
		return c, false, nil
	}
	c.Within, c.Between = within/float64(pairsWithin), between/float64(pairsBetween)
	// The numbers of pairs and the sum of all are the same for every relabelling: the statistic is
	// large exactly when the sum within is small.
	limit := within + tie*scale*float64(pairsWithin)
	extreme := 0
	count := func(labels []int) {
		c.Relabellings++
		sum := 0.0
		for i := range d {
			for j := range i {
				if labels[i] == labels[j] {
					sum += d[i][j]
				}
			}
		}
		if sum <= limit {
			extreme++
		}
	}
	labels := slices.Clone(group)
	if c.Exact = relabellings(group) <= exactLimit; c.Exact {
		slices.Sort(labels)
		count(labels)
		for nextPermutation(labels) {
			count(labels)
		}
		c.P = float64(extreme) / float64(c.Relabellings)
		return c, true, nil
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	for range draws {
		rng.Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
		count(labels)
	}
	c.P = float64(extreme+1) / float64(draws+1)
	return c, true, nil
}

// relabellings returns n!/Π n_g!, how many orders the labels have, or exactLimit+1 when there are more.
func relabellings(group []int) int {
	size := map[int]int{}
	total := 1
	for i, g := range group {
		size[g]++
		// Each further item multiplies by (i+1)/size: a whole number at every step, and never less.
		total = total * (i + 1) / size[g]
		if total > exactLimit {
			return exactLimit + 1
		}
	}
	return total
}

// nextPermutation turns labels into the next of their distinct orders (Narayana); false after the last.
func nextPermutation(labels []int) bool {
	i := len(labels) - 2
	for i >= 0 && labels[i] >= labels[i+1] {
		i--
	}
	if i < 0 {
		return false
	}
	j := len(labels) - 1
	for labels[j] <= labels[i] {
		j--
	}
	labels[i], labels[j] = labels[j], labels[i]
	slices.Reverse(labels[i+1:])
	return true
}

// BenjaminiHochberg returns the p-values adjusted for the false discovery rate (Benjamini and
// Hochberg 1995), in their order: reject those at most q to expect a share q of false ones.
func BenjaminiHochberg(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	adjusted := make([]float64, len(p))
	least := 1.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		least = min(least, p[i]*float64(len(p))/float64(rank))
		adjusted[i] = least
	}
	return adjusted
}

// A Correlation is the result of a Mantel test.
type Correlation struct {
	R            float64 // Pearson's correlation of the two matrices' entries above the diagonal
	P            float64 // share of permutations of the items of one with R as large or larger
	Permutations int
	Exact        bool
}

// Mantel tests whether two distance matrices of the same items agree more than by chance (Mantel
// 1967): one-sided, over all orders of the items up to 20 000 (7 items), else 9999 seeded ones with
// the observed one counted in. ok is false when there are fewer than three items or a matrix does not vary.
func Mantel(a, b [][]float64, seed uint64) (c Correlation, ok bool, err error) {
	for _, d := range [][][]float64{a, b} {
		if err := check(d); err != nil {
			return c, false, err
		}
	}
	if len(a) != len(b) {
		return c, false, fmt.Errorf("distance matrices of %d and %d items do not compare", len(a), len(b))
	}
	x, okX := standardised(a)
	y, okY := standardised(b)
	if len(a) < 3 || !okX || !okY {
		return c, false, nil
	}
	return permuted(len(a), seed, func(order []int) float64 {
		sum := 0.0
		for i := range x {
			for j := range i {
				sum += x[i][j] * y[order[i]][order[j]]
			}
		}
		return sum
	}), true, nil
}

// permuted tests a correlation of two matrices of n items, of which the second one's are put in order,
// by permutation.
func permuted(n int, seed uint64, correlation func(order []int) float64) (c Correlation) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	c.R = correlation(order)
	extreme := 0
	count := func() {
		c.Permutations++
		if correlation(order) >= c.R-tie {
			extreme++
		}
	}
	if c.Exact = relabellings(order) <= exactLimit; c.Exact {
		count()
		for nextPermutation(order) {
			count()
		}
		c.P = float64(extreme) / float64(c.Permutations)
	} else {
		rng := rand.New(rand.NewPCG(seed, 1))
		for range draws {
			rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			count()
		}
		c.P = float64(extreme+1) / float64(draws+1)
	}
	c.R = min(max(c.R, -1), 1)
	return c
}

// standardised returns d with its entries below the diagonal centred and of norm 1, both triangles
// filled; false when they do not vary.
func standardised(d [][]float64) ([][]float64, bool) {
	mean, largest, n := 0.0, 0.0, float64(len(d)*(len(d)-1)/2)
	for i := range d {
		for j := range i {
			mean += d[i][j] / n
			largest = max(largest, math.Abs(d[i][j]))
		}
	}
	square := 0.0
	for i := range d {
		for j := range i {
			square += (d[i][j] - mean) * (d[i][j] - mean)
		}
	}
	norm := math.Sqrt(square)
	if norm <= tie*largest*math.Sqrt(n) {
		return nil, false
	}
	out := make([][]float64, len(d))
	for i := range d {
		out[i] = make([]float64, len(d))
		for j := range d {
			if i != j {
				out[i][j] = (d[i][j] - mean) / norm
			}
		}
	}
	return out, true
}
