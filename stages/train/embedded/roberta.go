package embedded

import (
	"fmt"
	"math"
)

// A roberta is an encoder of the RoBERTa layout: learned positions that begin behind the padding
// index, layer norms behind the residual sums, exact GELU. It has a masked-language head, or a
// classification head once one is added. Weight names are those of Hugging Face's RobertaForMaskedLM
// and RobertaForSequenceClassification.
type roberta struct {
	c                     Config
	words, positions, typ *param
	norm                  *layerNorm
	layers                []*robertaLayer

	// The masked-language head; its decoder is the word embedding.
	lmDense *linear
	lmNorm  *layerNorm
	lmBias  *param

	// The classification head, nil until addClassifier.
	dense, outProj *linear

	emb, x, dx                     []float32
	picked, hidden, normed, logits []float32
	dPick, dHidden, dNormed        []float32
}

type robertaLayer struct {
	q, k, v, o *linear
	attNorm    *layerNorm
	inter, out *linear
	outNorm    *layerNorm
	att        *attention
	in         []float32
	qx, kx, vx []float32
	ax, a2, n1 []float32
	ix, gx, o2 []float32
	dq, dk, dv []float32
	da, d1     []float32
	di         []float32
}

func newRoberta(c Config) *roberta {
	m := &roberta{
		c:         c,
		words:     newParam("roberta.embeddings.word_embeddings.weight", c.Vocab, c.Hidden),
		positions: newParam("roberta.embeddings.position_embeddings.weight", c.MaxPositions, c.Hidden),
		typ:       newParam("roberta.embeddings.token_type_embeddings.weight", 1, c.Hidden),
		norm:      newLayerNorm("roberta.embeddings.LayerNorm", c.Hidden, c.NormEps),
		lmDense:   newLinear("lm_head.dense", c.Hidden, c.Hidden, true),
		lmNorm:    newLayerNorm("lm_head.layer_norm", c.Hidden, c.NormEps),
		lmBias:    newParam("lm_head.bias", c.Vocab),
	}
	for i := range c.Layers {
		p := fmt.Sprintf("roberta.encoder.layer.%d.", i)
		m.layers = append(m.layers, &robertaLayer{
			q:       newLinear(p+"attention.self.query", c.Hidden, c.Hidden, true),
			k:       newLinear(p+"attention.self.key", c.Hidden, c.Hidden, true),
			v:       newLinear(p+"attention.self.value", c.Hidden, c.Hidden, true),
			o:       newLinear(p+"attention.output.dense", c.Hidden, c.Hidden, true),
			attNorm: newLayerNorm(p+"attention.output.LayerNorm", c.Hidden, c.NormEps),
			inter:   newLinear(p+"intermediate.dense", c.Hidden, c.Intermediate, true),
			out:     newLinear(p+"output.dense", c.Intermediate, c.Hidden, true),
			outNorm: newLayerNorm(p+"output.LayerNorm", c.Hidden, c.NormEps),
			att:     &attention{heads: c.Heads, kvHeads: c.Heads, dim: c.Hidden / c.Heads},
		})
	}
	return m
}

// addClassifier adds a classification head of n labels.
func (m *roberta) addClassifier(n int) {
	m.dense = newLinear("classifier.dense", m.c.Hidden, m.c.Hidden, true)
	m.outProj = newLinear("classifier.out_proj", m.c.Hidden, n, true)
}

// params are the encoder's and the masked-language head's parameters.
func (m *roberta) params() []*param {
	ps := append([]*param{m.words, m.positions, m.typ}, m.norm.params()...)
	for _, l := range m.layers {
		for _, lin := range l.linears() {
			ps = append(ps, lin.params()...)
		}
		ps = append(append(ps, l.attNorm.params()...), l.outNorm.params()...)
	}
	ps = append(append(ps, m.lmDense.params()...), m.lmNorm.params()...)
	return append(ps, m.lmBias)
}

// headParams are the classification head's.
func (m *roberta) headParams() []*param {
	return append(m.dense.params(), m.outProj.params()...)
}

func (l *robertaLayer) linears() []*linear { return []*linear{l.q, l.k, l.v, l.o, l.inter, l.out} }

