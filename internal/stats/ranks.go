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
// columns pooled), so that what is true of a whole column counts for nothing. A column all of ties in
// either matrix ranks nothing and is left out, of R's norms too: R is 1 where all others rank alike.
// columns is how many are not. P is as in Mantel, over permutations of the items, rows and columns at
// once, each with the columns that it makes meet. ok is false when there are fewer than three items or
// no column varies in both matrices.
func MantelRanks(a, b [][]float64, seed uint64) (c Correlation, columns int, ok bool, err error) {
	for _, m := range [][][]float64{a, b} {
		if len(m) != len(a) {
			return c, 0, false, fmt.Errorf("matrices of %d and %d items do not compare", len(a), len(b))
		}
		for i, row := range m {
			if len(row) != len(m) {
				return c, 0, false, fmt.Errorf("row %d of a matrix of %d items has %d entries", i, len(m), len(row))
			}
			for j, v := range row {
				if i != j && (math.IsNaN(v) || math.IsInf(v, 0)) {
					return c, 0, false, fmt.Errorf("entry %v of items %d and %d is not finite", v, i, j)
				}
			}
		}
	}
	x, squareX := columnRanks(a)
	y, squareY := columnRanks(b)
	for j := range x {
		if squareX[j] > 0 && squareY[j] > 0 {
			columns++
		}
	}
	if len(a) < 3 || columns == 0 {
		return c, columns, false, nil
	}
	return permuted(len(a), seed, func(order []int) float64 {
		xy, xx, yy := 0.0, 0.0, 0.0
		for j, k := range order {
			if squareX[j] == 0 || squareY[k] == 0 {
				continue
			}
			xx, yy = xx+squareX[j], yy+squareY[k]
			for i := range x {
				xy += x[i][j] * y[order[i]][k]
			}
		}
		if xx == 0 {
			return 0 // no two columns meet that both rank something
		}
		return xy / math.Sqrt(xx*yy)
	}), columns, true, nil
}

// columnRanks returns the ranks of the entries beside the diagonal within their columns, those of ties
// their mean, centred by column, with the sum of each column's squares, 0 of nothing but ties; the
// diagonal is 0.
func columnRanks(m [][]float64) (ranks [][]float64, squares []float64) {
	ranks, squares = make([][]float64, len(m)), make([]float64, len(m))
	for i := range ranks {
		ranks[i] = make([]float64, len(m))
	}
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
				squares[j] += ranks[i][j] * ranks[i][j]
			}
			from = to
		}
	}
	return ranks, squares
}
