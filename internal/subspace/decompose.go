// Package subspace is the mathematics of comparing low-rank updates ΔW = s·B·A: their thin SVD from
// the factors, principal angles between their column and row spaces, distances, and the projection
// of one on the singular axes of another. ΔW is never formed; everything is float64.
//
// The definitions follow Fosse et al., Statistical Deficiency for Task Inclusion Estimation, ACL
// 2025 (arXiv 2503.05491), App. H. The package knows matrices, not tasks or files, and draws no
// conclusions: which numbers to compute for whom, and averages over modules, are the stages'.
package subspace

import "fmt"

// epsilon is the distance from 1 to the next float64.
const epsilon = 0x1p-52

// A Matrix is a dense row-major matrix.
type Matrix struct {
	Rows, Cols int
	Data       []float64 // Rows·Cols elements
}

// NewMatrix returns a zero matrix.
func NewMatrix(rows, cols int) Matrix {
	return Matrix{rows, cols, make([]float64, rows*cols)}
}

// Norm returns the Frobenius norm.
func (m Matrix) Norm() float64 { return norm(m.Data) }

// Row returns row i, sharing the matrix's data.
func (m Matrix) Row(i int) []float64 { return m.Data[i*m.Cols : (i+1)*m.Cols : (i+1)*m.Cols] }

// A Decomposition is the thin SVD ΔW = Σ_m S[m]·u_m·v_mᵀ of one update of n_out × n_in.
type Decomposition struct {
	S []float64 // the k singular values above the rank tolerance, descending
	U Matrix    // k × n_out: row m is the left singular vector u_m
	V Matrix    // k × n_in: row m is the right singular vector v_m
}

// Rank returns k, the numerical rank of ΔW.
func (d *Decomposition) Rank() int { return len(d.S) }

// Norm returns ‖ΔW‖_F.
func (d *Decomposition) Norm() float64 { return norm(d.S) }

// tolerance returns the size below which a number that S[0] scales is rounding error.
func (d *Decomposition) tolerance() float64 {
	if len(d.S) == 0 {
		return 0
	}
	return d.S[0] * epsilon * float64(max(d.U.Cols, d.V.Cols))
}

// Decompose returns the thin SVD of ΔW = s·B·A, B of n_out × r and A of r × n_in, without forming
// ΔW: with B = Q_B·R_B and Aᵀ = Q_A·R_A, the SVD U'·S·V'ᵀ of the core s·R_B·R_Aᵀ, of r × r, gives
// U = Q_B·U' and V = Q_A·V'. It takes O((n_out + n_in)·r²) operations.
//
// The rank k counts the singular values above S_max·ε·max(n_out, n_in), ε = 2⁻⁵²; ΔW = 0 has k = 0.
// Singular values are good to a few ε·S_max, the frames U and V orthonormal to a few ε. The error
// is that shapes do not fit, or that a factor or ΔW is not finite.
func Decompose(s float64, b, a Matrix) (*Decomposition, error) {
	if b.Cols != a.Rows || b.Rows*b.Cols != len(b.Data) || a.Rows*a.Cols != len(a.Data) {
		return nil, fmt.Errorf("factors B of %d × %d (%d elements) and A of %d × %d (%d elements) are no pair",
			b.Rows, b.Cols, len(b.Data), a.Rows, a.Cols, len(a.Data))
	}
	var one Builder
	one.Start(b.Rows, a.Cols, b.Cols)
	bt, at := one.Factors(b.Cols)
	transposeInto(bt, b)
	copy(at.Data, a.Data)
	return one.Add(s)
}

func transpose(m Matrix) Matrix {
	t := NewMatrix(m.Cols, m.Rows)
	transposeInto(t, m)
	return t
}

func transposeInto(t, m Matrix) {
	for i := range m.Rows {
		for j, x := range m.Row(i) {
			t.Data[j*t.Cols+i] = x
		}
	}
}
