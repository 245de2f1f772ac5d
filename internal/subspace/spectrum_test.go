package subspace

import (
	"math"
	"slices"
	"testing"
)

// Known values: worked by hand.
func TestSpectra(t *testing.T) {
	a, b := []float64{3, 2, 1}, []float64{1, -1, 0}
	ln3 := math.Log(3)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"l1", Lp(1, a, b), 6},
		{"l2", Lp(2, a, b), math.Sqrt(14)},
		{"l3", Lp(3, a, b), math.Cbrt(8 + 27 + 1)},
		{"l1 of abs", Lp(1, a, Abs.Apply(b)), 4},
		{"l1 of clip", Lp(1, a, Clip.Apply(b)), 5},
		{"l1 of signed", Lp(1, a, Signed.Apply(b)), 6},
		{"lp of large values", Lp(3, []float64{1e200, 0}, []float64{0, 1e200}), 1e200 * math.Cbrt(2)},
		{"lp of equal spectra", Lp(3, a, a), 0},
		{"lp of nothing", Lp(3, nil, nil), 0},
		{"rec", Rec(a, []float64{1, 1, 0}), 0.5 + 2.0/6},
		{"rec of equals", Rec(a, []float64{6, 4, 2}), 1},
		{"rec of signs", Rec(a, b), 0.5 + 2.0/6},
		{"rec with zeros", Rec(a, []float64{0, 0, 0}), 0},
		{"entropy of flat", Entropy([]float64{2, 2, 2}), 1},
		{"entropy of one axis", Entropy([]float64{5, 0, 0}), 0},
		{"entropy", Entropy(a), (math.Log(2)/2 + ln3/3 + math.Log(6)/6) / ln3},
		{"entropy of signs", Entropy(b), math.Log(2) / ln3},
		{"entropy of one value", Entropy([]float64{5}), 0},
		{"entropy of zeros", Entropy([]float64{0, 0}), 0},
		{"negatives", float64(Negatives([]float64{-1, 0, math.Copysign(0, -1), 2, -1e-300})), 2},
	} {
		if !near(c.got, c.want, 1e-15*max(1, math.Abs(c.want))) {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	if got, want := Unit(b), []float64{0.5, -0.5, 0}; !slices.Equal(got, want) {
		t.Errorf("unit of %v is %v, want %v", b, got, want)
	}
	if got := Unit([]float64{0, 0}); !slices.Equal(got, []float64{0, 0}) {
		t.Errorf("unit of zeros is %v", got)
	}
}
