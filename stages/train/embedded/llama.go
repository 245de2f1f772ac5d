package embedded

import (
	"fmt"
	"math"
)

// A llama is a decoder of the Llama layout: RMSNorm, rotary positions in the rotate-half
// convention, grouped-query attention, SwiGLU, and an output layer of its own or tied to the
// embedding. Weight names are those of Hugging Face's LlamaForCausalLM.
type llama struct {
	c      Config
	embed  *param
	layers []*llamaLayer
	norm   *rmsNorm
	head   *linear // shares the embedding's weight when tied
	cos    []float32
	sin    []float32 // positions × dim/2

	x, dx  []float32
	out    []float32 // the final norm's output
	picked []float32
	logits []float32
	dOut   []float32
	dPick  []float32
}

type llamaLayer struct {
	inputNorm, postNorm *rmsNorm
	q, k, v, o          *linear
	gate, up, down      *linear
	att                 *attention

	n1, qx, kx, vx, ax, n2, gx, ux, hx []float32
	d1, dq, dk, dv, da, d2, dg, du, dh []float32
}

func newLlama(c Config) *llama {
	m := &llama{c: c, embed: newParam("model.embed_tokens.weight", c.Vocab, c.Hidden), norm: newRMSNorm("model.norm.weight", c.Hidden, c.NormEps)}
	dim := c.Hidden / c.Heads
	for i := range c.Layers {
		p := fmt.Sprintf("model.layers.%d.", i)
		m.layers = append(m.layers, &llamaLayer{
			inputNorm: newRMSNorm(p+"input_layernorm.weight", c.Hidden, c.NormEps),
			postNorm:  newRMSNorm(p+"post_attention_layernorm.weight", c.Hidden, c.NormEps),
			q:         newLinear(p+"self_attn.q_proj", c.Hidden, c.Heads*dim, false),
			k:         newLinear(p+"self_attn.k_proj", c.Hidden, c.KVHeads*dim, false),
			v:         newLinear(p+"self_attn.v_proj", c.Hidden, c.KVHeads*dim, false),
			o:         newLinear(p+"self_attn.o_proj", c.Heads*dim, c.Hidden, false),
			gate:      newLinear(p+"mlp.gate_proj", c.Hidden, c.Intermediate, false),
			up:        newLinear(p+"mlp.up_proj", c.Hidden, c.Intermediate, false),
			down:      newLinear(p+"mlp.down_proj", c.Intermediate, c.Hidden, false),
			att:       &attention{heads: c.Heads, kvHeads: c.KVHeads, dim: dim, causal: true},
		})
	}
	m.head = newLinear("lm_head", c.Hidden, c.Vocab, false)
	if c.Tied {
		m.head.w = m.embed
	}
	half := dim / 2
	m.cos, m.sin = make([]float32, c.MaxPositions*half), make([]float32, c.MaxPositions*half)
	for pos := range c.MaxPositions {
		for i := range half {
			angle := float64(pos) * math.Pow(c.RopeTheta, -2*float64(i)/float64(dim))
			m.cos[pos*half+i], m.sin[pos*half+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	return m
}

func (m *llama) params() []*param {
	ps := []*param{m.embed}
	for _, l := range m.layers {
		ps = append(ps, l.inputNorm.w, l.postNorm.w)
		for _, lin := range l.linears() {
			ps = append(ps, lin.params()...)
		}
	}
	ps = append(ps, m.norm.w)
	if !m.c.Tied {
		ps = append(ps, m.head.w)
	}
	return ps
}

func (l *llamaLayer) linears() []*linear {
	return []*linear{l.q, l.k, l.v, l.o, l.gate, l.up, l.down}
}

func (m *llama) linears() []*linear {
	var out []*linear
	for _, l := range m.layers {
		out = append(out, l.linears()...)
	}
	return out
}

// rope turns each head of x (t × heads·dim) by its position; sign −1 turns back.
func (m *llama) rope(x []float32, t, heads int, sign float32) {
	dim := m.c.Hidden / m.c.Heads
	half := dim / 2
	for pos := range t {
		cos, sin := m.cos[pos*half:(pos+1)*half], m.sin[pos*half:(pos+1)*half]
		for h := range heads {
			v := x[(pos*heads+h)*dim : (pos*heads+h+1)*dim]
			for i := range half {
				a, b := v[i], v[i+half]
				s := sign * sin[i]
				v[i], v[i+half] = a*cos[i]-b*s, b*cos[i]+a*s
			}
		}
	}
}

// forward runs the layers over the tokens and keeps the final norm's output.
func (m *llama) forward(tokens []int32) {
	t, d := len(tokens), m.c.Hidden
	m.x = buffer(m.x, t*d)
	for i, tok := range tokens {
		copy(m.x[i*d:(i+1)*d], m.embed.w[int(tok)*d:])
	}
	for _, l := range m.layers {
		kv := l.k.out
		l.n1, l.qx, l.kx, l.vx = buffer(l.n1, t*d), buffer(l.qx, t*l.q.out), buffer(l.kx, t*kv), buffer(l.vx, t*kv)
		l.inputNorm.forward(l.n1, m.x, t)
		l.q.forward(l.qx, l.n1, t)
		l.k.forward(l.kx, l.n1, t)
		l.v.forward(l.vx, l.n1, t)
		m.rope(l.qx, t, m.c.Heads, 1)
		m.rope(l.kx, t, m.c.KVHeads, 1)
		l.ax = buffer(l.ax, t*l.q.out)
		l.att.forward(l.ax, l.qx, l.kx, l.vx, t)
		l.n2 = buffer(l.n2, t*d)
		l.o.forward(l.n2, l.ax, t)
		add(m.x, l.n2)
		l.postNorm.forward(l.n2, m.x, t)
		f := m.c.Intermediate
		l.gx, l.ux, l.hx = buffer(l.gx, t*f), buffer(l.ux, t*f), buffer(l.hx, t*f)
		l.gate.forward(l.gx, l.n2, t)
		l.up.forward(l.ux, l.n2, t)
		for i, g := range l.gx {
			l.hx[i] = g / (1 + exp32(-g)) * l.ux[i]
		}
		l.d1 = buffer(l.d1, t*d)
		l.down.forward(l.d1, l.hx, t)
		add(m.x, l.d1)
	}
	m.out = buffer(m.out, t*d)
	m.norm.forward(m.out, m.x, t)
}

// predictions runs the model and leaves in m.logits those of the positions whose target is not −1,
// which it returns.
func (m *llama) predictions(tokens, targets []int32) []int {
	m.forward(tokens)
	d, at := m.c.Hidden, supervisedAt(targets)
	n := len(at)
	m.picked, m.logits = buffer(m.picked, n*d), buffer(m.logits, n*m.c.Vocab)
	for k, i := range at {
		copy(m.picked[k*d:(k+1)*d], m.out[i*d:(i+1)*d])
	}
	m.head.forward(m.logits, m.picked, n)
	return at
}

// supervisedAt lists the positions whose target is not −1.
func supervisedAt(targets []int32) []int {
	var at []int
	for i, y := range targets {
		if y >= 0 {
			at = append(at, i)
		}
	}
	return at
}

// loss returns the summed cross-entropy of the positions whose target is not −1, and their number;
// backward adds scale times its gradients.
func (m *llama) loss(tokens, targets []int32, scale float32, backward bool) (float64, int) {
	at := m.predictions(tokens, targets)
	t, d, n := len(tokens), m.c.Hidden, len(at)
	total := crossEntropy(m.logits, m.c.Vocab, func(k int) int32 { return targets[at[k]] }, n, scale)
	if !backward {
		return total, n
	}
	m.dPick, m.dOut = buffer(m.dPick, n*d), buffer(m.dOut, t*d)
	m.head.backward(m.dPick, m.logits, n)
	for k, i := range at {
		copy(m.dOut[i*d:(i+1)*d], m.dPick[k*d:(k+1)*d])
	}
	m.backward(tokens)
	return total, n
}

// backward carries dOut back through the layers.
func (m *llama) backward(tokens []int32) {
	t, d := len(tokens), m.c.Hidden
	m.dx = buffer(m.dx, t*d)
	m.norm.backward(m.dx, m.dOut, t)
	for i := len(m.layers) - 1; i >= 0; i-- {
		l := m.layers[i]
		f := m.c.Intermediate
		l.dh, l.dg, l.du, l.d2 = buffer(l.dh, t*f), buffer(l.dg, t*f), buffer(l.du, t*f), buffer(l.d2, t*d)
		l.down.backward(l.dh, m.dx, t)
		for j, g := range l.gx {
			s := 1 / (1 + exp32(-g))
			l.du[j] = l.dh[j] * g * s
			l.dg[j] = l.dh[j] * l.ux[j] * s * (1 + g*(1-s))
		}
		l.gate.backward(l.d2, l.dg, t)
		l.up.backward(l.d2, l.du, t)
		l.postNorm.backward(m.dx, l.d2, t)
		l.da = buffer(l.da, t*l.q.out)
		l.o.backward(l.da, m.dx, t)
		l.dq, l.dk, l.dv = buffer(l.dq, t*l.q.out), buffer(l.dk, t*l.k.out), buffer(l.dv, t*l.k.out)
		l.att.backward(l.dq, l.dk, l.dv, l.da, t)
		m.rope(l.dq, t, m.c.Heads, -1)
		m.rope(l.dk, t, m.c.KVHeads, -1)
		// Below the lowest adapter nothing is trained when the embedding is frozen.
		var d1 []float32
		if i > 0 || m.embed.grad != nil || l.inputNorm.w.grad != nil {
			l.d1 = buffer(l.d1, t*d)
			d1 = l.d1
		}
		l.q.backward(d1, l.dq, t)
		l.k.backward(d1, l.dk, t)
		l.v.backward(d1, l.dv, t)
		if d1 != nil {
			l.inputNorm.backward(m.dx, d1, t)
		}
	}
	if m.embed.grad != nil {
		for i, tok := range tokens {
			add(m.embed.grad[int(tok)*d:(int(tok)+1)*d], m.dx[i*d:(i+1)*d])
		}
	}
}

// crossEntropy returns the summed cross-entropy of n rows of logits and replaces them by scale
// times its gradient.
func crossEntropy(logits []float32, vocab int, target func(int) int32, n int, scale float32) float64 {
	total := 0.0
	for k := range n {
		row := logits[k*vocab : (k+1)*vocab]
		softmax(row)
		y := target(k)
		total -= math.Log(max(float64(row[y]), 1e-45))
		for j := range row {
			row[j] *= scale
		}
		row[y] -= scale
	}
	return total
}

// add adds b to a.
func add(a, b []float32) {
	for i, v := range b {
		a[i] += v
	}
}
