package subspace

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// The planted singular values come back, frames are orthonormal, and U·S·Vᵀ is s·B·A.
func TestDecompose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		out, in := rapid.IntRange(1, 40).Draw(t, "out"), rapid.IntRange(1, 40).Draw(t, "in")
		k := rapid.IntRange(0, min(out, in)).Draw(t, "k")
		r := k + rapid.IntRange(0, 50).Draw(t, "spare") // r may exceed n_out and n_in
		scale := rapid.SampledFrom([]float64{2, 0.25, -1}).Draw(t, "scale")
		s := spectrum(rng, k, 3)
		b, a := NewMatrix(out, r), NewMatrix(r, in)
		if k > 0 {
			b0, a0 := factors(rng, frame(rng, out, k), s, frame(rng, in, k))
			// Spare columns of B meet rows of zeros in A: rank k hides in factors of rank r.
			for i := range out {
				copy(b.Row(i), b0.Row(i))
				for j := k; j < r; j++ {
					b.Row(i)[j] = rng.NormFloat64()
				}
			}
			copy(a.Data, a0.Data)
		}
		d, err := Decompose(scale, b, a)
		if err != nil {
			t.Fatal(err)
		}
		if d.Rank() != k || d.U.Rows != k || d.U.Cols != out || d.V.Rows != k || d.V.Cols != in {
			t.Fatalf("rank %d, U %d × %d, V %d × %d, want rank %d of %d × %d", d.Rank(), d.U.Rows, d.U.Cols, d.V.Rows, d.V.Cols, k, out, in)
		}
		for m, v := range d.S {
			if !near(v, math.Abs(scale)*s[m], 1e-13) {
				t.Fatalf("S[%d] = %v, want %v", m, v, math.Abs(scale)*s[m])
			}
		}
		if k == 0 {
			return
		}
		orthonormal(t, d.U)
		orthonormal(t, d.V)
		var want, got mat.Dense
		want.Mul(dense(b), dense(a))
		want.Scale(scale, &want)
		got.Product(dense(d.U).T(), mat.NewDiagDense(k, d.S), dense(d.V))
		got.Sub(&got, &want)
		if e := got.Norm(2); e > 1e-12 {
			t.Fatalf("‖U·S·Vᵀ − s·B·A‖ = %v", e)
		}
	})
}

func orthonormal(t *rapid.T, q Matrix) {
	for i := range q.Rows {
		for j := range i + 1 {
			want := 0.0
			if i == j {
				want = 1
			}
			if got := mat.Dot(mat.NewVecDense(q.Cols, q.Row(i)), mat.NewVecDense(q.Cols, q.Row(j))); !near(got, want, 1e-14) {
				t.Fatalf("rows %d and %d of a frame have inner product %v", i, j, got)
			}
		}
	}
}

// Against gonum's SVD of ΔW in full.
func TestDecomposeFull(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b, a := gaussian(rng, 60, 8), gaussian(rng, 8, 45)
	d := decompose(t, 2, matrix(b), matrix(a))
	var full mat.Dense
	full.Mul(b, a)
	full.Scale(2, &full)
	var svd mat.SVD
	svd.Factorize(&full, mat.SVDThin)
	want := svd.Values(nil)
	if d.Rank() != 8 {
		t.Fatalf("rank %d", d.Rank())
	}
	for m, v := range d.S {
		if !near(v, want[m], 1e-13*want[0]) {
			t.Errorf("S[%d] = %v, want %v", m, v, want[m])
		}
	}
}

// Worked by hand: B·A = [[3 0 0] [0 0 -2]] with s = 1/2.
func TestDecomposeByHand(t *testing.T) {
	d := decompose(t, 0.5, Matrix{2, 2, []float64{3, 0, 0, 2}}, Matrix{2, 3, []float64{1, 0, 0, 0, 0, -1}})
	if d.Rank() != 2 || !near(d.S[0], 1.5, 1e-15) || !near(d.S[1], 1, 1e-15) || !near(d.Norm(), math.Sqrt(3.25), 1e-15) {
		t.Errorf("S = %v, norm %v", d.S, d.Norm())
	}
	for _, e := range []struct {
		name string
		got  float64
		want float64
	}{
		{"u0·v0", d.U.Row(0)[0] * d.V.Row(0)[0], 1}, {"u1·v1", d.U.Row(1)[1] * d.V.Row(1)[2], -1},
		{"u0[1]", d.U.Row(0)[1], 0}, {"v0[1]", d.V.Row(0)[1], 0}, {"v1[0]", d.V.Row(1)[0], 0},
	} {
		if !near(e.got, e.want, 1e-15) {
			t.Errorf("%s = %v, want %v", e.name, e.got, e.want)
		}
	}
}

// The tolerance is S_max·2⁻⁵²·max(n_out, n_in): at n = 100, 2.2e-14.
func TestRank(t *testing.T) {
	for _, c := range []struct {
		small float64
		want  int
	}{{1e-13, 2}, {1e-15, 1}, {0, 1}} {
		b := NewMatrix(100, 2)
		b.Row(0)[0], b.Row(99)[1] = 1, c.small
		if d := decompose(t, 1, b, Matrix{2, 2, []float64{1, 0, 0, 1}}); d.Rank() != c.want {
			t.Errorf("second singular value %v: rank %d, want %d", c.small, d.Rank(), c.want)
		}
	}
	if d := decompose(t, 1, NewMatrix(4, 2), Matrix{2, 2, []float64{1, 0, 0, 1}}); d.Rank() != 0 || d.Norm() != 0 || d.tolerance() != 0 {
		t.Errorf("B = 0: rank %d, norm %v", d.Rank(), d.Norm())
	}
}

func TestDecomposeRefuses(t *testing.T) {
	one := Matrix{1, 1, []float64{1}}
	for name, c := range map[string]struct{ b, a Matrix }{
		"ranks differ": {Matrix{1, 2, []float64{1, 1}}, one},
		"short B":      {Matrix{2, 1, []float64{1}}, one},
		"short A":      {one, Matrix{1, 2, []float64{1}}},
		"NaN in B":     {Matrix{2, 1, []float64{1, math.NaN()}}, one},
		"Inf in A":     {one, Matrix{1, 2, []float64{1, math.Inf(1)}}},
		"overflow":     {Matrix{1, 1, []float64{1e300}}, Matrix{1, 1, []float64{1e300}}},
	} {
		if d, err := Decompose(1, c.b, c.a); err == nil {
			t.Errorf("%s: %+v and no error", name, d)
		}
	}
	small, large := decompose(t, 1, one, one), decompose(t, 1, NewMatrix(2, 1), one)
	if _, err := NewSet([]*Decomposition{small, large}); err == nil {
		t.Error("updates of two shapes: no error")
	}
}

func BenchmarkDecompose(b *testing.B) {
	for _, shape := range [][3]int{{4096, 4096, 8}, {1024, 4096, 8}, {768, 768, 8}, {4096, 4096, 64}} {
		rng := rand.New(rand.NewPCG(1, 2))
		left, right := matrix(gaussian(rng, shape[0], shape[2])), matrix(gaussian(rng, shape[2], shape[1]))
		b.Run(fmt.Sprintf("%dx%dr%d", shape[0], shape[1], shape[2]), func(b *testing.B) {
			for b.Loop() {
				decompose(b, 2, left, right)
			}
		})
	}
}
