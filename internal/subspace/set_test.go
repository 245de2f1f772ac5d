package subspace

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// Planted angles come back to 1e-12, however small or near π/2, in any basis and with unequal ranks.
func TestPlantedAngles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		k1, k2 := rapid.IntRange(1, 8).Draw(t, "k1"), rapid.IntRange(1, 8).Draw(t, "k2")
		n := rapid.IntRange(k1+k2, 200).Draw(t, "n")
		angle := rapid.OneOf(
			rapid.SampledFrom([]float64{0, 1e-15, 1e-12, 1e-10, 1e-8, 1e-5, 1e-3, 0.0199, 0.02, 0.0201, 0.1, 1, 1.5, math.Pi/2 - 1e-10, math.Pi / 2}),
			rapid.Float64Range(0, math.Pi/2))
		planted := rapid.SliceOfN(angle, min(k1, k2), min(k1, k2)).Draw(t, "angles")
		f := frame(rng, n, k1+k2)
		one, two := mat.DenseCopyOf(f.Slice(0, n, 0, k1)), tilted(rng, f, k1, planted, k2)
		d := decomposeBoth(t, rng, one, spectrum(rng, k1, 1), two, spectrum(rng, k2, 5))
		set, err := NewSet(d)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(planted)
		for len(want) < max(k1, k2) {
			want = append(want, math.Pi/2)
		}
		slices.Sort(want)
		for _, order := range [][2]int{{0, 1}, {1, 0}} {
			got, err := set.Angles(Column, order[0], order[1])
			if err != nil {
				t.Fatal(err)
			}
			alone, err := Angles(d[order[0]].U, d[order[1]].U)
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range want {
				if !near(got[i], w, 1e-12) || !near(alone[i], w, 1e-12) {
					t.Fatalf("angles %v and alone %v, want %v", got, alone, want)
				}
			}
		}
	})
}

// decomposeBoth returns two updates with these left frames and spectra, their right frames random.
func decomposeBoth(t *rapid.T, rng *rand.Rand, u1 *mat.Dense, s1 []float64, u2 *mat.Dense, s2 []float64) []*Decomposition {
	var d []*Decomposition
	for _, x := range []struct {
		u *mat.Dense
		s []float64
	}{{u1, s1}, {u2, s2}} {
		b, a := factors(rng, x.u, x.s, frame(rng, 20, len(x.s)))
		got, err := Decompose(1, b, a)
		if err != nil {
			t.Fatal(err)
		}
		d = append(d, got)
	}
	return d
}

// Two planes of R³ worked by hand: span(e1, e2) and span(e1, (e2 + e3)/√2) are at 0 and π/4; a
// plane and a line in it at 0 and the missing π/2.
func TestAnglesByHand(t *testing.T) {
	h := math.Sqrt2 / 2
	plane := Matrix{2, 3, []float64{1, 0, 0, 0, 1, 0}}
	for _, c := range []struct {
		other Matrix
		want  []float64
	}{
		{plane, []float64{0, 0}},
		{Matrix{2, 3, []float64{1, 0, 0, 0, h, h}}, []float64{0, math.Pi / 4}},
		{Matrix{2, 3, []float64{0, h, h, 0, h, -h}}, []float64{0, math.Pi / 2}},
		{Matrix{1, 3, []float64{h, h, 0}}, []float64{0, math.Pi / 2}},
		{Matrix{1, 3, []float64{0, 0, 1}}, []float64{math.Pi / 2, math.Pi / 2}},
		{Matrix{0, 3, nil}, []float64{math.Pi / 2, math.Pi / 2}},
	} {
		for range 2 {
			got, err := Angles(plane, c.other)
			if err != nil || len(got) != 2 || !near(got[0], c.want[0], 1e-15) || !near(got[1], c.want[1], 1e-15) {
				t.Errorf("angles to %v: %v, %v, want %v", c.other.Data, got, err, c.want)
			}
		}
	}
	if _, err := Angles(plane, Matrix{1, 2, []float64{1, 0}}); err == nil {
		t.Error("spaces of two dimensions: no error")
	}
}

