package subspace

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// angular are the distances that are functions of the angles; a metric obeys the triangle
// inequality on spaces of equal dimension.
var angular = []struct {
	name   string
	of     func([]float64) float64
	metric bool
}{
	{"grassmann", Grassmann, true}, {"grassmann_sum", GrassmannSum, true}, {"grassmann_paper", GrassmannPaper, false},
	{"chordal", Chordal, true}, {"asimov", Asimov, true}, {"fubini_study", FubiniStudy, true}, {"martin", Martin, false},
	{"binet_cauchy", BinetCauchy, true}, {"procrustes", Procrustes, true}, {"projection", ProjectionDistance, true},
}

// Worked by hand: cos π/3 = 1/2, so that of (π/3, π/3) the product of cosines is 1/4.
func TestDistancesByHand(t *testing.T) {
	third, right := math.Pi/3, math.Pi/2
	equal := make([]float64, 8)
	for _, c := range []struct {
		name  string
		theta []float64
		want  map[string]float64
	}{
		{"equal spaces", equal, map[string]float64{"grassmann_paper": 0.04000033334}}, // √8·arccos 0.9999
		{"no angles", nil, map[string]float64{}},
		{"two of 60°", []float64{third, third}, map[string]float64{
			"grassmann": math.Sqrt2 * third, "grassmann_sum": 2 * third, "grassmann_paper": math.Sqrt2 * third,
			"chordal": math.Sqrt(1.5), "asimov": third, "fubini_study": 1.318116071652818, "martin": math.Sqrt(4 * math.Ln2),
			"binet_cauchy": math.Sqrt(15) / 4, "procrustes": math.Sqrt2, "projection": math.Sqrt(3) / 2,
		}},
		{"0 and 90°", []float64{0, right}, map[string]float64{
			"grassmann": right, "grassmann_sum": right, "grassmann_paper": math.Hypot(right, 0.014142253477512), "chordal": 1,
			"asimov": right, "fubini_study": right, "martin": math.Inf(1), "binet_cauchy": 1, "procrustes": math.Sqrt2, "projection": 1,
		}},
		{"a small one", []float64{1e-10}, map[string]float64{
			"grassmann": 1e-10, "grassmann_sum": 1e-10, "grassmann_paper": 0.014142253477512, "chordal": 1e-10, "asimov": 1e-10,
			"fubini_study": 1e-10, "martin": 1e-10, "binet_cauchy": 1e-10, "procrustes": 1e-10, "projection": 1e-10,
		}},
	} {
		for _, d := range angular {
			got, want := d.of(c.theta), c.want[d.name]
			tolerance := 1e-15 * max(1, want)
			if want == 1e-10 {
				tolerance = 1e-24
			} else if d.name == "grassmann_paper" {
				tolerance = 1e-11
			}
			if got != want && !near(got, want, tolerance) {
				t.Errorf("%s of %s = %v, want %v", d.name, c.name, got, want)
			}
		}
	}
	if got := Grassmann([]float64{0, 0.3, 0.4}); !near(got, 0.5, 1e-15) {
		t.Errorf("grassmann of 0, 0.3, 0.4 = %v, want 0.5", got)
	}
}

// Worked by hand on the axes: the spaces share e1, and the other directions are 45° apart.
func TestSetDistancesByHand(t *testing.T) {
	h := math.Sqrt2 / 2
	eye := Matrix{2, 2, []float64{1, 0, 0, 1}}
	s := newSet(t,
		decompose(t, 1, Matrix{3, 2, []float64{3, 0, 0, 2, 0, 0}}, eye),
		decompose(t, 1, Matrix{3, 2, []float64{1, 0, 0, 5 * h, 0, 5 * h}}, eye),
		decompose(t, 1, Matrix{3, 2, []float64{4, 0, 0, 0, 0, 0}}, eye),
		decompose(t, 1, NewMatrix(3, 2), eye))
	for _, c := range []struct {
		i, j           int
		phi, phiRow, l float64
	}{
		{0, 1, 0.75, 1, math.Hypot(2, 1)}, {0, 2, 1, 1, math.Hypot(1, 2)}, {1, 2, 1, 1, math.Hypot(1, 1)},
		{0, 3, 0, 0, math.Hypot(3, 2)}, {1, 1, 1, 1, 0},
	} {
		for _, o := range [][2]int{{c.i, c.j}, {c.j, c.i}} {
			if v := s.Phi(Column, o[0], o[1]); !near(v, c.phi, 1e-15) {
				t.Errorf("phi of columns %v = %v, want %v", o, v, c.phi)
			}
			if v := s.Phi(Row, o[0], o[1]); !near(v, c.phiRow, 1e-15) {
				t.Errorf("phi of rows %v = %v, want %v", o, v, c.phiRow)
			}
			if v := s.SpectralL2(o[0], o[1]); !near(v, c.l, 1e-14) {
				t.Errorf("spectral_l2 %v = %v, want %v", o, v, c.l)
			}
		}
	}
}

