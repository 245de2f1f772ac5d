package subspace

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Worked by hand: of 10 entries of sizes 1 to 10 two are larger than 8, and of 40, the others 0, eight are larger than 2.
func TestFifth(t *testing.T) {
	row := Matrix{1, 10, []float64{1, -2, 3, -4, 5, -6, 7, -8, 9, -10}}
	var m Magnitudes
	if v := m.Fifth(); v != 0 {
		t.Errorf("of nothing: %v", v)
	}
	m.Add(decompose(t, 1, Matrix{1, 1, []float64{1}}, row))
	if v := m.Fifth(); !near(v, 8, 8./1024) || v > 8 {
		t.Errorf("of 10: %v, want 8", v)
	}
	m.AddZeros(30)
	if v := m.Fifth(); !near(v, 2, 2./1024) || v > 2 {
		t.Errorf("of 40: %v, want 2", v)
	}
	m.AddZeros(1000)
	if v := m.Fifth(); v != 0 {
		t.Errorf("where a fifth is not 0: %v, want 0", v)
	}
}

// Counted together or apart, the least of the largest fifth is, rounded down, what sorting gives.
func TestFifthSorted(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var together, apart Magnitudes
	var all []float64
	for _, shape := range [][3]int{{33, 70, 3}, {5, 1, 1}, {16, 64, 2}} {
		w, _, _ := planted(rng, shape[0], shape[1], spectrum(rng, shape[2], math.Exp(rng.NormFloat64())))
		d, _, err := Truncate(w, shape[2], 1)
		if err != nil {
			t.Fatal(err)
		}
		var one Magnitudes
		one.Add(d)
		apart.Join(&one)
		together.Add(d)
		for _, v := range w.Data {
			all = append(all, math.Abs(v))
		}
	}
	slices.Sort(all)
	want := all[len(all)-len(all)/5-1]
	for name, v := range map[string]float64{"together": together.Fifth(), "apart": apart.Fifth()} {
		if v > want*(1+1e-12) || v < want*(1-1./1024) {
			t.Errorf("%s: %v, want %v", name, v, want)
		}
	}
}