// Known mean distance of random subspaces: n = 768, k = 8: 4.207, sd 0.023; E‖U₁ᵀU₂‖² = k₁k₂/n.
func TestRandomSubspaces(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const draws = 40
	distance, overlap := 0.0, 0.0
	for range draws {
		theta, err := Angles(matrix(frame(rng, 768, 8).T()), matrix(frame(rng, 768, 8).T()))
		if err != nil {
			t.Fatal(err)
		}
		distance += Grassmann(theta) / draws
		for _, v := range theta {
			overlap += math.Cos(v) * math.Cos(v) / draws
		}
	}
	if !near(distance, 4.207, 4*0.023/math.Sqrt(draws)) || !near(overlap, 64.0/768, 0.01) {
		t.Errorf("mean distance %v, want 4.207; mean overlap %v, want %v", distance, overlap, 64.0/768)
	}
}

// measures returns every number that a set gives for the pair (i, j), by name.
func measures(t *rapid.T, s *Set, i, j int) map[string]float64 {
	out := map[string]float64{"cosine": s.Cosine(i, j), "l2": s.L2(i, j), "l_spectral": s.SpectralL2(i, j)}
	for side, name := range map[Side]string{Column: "column", Row: "row"} {
		theta, err := s.Angles(side, i, j)
		if err != nil {
			t.Fatal(err)
		}
		for m, v := range theta {
			out[fmt.Sprint(name, m)] = v
		}
		out[name+" phi"], out[name+" alignment"] = s.Phi(side, i, j), s.Alignment(side, i, j)
	}
	out["l_interference"], out["conflicts"] = s.TaskInterference(i, j), s.SignConflicts(nil).Row(i)[j]
	p := s.Project(i, j)
	out["aligned"] = p.Aligned
	out["diag"], out["core"], out["col"], out["row"] = p.Diag, p.Core, p.Col, p.Row
	for m := range p.S1 {
		out[fmt.Sprint("s1", m)], out[fmt.Sprint("s2", m)] = p.S1[m], p.S2[m]
	}
	return out
}

// twoGauges returns one random update of 30 × 20 decomposed from its factors in two gauges.
func twoGauges(t *rapid.T, rng *rand.Rand, label string) (one, two *Decomposition) {
	k := rapid.IntRange(1, 6).Draw(t, "rank of "+label)
	u, v, s := frame(rng, 30, k), frame(rng, 20, k), spectrum(rng, k, rapid.Float64Range(0.1, 10).Draw(t, "norm of "+label))
	b1, a1 := factors(rng, u, s, v)
	b2, a2 := factors(rng, u, s, v)
	var err error
	if one, err = Decompose(1, b1, a1); err != nil {
		t.Fatal(err)
	}
	if two, err = Decompose(1, b2, a2); err != nil {
		t.Fatal(err)
	}
	return one, two
}

// (A, B) and (GA, BG⁻¹) are one update: no measure may change by more than 1e-10.
func TestGauge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x1, x2 := twoGauges(t, rng, "x")
		y1, y2 := twoGauges(t, rng, "y")
		s, err := NewSet([]*Decomposition{x1, y1, x2, y2})
		if err != nil {
			t.Fatal(err)
		}
		one, two := measures(t, s, 0, 1), measures(t, s, 2, 3)
		for name, v := range one {
			if !near(v, two[name], 1e-10) {
				t.Fatalf("%s is %v in one gauge, %v in another", name, v, two[name])
			}
		}
		for name, v := range measures(t, s, 0, 2) { // the same update twice
			want := map[string]float64{"diag": 1, "core": 1, "col": 1, "row": 1, "column phi": 1, "row phi": 1, "column alignment": 1, "row alignment": 1}[name]
			switch name {
			case "l_interference": // ΔW on its own axes, twice
				want = 2 * size(x1.S)
			case "aligned":
				want = norm(x1.S[:leading(x1.S)]) / x1.Norm()
			}
			if name[0] == 's' {
				var spectrum, m int
				if _, err := fmt.Sscanf(name, "s%1d%d", &spectrum, &m); err != nil {
					t.Fatal(err)
				}
				want = x1.S[m]
			}
			if !near(v, want, 1e-12*max(1, x1.Norm())) {
				t.Fatalf("of an update with itself: %s = %v, want %v", name, v, want)
			}
		}
	})
}

