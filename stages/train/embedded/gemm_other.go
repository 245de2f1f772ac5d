//go:build !amd64

package embedded

const fused = false

// kernel computes one tile.
func kernel(k int, a, b []float32, tile *[tileRows * tileCols]float32) { kernelGo(k, a, b, tile) }
