package embedded

import "math"

// An rmsNorm is y = x/√(mean x² + ε)·w (Zhang and Sennrich 2019, arXiv 1910.07467).
type rmsNorm struct {
	w    *param
	dim  int
	eps  float64
	x    []float32 // a copy: the residual stream moves on
	rstd []float32
}

func newRMSNorm(name string, dim int, eps float64) *rmsNorm {
	n := &rmsNorm{w: newParam(name, dim), dim: dim, eps: eps}
	for i := range n.w.w {
		n.w.w[i] = 1
	}
	return n
}

func (n *rmsNorm) forward(y, x []float32, t int) {
	d := n.dim
	n.x, n.rstd = buffer(n.x, t*d), buffer(n.rstd, t)
	copy(n.x, x)
	for i := range t {
		xr, yr := n.x[i*d:(i+1)*d], y[i*d:(i+1)*d]
		sum := float32(0)
		for _, v := range xr {
			sum += v * v
		}
		r := float32(1 / math.Sqrt(float64(sum)/float64(d)+n.eps))
		n.rstd[i] = r
		for j, v := range xr {
			yr[j] = v * r * n.w.w[j]
		}
	}
}

// backward adds to dx from dy.
func (n *rmsNorm) backward(dx, dy []float32, t int) {
	d := n.dim
	for i := range t {
		xr, dyr, dxr, r := n.x[i*d:(i+1)*d], dy[i*d:(i+1)*d], dx[i*d:(i+1)*d], n.rstd[i]
		dot := float32(0)
		for j, v := range xr {
			dot += dyr[j] * n.w.w[j] * v
		}
		dot *= r * r * r / float32(d)
		for j, v := range xr {
			dxr[j] += r*n.w.w[j]*dyr[j] - dot*v
		}
		if n.w.grad != nil {
			for j, v := range xr {
				n.w.grad[j] += dyr[j] * v * r
			}
		}
	}
}

// A layerNorm is y = (x − mean)/√(var + ε)·w + b.
type layerNorm struct {
	w, b *param
	dim  int
	eps  float64
	xhat []float32
	rstd []float32
}

func newLayerNorm(name string, dim int, eps float64) *layerNorm {
	n := &layerNorm{w: newParam(name+".weight", dim), b: newParam(name+".bias", dim), dim: dim, eps: eps}
	for i := range n.w.w {
		n.w.w[i] = 1
	}
	return n
}

func (n *layerNorm) params() []*param { return []*param{n.w, n.b} }

func (n *layerNorm) forward(y, x []float32, t int) {
	d := n.dim
	n.xhat, n.rstd = buffer(n.xhat, t*d), buffer(n.rstd, t)
	for i := range t {
		xr, hr, yr := x[i*d:(i+1)*d], n.xhat[i*d:(i+1)*d], y[i*d:(i+1)*d]
		mean := float32(0)
		for _, v := range xr {
			mean += v
		}
		mean /= float32(d)
		variance := float32(0)
		for _, v := range xr {
			variance += (v - mean) * (v - mean)
		}
		r := float32(1 / math.Sqrt(float64(variance)/float64(d)+n.eps))
		n.rstd[i] = r
		for j, v := range xr {
			hr[j] = (v - mean) * r
			yr[j] = hr[j]*n.w.w[j] + n.b.w[j]
		}
	}
}

// backward sets dx from dy; dx and dy may be the same.
func (n *layerNorm) backward(dx, dy []float32, t int) {
	d := n.dim
	for i := range t {
		hr, dyr, dxr, r := n.xhat[i*d:(i+1)*d], dy[i*d:(i+1)*d], dx[i*d:(i+1)*d], n.rstd[i]
		if n.w.grad != nil {
			for j, h := range hr {
				n.w.grad[j] += dyr[j] * h
				n.b.grad[j] += dyr[j]
			}
		}
		mean, dot := float32(0), float32(0)
		for j, h := range hr {
			g := dyr[j] * n.w.w[j]
			mean += g
			dot += g * h
		}
		mean /= float32(d)
		dot /= float32(d)
		for j, h := range hr {
			dxr[j] = r * (dyr[j]*n.w.w[j] - mean - h*dot)
		}
	}
}
