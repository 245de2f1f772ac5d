package subspace

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// The singular values of small matrices of known ones come back to a few ε of the largest: spread
// over many orders, equal, clustered, tiny, or zero.
func TestSmallValues(t *testing.T) {
	ended := 0
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		n := rapid.IntRange(1, 20).Draw(t, "n")
		m := n + rapid.IntRange(0, 6).Draw(t, "further rows")
		value := rapid.OneOf(rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{1, 0.5, 0.5 + 1e-9, 1e-3, 1e-8, 1e-14, 1e-30, 0}))
		want := rapid.SliceOfN(value, n, n).Draw(t, "values")
		slicesDescend(want)
		var x mat.Dense
		x.Product(frame(rng, m, n), mat.NewDiagDense(n, want), frame(rng, n, n).T())
		s := make([]float64, n)
		if !smallValues(matrix(&x), s, make([]float64, n)) {
			return
		}
		ended++
		for i, w := range want {
			if !near(s[i], w, 1e-14*max(want[0], 1e-300)) {
				t.Fatalf("singular values %v, want %v", s, want)
			}
		}
	})
	if ended == 0 {
		t.Error("none came to an end")
	}
}

func slicesDescend(x []float64) {
	for i := range x {
		for j := range i {
			if x[j] < x[i] {
				x[i], x[j] = x[j], x[i]
			}
		}
	}
}

// Overlaps of random spaces, which most are, all come to an end; so do ones of known values.
func TestSmallValuesEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		x := matrix(gaussian(rng, 8, 8))
		want, err := singularValues(clone(x))
		if err != nil {
			t.Fatal(err)
		}
		s := make([]float64, 8)
		if !smallValues(clone(x), s, make([]float64, 8)) {
			t.Fatalf("no end for %v", x.Data)
		}
		for i, w := range want {
			if !near(s[i], w, 2e-15*want[0]) {
				t.Fatalf("singular values %v, LAPACK's %v", s, want)
			}
		}
	}
	for name, c := range map[string]struct {
		x    Matrix
		want []float64
	}{
		"identity": {Matrix{2, 2, []float64{1, 0, 0, 1}}, []float64{1, 1}},
		"by hand":  {Matrix{2, 2, []float64{3, 0, 4, 5}}, []float64{math.Sqrt(45), math.Sqrt(5)}},
		"one":      {Matrix{1, 1, []float64{-2}}, []float64{2}},
		"of a row": {Matrix{3, 1, []float64{2, -1, 2}}, []float64{3}},
	} {
		s := make([]float64, len(c.want))
		if !smallValues(c.x, s, make([]float64, len(c.want))) {
			t.Errorf("%s: no end", name)
		}
		for i, w := range c.want {
			if !near(s[i], w, 4e-15) {
				t.Errorf("%s: %v, want %v", name, s, c.want)
			}
		}
	}
}

func BenchmarkSmallValues(b *testing.B) {
	x := matrix(gaussian(rand.New(rand.NewPCG(1, 2)), 8, 8))
	y := clone(x)
	s, e := make([]float64, 8), make([]float64, 8)
	for b.Loop() {
		copy(y.Data, x.Data)
		smallValues(y, s, e)
	}
}
