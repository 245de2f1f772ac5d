package subspace

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Known from simulations of n × k Gaussian matrices of a few draws, good to 1e-3 (NumPy with 1500
// draws: n = 768, k = 8 has 4.2037 ± 0.0006, sd 0.0228); for k = 1 in the plane the angle is uniform,
// of mean π/4 and sd π/√48.
func TestGrassmannNull(t *testing.T) {
	for _, c := range []struct {
		n, k1, k2           int
		mean, sd, tolerance float64 // of the mean
	}{
		{4096, 8, 8, 4.342, 0.011, 0.0045}, {1024, 8, 8, 4.237, 0.020, 0.0045}, {768, 8, 8, 4.207, 0.023, 0.0045},
		{768, 8, 8, 4.2037, 0.0228, 0.003}, {4096, 16, 16, 6.073, 0.010, 0.0045}, {2, 1, 1, math.Pi / 4, math.Pi / math.Sqrt(48), 0.05},
		{5, 5, 2, math.Sqrt(3) * math.Pi / 2, 0, 1e-15}, {5, 2, 0, math.Sqrt2 * math.Pi / 2, 0, 1e-15},
	} {
		for seed := range uint64(2) {
			got, err := GrassmannNull(c.n, c.k1, c.k2, seed)
			if err != nil || !near(got.Mean, c.mean, c.tolerance) || !near(got.SD, c.sd, 0.2*c.sd) {
				t.Errorf("n %d, k %d and %d: %+v, %v, want %v, sd %v", c.n, c.k1, c.k2, got, err, c.mean, c.sd)
			}
		}
	}
	one, _ := GrassmannNull(100, 3, 7, 1)
	two, _ := GrassmannNull(100, 7, 3, 1)
	if other, _ := GrassmannNull(100, 3, 7, 2); one != two || other == one {
		t.Errorf("the null depends on the order, or not on the seed: %+v, %+v, %+v", one, two, other)
	}
}

// The fast draw has the distribution of angles between frames of Gaussian matrices, also where the
// spaces must meet (n < k1+k2): the mean and variance of Σcos² and of the distance agree.
func TestDraw(t *testing.T) {
	const draws = 2000
	for _, s := range []shape{{n: 20, k1: 3, k2: 3}, {n: 12, k1: 5, k2: 2}, {n: 6, k1: 4, k2: 4}, {n: 5, k1: 4, k2: 1}} {
		rng := rand.New(rand.NewPCG(8, 9))
		var mean, square [2][2]float64
		for range draws {
			fast, err := s.draw(rng)
			if err != nil {
				t.Fatal(err)
			}
			slow, err := Angles(matrix(frame(rng, s.n, s.k1).T()), matrix(frame(rng, s.n, s.k2).T()))
			if err != nil {
				t.Fatal(err)
			}
			for i, theta := range [][]float64{fast, slow} {
				overlap := 0.0
				for _, v := range theta {
					overlap += math.Pow(math.Cos(v), 2)
				}
				for j, v := range []float64{Grassmann(theta), overlap} {
					mean[i][j] += v / draws
					square[i][j] += v * v / draws
				}
			}
		}
		for j, name := range []string{"distance", "overlap"} {
			variance := [2]float64{square[0][j] - mean[0][j]*mean[0][j], square[1][j] - mean[1][j]*mean[1][j]}
			if e := 4 * math.Sqrt((variance[0]+variance[1])/draws); !near(mean[0][j], mean[1][j], e) || !near(variance[0], variance[1], 0.2*variance[1]) {
				t.Errorf("%+v: %s of mean %v and variance %v, want %v and %v", s, name, mean[0][j], variance[0], mean[1][j], variance[1])
			}
		}
		if want := float64(s.k1*s.k2) / float64(s.n); !near(mean[0][1], want, 0.05*want) {
			t.Errorf("%+v: mean overlap %v, want %v", s, mean[0][1], want)
		}
	}
}

func BenchmarkGrassmannNull(b *testing.B) {
	for b.Loop() {
		if _, err := (shape{n: 4096, k1: 8, k2: 8, seed: 1}).simulate(); err != nil {
			b.Fatal(err)
		}
	}
}
