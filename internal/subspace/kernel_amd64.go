package subspace

import "golang.org/x/sys/cpu"

// kernels are those of this processor, the best last.
var kernels = func() []kernel {
	k := []kernel{portable}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		k = append(k, kernel{4, 3, 4, tileAVX2, 8, combineAVX2})
		if cpu.X86.HasAVX512F {
			k = append(k, kernel{6, 4, 8, tileAVX512, 8, combineAVX2})
		}
	}
	return k
}()

//go:noescape
func tileAVX2(n int, a, b *float64, stride int, sums *float64)

//go:noescape
func tileAVX512(n int, a, b *float64, stride int, sums *float64)

//go:noescape
func combineAVX2(n, k int, c, x *float64, xStride int, y *float64, yStride int)
