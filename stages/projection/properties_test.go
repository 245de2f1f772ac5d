package projection

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"taskvec/internal/subspace"
	"taskvec/stages/collect"
)

// gaussian returns a random matrix.
func gaussian(rng *rand.Rand, rows, cols int) subspace.Matrix {
	m := subspace.NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = rng.NormFloat64()
	}
	return m
}

// times returns X·Y.
func times(x, y subspace.Matrix) subspace.Matrix {
	out := subspace.NewMatrix(x.Rows, y.Cols)
	for i := range x.Rows {
		for j := range y.Cols {
			for k := range x.Cols {
				out.Row(i)[j] += x.Row(i)[k] * y.Row(k)[j]
			}
		}
	}
	return out
}

// Every measure of a projection is that of the updates, not of their factors: in another gauge it is the same. Scaling
// both tasks scales the distances of raw spectra alone; scaling the target alone changes none of the others. The order
// of the tasks does not matter, and shares and overlaps stay between 0 and 1.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		sign := rapid.SampledFrom([]subspace.Sign{subspace.Abs, subspace.Clip, subspace.Signed}).Draw(t, "sign")
		scale := rapid.SampledFrom([]float64{0.125, 3, 1024}).Draw(t, "scale")
		o := Options{P: rapid.Float64Range(1, 6).Draw(t, "p"), Sign: sign, Nulls: true, Seed: 7}
		type factors struct{ b, a subspace.Matrix }
		var tasks []factors
		for _, name := range []string{"rank of source", "rank of target"} {
			k := rapid.IntRange(1, 5).Draw(t, name)
			tasks = append(tasks, factors{gaussian(rng, 14, k), gaussian(rng, k, 11)})
		}
		// measures are those of source → target, scaled so, in a gauge or not, in this order or the other.
		measures := func(source, target float64, gauge, turned bool) map[string]float64 {
			m := &collect.Module{Tasks: []string{"source", "target"}}
			var d []*subspace.Decomposition
			for i, f := range tasks {
				b, a := f.b, f.a
				if gauge { // an upper triangle of ones inverts to ones and minus ones
					k := a.Rows
					g, inverse := subspace.NewMatrix(k, k), subspace.NewMatrix(k, k)
					for r := range k {
						for c := r; c < k; c++ {
							g.Row(r)[c] = 1
						}
						inverse.Row(r)[r] = 1
						if r+1 < k {
							inverse.Row(r)[r+1] = -1
						}
					}
					b, a = times(b, inverse), times(g, a)
				}
				one, err := subspace.Decompose([]float64{source, target}[i], b, a)
				if err != nil {
					t.Fatal(err)
				}
				d = append(d, one)
			}
			if turned {
				m.Tasks[0], m.Tasks[1], d[0], d[1] = m.Tasks[1], m.Tasks[0], d[1], d[0]
			}
			set, err := subspace.NewSet(d)
			if err != nil {
				t.Fatal(err)
			}
			m.Set = set
			v := Of(m, o)
			got := map[string]float64{}
			for _, r := range v.Rows(nil, 0, v.Pairs()) {
				if r.Source == "source" {
					got[r.Measure] = r.Value
				}
			}
			return got
		}
		one := measures(1, 1, false, false)
		if len(one) != len(Measures)+len(NullMeasures) {
			t.Fatalf("%d measures", len(one))
		}
		near := func(what string, got map[string]float64, factor func(measure string) float64) {
			for name, v := range one {
				// z divides by a spread that may be small.
				if want := v * factor(name); !(math.Abs(got[name]-want) <= 1e-7*math.Max(1, math.Abs(want))) {
					t.Fatalf("%s: %s = %v, want %v", what, name, got[name], want)
				}
			}
		}
		raw := func(name string) bool {
			for _, of := range []string{L1, L2, Lp} {
				if name == of || strings.HasPrefix(name, of+"_null") {
					return true
				}
			}
			return false
		}
		same := func(string) float64 { return 1 }
		near("another gauge", measures(1, 1, true, false), same)
		near("the other order", measures(1, 1, false, true), same)
		near("both scaled", measures(scale, scale, false, false), func(name string) float64 {
			if raw(name) {
				return scale
			}
			return 1
		})
		target := measures(1, scale, false, false)
		for name, v := range one {
			if raw(name) || name == "l1_z" { // of l1, which is not scaled as a whole
				target[name] = v
			}
		}
		near("the target scaled", target, same)
		for _, name := range []string{Rec, EntropySource, Entropy, EDiag, ECore, ECol, ERow, SAR} {
			if v := one[name]; !(v >= 0 && v <= 1) {
				t.Fatalf("%s = %v", name, v)
			}
		}
		if one[EDiag] > one[ECore]+1e-12 || one[ECore] > math.Min(one[ECol], one[ERow])+1e-12 || one[SAR] > math.Sqrt(one[ECol])+1e-12 {
			t.Fatalf("shares of parts are larger than of the whole: %v", one)
		}
	})
}
