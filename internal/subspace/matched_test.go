package subspace

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestRandomFrames: the block is that of a uniform frame: its mean square is k1·k2/n exactly, its
// entries have mean 0, and the same seed gives the same bits.
func TestRandomFrames(t *testing.T) {
	for _, c := range []struct{ n, k1, k2 int }{{4096, 8, 8}, {20, 3, 5}, {6, 4, 4}, {5, 5, 2}} {
		square, mean, draws := 0.0, 0.0, 0
		for seed := range uint64(60) {
			for _, m := range randomFrames(c.n, c.k1, c.k2, seed) {
				square += math.Pow(norm(m.Data), 2)
				for _, v := range m.Data {
					mean += v
				}
				draws++
			}
		}
		entries := float64(draws * c.k1 * c.k2)
		want := float64(c.k1*c.k2) / float64(c.n)
		if got := square / float64(draws); !near(got, want, 5*want/math.Sqrt(float64(draws))) {
			t.Errorf("%+v: mean square %v, want %v", c, got, want)
		}
		if got := mean / entries; math.Abs(got) > 5/math.Sqrt(entries*float64(c.n)) {
			t.Errorf("%+v: mean entry %v, want 0", c, got)
		}
	}
	a, b := randomFrames(30, 2, 3, 1), randomFrames(30, 2, 3, 2)
	if a[0].Data[0] == b[0].Data[0] || len(a) != MatchedDraws || a[0].Rows != 2 || a[0].Cols != 3 {
		t.Error("another seed gives the same frame, or frames have another shape")
	}
}

// TestProjectMatched agrees in mean and variance with targets whose column frames are drawn whole and
// projected by Project.
func TestProjectMatched(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n, in, k, draws = 12, 10, 3, 3000
	source := &Decomposition{U: matrix(frame(rng, n, k).T()), S: []float64{3, 2, 1}, V: matrix(frame(rng, in, k).T())}
	target := &Decomposition{U: matrix(frame(rng, n, k).T()), S: []float64{4, 2, 0.5}, V: matrix(frame(rng, in, k).T())}
	var mean, square [2][3]float64
	count := [2]float64{}
	add := func(which int, p Projection) {
		count[which]++
		for i, v := range []float64{Lp(1, p.S1, Abs.Apply(p.S2)), Rec(p.S1, Abs.Apply(p.S2)), p.Core} {
			mean[which][i] += v
			square[which][i] += v * v
		}
	}
	for range draws {
		other := &Decomposition{U: matrix(frame(rng, n, k).T()), S: target.S, V: target.V}
		s, err := NewSet([]*Decomposition{source, other})
		if err != nil {
			t.Fatal(err)
		}
		add(0, s.Project(0, 1))
	}
	s, err := NewSet([]*Decomposition{source, target})
	if err != nil {
		t.Fatal(err)
	}
	row := s.Project(0, 1).Row
	for seed := range uint64(draws / MatchedDraws) {
		s.ProjectMatched(0, 1, seed, func(p Projection) {
			add(1, p)
			if !near(p.Row, row, 1e-12) {
				t.Fatalf("the row space changed: %v, want %v", p.Row, row)
			}
		})
	}
	for i, name := range []string{"l1", "rec", "e_core"} {
		var m, v [2]float64
		for w := range 2 {
			m[w] = mean[w][i] / count[w]
			v[w] = square[w][i]/count[w] - m[w]*m[w]
		}
		if sd := math.Sqrt(v[0]/count[0] + v[1]/count[1]); math.Abs(m[0]-m[1]) > 4.5*sd {
			t.Errorf("%s: mean %v of whole draws, %v of matched ones (sd %v)", name, m[0], m[1], sd)
		}
		if ratio := v[1] / v[0]; ratio < 0.85 || ratio > 1.18 {
			t.Errorf("%s: variance %v of whole draws, %v of matched ones", name, v[0], v[1])
		}
	}
}
