package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// line returns the distances between points on a line.
func line(at ...float64) [][]float64 {
	d := make([][]float64, len(at))
	for i := range d {
		d[i] = make([]float64, len(at))
		for j := range d {
			d[i][j] = math.Abs(at[i] - at[j])
		}
	}
	return d
}

// random returns a symmetric matrix of independent Gaussian entries.
func random(rng *rand.Rand, n int) [][]float64 {
	d := make([][]float64, n)
	for i := range d {
		d[i] = make([]float64, n)
		for j := range i {
			d[i][j] = 4 + rng.NormFloat64()
			d[j][i] = d[i][j]
		}
	}
	return d
}

// Worked by hand: of 0, 1, 10, 11 in pairs, two of the six relabellings are the best one (the groups
// may change names); of 0, 1, 2 and a pair far away, one of ten.
func TestClusterByHand(t *testing.T) {
	for _, c := range []struct {
		name  string
		d     [][]float64
		group []int
		want  Clustering
	}{
		{"two pairs", line(0, 1, 10, 11), []int{7, 7, 2, 2}, Clustering{1, 10, 2.0 / 6, 6, true}},
		{"a wrong grouping", line(0, 1, 10, 11), []int{0, 1, 1, 0}, Clustering{10, 5.5, 1, 6, true}},
		{"three and two", line(0, 1, 2, 50, 51), []int{0, 0, 0, 1, 1}, Clustering{5.0 / 4, 49.5, 0.1, 10, true}},
		{"all alike", [][]float64{{0, .3, .3}, {.3, 0, .3}, {.3, .3, 0}}, []int{0, 0, 1}, Clustering{.3, .3, 1, 3, true}},
	} {
		got, ok, err := Cluster(c.d, c.group, 1)
		if err != nil || !ok || math.Abs(got.Within-c.want.Within)+math.Abs(got.Between-c.want.Between)+math.Abs(got.P-c.want.P) > 1e-12 ||
			got.Relabellings != c.want.Relabellings || got.Exact != c.want.Exact {
			t.Errorf("%s: %+v, %v, %v, want %+v", c.name, got, ok, err, c.want)
		}
	}
	for name, group := range map[string][]int{"one group": {0, 0, 0}, "no pair": {0, 1, 2}} {
		if got, ok, err := Cluster(line(0, 1, 2), group, 1); ok || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	asymmetric := line(0, 1)
	asymmetric[0][1] = 2
	for name, d := range map[string][][]float64{"ragged": {{0, 1}, {1}}, "NaN": line(0, math.NaN()), "Inf": line(0, math.Inf(1)), "asymmetric": asymmetric} {
		if _, _, err := Cluster(d, []int{0, 0}, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, _, err := Mantel(d, line(0, 1), 1); err == nil {
			t.Errorf("mantel, %s: no error", name)
		}
	}
	if _, _, err := Cluster(line(0, 1), []int{0}, 1); err == nil {
		t.Error("a group is lacking: no error")
	}
	if _, _, err := Mantel(line(0, 1), line(0), 1); err == nil {
		t.Error("matrices of two sizes: no error")
	}
}

// With many items relabellings are drawn: planted groups come out, the seed decides, and P is never 0.
func TestClusterDrawn(t *testing.T) {
	var at []float64
	var group []int
	for i := range 12 {
		at, group = append(at, float64(100*(i%3)+i)), append(group, i%3)
	}
	c, ok, err := Cluster(line(at...), group, 1)
	if err != nil || !ok || c.Exact || c.Relabellings != 9999 || c.P < 1e-4 || c.P > 1e-2 {
		t.Errorf("planted groups: %+v, %v, %v", c, ok, err)
	}
	d := random(rand.New(rand.NewPCG(1, 2)), 12)
	one, _, _ := Cluster(d, group, 5)
	again, _, _ := Cluster(d, group, 5)
	other, _, _ := Cluster(d, group, 6)
	if one != again || one.P == other.P || math.Abs(one.P-other.P) > 0.03 {
		t.Errorf("seeds 5, 5, 6: %+v, %+v, %+v", one, again, other)
	}
}

// Of random matrices about one in twenty is called significant at 5 %: 10 of 200, sd 3.1.
func TestFalsePositives(t *testing.T) {
	exact, drawn, mantel := 0, 0, 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		if c, _, err := Cluster(random(rng, 8), []int{0, 0, 0, 1, 1, 1, 2, 2}, seed); err != nil || !c.Exact || c.Relabellings != 560 {
			t.Fatalf("%+v, %v", c, err)
		} else if c.P <= 0.05 {
			exact++
		}
		if c, _, err := Cluster(random(rng, 12), []int{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}, seed); err != nil || c.Exact {
			t.Fatalf("%+v, %v", c, err)
		} else if c.P <= 0.05 {
			drawn++
		}
		if c, _, err := Mantel(random(rng, 6), random(rng, 6), seed); err != nil || !c.Exact || c.Permutations != 720 {
			t.Fatalf("%+v, %v", c, err)
		} else if c.P <= 0.05 {
			mantel++
		}
	}
	for name, n := range map[string]int{"exact": exact, "drawn": drawn, "mantel": mantel} {
		if n < 2 || n > 20 {
			t.Errorf("%s: %d of 200 random matrices are significant at 5 %%", name, n)
		}
	}
}

// Names of groups and the order of items do not matter to an exact test.
func TestClusterInvariance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		n := rapid.IntRange(3, 7).Draw(t, "n")
		d, group := random(rng, n), rapid.SliceOfN(rapid.IntRange(0, 2), n, n).Draw(t, "groups")
		order := rng.Perm(n)
		moved, renamed := make([][]float64, n), make([]int, n)
		for i, o := range order {
			renamed[i] = 9 - group[o]
			for _, p := range order {
				moved[i] = append(moved[i], 3*d[o][p])
			}
		}
		one, ok1, err1 := Cluster(d, group, 1)
		two, ok2, err2 := Cluster(moved, renamed, 2)
		if err1 != nil || err2 != nil || ok1 != ok2 || one.P != two.P || math.Abs(3*one.Within-two.Within) > 1e-12 {
			t.Fatalf("%+v, %v and %+v, %v", one, err1, two, err2)
		}
	})
}

