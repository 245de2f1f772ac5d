package report

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestInterval works small cases out by hand and holds the interval to its coverage.
func TestInterval(t *testing.T) {
	of := func(values map[string][]float64, seed int64) (low, high float64, ok bool) {
		a := newAverages()
		for name, list := range values {
			for _, v := range list {
				a.add("rec", pair{"m", "x", "y"}, name, v)
			}
		}
		l, h := a.interval("rec", pair{"m", "x", "y"}, seed)
		return l.Number, h.Number, l.IsNumber && h.IsNumber
	}
	// Two layers of 0 and 1 have the means 0, ½ and 1 with chances ¼, ½ and ¼.
	if low, high, ok := of(map[string][]float64{"q": {0, 1}}, 1); !ok || low != 0 || high != 1 {
		t.Errorf("%v, %v, %v, want 0 and 1", low, high, ok)
	}
	// What does not vary has no width, and module types weigh the same.
	if low, high, ok := of(map[string][]float64{"q": {2, 2, 2}, "v": {4, 4}}, 1); !ok || low != 3 || high != 3 {
		t.Errorf("%v, %v, %v, want 3 and 3", low, high, ok)
	}
	if _, _, ok := of(map[string][]float64{"q": {2, 2}, "v": {4}}, 1); ok {
		t.Error("one layer has an interval")
	}
	// Of normal layers the interval covers the true mean about 95 times in 100.
	rng := rand.New(rand.NewPCG(1, 2))
	covered, width := 0, 0.0
	const trials, layers = 400, 32
	for range trials {
		values := make([]float64, layers)
		for i := range values {
			values[i] = 5 + rng.NormFloat64()
		}
		low, high, _ := of(map[string][]float64{"q": values}, 7)
		if low <= 5 && 5 <= high {
			covered++
		}
		width += (high - low) / trials
	}
	if share := float64(covered) / trials; share < 0.90 || share > 0.98 {
		t.Errorf("covers the mean in %.3f of trials, want about 0.94", share)
	}
	if want := 2 * 1.96 / math.Sqrt(layers); math.Abs(width-want) > 0.1*want {
		t.Errorf("mean width %v, want about %v", width, want)
	}
}
