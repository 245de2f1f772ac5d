package subspace

import (
	"fmt"
	"math"
)

// A Side is one of the two spaces of an update.
type Side int

const (
	Column Side = iota // Im(ΔW) = span(B), spanned by U
	Row                // span(Aᵀ), spanned by V
)

// A Set holds the decompositions of several updates of one shape and all inner products between
// their singular vectors: one symmetric Gram matrix a side, which every measure of every pair is
// taken from. Its methods may be called concurrently.
type Set struct {
	of    []*Decomposition
	start []int     // update i's vectors are rows start[i] to start[i+1] of the Gram matrices
	gram  [2]Matrix // by Side, symmetric
}

// NewSet returns the set of updates, all of one n_out × n_in, else an error.
func NewSet(updates []*Decomposition) (*Set, error) {
	ranks := 0
	for i, d := range updates {
		if d.U.Cols != updates[0].U.Cols || d.V.Cols != updates[0].V.Cols {
			return nil, fmt.Errorf("update %d is %d × %d, update 0 %d × %d", i, d.U.Cols, d.V.Cols, updates[0].U.Cols, updates[0].V.Cols)
		}
		ranks += d.Rank()
	}
	var b Builder
	if len(updates) > 0 {
		b.Start(updates[0].U.Cols, updates[0].V.Cols, ranks)
	}
	for _, d := range updates {
		copy(b.stack[Column].Data[b.rows*d.U.Cols:], d.U.Data)
		copy(b.stack[Row].Data[b.rows*d.V.Cols:], d.V.Data)
		b.updates, b.rows = append(b.updates, d), b.rows+d.Rank()
	}
	return b.Set(), nil
}

// Update returns the decomposition of update i.
func (s *Set) Update(i int) *Decomposition { return s.of[i] }

// Len returns the number of updates.
func (s *Set) Len() int { return len(s.of) }

// basis returns the orthonormal basis of one side of update i, k_i × n.
func (s *Set) basis(side Side, i int) Matrix {
	if side == Column {
		return s.of[i].U
	}
	return s.of[i].V
}

// overlap returns U_iᵀU_j, or V_iᵀV_j, of k_i × k_j.
func (s *Set) overlap(side Side, i, j int) Matrix {
	g := s.gram[side]
	m := NewMatrix(s.of[i].Rank(), s.of[j].Rank())
	for r := range m.Rows {
		copy(m.Row(r), g.Row(s.start[i] + r)[s.start[j]:])
	}
	return m
}

// products returns row p of the overlap, the inner products of vector p of update i with those of j.
func (s *Set) products(side Side, i, j, p int) []float64 {
	return s.gram[side].Row(s.start[i] + p)[s.start[j]:s.start[j+1]]
}

// Angles returns the principal angles between one side's spaces of updates i and j: see Angles.
func (s *Set) Angles(side Side, i, j int) ([]float64, error) {
	return angles(s.basis(side, i), s.basis(side, j), s.overlap(side, i, j))
}

// inner returns the inner product ⟨ΔW_i, ΔW_j⟩ = tr(ΔW_iᵀΔW_j).
func (s *Set) inner(i, j int) float64 {
	sum := 0.0
	for p, sp := range s.of[i].S {
		m, n := s.products(Column, i, j, p), s.products(Row, i, j, p)
		for q, sq := range s.of[j].S {
			sum += sp * m[q] * sq * n[q]
		}
	}
	return sum
}

// Cosine returns the cosine distance 1 − ⟨ΔW_i, ΔW_j⟩/(‖ΔW_i‖‖ΔW_j‖) in [0, 2]; NaN when an
// update is zero.
func (s *Set) Cosine(i, j int) float64 {
	d := 1 - s.inner(i, j)/(s.of[i].Norm()*s.of[j].Norm())
	if math.IsNaN(d) {
		return d
	}
	return min(max(d, 0), 2)
}

// cancels is the share of ‖ΔW_i‖² + ‖ΔW_j‖² below which ‖ΔW_i−ΔW_j‖² is not taken as a difference
// of them and the inner product: rounding would show.
const cancels = 1e-2

// L2 returns ‖ΔW_i − ΔW_j‖_F, good to a few ε of the larger of the two norms.
func (s *Set) L2(i, j int) float64 {
	a, b := s.of[i].Norm(), s.of[j].Norm()
	if square := a*a + b*b - 2*s.inner(i, j); square > cancels*(a*a+b*b) {
		return math.Sqrt(square)
	}
	return s.difference(i, j)
}

