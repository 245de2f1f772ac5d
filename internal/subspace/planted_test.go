package subspace

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// These build updates whose decomposition is known, with gonum's QR and inverse, not the package's.

func dense(m Matrix) *mat.Dense { return mat.NewDense(m.Rows, m.Cols, m.Data) }

func matrix(d mat.Matrix) Matrix {
	r, c := d.Dims()
	m := NewMatrix(r, c)
	for i := range r {
		for j := range c {
			m.Row(i)[j] = d.At(i, j)
		}
	}
	return m
}

func gaussian(rng *rand.Rand, rows, cols int) *mat.Dense {
	d := mat.NewDense(rows, cols, nil)
	for i := range rows {
		for j := range cols {
			d.Set(i, j, rng.NormFloat64())
		}
	}
	return d
}

// frame returns a random n × k matrix with orthonormal columns.
func frame(rng *rand.Rand, n, k int) *mat.Dense {
	var qr mat.QR
	qr.Factorize(gaussian(rng, n, k))
	var q mat.Dense
	qr.QTo(&q)
	return mat.DenseCopyOf(q.Slice(0, n, 0, k))
}

// gauge returns a random invertible r × r matrix, singular values between 1/2 and 2, and its inverse.
func gauge(rng *rand.Rand, r int) (g, inverse *mat.Dense) {
	d, e := mat.NewDiagDense(r, nil), mat.NewDiagDense(r, nil)
	for i := range r {
		v := math.Exp2(2*rng.Float64() - 1)
		d.SetDiag(i, v)
		e.SetDiag(i, 1/v)
	}
	p, q := frame(rng, r, r), frame(rng, r, r)
	g, inverse = new(mat.Dense), new(mat.Dense)
	g.Product(p, d, q.T())
	inverse.Product(q, e, p.T())
	return g, inverse
}

// factors returns B and A of the update U·diag(s)·Vᵀ (U of n_out × k, V of n_in × k) in a random gauge.
func factors(rng *rand.Rand, u *mat.Dense, s []float64, v *mat.Dense) (b, a Matrix) {
	g, inverse := gauge(rng, len(s))
	var bd, ad mat.Dense
	bd.Product(u, mat.NewDiagDense(len(s), s), g)
	ad.Product(inverse, v.T())
	return matrix(&bd), matrix(&ad)
}

// tilted returns a frame of n × k2 whose space has the given principal angles to that of
// frame[:, :k1], in a random basis; frame must have k1 + len(angles) columns or more, and the
// k2 − len(angles) directions left are taken from its next columns.
func tilted(rng *rand.Rand, frame *mat.Dense, k1 int, angles []float64, k2 int) *mat.Dense {
	n, _ := frame.Dims()
	t := mat.NewDense(n, k2, nil)
	for j := range k2 {
		for i := range n {
			if j < len(angles) {
				t.Set(i, j, math.Cos(angles[j])*frame.At(i, j)+math.Sin(angles[j])*frame.At(i, k1+j))
			} else {
				t.Set(i, j, frame.At(i, k1+j))
			}
		}
	}
	var mixed mat.Dense
	mixed.Mul(t, randomRotation(rng, k2))
	return &mixed
}

func randomRotation(rng *rand.Rand, k int) *mat.Dense { return frame(rng, k, k) }

// spectrum returns k values from first down, each at most 0.9 of the one before.
func spectrum(rng *rand.Rand, k int, first float64) []float64 {
	s := make([]float64, k)
	for i := range s {
		s[i] = first
		first *= 0.4 + 0.5*rng.Float64()
	}
	return s
}

func decompose(t testing.TB, scale float64, b, a Matrix) *Decomposition {
	t.Helper()
	d, err := Decompose(scale, b, a)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newSet(t testing.TB, updates ...*Decomposition) *Set {
	t.Helper()
	s, err := NewSet(updates)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// near reports whether got is want up to an absolute tolerance.
func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }
