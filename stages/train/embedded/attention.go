package embedded

import "math"

// An attention is scaled dot-product attention of grouped heads over one sequence, causal or not.
// It has no weights of its own.
type attention struct {
	heads, kvHeads, dim int // dim is the width of a head
	causal              bool

	q, k, v []float32 // the inputs of the last forward pass
	p       []float32 // heads × t × t attention weights
	dp      []float32
}

// head views head h of x (t × heads·dim) as a t × dim matrix.
func (a *attention) head(x []float32, h, heads, t int) view {
	return view{rows: t, cols: a.dim, stride: heads * a.dim, data: x[h*a.dim : (t-1)*heads*a.dim+(h+1)*a.dim]}
}

// forward sets o (t × heads·dim) from q (t × heads·dim), k and v (t × kvHeads·dim).
func (a *attention) forward(o, q, k, v []float32, t int) {
	a.q, a.k, a.v = q, k, v
	a.p = buffer(a.p, a.heads*t*t)
	scale := float32(1 / math.Sqrt(float64(a.dim)))
	group := a.heads / a.kvHeads
	for h := range a.heads {
		p := a.p[h*t*t : (h+1)*t*t]
		gemm(matrix(t, t, p), a.head(q, h, a.heads, t), a.head(k, h/group, a.kvHeads, t).t(), scale, 0)
		for i := range t {
			row := p[i*t : (i+1)*t]
			seen := t
			if a.causal {
				seen = i + 1
				clear(row[seen:])
			}
			softmax(row[:seen])
		}
		gemm(a.head(o, h, a.heads, t), matrix(t, t, p), a.head(v, h/group, a.kvHeads, t), 1, 0)
	}
}

// backward adds to dq, dk and dv from do.
func (a *attention) backward(dq, dk, dv, do []float32, t int) {
	a.dp = buffer(a.dp, t*t)
	scale := float32(1 / math.Sqrt(float64(a.dim)))
	group := a.heads / a.kvHeads
	for h := range a.heads {
		p := a.p[h*t*t : (h+1)*t*t]
		kv := h / group
		doh := a.head(do, h, a.heads, t)
		gemm(matrix(t, t, a.dp), doh, a.head(a.v, kv, a.kvHeads, t).t(), 1, 0)
		gemm(a.head(dv, kv, a.kvHeads, t), matrix(t, t, p).t(), doh, 1, 1)
		for i := range t {
			pr, dr := p[i*t:(i+1)*t], a.dp[i*t:(i+1)*t]
			if a.causal {
				clear(dr[i+1:])
				pr, dr = pr[:i+1], dr[:i+1]
			}
			softmaxBackward(dr, pr)
		}
		gemm(a.head(dq, h, a.heads, t), matrix(t, t, a.dp), a.head(a.k, kv, a.kvHeads, t), scale, 1)
		gemm(a.head(dk, kv, a.kvHeads, t), matrix(t, t, a.dp).t(), a.head(a.q, h, a.heads, t), scale, 1)
	}
}

// softmax replaces a row of scores by their softmax.
func softmax(x []float32) {
	largest := x[0]
	for _, v := range x {
		largest = max(largest, v)
	}
	sum := float32(0)
	for i, v := range x {
		x[i] = exp32(v - largest)
		sum += x[i]
	}
	inv := 1 / sum
	for i := range x {
		x[i] *= inv
	}
}

// softmaxBackward replaces the gradient d of a softmax's output p by that of its input.
func softmaxBackward(d, p []float32) {
	dot := float32(0)
	for i, v := range p {
		dot += v * d[i]
	}
	for i, v := range p {
		d[i] = v * (d[i] - dot)
	}
}
