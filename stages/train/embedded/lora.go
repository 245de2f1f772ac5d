package embedded

import (
	"math"
	"math/rand/v2"
)

// A lora is the adapter of one linear layer: y += scale·dropout(x)·Aᵀ·Bᵀ, with A (r × in) and
// B (out × r), as in Hu et al. 2021 (arXiv 2106.09685) and the PEFT library.
type lora struct {
	module  string // the layer's full dotted name
	a, b    *param
	rank    int
	scale   float32
	dropout float64
	rng     *rand.Rand // of dropout; nil outside of training

	mask []float32 // 0 or 1/(1−dropout), of the last forward pass
	xd   []float32 // dropout(x)
	xa   []float32 // dropout(x)·Aᵀ
	da   []float32
	dxd  []float32
}

// newLoRA makes the adapter of a layer. A is drawn as PEFT does it, uniform in ±√(6/((1+5)·in)) =
// ±1/√in (Kaiming with a = √5), and B is zero, so that ΔW is zero.
func newLoRA(module string, l *linear, rank int, alpha, dropout float64, init *rand.Rand) *lora {
	o := &lora{
		module: module, rank: rank, scale: float32(alpha / float64(rank)), dropout: dropout,
		a: newParam(module+".lora_A.weight", rank, l.in),
		b: newParam(module+".lora_B.weight", l.out, rank),
	}
	bound := 1 / math.Sqrt(float64(l.in))
	for i := range o.a.w {
		o.a.w[i] = float32((2*init.Float64() - 1) * bound)
	}
	o.a.train()
	o.b.train()
	return o
}

func (o *lora) forward(y, x []float32, t int) {
	in, out := o.a.shape[1], o.b.shape[0]
	input := x[:t*in]
	o.mask = o.mask[:0]
	if o.rng != nil && o.dropout > 0 {
		o.mask, o.xd = buffer(o.mask, t*in), buffer(o.xd, t*in)
		keep := float32(1 / (1 - o.dropout))
		threshold := uint32(o.dropout * (1 << 32))
		for i, v := range input {
			if o.rng.Uint32() >= threshold {
				o.mask[i] = keep
				o.xd[i] = v * keep
			}
		}
		input = o.xd
	}
	o.xa = buffer(o.xa, t*o.rank)
	mulT(o.xa, input, o.a.w, t, in, o.rank, 1, 0)
	mulT(y, o.xa, o.b.w, t, o.rank, out, o.scale, 1)
}

func (o *lora) backward(dx, dy, x []float32, t int) {
	in, out := o.a.shape[1], o.b.shape[0]
	outer(o.b.grad, dy, o.xa, t, out, o.rank, o.scale)
	o.da = buffer(o.da, t*o.rank)
	mul(o.da, dy, o.b.w, t, out, o.rank, o.scale, 0)
	if len(o.mask) == 0 {
		outer(o.a.grad, o.da, x, t, o.rank, in, 1)
		if dx != nil {
			mul(dx, o.da, o.a.w, t, o.rank, in, 1, 1)
		}
		return
	}
	outer(o.a.grad, o.da, o.xd, t, o.rank, in, 1)
	if dx == nil {
		return
	}
	o.dxd = buffer(o.dxd, t*in)
	mul(o.dxd, o.da, o.a.w, t, o.rank, in, 1, 0)
	for i, m := range o.mask {
		dx[i] += m * o.dxd[i]
	}
}
