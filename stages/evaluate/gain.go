package evaluate

import (
	"math/rand/v2"
	"slices"
)

// The ends of the 95 % interval of what an adapter gains over the model without one, as measures.
const (
	GainLow  = "gain_low"
	GainHigh = "gain_high"
)

// resamples is how many times the test examples are drawn for an interval.
const resamples = 2000

// gain adds the interval of an adapter's gain on a task by the paired bootstrap over n test examples
// (percentiles): of is the gain on a sample of them, by their numbers.
func (e *evaluation) gain(model, adapter string, t *task, n int, of func(sample []int) float64) {
	rng := rand.New(rand.NewPCG(uint64(e.set.Seed), 0))
	gains, sample := make([]float64, resamples), make([]int, n)
	for k := range gains {
		for i := range sample {
			sample[i] = rng.IntN(n)
		}
		gains[k] = of(sample)
	}
	slices.Sort(gains)
	e.row(model, adapter, t, n, GainLow, gains[resamples/40])
	e.row(model, adapter, t, n, GainHigh, gains[resamples-1-resamples/40])
}