// Among spaces of one dimension no metric has a shortcut; Martin's and the clamped distance are none.
func TestTriangle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		k := rapid.IntRange(1, 4).Draw(t, "k")
		n := rapid.IntRange(k, 10).Draw(t, "n")
		spread := rapid.SampledFrom([]float64{1e-6, 0.1, 1, 100}).Draw(t, "spread")
		near := func(q *mat.Dense) *mat.Dense { // a space nearby, or anywhere
			x := gaussian(rng, n, k)
			x.Scale(spread, x)
			x.Add(x, q)
			var qr mat.QR
			qr.Factorize(x)
			var full mat.Dense
			qr.QTo(&full)
			return mat.DenseCopyOf(full.Slice(0, n, 0, k))
		}
		a := frame(rng, n, k)
		b := near(a)
		c := near(b)
		angles := func(x, y *mat.Dense) []float64 {
			theta, err := Angles(matrix(x.T()), matrix(y.T()))
			if err != nil {
				t.Fatal(err)
			}
			return theta
		}
		ab, bc, ac := angles(a, b), angles(b, c), angles(a, c)
		for _, d := range angular {
			if d.metric && d.of(ac) > d.of(ab)+d.of(bc)+1e-13 {
				t.Fatalf("%s: %v > %v + %v", d.name, d.of(ac), d.of(ab), d.of(bc))
			}
		}
	})
}

// Chordal and projection distance are norms of the difference of the projectors, Fubini-Study and
// Binet-Cauchy are of det(U₁ᵀU₂): gonum's, on matrices formed in full.
func TestDistancesFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		k := rapid.IntRange(1, 4).Draw(t, "k")
		n := rapid.IntRange(k, 12).Draw(t, "n")
		a, b := frame(rng, n, k), frame(rng, n, k)
		theta, err := Angles(matrix(a.T()), matrix(b.T()))
		if err != nil {
			t.Fatal(err)
		}
		var p, q, overlap mat.Dense
		p.Mul(a, a.T())
		q.Mul(b, b.T())
		p.Sub(&p, &q)
		overlap.Mul(a.T(), b)
		var svd mat.SVD
		svd.Factorize(&p, mat.SVDNone)
		det := math.Abs(mat.Det(&overlap))
		for _, c := range []struct {
			name      string
			got, want float64
		}{
			{"chordal", Chordal(theta), p.Norm(2) / math.Sqrt2},
			{"projection", ProjectionDistance(theta), svd.Values(nil)[0]},
			{"cos of fubini_study", math.Cos(FubiniStudy(theta)), min(det, 1)},
			{"square of binet_cauchy", math.Pow(BinetCauchy(theta), 2), 1 - det*det},
			{"exp of martin", math.Exp(-math.Pow(Martin(theta), 2)), det * det},
		} {
			if !near(c.got, c.want, 1e-12) {
				t.Fatalf("%s = %v, want %v", c.name, c.got, c.want)
			}
		}
	})
}

// TestPhiGrid sums the overlaps by hand: the first directions agree, the second ones meet at 60°.
func TestPhiGrid(t *testing.T) {
	s, err := NewSet([]*Decomposition{
		{U: Matrix{2, 3, []float64{1, 0, 0, 0, 1, 0}}, S: []float64{2, 1}, V: Matrix{2, 3, []float64{1, 0, 0, 0, 1, 0}}},
		{U: Matrix{2, 3, []float64{1, 0, 0, 0, 0.5, math.Sqrt(0.75)}}, S: []float64{2, 1}, V: Matrix{2, 3, []float64{0, 0, 1, 0, 1, 0}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for side, want := range [][]float64{Column: {1, 1, 1, 1.25 / 2}, Row: {0, 0, 0, 0.5}} {
		got := s.PhiGrid(Side(side), 0, 1)
		for i := range want {
			if !near(got.Data[i], want[i], 1e-15) {
				t.Errorf("side %d: %v, want %v", side, got.Data, want)
			}
		}
		if last := s.Phi(Side(side), 0, 1); !near(got.Data[3], last, 1e-15) {
			t.Errorf("side %d: the last entry is %v, phi %v", side, got.Data[3], last)
		}
	}
}

// The distances of whole updates obey the triangle inequality, far and near: the norms of differences, and the share
// of opposite signs, which is Hamming's where no entry is 0.
func TestTriangleOfUpdates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		spread := rapid.SampledFrom([]float64{1e-6, 0.1, 1, 100}).Draw(t, "spread")
		var d []*Decomposition
		b, a := gaussian(rng, 9, 3), gaussian(rng, 3, 7)
		for range 3 {
			one, err := Decompose(1, matrix(b), matrix(a))
			if err != nil {
				t.Fatal(err)
			}
			d = append(d, one)
			for _, m := range []*mat.Dense{b, a} {
				rows, cols := m.Dims()
				step := gaussian(rng, rows, cols)
				step.Scale(spread, step)
				m.Add(m, step)
			}
		}
		s, err := NewSet(d)
		if err != nil {
			t.Fatal(err)
		}
		conflicts := s.SignConflicts(nil)
		for name, of := range map[string]func(i, j int) float64{
			"l2": s.L2, "spectral_l2": s.SpectralL2, "sign_conflict": func(i, j int) float64 { return conflicts.Row(i)[j] },
		} {
			for _, k := range [][3]int{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}} {
				if ab, bc, ac := of(k[0], k[1]), of(k[1], k[2]), of(k[0], k[2]); ac > ab+bc+1e-12*(1+ab+bc) {
					t.Fatalf("%s: %v > %v + %v", name, ac, ab, bc)
				}
			}
			if v := of(1, 1); !near(v, 0, 1e-12*(1+d[1].Norm())) {
				t.Fatalf("%s of an update and itself is %v", name, v)
			}
		}
	})
}