// Distances are symmetric; scaling an update changes only l2 and the spectra.
func TestSymmetryAndScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x, _ := twoGauges(t, rng, "x")
		y, _ := twoGauges(t, rng, "y")
		c := rapid.SampledFrom([]float64{0.5, 2, 1024}).Draw(t, "scale") // powers of 2: exact
		scaled := func(d *Decomposition) *Decomposition {
			e := &Decomposition{S: slices.Clone(d.S), U: d.U, V: d.V}
			scale(c, e.S)
			return e
		}
		s, err := NewSet([]*Decomposition{x, y, scaled(x), scaled(y)})
		if err != nil {
			t.Fatal(err)
		}
		there, back := measures(t, s, 0, 1), measures(t, s, 1, 0)
		both, target := measures(t, s, 2, 3), measures(t, s, 0, 3)
		for name, v := range there {
			switch name[0] {
			case 'l':
				if !near(back[name], v, 1e-13) || !near(both[name], c*v, 1e-12*c) {
					t.Fatalf("%s = %v, back %v, both times %v %v", name, v, back[name], c, both[name])
				}
			case 's':
				if want := c * v; !near(both[name], want, 1e-12*c) || name[1] == '2' && !near(target[name], want, 1e-12*c) {
					t.Fatalf("%s = %v, times %v %v and %v", name, v, c, both[name], target[name])
				}
			default:
				if slices.Contains([]string{"diag", "core", "col", "row", "aligned"}, name) {
					back[name] = v // the projection is not symmetric
				}
				if !near(back[name], v, 1e-12) || !near(both[name], v, 1e-12) || !near(target[name], v, 1e-12) {
					t.Fatalf("%s = %v, back %v, scaled %v and %v", name, v, back[name], both[name], target[name])
				}
			}
		}
	})
}

// Against the definitions, on matrices formed in full.
func TestDefinitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x, _ := twoGauges(t, rng, "x")
		y, _ := twoGauges(t, rng, "y")
		s, err := NewSet([]*Decomposition{x, y})
		if err != nil {
			t.Fatal(err)
		}
		form := func(d *Decomposition) *mat.Dense {
			var w mat.Dense
			w.Product(dense(d.U).T(), mat.NewDiagDense(d.Rank(), d.S), dense(d.V))
			return &w
		}
		wx, wy := form(x), form(y)
		var product, difference, core, left, right mat.Dense
		product.MulElem(wx, wy)
		difference.Sub(wx, wy)
		core.Product(dense(x.U), wy, dense(x.V).T())
		left.Mul(dense(x.U), wy)
		right.Mul(wy, dense(x.V).T())
		nx, ny := wx.Norm(2), wy.Norm(2)
		share := func(m *mat.Dense) float64 { return math.Pow(m.Norm(2)/ny, 2) }
		p := s.Project(0, 1)
		diag := 0.0
		for m, v := range p.S2 {
			diag += v * v
			if !near(v, core.At(m, m), 1e-13*ny) {
				t.Fatalf("S2[%d] = %v, want %v", m, v, core.At(m, m))
			}
		}
		for _, c := range []struct {
			name      string
			got, want float64
		}{
			{"cosine", s.Cosine(0, 1), 1 - mat.Sum(&product)/(nx*ny)},
			{"l2", s.L2(0, 1) / (nx + ny), difference.Norm(2) / (nx + ny)},
			{"diag", p.Diag, diag / (ny * ny)},
			{"core", p.Core, share(&core)},
			{"col", p.Col, share(&left)},
			{"row", p.Row, share(&right)},
			{"column alignment", s.Alignment(Column, 0, 1), cka(wx, wy)},
			{"row alignment", s.Alignment(Row, 0, 1), cka(mat.DenseCopyOf(wx.T()), mat.DenseCopyOf(wy.T()))},
			{"interference", s.TaskInterference(0, 1) / (nx + ny), interference(x, y) / (nx + ny)},
			{"conflicts", s.SignConflicts(nil).Row(1)[0], conflicts(wx, wy)},
		} {
			if !near(c.got, c.want, 1e-13) {
				t.Fatalf("%s = %v, want %v", c.name, c.got, c.want)
			}
		}
	})
}

