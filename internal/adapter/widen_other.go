//go:build !amd64

package adapter

// vectors says whether the processor has the vector code; there is none for it.
var vectors = false

func widenAVX(dst *float64, src *byte, n int) {}

func widenColumnsAVX(dst *float64, dstStride int, src *byte, srcStride, n int) {}
