package subspace

import "math"

// A basis is the QR of k vectors of length n, the rows of X: Xᵀ = Q·R, p = min(k, n) columns of Q,
// R of p × k. Q itself is not formed.
type basis struct {
	r Matrix
	// Either Qᵀ = root·x,
	root, x Matrix
	// or Q is a product of reflectors.
	q *reflectors
}

// Up to which mean square of the elements of L⁻¹, times k, Cholesky's factor L of the Gram matrix of rows of
// length 1 is used: alone, where Qᵀ is then orthonormal to a few ε, or with a second round, which
// takes that the first leaves less than 1e-4 to mend.
const (
	onceUpTo  = 4
	twiceUpTo = 1e10
)

// newBasis orthonormalises the rows of x, which it may overwrite. The basis is kept in x and, where
// it takes one, in a spare matrix of x's shape.
//
// It is done by CholeskyQR where the rows allow it: with X·Xᵀ = L·Lᵀ, R is Lᵀ and Qᵀ is L⁻¹·X, two
// passes over X that take k rows at a time where Householder's method takes k² pairs of rows. That
// loses ε·κ(X)² of orthonormality, so rows are first scaled to length 1, which takes their lengths
// out of κ, and a second round mends what is left (CholeskyQR2; Yamamoto, Nakatsukasa, Yanagisawa
// and Fukaya, ETNA 44, 2015). Rows that are nearly dependent go to Householder's method.
func newBasis(x Matrix, spare func() Matrix) basis {
	if x.Rows <= x.Cols {
		first, root, size := cholesky(x)
		if size <= onceUpTo {
			return basis{r: transpose(first), root: root, x: x}
		}
		if size <= twiceUpTo {
			y := spare()
			combine(y, root, x)
			if second, root, size := cholesky(y); size <= onceUpTo {
				return basis{r: transpose(product(first, second)), root: root, x: y}
			}
		}
	}
	q := newReflectors(x)
	return basis{r: q.r, q: &q}
}

// lift sets y, m × n, to the vectors with coordinates c (m × p, one vector a row) in the frame Q:
// C·Qᵀ.
func (b basis) lift(y, c Matrix) {
	if b.q != nil {
		copy(y.Data, b.q.lift(c).Data)
		return
	}
	combine(y, product(c, b.root), b.x)
}

// cholesky returns L of X·Xᵀ = L·Lᵀ, L⁻¹, and ‖L'⁻¹‖_F²/k where L' is the factor for the rows of X scaled
// to length 1: at least 1, and +Inf or NaN when there is no such factor.
func cholesky(x Matrix) (l, inverse Matrix, size float64) {
	k := x.Rows
	g, l, inverse := NewMatrix(k, k), NewMatrix(k, k), NewMatrix(k, k)
	gram(g, x)
	lengths := make([]float64, k)
	for i := range lengths {
		square := g.Row(i)[i]
		if !(square > tiny && square < 1/tiny) { // its products would be lost or overflow; or NaN
			return l, inverse, math.Inf(1)
		}
		lengths[i] = math.Sqrt(square)
	}
	for i := range k {
		for j := range i + 1 {
			v := g.Row(i)[j]/(lengths[i]*lengths[j]) - dot(l.Row(i)[:j], l.Row(j)[:j])
			switch {
			case i != j:
				l.Row(i)[j] = v / l.Row(j)[j]
			case v > 0:
				l.Row(i)[i] = math.Sqrt(v)
			default:
				return l, inverse, math.Inf(1)
			}
		}
	}
	for j := range k {
		for i := j; i < k; i++ {
			v := 0.0
			if i == j {
				v = 1
			}
			for m := j; m < i; m++ {
				v -= l.Row(i)[m] * inverse.Row(m)[j]
			}
			inverse.Row(i)[j] = v / l.Row(i)[i]
			size += inverse.Row(i)[j] * inverse.Row(i)[j]
		}
	}
	for i, length := range lengths {
		scale(length, l.Row(i))
		for r := range k {
			inverse.Row(r)[i] /= length
		}
	}
	return l, inverse, size / float64(k)
}

// tiny is the square of the shortest row that is squared.
const tiny = 1e-200

// product returns X·Y.
func product(x, y Matrix) Matrix {
	out := NewMatrix(x.Rows, y.Cols)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			axpy(v, y.Row(j), out.Row(i))
		}
	}
	return out
}
