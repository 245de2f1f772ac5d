package embedded

import "math"

// An adamW is Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101),
// β = (0.9, 0.999), ε = 1e-8.
type adamW struct {
	params []*param
	m, v   [][]float32
	decay  float64
	step   int64
}

func newAdamW(params []*param, decay float64) *adamW {
	o := &adamW{params: params, decay: decay}
	for _, p := range params {
		p.train()
		o.m, o.v = append(o.m, make([]float32, len(p.w))), append(o.v, make([]float32, len(p.w)))
	}
	return o
}

// clip scales the gradients so that their norm is at most limit; 0 leaves them.
func (o *adamW) clip(limit float64) {
	if limit <= 0 {
		return
	}
	sum := 0.0
	for _, p := range o.params {
		part := 0.0
		for _, g := range p.grad {
			part += float64(g) * float64(g)
		}
		sum += part
	}
	if norm := math.Sqrt(sum); norm > limit {
		f := float32(limit / (norm + 1e-6))
		for _, p := range o.params {
			for i := range p.grad {
				p.grad[i] *= f
			}
		}
	}
}

// update takes one step with the learning rate and clears the gradients.
func (o *adamW) update(rate float64) {
	const beta1, beta2, eps = 0.9, 0.999, 1e-8
	o.step++
	c1, c2 := 1-math.Pow(beta1, float64(o.step)), 1-math.Pow(beta2, float64(o.step))
	a, b := float32(rate/c1), float32(1/math.Sqrt(c2))
	keep := float32(1 - rate*o.decay)
	for k, p := range o.params {
		m, v := o.m[k], o.v[k]
		for i, g := range p.grad {
			m[i] = beta1*m[i] + (1-beta1)*g
			v[i] = beta2*v[i] + (1-beta2)*g*g
			p.w[i] = p.w[i]*keep - a*m[i]/(sqrt32(v[i])*b+eps)
		}
		clear(p.grad)
	}
}

// rateAt is the learning rate of a step counted from 0: linear warm-up, then constant, or linear or
// cosine down to floor·peak.
func rateAt(step, total int64, peak float64, schedule string, warmup, floor float64) float64 {
	up := int64(math.Ceil(warmup * float64(total)))
	if step < up {
		return peak * float64(step+1) / float64(up)
	}
	if schedule == "constant" || total <= up {
		return peak
	}
	done := float64(step-up) / float64(total-up)
	shape := 1 - done
	if schedule == "cosine" {
		shape = (1 + math.Cos(math.Pi*done)) / 2
	}
	return peak * (floor + (1-floor)*shape)
}
