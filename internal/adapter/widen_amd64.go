package adapter

import "golang.org/x/sys/cpu"

// vectors says whether the processor has AVX.
var vectors = cpu.X86.HasAVX

// widenAVX widens n float32, a positive multiple of 8.
//
//go:noescape
func widenAVX(dst *float64, src *byte, n int)

// widenColumnsAVX widens 4 columns of a matrix of float32 of n rows, a positive multiple of 4, into
// rows of float64; strides are in elements.
//
//go:noescape
func widenColumnsAVX(dst *float64, dstStride int, src *byte, srcStride, n int)