// The example of Benjamini and Hochberg's paper, section 3.3: four of the fifteen at q = 0.05.
func TestBenjaminiHochberg(t *testing.T) {
	p := []float64{.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1}
	slices.Reverse(p)
	got := BenjaminiHochberg(p)
	rejected := 0
	for _, v := range got {
		if v <= 0.05 {
			rejected++
		}
	}
	if rejected != 4 || math.Abs(got[14]-.0015) > 1e-15 || math.Abs(got[11]-.0095*15/4) > 1e-15 || got[0] != 1 {
		t.Errorf("%d rejected: %v", rejected, got)
	}
	// A later p may pull an earlier one down.
	if got, want := BenjaminiHochberg([]float64{.04, .03, .05}), []float64{.05, .05, .05}; !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-15 }) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := BenjaminiHochberg(nil); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

// Worked by hand: 0, 1, 3 and 0, 1, 4 have the distances 1, 3, 2 and 1, 4, 3, of correlation
// 3/√(2·14/3); of the six orders only the observed one reaches it.
func TestMantelByHand(t *testing.T) {
	c, ok, err := Mantel(line(0, 1, 3), line(0, 1, 4), 1)
	if err != nil || !ok || math.Abs(c.R-3/math.Sqrt(28.0/3)) > 1e-12 || math.Abs(c.P-1.0/6) > 1e-12 || !c.Exact || c.Permutations != 6 {
		t.Errorf("%+v, %v, %v", c, ok, err)
	}
	d := random(rand.New(rand.NewPCG(1, 2)), 10)
	if c, _, err := Mantel(d, d, 1); err != nil || math.Abs(c.R-1) > 1e-12 || c.Exact || c.P > 2e-4 || c.P < 1e-4 {
		t.Errorf("a matrix with itself: %+v, %v", c, err)
	}
	for name, d := range map[string][][]float64{"two items": line(0, 1), "no variation": {{0, .1, .1}, {.1, 0, .1}, {.1, .1, 0}}} {
		if c, ok, err := Mantel(d, d, 1); ok || err != nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}
