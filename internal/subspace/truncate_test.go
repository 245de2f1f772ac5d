package subspace

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// planted returns a matrix with these singular values in random frames, which it returns too.
func planted(rng *rand.Rand, m, n int, s []float64) (w Matrix, u, v *mat.Dense) {
	u, v = frame(rng, m, len(s)), frame(rng, n, len(s))
	var us, dense mat.Dense
	us.Mul(u, mat.NewDiagDense(len(s), s))
	dense.Mul(&us, v.T())
	return Matrix{m, n, dense.RawMatrix().Data}, u, v
}

// TestTruncate finds planted singular values and spaces under noise, and says what it leaves out.
func TestTruncate(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct{ m, n int }{{300, 200}, {200, 400}, {60, 40}} {
		s := []float64{10, 8, 5, 3}
		w, u, _ := planted(rng, c.m, c.n, s)
		d, residual, err := Truncate(w, 6, 1)
		if err != nil || d.Rank() != 4 || residual > 1e-7 {
			t.Fatalf("%+v: rank %d, residual %v, %v", c, d.Rank(), residual, err)
		}
		for i, want := range s {
			if !near(d.S[i], want, 1e-12*want) {
				t.Errorf("%+v: singular value %v, want %v", c, d.S[i], want)
			}
		}
		theta, err := Angles(d.U, matrix(u.T()))
		if err != nil || Asimov(theta) > 1e-10 {
			t.Errorf("%+v: the column space is off by %v, %v", c, theta, err)
		}
		// With the two smallest left out the residual is theirs.
		d, residual, err = Truncate(w, 2, 1)
		if want := math.Sqrt((25.0 + 9) / (100 + 64 + 25 + 9)); err != nil || d.Rank() != 2 || !near(residual, want, 1e-9) {
			t.Errorf("%+v: rank %d, residual %v, want %v, %v", c, d.Rank(), residual, want, err)
		}
	}
	if d, residual, err := Truncate(NewMatrix(20, 30), 5, 1); err != nil || d.Rank() != 0 || residual != 0 {
		t.Errorf("zero: %+v, %v, %v", d, residual, err)
	}
	if _, _, err := Truncate(Matrix{1, 2, []float64{1, math.NaN()}}, 1, 1); err == nil {
		t.Error("NaN is decomposed")
	}
}

// TestTruncateNoise: of a slowly falling spectrum the randomised values are within Halko's bound of the
// best, the residual is what is really left, and neither seed-free rounding nor threads change bits.
func TestTruncateNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	s := make([]float64, 150)
	for i := range s {
		s[i] = 1 / float64(i+1)
	}
	w, _, _ := planted(rng, 400, 300, s)
	const k = 20
	d, residual, err := Truncate(w, k, 3)
	if err != nil {
		t.Fatal(err)
	}
	best, total := 0.0, 0.0
	for i, v := range s {
		total += v * v
		if i >= k {
			best += v * v
		}
	}
	if floor := math.Sqrt(best / total); residual < floor*(1-1e-9) || residual > 1.001*floor {
		t.Errorf("residual %v, the best is %v", residual, floor)
	}
	left := mat.DenseCopyOf(mat.NewDense(w.Rows, w.Cols, w.Data))
	for i, v := range d.S {
		left.RankOne(left, -v, mat.NewVecDense(w.Rows, d.U.Row(i)), mat.NewVecDense(w.Cols, d.V.Row(i)))
	}
	if got := mat.Norm(left, 2) / norm(w.Data); !near(got, residual, 1e-9) {
		t.Errorf("what is left is %v of the whole, residual says %v", got, residual)
	}
	before := runtime.GOMAXPROCS(1)
	again, _, err := Truncate(w, k, 3)
	runtime.GOMAXPROCS(before)
	if err != nil || !slices.Equal(again.S, d.S) || !slices.Equal(again.U.Data, d.U.Data) || !slices.Equal(again.V.Data, d.V.Data) {
		t.Errorf("one thread gives other bits (%v)", err)
	}
	if other, _, _ := Truncate(w, k, 4); slices.Equal(other.U.Data, d.U.Data) {
		t.Error("another seed gives the same bits: nothing was random")
	}
}
