package subspace

import "golang.org/x/sys/cpu"

// fused says whether the processor has AVX2 and fused multiply-add.
var fused = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// tileAVX2 sets sums[tileRows·j + i] to the inner product of rows i of a and j of b, rows being n
// elements long and stride elements apart; n is a positive multiple of tileStep.
//
//go:noescape
func tileAVX2(n int, a, b *float64, stride int, sums *float64)

// combineAVX2 sets combineRows rows of y, yStride apart, to Σ_j c[combineRows·j + i]·x_j of k > 0
// rows of x, xStride apart; n, a positive multiple of combineStep, is how long the rows are.
//
//go:noescape
func combineAVX2(n, k int, c, x *float64, xStride int, y *float64, yStride int)

func tile(sums *[tileRows * tileCols]float64, a, b []float64, stride, n int) {
	tileAVX2(n, &a[0], &b[0], stride, &sums[0])
}

func combineTile(y, c, x []float64, yStride, xStride, k, n int) {
	combineAVX2(n, k, &c[0], &x[0], xStride, &y[0], yStride)
}
