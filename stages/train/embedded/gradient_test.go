package embedded

import (
	"math"
	"math/rand/v2"
	"testing"
)

func randomize(ps []*param, rng *rand.Rand, std float64) {
	for _, p := range ps {
		for i := range p.w {
			p.w[i] += float32(rng.NormFloat64() * std)
		}
		p.train()
	}
}

// checkGradients compares every parameter's gradient with central differences along random
// directions.
func checkGradients(t *testing.T, ps []*param, loss func(backward bool) float64) {
	t.Helper()
	for _, p := range ps {
		clear(p.grad)
	}
	loss(true)
	rng := rand.New(rand.NewPCG(5, 5))
	for _, p := range ps {
		for range 3 {
			dir := make([]float64, len(p.w))
			want := 0.0
			for i := range dir {
				dir[i] = rng.NormFloat64()
				want += dir[i] * float64(p.grad[i])
			}
			const h = 2e-3
			old := append([]float32(nil), p.w...)
			var f [2]float64
			for k, sign := range []float64{1, -1} {
				for i := range p.w {
					p.w[i] = old[i] + float32(sign*h*dir[i])
				}
				f[k] = loss(false)
			}
			copy(p.w, old)
			got := (f[0] - f[1]) / (2 * h)
			if math.Abs(got-want) > 2e-2*(1+math.Abs(want)) {
				t.Errorf("%s: gradient %v, finite difference %v", p.name, want, got)
			}
		}
	}
}

func TestLlamaGrad(t *testing.T) {
	for _, tied := range []bool{false, true} {
		c := Config{Vocab: 20, Hidden: 16, Layers: 2, Heads: 4, KVHeads: 2, Intermediate: 24, MaxPositions: 32, NormEps: 1e-5, RopeTheta: 10000, Tied: tied}
		m := newLlama(c)
		rng := rand.New(rand.NewPCG(1, 2))
		randomize(m.params(), rng, 0.3)
		ps := m.params()
		for _, l := range m.linears() {
			l.lora = newLoRA(l.w.name, l, 3, 6, 0, rng)
			randomize([]*param{l.lora.a, l.lora.b}, rng, 0.2)
			ps = append(ps, l.lora.a, l.lora.b)
		}
		tokens := []int32{3, 7, 7, 1, 19, 4, 0}
		targets := []int32{-1, 7, 1, -1, 4, 0, -1}
		checkGradients(t, ps, func(b bool) float64 { l, _ := m.loss(tokens, targets, 1, b); return l })
	}
}

func TestRobertaGrad(t *testing.T) {
	c := Config{Vocab: 20, Hidden: 16, Layers: 2, Heads: 4, KVHeads: 4, Intermediate: 24, MaxPositions: 32, NormEps: 1e-5, Pad: 1}
	m := newRoberta(c)
	m.addClassifier(3)
	rng := rand.New(rand.NewPCG(1, 2))
	randomize(append(m.params(), m.headParams()...), rng, 0.3)
	tokens := []int32{0, 7, 7, 1, 19, 4, 2}
	targets := []int32{-1, 7, 1, -1, 4, 0, -1}
	checkGradients(t, m.params(), func(b bool) float64 { l, _ := m.loss(tokens, targets, 1, b); return l })
	var enc []*param
	for _, p := range m.params() {
		if len(p.name) > 7 && p.name[:7] == "roberta" {
			enc = append(enc, p)
		}
	}
	checkGradients(t, append(enc, m.headParams()...), func(b bool) float64 { l, _ := m.classify(tokens, 2, 1, b); return l })
}
