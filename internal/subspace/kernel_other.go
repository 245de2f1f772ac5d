//go:build !amd64

package subspace

var kernels = []kernel{portable}
