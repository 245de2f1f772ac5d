package subspace

import (
	"math"
	"math/bits"
)

// How far two updates are in each other's way when they are merged.

// Alignment returns ‖ΔW_iᵀΔW_j‖_F²/(‖ΔW_iΔW_iᵀ‖_F·‖ΔW_jΔW_jᵀ‖_F) for the column side, and with rows and
// columns exchanged for the row side: how far two updates put their weight on one set of directions,
// in [0, 1], whatever their sizes. KnOTS (arXiv 2410.19735, figure 2) takes the CKA (Kornblith et al. 2019) of
// the activations of LoRA modules on data. Without data this is our number: on the row side that
// linear CKA for white inputs; on the column side the one of the coordinates Σ·V_iᵀ and Σ·V_jᵀ that the
// authors' code merges, a row a direction of the joint basis U of [ΔW_i ΔW_j] = U·Σ·[V_iᵀ V_jᵀ]. Neither needs
// the basis. It is 0 when an update is zero.
func (s *Set) Alignment(side Side, i, j int) float64 {
	a, b := s.of[i].S, s.of[j].S
	sum, squares := 0.0, fourths(a)*fourths(b)
	if squares == 0 {
		return 0
	}
	for p, sp := range a {
		for q, v := range s.products(side, i, j, p) {
			v *= sp / a[0] * b[q] / b[0]
			sum += v * v
		}
	}
	return min(1, sum/math.Sqrt(squares))
}

// fourths returns Σ(S/S_max)⁴ of a descending spectrum.
func fourths(s []float64) float64 {
	sum := 0.0
	for _, v := range s {
		square := v / s[0] * v / s[0]
		sum += square * square
	}
	return sum
}

// TaskInterference returns the singular task interference ‖(UᵀU − I)·Σ·(VᵀV − I)‖₁ of two updates,
// U = [U_i U_j], V = [V_i V_j] and Σ their singular values (arXiv 2412.00081, section 3.3, eq. 6; without its
// merge's truncation). The paper says no more of ‖·‖₁; here it is the sum of the absolute values. Of two, UᵀU − I
// has the blocks U_iᵀU_j alone, so that it is the sum over the entries of U_iᵀ·ΔW_j·V_i and U_jᵀ·ΔW_i·V_j.
// It grows with the updates' sizes.
func (s *Set) TaskInterference(i, j int) float64 {
	return s.coreSum(i, j) + s.coreSum(j, i)
}

// coreSum returns the sum of the absolute values of the entries of U_iᵀ·ΔW_j·V_i.
func (s *Set) coreSum(i, j int) float64 {
	sum := 0.0
	weighted := make([]float64, s.of[j].Rank())
	for p := range s.of[i].S {
		for q, v := range s.products(Column, i, j, p) {
			weighted[q] = v * s.of[j].S[q]
		}
		for l := range s.of[i].S {
			sum += math.Abs(dot(weighted, s.products(Row, i, j, l)))
		}
	}
	return sum
}

// SignConflicts returns for every two updates the share of the entries of ΔW at which they have opposite
// signs, Len × Len: about 1/2 for unrelated updates. Entries of update i of less than least[i] in absolute
// value count as 0 (TIES trims its task vectors so: see Magnitudes); nil trims none. An entry of the size of
// rounding errors has no sign.
func (s *Set) SignConflicts(least []float64) Matrix {
	out := NewMatrix(len(s.of), len(s.of))
	if len(s.of) == 0 {
		return out
	}
	rows, cols := s.of[0].U.Cols, s.of[0].V.Cols
	conflicts := make([]int, len(out.Data))
	words := (min(atATime, rows)*cols + 63) / 64
	signs := make([][2][]uint64, len(s.of)) // of each update: which entries are positive and which negative
	noise := make([]float64, len(s.of))
	for i, d := range s.of {
		signs[i] = [2][]uint64{make([]uint64, words), make([]uint64, words)}
		if noise[i] = d.tolerance(); least != nil {
			noise[i] = max(noise[i], math.Nextafter(least[i], 0))
		}
	}
	y := NewMatrix(min(atATime, rows), cols)
	for from := 0; from < rows; from += atATime {
		for i, d := range s.of {
			pack(signs[i], d.form(y, from).Data, noise[i])
		}
		for i := range signs {
			for j := range i {
				conflicts[i*len(signs)+j] += opposite(signs[i], signs[j])
			}
		}
	}
	for i := range signs {
		for j := range i {
			share := float64(conflicts[i*len(signs)+j]) / float64(rows) / float64(cols)
			out.Row(i)[j], out.Row(j)[i] = share, share
		}
	}
	return out
}

// atATime is how many rows of ΔW are formed at a time where its entries are looked at.
const atATime = 16

// form puts the rows of ΔW from the given one on into y, as many as both have, and returns them.
func (d *Decomposition) form(y Matrix, from int) Matrix {
	rows := min(y.Rows, d.U.Cols-from)
	c := NewMatrix(rows, d.Rank())
	for r := range rows {
		for k, v := range d.S {
			c.Row(r)[k] = v * d.U.Row(k)[from+r]
		}
	}
	block := Matrix{rows, y.Cols, y.Data[:rows*y.Cols]}
	combine(block, c, d.V)
	return block
}

// pack sets the bits of the positive and the negative elements of x, those of at most the size of noise
// being neither.
func pack(signs [2][]uint64, x []float64, noise float64) {
	const top = 1 << 63 // the sign
	least := math.Float64bits(noise)
	for w := range signs[0] {
		part := x[min(64*w, len(x)):min(64*w+64, len(x))]
		var negative, some uint64
		for _, v := range part { // from the top bit down to where it belongs, without a branch to be guessed
			bits := math.Float64bits(v)
			negative = negative>>1 | bits&top
			some = some>>1 | (least-bits&^top)&top // sizes are ordered as their bits are
		}
		rest := 64 - len(part)
		negative, some = negative>>rest, some>>rest
		signs[0][w], signs[1][w] = some&^negative, some&negative
	}
}

// opposite counts the entries that are positive in one and negative in the other.
func opposite(a, b [2][]uint64) int {
	n := 0
	for w, positive := range a[0] {
		n += bits.OnesCount64(positive&b[1][w] | a[1][w]&b[0][w])
	}
	return n
}