func (m *roberta) linears() []*linear {
	var out []*linear
	for _, l := range m.layers {
		out = append(out, l.linears()...)
	}
	return out
}

// firstPosition is the position of the first token: RoBERTa counts on from the padding index.
func (m *roberta) firstPosition() int { return int(m.c.Pad) + 1 }

// forward runs the encoder over the tokens; m.x is its output.
func (m *roberta) forward(tokens []int32) {
	t, d := len(tokens), m.c.Hidden
	m.emb = buffer(m.emb, t*d)
	for i, tok := range tokens {
		row := m.emb[i*d : (i+1)*d]
		pos := m.firstPosition() + i
		for j := range row {
			row[j] = m.words.w[int(tok)*d+j] + m.positions.w[pos*d+j] + m.typ.w[j]
		}
	}
	m.x = buffer(m.x, t*d)
	m.norm.forward(m.x, m.emb, t)
	for _, l := range m.layers {
		l.in = buffer(l.in, t*d)
		copy(l.in, m.x)
		l.qx, l.kx, l.vx, l.ax = buffer(l.qx, t*d), buffer(l.kx, t*d), buffer(l.vx, t*d), buffer(l.ax, t*d)
		l.q.forward(l.qx, l.in, t)
		l.k.forward(l.kx, l.in, t)
		l.v.forward(l.vx, l.in, t)
		l.att.forward(l.ax, l.qx, l.kx, l.vx, t)
		l.a2, l.n1 = buffer(l.a2, t*d), buffer(l.n1, t*d)
		l.o.forward(l.a2, l.ax, t)
		add(l.a2, l.in)
		l.attNorm.forward(l.n1, l.a2, t)
		f := m.c.Intermediate
		l.ix, l.gx, l.o2 = buffer(l.ix, t*f), buffer(l.gx, t*f), buffer(l.o2, t*d)
		l.inter.forward(l.ix, l.n1, t)
		gelu(l.gx, l.ix)
		l.out.forward(l.o2, l.gx, t)
		add(l.o2, l.n1)
		l.outNorm.forward(m.x, l.o2, t)
	}
}

// backward carries m.dx, the gradient of the encoder's output, back.
func (m *roberta) backward(tokens []int32) {
	t, d, f := len(tokens), m.c.Hidden, m.c.Intermediate
	for i := len(m.layers) - 1; i >= 0; i-- {
		l := m.layers[i]
		l.outNorm.backward(m.dx, m.dx, t)
		l.di, l.d1 = buffer(l.di, t*f), buffer(l.d1, t*d)
		l.out.backward(l.di, m.dx, t)
		geluBackward(l.di, l.ix)
		copy(l.d1, m.dx)
		l.inter.backward(l.d1, l.di, t)
		l.attNorm.backward(l.d1, l.d1, t)
		l.da = buffer(l.da, t*d)
		l.o.backward(l.da, l.d1, t)
		l.dq, l.dk, l.dv = buffer(l.dq, t*d), buffer(l.dk, t*d), buffer(l.dv, t*d)
		l.att.backward(l.dq, l.dk, l.dv, l.da, t)
		if i == 0 && m.words.grad == nil {
			l.q.backward(nil, l.dq, t)
			l.k.backward(nil, l.dk, t)
			l.v.backward(nil, l.dv, t)
			return // below the lowest adapter nothing is trained
		}
		copy(m.dx, l.d1)
		l.q.backward(m.dx, l.dq, t)
		l.k.backward(m.dx, l.dk, t)
		l.v.backward(m.dx, l.dv, t)
	}
	m.norm.backward(m.dx, m.dx, t)
	for i, tok := range tokens {
		g := m.dx[i*d : (i+1)*d]
		add(m.words.grad[int(tok)*d:(int(tok)+1)*d], g)
		pos := m.firstPosition() + i
		add(m.positions.grad[pos*d:(pos+1)*d], g)
		add(m.typ.grad, g)
	}
}

