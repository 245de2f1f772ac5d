package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestMantelRanks are cases worked out by hand.
func TestMantelRanks(t *testing.T) {
	// Column by column the ranks of b are those of a, whatever is added to or multiplied into a column.
	a := [][]float64{{0, 5, 2, 9}, {1, 0, 8, 4}, {7, 3, 0, 6}, {2, 9, 4, 0}}
	b := [][]float64{{0, 50, -7, 1.9}, {10, 0, -1, 1.4}, {70, 30, 0, 1.6}, {20, 90, -5, 0}}
	c, columns, ok, err := MantelRanks(a, b, 1)
	if err != nil || !ok || math.Abs(c.R-1) > 1e-12 || !c.Exact || c.Permutations != 24 || c.P != 1.0/24 || columns != 4 {
		t.Errorf("equal ranks: %+v, %v, %v; want r 1 and p 1/24", c, ok, err)
	}
	// Three items: each column has two entries, which rank alike or the other way round. Columns 0 and 1
	// agree, column 2 does not: r = (1 + 1 − 1)/3.
	x := [][]float64{{0, 1, 1}, {1, 0, 2}, {2, 2, 0}}
	y := [][]float64{{0, 1, 9}, {3, 0, 8}, {4, 6, 0}}
	if c, columns, ok, err = MantelRanks(x, y, 1); err != nil || !ok || columns != 3 || math.Abs(c.R-1.0/3) > 1e-12 {
		t.Errorf("two of three columns: %+v, %v, %v; want r 1/3", c, ok, err)
	}
	// Ties have their mean rank: of 4, 4, 9 the centred ranks are −½, −½, 1; against 1, 2, 3 (−1, 0, 1) in
	// one column. The others, tied in a, are left out of both: r = 1.5/√(1.5·2).
	tied := [][]float64{{0, 4, 4, 4}, {4, 0, 4, 4}, {4, 4, 0, 4}, {9, 4, 4, 0}}
	rising := [][]float64{{0, 1, 1, 1}, {1, 0, 2, 2}, {2, 2, 0, 3}, {3, 3, 3, 0}}
	if c, columns, ok, err = MantelRanks(tied, rising, 1); err != nil || !ok || columns != 1 || math.Abs(c.R-1.5/math.Sqrt(1.5*2)) > 1e-12 {
		t.Errorf("ties: %+v, %v, %v", c, ok, err)
	}
	// A column of a that ranks nothing, as of a task that all do alike, takes nothing from the others: 1, which
	// no other of the 24 permutations has.
	flat := [][]float64{{0, 5, 2, 9}, {1, 0, 8, 4}, {1, 3, 0, 6}, {1, 9, 4, 0}}
	if c, columns, ok, err = MantelRanks(flat, b, 1); err != nil || !ok || columns != 3 || math.Abs(c.R-1) > 1e-12 || c.P != 1.0/24 {
		t.Errorf("one column without ranks: %+v of %d columns, %v, %v; want r 1 of 3", c, columns, ok, err)
	}
	// No column varies in both.
	first := [][]float64{{0, 1, 1, 1}, {1, 0, 1, 1}, {2, 1, 0, 1}, {3, 1, 1, 0}}
	second := [][]float64{{0, 1, 1, 1}, {1, 0, 1, 1}, {1, 2, 0, 1}, {1, 3, 1, 0}}
	if c, columns, ok, err = MantelRanks(first, second, 1); ok || columns != 0 || err != nil {
		t.Errorf("no column in common: %+v of %d columns, %v, %v; want no test", c, columns, ok, err)
	}
	if _, _, ok, err = MantelRanks([][]float64{{0, 1}, {2, 0}}, [][]float64{{0, 1}, {2, 0}}, 1); ok || err != nil {
		t.Errorf("two items: %v, %v; want no test", ok, err)
	}
	if _, _, ok, err = MantelRanks(a, [][]float64{{0, 1, 1, 1}, {1, 0, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}}, 1); ok || err != nil {
		t.Errorf("no variation: %v, %v; want no test", ok, err)
	}
	for _, bad := range [][][]float64{{{0, 1}, {1, 0}}, {{0, 1, 2}, {1, 0}, {1, 2, 0}, {1, 2, 3, 0}}, {{0, math.NaN(), 1, 1}, {1, 0, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}}} {
		if _, _, _, err := MantelRanks(a, bad, 1); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

// TestMantelRanksByChance: for unrelated matrices, p is below 0.1 in about a tenth of the cases.
func TestMantelRanksByChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func() [][]float64 {
		m := make([][]float64, 6)
		for i := range m {
			m[i] = make([]float64, 6)
			for j := range m[i] {
				m[i][j] = rng.NormFloat64() + float64(j) // columns differ: that must not matter
			}
		}
		return m
	}
	const cases = 300
	low := 0
	for range cases {
		c, _, ok, err := MantelRanks(random(), random(), 1)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if c.P < 0.1 {
			low++
		}
	}
	if share := float64(low) / cases; share < 0.05 || share > 0.15 {
		t.Errorf("p is below 0.1 in %.3f of unrelated cases, want about 0.1", share)
	}
}
