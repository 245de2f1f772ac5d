package subspace

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/gonum"
)

// reflectors is the Householder QR of k vectors of length n given as the rows of a matrix:
// Xᵀ = Q·R with p = min(k, n) columns of Q, which is kept as its p reflectors.
type reflectors struct {
	v   Matrix    // row j holds reflector j's vector from element j on, v[j] = 1
	tau []float64 // H_j = I − tau[j]·v_j·v_jᵀ
	r   Matrix    // p × k, upper triangular
}

// newReflectors factorises x, which it overwrites (Golub and Van Loan, Matrix Computations, 4th
// ed., algorithm 5.2.1). Each row's error is relative to that row's own norm.
func newReflectors(x Matrix) reflectors {
	p := min(x.Rows, x.Cols)
	q := reflectors{v: Matrix{p, x.Cols, x.Data[:p*x.Cols]}, tau: make([]float64, p), r: NewMatrix(p, x.Rows)}
	for j := range p {
		v := x.Row(j)[j:]
		alpha, tail := v[0], norm(v[1:])
		q.r.Row(j)[j] = alpha
		if tail != 0 { // NaN goes on into R
			beta := -math.Copysign(math.Hypot(alpha, tail), alpha)
			q.tau[j] = (beta - alpha) / beta
			q.r.Row(j)[j] = beta
			scale(1/(alpha-beta), v[1:])
		}
		v[0] = 1
		for c := j + 1; c < x.Rows; c++ {
			other := x.Row(c)[j:]
			axpy(-q.tau[j]*dot(v, other), v, other)
			q.r.Row(j)[c] = other[0]
		}
	}
	return q
}

// lift returns the vectors with coordinates c (m × p, one vector a row) in the frame Q, as the rows
// of a matrix of m × n: C·Qᵀ.
func (q reflectors) lift(c Matrix) Matrix {
	out := NewMatrix(c.Rows, q.v.Cols)
	for i := range c.Rows {
		row := out.Row(i)
		copy(row, c.Row(i))
		for j := q.v.Rows - 1; j >= 0; j-- {
			if v := q.v.Row(j)[j:]; q.tau[j] != 0 {
				axpy(-q.tau[j]*dot(v, row[j:]), v, row[j:])
			}
		}
	}
	return out
}

// svd returns the thin SVD C = U·diag(s)·Vᵀ of c (m × n, overwritten), s descending: U of
// m × min(m, n) and Vᵀ of min(m, n) × n.
func svd(c Matrix) (u Matrix, s []float64, vt Matrix, err error) {
	p := min(c.Rows, c.Cols)
	u, vt = NewMatrix(c.Rows, p), NewMatrix(p, c.Cols)
	s, err = gesvd(lapack.SVDStore, c, u, vt)
	return u, s, vt, err
}

// small is up to how many rows and columns a matrix is small.
const small = 64

// singularValues returns the min(m, n) singular values of c (m × n, overwritten), descending.
func singularValues(c Matrix) ([]float64, error) {
	if n := min(c.Rows, c.Cols); n > 0 && max(c.Rows, c.Cols) <= small {
		x, s := clone(c), make([]float64, 2*n)
		if c.Rows < c.Cols {
			x = transpose(c)
		}
		if smallValues(x, s[:n:n], s[n:]) {
			return s[:n:n], nil
		}
	}
	return gesvd(lapack.SVDNone, c, Matrix{}, Matrix{})
}

func gesvd(job lapack.SVDJob, c, u, vt Matrix) ([]float64, error) {
	p := min(c.Rows, c.Cols)
	if p == 0 {
		return nil, nil
	}
	s := make([]float64, p)
	work := make([]float64, max(3*p+max(c.Rows, c.Cols), 5*p))
	ok := gonum.Implementation{}.Dgesvd(job, job, c.Rows, c.Cols, c.Data, c.Cols, s,
		u.Data, max(1, u.Cols), vt.Data, max(1, vt.Cols), work, len(work))
	if !ok {
		return nil, errors.New("the singular value decomposition did not converge")
	}
	return s, nil
}

func vector(x []float64) blas64.Vector { return blas64.Vector{N: len(x), Inc: 1, Data: x} }

// dot returns xᵀy.
func dot(x, y []float64) float64 {
	if len(x) > short {
		return blas64.Dot(vector(x), vector(y))
	}
	sum := 0.0
	y = y[:len(x)]
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// short is up to how many elements a call takes longer than they do.
const short = 16

// axpy adds a·x to y.
func axpy(a float64, x, y []float64) { blas64.Axpy(a, vector(x), vector(y)) }

// scale multiplies x by a.
func scale(a float64, x []float64) { blas64.Scal(a, vector(x)) }

// norm returns ‖x‖₂ without overflow.
func norm(x []float64) float64 { return blas64.Nrm2(vector(x)) }