// predictions runs the model and leaves in m.logits the masked-language logits of the positions
// whose target is not −1, which it returns.
func (m *roberta) predictions(tokens, targets []int32) []int {
	m.forward(tokens)
	d, at := m.c.Hidden, supervisedAt(targets)
	n := len(at)
	m.picked, m.hidden, m.normed, m.logits = buffer(m.picked, n*d), buffer(m.hidden, 2*n*d), buffer(m.normed, n*d), buffer(m.logits, n*m.c.Vocab)
	for k, i := range at {
		copy(m.picked[k*d:(k+1)*d], m.x[i*d:(i+1)*d])
	}
	pre, act := m.hidden[:n*d], m.hidden[n*d:]
	m.lmDense.forward(pre, m.picked, n)
	gelu(act, pre)
	m.lmNorm.forward(m.normed, act, n)
	mulT(m.logits, m.normed, m.words.w, n, d, m.c.Vocab, 1, 0)
	for k := range n {
		add(m.logits[k*m.c.Vocab:(k+1)*m.c.Vocab], m.lmBias.w)
	}
	return at
}

// loss returns the summed cross-entropy of the masked positions, those whose target is not −1, and
// their number; backward adds scale times its gradients.
func (m *roberta) loss(tokens, targets []int32, scale float32, backward bool) (float64, int) {
	at := m.predictions(tokens, targets)
	t, d, n := len(tokens), m.c.Hidden, len(at)
	if n == 0 {
		return 0, 0
	}
	pre := m.hidden[:n*d]
	total := crossEntropy(m.logits, m.c.Vocab, func(k int) int32 { return targets[at[k]] }, n, scale)
	if !backward {
		return total, n
	}
	for k := range n {
		add(m.lmBias.grad, m.logits[k*m.c.Vocab:(k+1)*m.c.Vocab])
	}
	outer(m.words.grad, m.logits, m.normed, n, m.c.Vocab, d, 1)
	m.dNormed, m.dPick = buffer(m.dNormed, n*d), buffer(m.dPick, n*d)
	mul(m.dNormed, m.logits, m.words.w, n, m.c.Vocab, d, 1, 0)
	m.lmNorm.backward(m.dNormed, m.dNormed, n)
	geluBackward(m.dNormed, pre)
	m.lmDense.backward(m.dPick, m.dNormed, n)
	m.dx = buffer(m.dx, t*d)
	for k, i := range at {
		copy(m.dx[i*d:(i+1)*d], m.dPick[k*d:(k+1)*d])
	}
	m.backward(tokens)
	return total, n
}

// classify returns the cross-entropy of a labelled sequence and the label it predicts; backward adds
// scale times its gradients.
func (m *roberta) classify(tokens []int32, label int32, scale float32, backward bool) (loss float64, predicted int) {
	m.forward(tokens)
	t, d, n := len(tokens), m.c.Hidden, m.outProj.out
	m.hidden, m.logits = buffer(m.hidden, d), buffer(m.logits, n)
	m.dense.forward(m.hidden, m.x[:d], 1)
	for i, v := range m.hidden {
		m.hidden[i] = float32(math.Tanh(float64(v)))
	}
	m.outProj.forward(m.logits, m.hidden, 1)
	for i, v := range m.logits {
		if v > m.logits[predicted] {
			predicted = i
		}
	}
	loss = crossEntropy(m.logits, n, func(int) int32 { return label }, 1, scale)
	if !backward {
		return loss, predicted
	}
	m.dHidden = buffer(m.dHidden, d)
	m.outProj.backward(m.dHidden, m.logits, 1)
	for i, h := range m.hidden {
		m.dHidden[i] *= 1 - h*h
	}
	m.dx = buffer(m.dx, t*d)
	m.dense.backward(m.dx[:d], m.dHidden, 1)
	m.backward(tokens)
	return loss, predicted
}

// gelu sets y to x·Φ(x), exactly.
func gelu(y, x []float32) {
	for i, v := range x {
		y[i] = v * float32(0.5*math.Erfc(-float64(v)/math.Sqrt2))
	}
}

// geluBackward multiplies d by the derivative of gelu at x.
func geluBackward(d, x []float32) {
	for i, v := range x {
		f := float64(v)
		d[i] *= float32(0.5*math.Erfc(-f/math.Sqrt2) + f*math.Exp(-f*f/2)/math.Sqrt(2*math.Pi))
	}
}
