package subspace

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

func newBase(t testing.TB, w Matrix) *Base {
	t.Helper()
	b, err := NewBase(w, 1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ofBase returns both measures of an update.
func ofBase(t testing.TB, b *Base, d *Decomposition) (amplification float64, intruders int) {
	t.Helper()
	amplification, err := b.Amplification(d)
	if err != nil {
		t.Fatal(err)
	}
	if intruders, err = b.Intruders(d); err != nil {
		t.Fatal(err)
	}
	return amplification, intruders
}

// Worked by hand: W₀ = diag(5, 4, 3, 2, 1) beside a column of zeros.
func TestBaseByHand(t *testing.T) {
	w := NewMatrix(5, 6)
	for i := range 5 {
		w.Row(i)[i] = float64(5 - i)
	}
	b := newBase(t, w)
	at := func(v float64, i, j int) *Decomposition {
		left, right := NewMatrix(5, 1), NewMatrix(1, 6)
		left.Data[i], right.Data[j] = v, 1
		return decompose(t, 1, left, right)
	}
	for name, c := range map[string]struct {
		d             *Decomposition
		amplification float64
	}{
		"on an axis":           {at(9, 4, 4), 9},
		"against it":           {at(-8, 1, 1), 2},
		"where W₀ has nothing": {at(9, 4, 5), math.Inf(1)},
		"nothing":              {decompose(t, 1, NewMatrix(5, 1), NewMatrix(1, 6)), 0},
	} {
		if a, n := ofBase(t, b, c.d); !(a == c.amplification || near(a, c.amplification, 1e-14)) || n != 0 {
			t.Errorf("%s: amplification %v, want %v; %d intruders among axes", name, a, c.amplification, n)
		}
	}
	if _, err := b.Amplification(decompose(t, 1, NewMatrix(6, 1), NewMatrix(1, 5))); err == nil {
		t.Error("an update of another shape is taken")
	}
	if _, err := b.Intruders(decompose(t, 1, NewMatrix(6, 1), NewMatrix(1, 5))); err == nil {
		t.Error("an update of another shape is taken")
	}
	if _, err := NewBase(Matrix{1, 1, []float64{math.NaN()}}, 1); err == nil {
		t.Error("NaN is a base")
	}
}

// The axes of W₀ are all at a cosine of 1/4 to the update's u = (±1, …, ±1)/4: a large one is one
// intruder, and what it leaves of the axes stays like them; a small one is none.
func TestIntruderPlanted(t *testing.T) {
	w := NewMatrix(16, 17)
	for i := range 16 {
		w.Row(i)[i] = math.Exp2(float64(i))
	}
	b := newBase(t, w)
	for _, c := range []struct {
		size float64
		want int
	}{{1e-3, 0}, {1e7, 1}} {
		left, right := NewMatrix(16, 1), NewMatrix(1, 17)
		for i := range left.Data {
			left.Data[i] = c.size * float64(1-2*(bits.OnesCount(uint(i&5))%2))
		}
		right.Data[16] = 1
		if _, n := ofBase(t, b, decompose(t, 1, left, right)); n != c.want {
			t.Errorf("size %v: %d intruders, want %d", c.size, n, c.want)
		}
	}
}

// intrudersOf counts by the definition, with gonum's full decompositions; sure is false where a cosine is near the
// threshold.
func intrudersOf(w, update *mat.Dense) (n int, sure bool) {
	left := func(m mat.Matrix) (*mat.Dense, []float64) {
		var svd mat.SVD
		svd.Factorize(m, mat.SVDThin)
		var u mat.Dense
		svd.UTo(&u)
		return &u, svd.Values(nil)
	}
	var tuned, cosines mat.Dense
	tuned.Add(w, update)
	u0, _ := left(w)
	u, s := left(&tuned)
	cosines.Mul(u0.T(), u)
	sure = true
	for j := range min(10, len(s)) {
		largest := 0.0
		for _, v := range mat.Col(nil, j, &cosines) {
			largest = max(largest, math.Abs(v))
		}
		if largest < 0.5 {
			n++
		}
		sure = sure && math.Abs(largest-0.5) > 1e-6
	}
	return n, sure
}

// Against the definitions on matrices formed in full, for updates small and large beside W₀, in any gauge and
// with W₀ scaled alike.
func TestBaseDefinitions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		m, n := rapid.IntRange(1, 40).Draw(rt, "m"), rapid.IntRange(1, 40).Draw(rt, "n")
		k := rapid.IntRange(1, min(m, n, 6)).Draw(rt, "k")
		w := gaussian(rng, m, n)
		u, v := frame(rng, m, k), frame(rng, n, k)
		s := spectrum(rng, k, rapid.Float64Range(0.1, 50).Draw(rt, "size"))
		b1, a1 := factors(rng, u, s, v)
		b2, a2 := factors(rng, u, s, v)
		one, two := decompose(t, 1, b1, a1), decompose(t, 4, b2, a2)
		var update, core mat.Dense
		update.Product(u, mat.NewDiagDense(k, s), v.T())
		core.Product(u.T(), w, v)
		amplification, intruders := ofBase(t, newBase(t, matrix(w)), one)
		if want := update.Norm(2) / core.Norm(2); !near(amplification/want, 1, 1e-10) {
			rt.Fatalf("amplification %v, want %v", amplification, want)
		}
		want, sure := intrudersOf(w, &update)
		if sure && intruders != want {
			rt.Fatalf("%d × %d, rank %d: %d intruders, want %d", m, n, k, intruders, want)
		}
		w.Scale(4, w)
		amplified, same := ofBase(t, newBase(t, matrix(w)), two)
		if !near(amplified/amplification, 1, 1e-10) || sure && same != intruders {
			rt.Fatalf("in another gauge and scale: %v and %d, want %v and %d", amplified, same, amplification, intruders)
		}
	})
}

