package subspace

import (
	"fmt"
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

// byEach runs f with each of the processor's kernels and without any.
func byEach(f func(number int)) {
	defer func(k kernel) { best = k }(best)
	for i, k := range kernels {
		best = k
		f(i)
	}
}

// Inner products and combinations of integers are exact, by the kernels and the portable code.
func TestKernels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		rows := rapid.IntRange(0, 30).Draw(t, "rows")
		n := rapid.OneOf(rapid.IntRange(0, 70), rapid.IntRange(segment-5, 2*segment+9)).Draw(t, "n")
		x, c := integers(rng, rows, n), integers(rng, rapid.IntRange(0, 20).Draw(t, "combinations"), rows)
		var after []int // the ends of blocks of rows
		for len(after) < rows {
			end := min(rows, len(after)+rapid.IntRange(1, 9).Draw(t, "block"))
			for len(after) < end {
				after = append(after, end)
			}
		}
		byEach(func(number int) {
			g, y := integers(rng, rows, rows), integers(rng, c.Rows, n) // what was there must not show
			between := integers(rng, rows, rows)
			gram(g, x)
			gramAfter(between, x, after)
			combine(y, c, x)
			for i := range rows {
				for j := range rows {
					want := 0.0
					for k, v := range x.Row(i) {
						want += v * x.Row(j)[k]
					}
					if got := g.Row(i)[j]; got != want {
						t.Fatalf("kernel %d: inner product of rows %d and %d is %v, want %v", number, i, j, got, want)
					}
					if got := between.Row(i)[j]; after[i] != after[j] && got != want {
						t.Fatalf("kernel %d, blocks %v: inner product of rows %d and %d is %v, want %v", number, after, i, j, got, want)
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
						t.Fatalf("kernel %d: element %d of combination %d is %v, want %v", number, k, i, got, want)
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
	byEach(func(number int) {
		whole := NewMatrix(23, 23)
		gram(whole, x)
		for rows := best.rows; rows < 23; rows++ {
			part := NewMatrix(rows, rows)
			gram(part, Matrix{rows, x.Cols, x.Data[(23-rows)*x.Cols:]})
			for i := range rows {
				for j := range rows {
					if a, b := part.Row(i)[j], whole.Row(23 - rows + i)[23-rows+j]; a != b {
						t.Fatalf("kernel %d, of the last %d rows: product of %d and %d is %v, of all %v", number, rows, i, j, a, b)
					}
				}
			}
		}
	})
}

func BenchmarkGram(b *testing.B) {
	x := matrix(gaussian(rand.New(rand.NewPCG(1, 2)), 104, 4096))
	g := NewMatrix(104, 104)
	byEach(func(number int) {
		b.Run(fmt.Sprint(number), func(b *testing.B) {
			for b.Loop() {
				gram(g, x)
			}
			b.ReportMetric(104*104*4096*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	})
}
