package embedded

import "math"

// A param is one weight of a model with, when it is trained, its gradient. Matrices are row-major,
// out × in, as in PyTorch.
type param struct {
	name  string
	shape []int
	w     []float32
	grad  []float32 // nil when frozen
}

func newParam(name string, shape ...int) *param {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return &param{name: name, shape: shape, w: make([]float32, n)}
}

// train gives the parameter a gradient.
func (p *param) train() {
	if p.grad == nil {
		p.grad = make([]float32, len(p.w))
	}
}

// mulT sets y (t × out) to beta·y + alpha·x·wᵀ, for x (t × in) and w (out × in).
func mulT(y, x, w []float32, t, in, out int, alpha, beta float32) {
	gemm(matrix(t, out, y), matrix(t, in, x), matrix(out, in, w).t(), alpha, beta)
}

// mul sets y (t × in) to beta·y + alpha·x·w, for x (t × out) and w (out × in).
func mul(y, x, w []float32, t, out, in int, alpha, beta float32) {
	gemm(matrix(t, in, y), matrix(t, out, x), matrix(out, in, w), alpha, beta)
}

// outer adds alpha·xᵀ·y to g (a × b), for x (t × a) and y (t × b).
func outer(g, x, y []float32, t, a, b int, alpha float32) {
	gemm(matrix(a, b, g), matrix(t, a, x).t(), matrix(t, b, y), alpha, 1)
}

// A linear is a dense layer y = x·Wᵀ + b with an optional adapter.
type linear struct {
	w, b    *param // b is nil without a bias
	in, out int
	lora    *lora

	x []float32 // the input of the last forward pass
}

func newLinear(name string, in, out int, bias bool) *linear {
	l := &linear{w: newParam(name+".weight", out, in), in: in, out: out}
	if bias {
		l.b = newParam(name+".bias", out)
	}
	return l
}

func (l *linear) params() []*param {
	if l.b != nil {
		return []*param{l.w, l.b}
	}
	return []*param{l.w}
}

// forward computes y (t × out) from x (t × in), which it keeps a reference to.
func (l *linear) forward(y, x []float32, t int) {
	l.x = x[:t*l.in]
	mulT(y, x, l.w.w, t, l.in, l.out, 1, 0)
	if l.b != nil {
		for i := range t {
			row := y[i*l.out : (i+1)*l.out]
			for j, b := range l.b.w {
				row[j] += b
			}
		}
	}
	if l.lora != nil {
		l.lora.forward(y, x, t)
	}
}

// backward adds to dx (t × in), unless it is nil, and to the gradients, from dy (t × out).
func (l *linear) backward(dx, dy []float32, t int) {
	if l.w.grad != nil {
		outer(l.w.grad, dy, l.x, t, l.out, l.in, 1)
	}
	if l.b != nil && l.b.grad != nil {
		for i := range t {
			for j, d := range dy[i*l.out : (i+1)*l.out] {
				l.b.grad[j] += d
			}
		}
	}
	if l.lora != nil {
		l.lora.backward(dx, dy, l.x, t)
	}
	if dx != nil {
		mul(dx, dy, l.w.w, t, l.out, l.in, 1, 1)
	}
}

// buffer returns a slice of n zeros, reusing old when it is large enough.
func buffer(old []float32, n int) []float32 {
	if cap(old) < n {
		return make([]float32, n)
	}
	old = old[:n]
	clear(old)
	return old
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// exp32 is eˣ in single precision, to 2 units in the last place: x = n·ln 2 + r with |r| ≤ ln 2/2,
// a polynomial for eʳ, and n into the exponent. math.Exp takes four times as long, and softmax calls
// it for every pair of tokens.
func exp32(x float32) float32 {
	const (
		log2e = 1.44269504
		ln2Hi = 0.693359375 // exact in a few bits, so that n·ln2Hi is
		ln2Lo = -2.12194440e-4
	)
	if x < -87 {
		return 0
	}
	if x > 88 {
		return float32(math.Inf(1))
	}
	half := float32(0.5)
	if x < 0 {
		half = -0.5
	}
	n := int32(x*log2e + half)
	r := x - float32(n)*ln2Hi - float32(n)*ln2Lo
	p := float32(1.9875691500e-4)
	p = p*r + 1.3981999507e-3
	p = p*r + 8.3334519073e-3
	p = p*r + 4.1665795894e-2
	p = p*r + 1.6666665459e-1
	p = p*r + 5.0000001201e-1
	y := p*r*r + r + 1
	return y * math.Float32frombits(uint32(n+127)<<23)
}
