package subspace

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// The randomised range finder's oversampling and power iterations.
const (
	oversampling = 10
	iterations   = 2
)

// Truncate returns the leading k singular triples of a dense w of m × n, as a Decomposition of at most k, by
// the randomised range finder with power iterations (Halko, Martinsson and Tropp 2011, algorithms
// 4.4 and 5.1), or exactly where that costs no more. residual is ‖W − U·diag(S)·Vᵀ‖_F/‖W‖_F: not an
// estimate but Pythagoras, √(1 − ΣS²/‖W‖_F²), good to about 1e-8; 0 of a zero matrix. The same seed
// gives the same bits.
func Truncate(w Matrix, k int, seed uint64) (d *Decomposition, residual float64, err error) {
	m, n := w.Rows, w.Cols
	k = min(k, m, n)
	dense := mat.NewDense(m, n, w.Data)
	total := norm(w.Data)
	if math.IsNaN(total) || math.IsInf(total, 0) {
		return nil, 0, fmt.Errorf("the matrix of %d × %d holds NaN or Inf", m, n)
	}
	var u, v mat.Dense
	var s []float64
	if l := k + oversampling; 4*l >= min(m, n) {
		var svd mat.SVD
		if !svd.Factorize(dense, mat.SVDThin) {
			return nil, 0, fmt.Errorf("the singular value decomposition of %d × %d did not converge", m, n)
		}
		s = svd.Values(nil)
		svd.UTo(&u)
		svd.VTo(&v)
	} else if u, s, v, err = rangeFinder(dense, l, seed); err != nil {
		return nil, 0, err
	}
	noise := 0.0
	if len(s) > 0 {
		noise = s[0] * epsilon * float64(max(m, n))
	}
	rank := 0
	for rank < min(k, len(s)) && s[rank] > noise {
		rank++
	}
	d = &Decomposition{U: NewMatrix(rank, m), S: append([]float64(nil), s[:rank]...), V: NewMatrix(rank, n)}
	for i := range rank {
		mat.Col(d.U.Row(i), i, &u)
		mat.Col(d.V.Row(i), i, &v)
	}
	if total == 0 {
		return d, 0, nil
	}
	kept := norm(d.S) / total
	return d, math.Sqrt(max(0, 1-kept*kept)), nil
}

// rangeFinder returns l singular triples of w as its range is found.
func rangeFinder(w *mat.Dense, l int, seed uint64) (u mat.Dense, s []float64, v mat.Dense, err error) {
	_, n := w.Dims()
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	omega := mat.NewDense(n, l, nil)
	for i := range omega.RawMatrix().Data {
		omega.RawMatrix().Data[i] = rng.NormFloat64()
	}
	var y, z mat.Dense
	y.Mul(w, omega)
	q := orthonormalised(&y)
	for range iterations {
		z.Mul(w.T(), q)
		p := orthonormalised(&z)
		y.Mul(w, p)
		q = orthonormalised(&y)
	}
	var b mat.Dense // Qᵀ·W
	b.Mul(q.T(), w)
	var svd mat.SVD
	if !svd.Factorize(&b, mat.SVDThin) {
		return u, nil, v, fmt.Errorf("the singular value decomposition of a range of %d did not converge", l)
	}
	var small mat.Dense
	svd.UTo(&small)
	svd.VTo(&v)
	u.Mul(q, &small)
	return u, svd.Values(nil), v, nil
}

// orthonormalised returns an orthonormal basis of the columns of a tall matrix, as its columns.
func orthonormalised(y *mat.Dense) mat.Matrix {
	m, l := y.Dims()
	rows := NewMatrix(l, m)
	for i := range l {
		mat.Col(rows.Row(i), i, y)
	}
	identity := NewMatrix(l, l)
	for i := range l {
		identity.Row(i)[i] = 1
	}
	q := newReflectors(rows).lift(identity)
	return mat.NewDense(l, m, q.Data).T()
}
