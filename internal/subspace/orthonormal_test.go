package subspace

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Qᵀ is orthonormal and Rᵀ·Qᵀ gives every row back to a few ε of its own length, however the rows
// depend on each other and whatever their lengths, by the method meant for each.
func TestBasis(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name      string
		k, n      int
		condition float64
		length    float64 // of the last row, the first having about 1
		method    string
	}{
		{"well", 8, 300, 1, 1, "once"},
		{"of all lengths", 8, 300, 1, 1e-90, "once"},
		{"lengthening", 5, 64, 1, 1e90, "once"},
		{"one row", 1, 10, 1, 1, "once"},
		{"square", 6, 6, 1.5, 1, "once"},
		{"middling", 8, 300, 30, 1, "twice"},
		{"ill", 8, 300, 1e4, 1e-20, "twice"},
		{"bad", 8, 300, 1e7, 1, "reflectors"},
		{"dependent", 8, 300, math.Inf(1), 1, "reflectors"},
		{"too short to square", 3, 20, 1, 1e-150, "reflectors"},
		{"too long to square", 3, 20, 1, 1e150, "reflectors"},
		{"more rows than columns", 9, 4, 1, 1, "reflectors"},
	} {
		u, v := frame(rng, c.n, min(c.n, c.k)), frame(rng, c.k, min(c.n, c.k))
		s := make([]float64, min(c.n, c.k))
		for i := range s {
			s[i] = math.Pow(c.condition, -float64(i)/float64(max(1, len(s)-1)))
		}
		var d mat.Dense
		d.Product(v, mat.NewDiagDense(len(s), s), u.T())
		x := matrix(&d)
		for i := range c.k {
			scale(math.Pow(c.length, float64(i)/float64(max(1, c.k-1))), x.Row(i))
		}
		want := clone(x)
		b := newBasis(x, func() Matrix { return NewMatrix(c.k, c.n) })
		method := "once"
		switch {
		case b.q != nil:
			method = "reflectors"
		case &b.x.Data[0] != &x.Data[0]:
			method = "twice"
		}
		if method != c.method {
			t.Errorf("%s: done by %s, want %s", c.name, method, c.method)
		}
		p := min(c.k, c.n)
		identity := NewMatrix(p, p)
		for i := range p {
			identity.Row(i)[i] = 1
		}
		q := NewMatrix(p, c.n)
		b.lift(q, identity)
		g := NewMatrix(p, p)
		gram(g, q)
		for i := range p {
			for j := range p {
				if !near(g.Row(i)[j], identity.Row(i)[j], 1e-14) {
					t.Errorf("%s: columns %d and %d of Q have product %v", c.name, i, j, g.Row(i)[j])
				}
				if i > j && b.r.Row(i)[j] != 0 {
					t.Errorf("%s: R is not upper triangular", c.name)
				}
			}
		}
		got := product(transpose(b.r), q)
		for i := range c.k {
			axpy(-1, want.Row(i), got.Row(i))
			if e, length := norm(got.Row(i)), norm(want.Row(i)); e > 1e-14*length {
				t.Errorf("%s: row %d comes back with an error of %v of its length", c.name, i, e/length)
			}
		}
	}
}
