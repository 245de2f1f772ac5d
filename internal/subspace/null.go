package subspace

import (
	"math"
	"math/rand/v2"
	"sync"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Null is what the Grassmann distance of two spaces that have nothing to do with each other is:
// its mean and standard deviation over uniformly random spaces.
type Null struct {
	Mean, SD float64
}

// nullDraws is how many pairs of spaces a null is taken from: the mean is then good to 3 % of the
// standard deviation, and that to 2 %.
const nullDraws = 1000

// shape is what a simulated null depends on; k1 ≥ k2.
type shape struct {
	n, k1, k2 int
	seed      uint64
}

// nulls holds the nulls simulated so far: shape → func() (Null, error).
var nulls sync.Map

// GrassmannNull returns the null of the Grassmann distance of spaces of k1 and k2 dimensions in
// n, both at most n. It is simulated once per process for each shape and seed, by 1000 draws; the same
// arguments give the same bits. It may be called concurrently.
func GrassmannNull(n, k1, k2 int, seed uint64) (Null, error) {
	s := shape{n, max(k1, k2), min(k1, k2), seed}
	simulated, _ := nulls.LoadOrStore(s, sync.OnceValues(s.simulate))
	return simulated.(func() (Null, error))()
}

// Null returns the null of the distance of one side's spaces of updates i and j: see GrassmannNull.
func (s *Set) Null(side Side, i, j int, seed uint64) (Null, error) {
	u, v := s.basis(side, i), s.basis(side, j)
	return GrassmannNull(u.Cols, u.Rows, v.Rows, seed)
}

// simulate draws the null. The distances are centred at the first before they are squared.
func (s shape) simulate() (Null, error) {
	if s.k1 == s.n || s.k2 == 0 { // all of the space, or nothing of it: no chance
		return Null{Mean: math.Pi / 2 * math.Sqrt(float64(s.k1-s.k2))}, nil
	}
	rng := rand.New(rand.NewPCG(s.seed, uint64(s.n)<<32|uint64(s.k1)<<16|uint64(s.k2)))
	var first, sum, squares float64
	for i := range nullDraws {
		theta, err := s.draw(rng)
		if err != nil {
			return Null{}, err
		}
		d := Grassmann(theta)
		if i == 0 {
			first = d
		}
		sum += d - first
		squares += (d - first) * (d - first)
	}
	mean := sum / nullDraws
	return Null{Mean: first + mean, SD: math.Sqrt(max(0, (squares-nullDraws*mean*mean)/(nullDraws-1)))}, nil
}

// draw returns the angles between the first k1 axes and the span of a random Gaussian Z of n × k2.
// Of Z's first k1 rows and of the others only the Gram matrices matter: independent Wishart matrices,
// R₁ᵀR₁ and R₂ᵀR₂. With the QR of R₁ stacked on R₂, cosines are the singular values of Q's upper
// block, their squares the eigenvalues of a matrix-variate beta (Muirhead, Aspects of Multivariate
// Statistical Theory, theorem 3.3.1). This is exact, and n costs nothing.
func (s shape) draw(rng *rand.Rand) ([]float64, error) {
	r1, r2 := wishartRoot(rng, s.k1, s.k2), wishartRoot(rng, s.n-s.k1, s.k2)
	stacked := NewMatrix(r1.Rows+r2.Rows, s.k2)
	copy(stacked.Data, r1.Data)
	copy(stacked.Data[len(r1.Data):], r2.Data)
	identity := NewMatrix(s.k2, s.k2)
	for i := range s.k2 {
		identity.Row(i)[i] = 1
	}
	frame := newReflectors(transpose(stacked)).lift(identity)
	upper := NewMatrix(s.k2, r1.Rows)
	for i := range s.k2 {
		copy(upper.Row(i), frame.Row(i))
	}
	cosines, err := singularValues(upper)
	if err != nil {
		return nil, err
	}
	theta := make([]float64, s.k1)
	for i := range theta {
		theta[i] = math.Pi / 2
		if i < len(cosines) {
			theta[i] = math.Acos(min(cosines[i], 1))
		}
	}
	return theta, nil
}

// wishartRoot returns R with RᵀR distributed as ZᵀZ of a Gaussian Z of rows × k: Bartlett's upper
// triangle where there are rows enough, else Z.
func wishartRoot(rng *rand.Rand, rows, k int) Matrix {
	r := NewMatrix(min(rows, k), k)
	for i := range r.Rows {
		row := r.Row(i)
		for j := range row {
			if j > i || rows < k {
				row[j] = rng.NormFloat64()
			}
		}
		if rows >= k {
			row[i] = math.Sqrt(distuv.ChiSquared{K: float64(rows - i), Src: rng}.Rand())
		}
	}
	return r
}
