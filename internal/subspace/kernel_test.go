package subspace

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// integers returns a matrix of integers so small that every sum of the kernels is exact.
func integers(rng *rand.Rand, rows, cols int) Matrix {
	m := NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = float64(rng.IntN(201) - 100)
	}
	return m
}

// portably runs f with the vector kernels and without them.
func portably(f func()) {
	defer func(kernels bool) { fused = kernels }(fused)
	f()
	fused = false
	f()
}

// Inner products and combinations of integers are exact, by the kernels and the portable code.
func TestKernels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		rows := rapid.IntRange(0, 30).Draw(t, "rows")
		n := rapid.OneOf(rapid.IntRange(0, 70), rapid.IntRange(segment-5, 2*segment+9)).Draw(t, "n")
		x, c := integers(rng, rows, n), integers(rng, rapid.IntRange(0, 20).Draw(t, "combinations"), rows)
		portably(func() {
			g, y := integers(rng, rows, rows), integers(rng, c.Rows, n) // what was there must not show
			gram(g, x)
			combine(y, c, x)
			for i := range rows {
				for j := range rows {
					want := 0.0
					for k, v := range x.Row(i) {
						want += v * x.Row(j)[k]
					}
					if got := g.Row(i)[j]; got != want {
						t.Fatalf("kernels %v: inner product of rows %d and %d is %v, want %v", fused, i, j, got, want)
					}
				}
			}
			for i := range c.Rows {
				for k := range n {
					want := 0.0
					for j, v := range c.Row(i) {
						want += v * x.Row(j)[k]
					}
					if got := y.Row(i)[k]; got != want {
						t.Fatalf("kernels %v: element %d of combination %d is %v, want %v", fused, k, i, got, want)
					}
				}
			}
		})
	})
}

// An inner product does not depend on where its rows stand among the others.
func TestGramOfPart(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := matrix(gaussian(rng, 23, 3*segment+17))
	whole := NewMatrix(23, 23)
	gram(whole, x)
	for rows := tileRows; rows < 23; rows++ {
		part := NewMatrix(rows, rows)
		gram(part, Matrix{rows, x.Cols, x.Data[(23-rows)*x.Cols:]})
		for i := range rows {
			for j := range rows {
				if a, b := part.Row(i)[j], whole.Row(23 - rows + i)[23-rows+j]; a != b {
					t.Fatalf("of the last %d rows: product of %d and %d is %v, of all %v", rows, i, j, a, b)
				}
			}
		}
	}
}

func BenchmarkGram(b *testing.B) {
	x := matrix(gaussian(rand.New(rand.NewPCG(1, 2)), 104, 4096))
	g := NewMatrix(104, 104)
	b.ReportAllocs()
	for b.Loop() {
		gram(g, x)
	}
	b.ReportMetric(104*104*4096*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
}
