package subspace

import (
	"math"
	"testing"
)

// Worked by hand on the axes: ΔW₁ = diag(4, 3, 0), ΔW₂ has 5 at (1, 2) and -5 at (2, 2), ΔW₃ = diag(0, 0, 7).
func TestInterferenceByHand(t *testing.T) {
	eye := Matrix{3, 3, []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}}
	s := newSet(t,
		decompose(t, 1, Matrix{3, 3, []float64{4, 0, 0, 0, 3, 0, 0, 0, 0}}, eye),
		decompose(t, 1, Matrix{3, 3, []float64{0, 5, 0, 0, -5, 0, 0, 0, 0}}, eye),
		decompose(t, 1, Matrix{3, 3, []float64{0, 0, 0, 0, 0, 0, 0, 0, 7}}, eye),
		decompose(t, 1, NewMatrix(3, 3), eye))
	h := math.Sqrt2 / 2
	conflicts := s.SignConflicts(nil)
	for _, c := range []struct {
		i, j                                int
		column, row, interference, conflict float64
		aligned, backwards                  float64
	}{
		// ΔW₁ᵀΔW₂ has 20 at (1, 2) and -15 at (2, 2); ΔW₁ᵀΔW₁ = diag(16, 9), ΔW₂ᵀΔW₂ has 50. On the row
		// side ΔW₁ΔW₂ᵀ has 15 and -15 in its second row. U₁ᵀΔW₂V₁ has 5 and -5; u₂ᵀΔW₁v₂ = -3h.
		{0, 1, 625 / (math.Sqrt(337) * 50), 450 / (math.Sqrt(337) * 50), 10 + 3*h, 1. / 9, 1, math.Sqrt(12.5) / 5},
		{0, 2, 0, 0, 0, 0, 0, 0},
		{0, 3, 0, 0, 0, 0, 0, 0},
		{0, 0, 1, 1, 14, 0, 1, 1},
	} {
		for _, o := range [][2]int{{c.i, c.j}, {c.j, c.i}} {
			for name, v := range map[string][2]float64{
				"column alignment": {s.Alignment(Column, o[0], o[1]), c.column}, "row alignment": {s.Alignment(Row, o[0], o[1]), c.row},
				"interference": {s.TaskInterference(o[0], o[1]), c.interference}, "conflict": {conflicts.Row(o[0])[o[1]], c.conflict},
			} {
				if !near(v[0], v[1], 1e-14*max(1, v[1])) {
					t.Errorf("%s of %v = %v, want %v", name, o, v[0], v[1])
				}
			}
		}
		if v := s.Project(c.i, c.j).Aligned; !near(v, c.aligned, 1e-15) {
			t.Errorf("%d → %d: aligned %v, want %v", c.i, c.j, v, c.aligned)
		}
		if v := s.Project(c.j, c.i).Aligned; !near(v, c.backwards, 1e-15) {
			t.Errorf("%d → %d: aligned %v, want %v", c.j, c.i, v, c.backwards)
		}
	}
}

// A direction that holds at most a twentieth of the norm is not counted to the source's space: (19, 6, 1, 1, 1) has norm
// 20, and its last value is a twentieth (arXiv 2502.04959, eq. 6, has ≤).
func TestLeading(t *testing.T) {
	for _, c := range []struct {
		s    []float64
		want int
	}{{nil, 0}, {[]float64{3}, 1}, {[]float64{20, 1}, 1}, {[]float64{19, 1}, 2}, {[]float64{100, 3, 3, 3}, 2}, {[]float64{100, 3, 2, 2}, 1}, {[]float64{19, 6, 1, 1, 1}, 4}} {
		if got := leading(c.s); got != c.want {
			t.Errorf("%v: %d, want %d", c.s, got, c.want)
		}
	}
}

// Every block of rows and every word of bits counts, whole or not: ΔW₁ is 1 throughout, ΔW₂ has one
// row and one column of -1.
func TestSignConflictsBlocks(t *testing.T) {
	for _, shape := range [][2]int{{1, 1}, {16, 64}, {17, 65}, {40, 3}, {5, 200}} {
		ones := func(rows, cols int) Matrix {
			m := NewMatrix(rows, cols)
			for i := range m.Data {
				m.Data[i] = 1
			}
			return m
		}
		m, n := shape[0], shape[1]
		b, a := ones(m, 1), ones(1, n)
		turnedB, turnedA := ones(m, 1), ones(1, n)
		turnedB.Data[m-1], turnedA.Data[n-1] = -1, -1
		s := newSet(t, decompose(t, 1, b, a), decompose(t, 1, turnedB, turnedA))
		want := float64(m+n-2) / float64(m*n)
		if got := s.SignConflicts(nil).Row(0)[1]; !near(got, want, 1e-15) {
			t.Errorf("%d × %d: %v, want %v", m, n, got, want)
		}
	}
}

// Worked by hand: of (2, 1, 1) the squares sum to 6, and the entropy is (1/2)·ln 2 + 2·(1/4)·ln 4.
func TestRanks(t *testing.T) {
	for _, c := range []struct {
		s                 []float64
		stable, effective float64
	}{
		{nil, 0, 0}, {[]float64{7}, 1, 1}, {[]float64{3, 3, 3, 3}, 4, 4}, {[]float64{2, 1, 1}, 1.5, math.Sqrt(8)}, {[]float64{1, 1e-200}, 1, 1},
	} {
		if got := StableRank(c.s); !near(got, c.stable, 1e-14) {
			t.Errorf("stable rank of %v = %v, want %v", c.s, got, c.stable)
		}
		if got := EffectiveRank(c.s); !near(got, c.effective, 1e-14) {
			t.Errorf("effective rank of %v = %v, want %v", c.s, got, c.effective)
		}
	}
}
