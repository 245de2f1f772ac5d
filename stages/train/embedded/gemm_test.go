package embedded

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"pgregory.net/rapid"
)

func uniform(n int, rng *rand.Rand) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(2*rng.Float64() - 1)
	}
	return out
}

// TestGemm compares products of every layout with sums in float64.
func TestGemm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, n, k := rapid.IntRange(1, 40).Draw(t, "m"), rapid.IntRange(1, 40).Draw(t, "n"), rapid.IntRange(1, 70).Draw(t, "k")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		alpha, beta := float32(rapid.SampledFrom([]float64{1, 0.5, -2}).Draw(t, "alpha")), float32(rapid.SampledFrom([]float64{0, 1, 0.25}).Draw(t, "beta"))
		draw := func(rows, cols int, name string) view {
			if rapid.Bool().Draw(t, name) {
				stride := rows + rapid.IntRange(0, 3).Draw(t, "pad")
				return view{rows: cols, cols: rows, data: uniform(cols*stride, rng), stride: stride}.t()
			}
			stride := cols + rapid.IntRange(0, 3).Draw(t, "pad")
			return view{rows: rows, cols: cols, data: uniform(rows*stride, rng), stride: stride}
		}
		a, b := draw(m, k, "transpose a"), draw(k, n, "transpose b")
		c := matrix(m, n, uniform(m*n, rng))
		old := append([]float32(nil), c.data...)
		gemm(c, a, b, alpha, beta)
		at := func(v view, i, j int) float64 {
			if v.transposed {
				i, j = j, i
			}
			return float64(v.data[i*v.stride+j])
		}
		for i := range m {
			for j := range n {
				want := float64(beta) * float64(old[i*n+j])
				for x := range k {
					want += float64(alpha) * at(a, i, x) * at(b, x, j)
				}
				if got := float64(c.data[i*n+j]); math.Abs(got-want) > 1e-4 {
					t.Fatalf("(%d, %d): %v, want %v", i, j, got, want)
				}
			}
		}
	})
}

// TestKernel compares the processor's kernel with the portable one.
func TestKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, k := range []int{1, 2, 7, 96, 1024} {
		a, b := uniform(k*tileRows, rng), uniform(k*tileCols, rng)
		var got, want [tileRows * tileCols]float32
		kernel(k, a, b, &got)
		kernelGo(k, a, b, &want)
		for i := range got {
			if math.Abs(float64(got[i]-want[i])) > 1e-5*float64(k) {
				t.Fatalf("k = %d, element %d: %v, portable %v", k, i, got[i], want[i])
			}
		}
	}
}

// BenchmarkGemm measures the products of a layer, with gonum's beside ours.
func BenchmarkGemm(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range []struct{ m, n, k int }{{300, 96, 96}, {300, 256, 96}, {300, 96, 256}, {300, 1024, 96}, {300, 300, 16}} {
		x, w, y := uniform(s.m*s.k, rng), uniform(s.n*s.k, rng), make([]float32, s.m*s.n)
		flops := 2 * float64(s.m) * float64(s.n) * float64(s.k)
		name := fmt.Sprintf("%dx%dx%d", s.m, s.n, s.k)
		b.Run(name+"/ours", func(b *testing.B) {
			for b.Loop() {
				gemm(matrix(s.m, s.n, y), matrix(s.m, s.k, x), matrix(s.n, s.k, w).t(), 1, 0)
			}
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		b.Run(name+"/gonum", func(b *testing.B) {
			general := func(r, c int, d []float32) blas32.General {
				return blas32.General{Rows: r, Cols: c, Stride: c, Data: d}
			}
			for b.Loop() {
				blas32.Gemm(blas.NoTrans, blas.Trans, 1, general(s.m, s.k, x), general(s.n, s.k, w), 0, general(s.m, s.n, y))
			}
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

// TestExp32 holds the single-precision exponential against math.Exp.
func TestExp32(t *testing.T) {
	for x := float32(-86.5); x < 88; x += 0.0137 {
		want := math.Exp(float64(x))
		if got := float64(exp32(x)); math.Abs(got-want) > 3e-7*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	if exp32(-100) != 0 || !math.IsInf(float64(exp32(100)), 1) || exp32(0) != 1 {
		t.Errorf("exp at the ends: %v %v %v", exp32(-100), exp32(100), exp32(0))
	}
}
