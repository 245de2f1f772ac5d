//go:build !amd64

package subspace

// fused says whether the processor has the vector kernels; there are none for it.
var fused = false

func tile(sums *[tileRows * tileCols]float64, a, b []float64, stride, n int) {}

func combineTile(y, c, x []float64, yStride, xStride, k, n int) {}