// Where W₀ has more singular vectors than are looked at, the count of unrelated updates is still that of all.
func TestIntrudersOfLarge(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const m, n, k = 320, 300, 8
	s := make([]float64, n)
	for i := range s {
		s[i] = 1 / math.Sqrt(float64(i+1)) // as of a trained weight: some large, the others slowly falling
	}
	w, _, _ := planted(rng, m, n, s)
	b := newBase(t, w)
	for _, size := range []float64{0.3, 0.6, 2} {
		u, v := frame(rng, m, k), frame(rng, n, k)
		d := decompose(t, size, matrix(u), matrix(v.T()))
		var update mat.Dense
		update.Mul(u, v.T())
		update.Scale(size, &update)
		want, sure := intrudersOf(dense(w), &update)
		if _, got := ofBase(t, b, d); got != want && sure {
			t.Errorf("size %v: %d intruders, want %d", size, got, want)
		} else {
			t.Logf("size %v: %d intruders", size, got)
		}
	}
}

// Where an update makes a direction of W₀ beyond those looked at a leading one, it counts as an intruder though it is
// none: the count is an upper bound.
func TestIntrudersUpperBound(t *testing.T) {
	for n, want := range map[int]int{wholeBase: 0, wholeBase + 1: 1} {
		w, left, right := NewMatrix(n, n), NewMatrix(n, 1), NewMatrix(1, n)
		for i := range n {
			w.Row(i)[i] = float64(n - i)
		}
		left.Data[n-2], right.Data[n-2] = float64(2*n), 1 // W₀ + ΔW has W₀'s own vectors, the last but one first
		if _, got := ofBase(t, newBase(t, w), decompose(t, 1, left, right)); got != want {
			t.Errorf("%d × %d: %d intruders, want %d", n, n, got, want)
		}
	}
}

// BenchmarkBase is one q_proj of a 7B model and one adapter.
func BenchmarkBase(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	w := matrix(gaussian(rng, 4096, 4096))
	d := decompose(b, 2, matrix(gaussian(rng, 4096, 8)), matrix(gaussian(rng, 8, 4096)))
	base := newBase(b, w)
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			newBase(b, w)
		}
	})
	b.Run("update", func(b *testing.B) {
		for b.Loop() {
			ofBase(b, base, d)
		}
	})
}