// cka is ‖XᵀY‖²/(‖XXᵀ‖‖YYᵀ‖).
func cka(x, y *mat.Dense) float64 {
	var cross, xx, yy mat.Dense
	cross.Mul(x.T(), y)
	xx.Mul(x, x.T())
	yy.Mul(y, y.T())
	return math.Pow(cross.Norm(2), 2) / (xx.Norm(2) * yy.Norm(2))
}

// interference is the sum of the absolute entries of (UᵀU − I)·Σ·(VᵀV − I), the frames side by side.
func interference(x, y *Decomposition) float64 {
	less := func(a, b Matrix) *mat.Dense {
		both := dense(stack(a, b))
		var g mat.Dense
		g.Mul(both, both.T())
		for i := range a.Rows + b.Rows {
			g.Set(i, i, g.At(i, i)-1)
		}
		return &g
	}
	var product mat.Dense
	s := slices.Concat(x.S, y.S)
	product.Product(less(x.U, y.U), mat.NewDiagDense(len(s), s), less(x.V, y.V))
	sum := 0.0
	for _, v := range product.RawMatrix().Data {
		sum += math.Abs(v)
	}
	return sum
}

// conflicts is the share of the entries with opposite signs.
func conflicts(x, y *mat.Dense) float64 {
	n := 0
	for k, v := range x.RawMatrix().Data {
		if v*y.RawMatrix().Data[k] < 0 {
			n++
		}
	}
	return float64(n) / float64(len(x.RawMatrix().Data))
}

// ‖ΔW₁−ΔW₂‖ is planted: ΔW₂ = ΔW₁ + δ·u·vᵀ, with u and v inside or outside ΔW₁'s spaces. The
// difference of squares would lose all of δ = 1e-9.
func TestSmallDifference(t *testing.T) {
	for _, delta := range []float64{0, 1e-12, 1e-9, 1e-4, 0.3, 30} {
		for _, outside := range []bool{false, true} {
			rng := rand.New(rand.NewPCG(5, 6))
			u, v := frame(rng, 50, 4), frame(rng, 40, 4)
			s := []float64{4, 2, 1, 0}
			one, a1 := factors(rng, mat.DenseCopyOf(u.Slice(0, 50, 0, 3)), s[:3], mat.DenseCopyOf(v.Slice(0, 40, 0, 3)))
			axis := 1
			if outside {
				axis = 3
			}
			moved := slices.Clone(s)
			moved[axis] += delta
			two, a2 := factors(rng, u, moved, v)
			set := newSet(t, decompose(t, 1, one, a1), decompose(t, 1, two, a2))
			if got := set.L2(0, 1); !near(got, delta, 1e-14*(1+delta)) {
				t.Errorf("difference %v (outside: %v) came back as %v", delta, outside, got)
			}
		}
	}
}