// difference returns ‖ΔW_i − ΔW_j‖_F without cancellation. With U_j = U_i·M + Q_E·R_E and
// V_j = V_i·N + Q_F·R_F, all frames orthonormal, the difference is in the frames [U_i Q_E] and
// [V_i Q_F] the matrix
//
//	[ S_i − M·S_j·Nᵀ    −M·S_j·R_Fᵀ   ]
//	[    −R_E·S_j·Nᵀ    −R_E·S_j·R_Fᵀ ]
func (s *Set) difference(i, j int) float64 {
	di, dj := s.of[i], s.of[j]
	m, n := s.overlap(Column, i, j), s.overlap(Row, i, j)
	e, f := residual(di.U, dj.U, m).r, residual(di.V, dj.V, n).r
	kept := sandwich(m, dj.S, n)
	for r, v := range di.S {
		kept.Row(r)[r] -= v
	}
	parts := []float64{norm(kept.Data), norm(sandwich(m, dj.S, f).Data), norm(sandwich(e, dj.S, n).Data), norm(sandwich(e, dj.S, f).Data)}
	return norm(parts)
}

// sandwich returns X·diag(s)·Yᵀ.
func sandwich(x Matrix, s []float64, y Matrix) Matrix {
	xs := clone(x)
	for i := range xs.Rows {
		for j, v := range s {
			xs.Row(i)[j] *= v
		}
	}
	out := NewMatrix(x.Rows, y.Rows)
	for i := range out.Rows {
		row := out.Row(i)
		for j := range row {
			row[j] = dot(xs.Row(i), y.Row(j))
		}
	}
	return out
}

// A Projection is update j, the target, laid on the singular axes of update i, the source.
type Projection struct {
	// S1 are the source's k_i singular values, descending, and S2[m] = u_mᵀ·ΔW_j·v_m the diagonal
	// of Uᵀ·ΔW_j·V on the source's axes: the solution of argmin_S ‖U·diag(S)·Vᵀ − ΔW_j‖_F. S2 is
	// signed; an entry below the rounding error of the target's largest singular value is 0.
	S1, S2 []float64
	// The shares of ‖ΔW_j‖² that lie in the source's space, in [0, 1]; 0 when ΔW_j is zero.
	Diag float64 // ΣS2²
	Core float64 // ‖Uᵀ·ΔW_j·V‖²
	Col  float64 // ‖Uᵀ·ΔW_j‖²
	Row  float64 // ‖ΔW_j·V‖²
	// Aligned is ‖U_lᵀ·ΔW_j‖/‖ΔW_j‖ for the source's l leading left singular vectors that leave at most
	// a twentieth of its own norm, in [0, 1]: the subspace alignment ratio SAR(ΔW_j, ΔW_i; l) with l from
	// ΔW_i (arXiv 2502.04959, eqs. 5 and 6, ε = 0.05).
	Aligned float64
}

// leading returns how many singular values it takes to leave at most a twentieth of their norm: k_M of
// arXiv 2502.04959, eq. 6.
func leading(s []float64) int {
	left, most := 0.0, norm(s)/20
	for l := len(s); l > 0; l-- {
		if left = math.Hypot(left, s[l-1]); left > most {
			return l
		}
	}
	return 0
}

// Project lays update j on the singular axes of update i.
func (s *Set) Project(i, j int) Projection {
	source, target := s.of[i], s.of[j]
	p := Projection{S1: source.S, S2: make([]float64, source.Rank())}
	total := target.Norm()
	if total == 0 {
		return p
	}
	noise := target.tolerance()
	var diag, core, col, row float64 // sums of squares, of ΔW_j/‖ΔW_j‖
	most := leading(source.S)
	weighted := make([]float64, target.Rank())
	for k := range p.S2 {
		for q, v := range s.products(Column, i, j, k) {
			weighted[q] = v * (target.S[q] / total)
			col += weighted[q] * weighted[q]
		}
		if k+1 == most {
			p.Aligned = math.Sqrt(min(1, col))
		}
		for l := range p.S2 {
			n := s.products(Row, i, j, l)
			v := dot(weighted, n)
			core += v * v
			if l != k {
				continue
			}
			for q, v := range n {
				v *= target.S[q] / total
				row += v * v
			}
			if total*math.Abs(v) > noise {
				p.S2[k] = total * v
				diag += v * v
			}
		}
	}
	p.Diag, p.Core, p.Col, p.Row = min(1, diag), min(1, core), min(1, col), min(1, row)
	return p
}

// weighted returns ‖X·diag(s)‖_F.
func weighted(x Matrix, s []float64) float64 {
	columns := make([]float64, len(x.Data))
	for i, v := range x.Data {
		columns[i] = v * s[i%x.Cols]
	}
	return norm(columns)
}
