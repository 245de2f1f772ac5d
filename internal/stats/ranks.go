package stats

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// MantelRanks tests whether the entries of two square matrices of the same items, which need not be
// symmetric, rank alike within their columns more than by chance: R is the correlation of the ranks of
// the entries beside the diagonal, each column ranked for itself (Spearman's within a column, all
// columns pooled), so that what is true of a whole column counts for nothing. P is as in Mantel, over
// permutations of the items, rows and columns at once. ok is false when there are fewer than three items or
// no column of a matrix varies.
func MantelRanks(a, b [][]float64, seed uint64) (c Correlation, ok bool, err error) {
	for _, m := range [][][]float64{a, b} {
		if len(m) != len(a) {
			return c, false, fmt.Errorf("matrices of %d and %d items do not compare", len(a), len(b))
		}
		for i, row := range m {
			if len(row) != len(m) {
				return c, false, fmt.Errorf("row %d of a matrix of %d items has %d entries", i, len(m), len(row))
			}
			for j, v := range row {
				if i != j && (math.IsNaN(v) || math.IsInf(v, 0)) {
					return c, false, fmt.Errorf("entry %v of items %d and %d is not finite", v, i, j)
				}
			}
		}
	}
	x, okX := columnRanks(a)
	y, okY := columnRanks(b)
	if len(a) < 3 || !okX || !okY {
		return c, false, nil
	}
	return permuted(len(a), seed, func(order []int) float64 {
		sum := 0.0
		for i := range x {
			for j := range x {
				sum += x[i][j] * y[order[i]][order[j]]
			}
		}
		return sum
	}), true, nil
}

// columnRanks returns the ranks of the entries beside the diagonal within their columns, those of ties
// their mean, centred by column and of norm 1 as a whole; the diagonal is 0. It is false when there is
// nothing but ties.
func columnRanks(m [][]float64) ([][]float64, bool) {
	ranks := make([][]float64, len(m))
	for i := range ranks {
		ranks[i] = make([]float64, len(m))
	}
	square := 0.0
	for j := range m {
		var order []int
		for i := range m {
			if i != j {
				order = append(order, i)
			}
		}
		slices.SortFunc(order, func(p, q int) int { return cmp.Compare(m[p][j], m[q][j]) })
		for from := 0; from < len(order); {
			to := from + 1
			for to < len(order) && m[order[to]][j] == m[order[from]][j] {
				to++
			}
			for _, i := range order[from:to] {
				ranks[i][j] = float64(from+to-len(order)) / 2
				square += ranks[i][j] * ranks[i][j]
			}
			from = to
		}
	}
	if square == 0 {
		return nil, false
	}
	for i := range ranks {
		for j := range ranks {
			ranks[i][j] /= math.Sqrt(square)
		}
	}
	return ranks, true
}