// Worked by hand on the axes e1, e2: ΔW₁ = diag(2, 1), ΔW₂ = [[0 3] [-4 0]], ΔW₃ = diag(-1, 0), ΔW₄ = 0.
func TestProjectByHand(t *testing.T) {
	eye := Matrix{2, 2, []float64{1, 0, 0, 1}}
	s := newSet(t,
		decompose(t, 1, Matrix{2, 2, []float64{2, 0, 0, 1}}, eye),
		decompose(t, 1, Matrix{2, 2, []float64{0, 3, -4, 0}}, eye),
		decompose(t, 1, Matrix{2, 2, []float64{-1, 0, 0, 0}}, eye),
		decompose(t, 1, Matrix{2, 2, []float64{0, 0, 0, 0}}, eye))
	if s.Len() != 4 || s.Update(0).Rank() != 2 {
		t.Fatalf("%d updates, the first of rank %d", s.Len(), s.Update(0).Rank())
	}
	for _, c := range []struct {
		i, j                 int
		s2                   []float64
		diag, core, col, row float64
		cosine, l2           float64
	}{
		{0, 1, []float64{0, 0}, 0, 1, 1, 1, 1, math.Sqrt(30)},
		{0, 2, []float64{-1, 0}, 1, 1, 1, 1, 1 + 2/math.Sqrt(5), math.Sqrt(10)},
		{1, 2, []float64{0, 0}, 0, 1, 1, 1, 1, math.Sqrt(26)},
		{2, 0, []float64{-2}, 0.8, 0.8, 0.8, 0.8, 1 + 2/math.Sqrt(5), math.Sqrt(10)},
		{2, 1, []float64{0}, 0, 0, 9.0 / 25, 16.0 / 25, 1, math.Sqrt(26)},
		{0, 3, []float64{0, 0}, 0, 0, 0, 0, math.NaN(), math.Sqrt(5)},
		{3, 0, []float64{}, 0, 0, 0, 0, math.NaN(), math.Sqrt(5)},
	} {
		p := s.Project(c.i, c.j)
		if len(p.S2) != len(c.s2) || len(p.S1) != len(c.s2) {
			t.Errorf("%d → %d: S1 %v, S2 %v, want S2 %v", c.i, c.j, p.S1, p.S2, c.s2)
			continue
		}
		for m, v := range c.s2 {
			if !near(p.S2[m], v, 1e-15) {
				t.Errorf("%d → %d: S2 %v, want %v", c.i, c.j, p.S2, c.s2)
			}
		}
		for name, v := range map[string][2]float64{"diag": {p.Diag, c.diag}, "core": {p.Core, c.core}, "col": {p.Col, c.col},
			"row": {p.Row, c.row}, "cosine": {s.Cosine(c.i, c.j), c.cosine}, "l2": {s.L2(c.i, c.j), c.l2}} {
			if !near(v[0], v[1], 1e-14) && !(math.IsNaN(v[0]) && math.IsNaN(v[1])) {
				t.Errorf("%d → %d: %s = %v, want %v", c.i, c.j, name, v[0], v[1])
			}
		}
	}
}

// A set of nothing but zero updates has no vectors, and its measures are still defined.
func TestZeroUpdates(t *testing.T) {
	zero := decompose(t, 1, NewMatrix(3, 1), Matrix{1, 3, []float64{1, 0, 0}})
	s := newSet(t, zero, zero)
	theta, err := s.Angles(Column, 0, 1)
	if err != nil || len(theta) != 0 || s.L2(0, 1) != 0 {
		t.Errorf("angles %v, %v, l2 %v", theta, err, s.L2(0, 1))
	}
}

// The benchmarks' shape is one q_proj of 13 adapters of a 7B model.
func BenchmarkSet(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	var d []*Decomposition
	for range 13 {
		d = append(d, decompose(b, 2, matrix(gaussian(rng, 4096, 8)), matrix(gaussian(rng, 8, 4096))))
	}
	b.Run("gram", func(b *testing.B) {
		for b.Loop() {
			newSet(b, d...)
		}
	})
	s := newSet(b, d...)
	b.Run("angles", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Angles(Column, 0, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("angles-near", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Angles(Column, 0, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("conflicts", func(b *testing.B) {
		for b.Loop() {
			s.SignConflicts(nil)
		}
	})
	least := make([]float64, s.Len())
	for i := range least {
		var m Magnitudes
		m.Add(s.Update(i))
		least[i] = m.Fifth()
	}
	b.Run("conflicts-trimmed", func(b *testing.B) {
		for b.Loop() {
			s.SignConflicts(least)
		}
	})
	b.Run("magnitudes", func(b *testing.B) {
		for b.Loop() {
			var m Magnitudes
			for i := range s.Len() {
				m.Add(s.Update(i))
			}
		}
	})
	b.Run("project", func(b *testing.B) {
		for b.Loop() {
			s.Project(0, 1)
		}
	})
}
