package embedded

import "golang.org/x/sys/cpu"

// fused says whether the processor has AVX2 and fused multiply-add.
var fused = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// kernelAVX2 is kernelGo with fused multiply-add; a holds tileRows·k and b tileCols·k values.
//
//go:noescape
func kernelAVX2(k int, a, b, tile *float32)

// kernel computes one tile.
func kernel(k int, a, b []float32, tile *[tileRows * tileCols]float32) {
	if fused {
		kernelAVX2(k, &a[0], &b[0], &tile[0])
		return
	}
	kernelGo(k, a, b, tile)
}
