package subspace

import (
	"math"
	"slices"
)

// Distances of two spaces from their principal angles θ, in the order Angles gives them (ascending,
// the angles that unequal dimensions leave undefined being π/2). Names and formulas are those of
// Ye and Lim, Schubert varieties and distances between subspaces of different dimensions (arXiv
// 1407.0900) where it has them. Each is symmetric, 0 for equal spaces and blind to the choice of bases; of no
// angles, each is 0.

// orthogonal is the cosine below which two directions count as orthogonal: rounding leaves that
// much of the inner product of unit vectors.
const orthogonal = 1e-14

// paperCosine is the largest cosine that the public code of arXiv 2503.05491 lets pass
// (Orange-OpenSource/task-inclusion-estimation, src/task_vectors/metrics.py), and paperAngle the least
// angle that it sees.
const paperCosine = 0.9999

var paperAngle = math.Acos(paperCosine)

// lengthOf returns √Σ f(θ)².
func lengthOf(theta []float64, f func(t float64) float64) float64 {
	sum := 0.0
	for _, t := range theta {
		v := f(t)
		sum += v * v
	}
	return math.Sqrt(sum)
}

// Grassmann returns √Σθ², the geodesic distance on the Grassmannian (arXiv 2503.05491, eq. 10).
func Grassmann(theta []float64) float64 {
	return lengthOf(theta, func(t float64) float64 { return t })
}

// GrassmannPaper returns √Σθ² as the public code of arXiv 2503.05491 computes it, with cosines
// clamped to ±0.9999: no angle reads less than 0.01414, and two equal spaces of 8 dimensions
// are 0.0400 apart.
func GrassmannPaper(theta []float64) float64 {
	return lengthOf(theta, func(t float64) float64 { return max(t, paperAngle) })
}

// GrassmannSum returns Σθ.
func GrassmannSum(theta []float64) float64 {
	sum := 0.0
	for _, t := range theta {
		sum += t
	}
	return sum
}

// Chordal returns √Σ sin²θ, for equal dimensions ‖P₁−P₂‖_F/√2 of the orthogonal projectors.
func Chordal(theta []float64) float64 { return lengthOf(theta, math.Sin) }

// Asimov returns the largest angle.
func Asimov(theta []float64) float64 {
	if len(theta) == 0 {
		return 0
	}
	return slices.Max(theta)
}

// ProjectionDistance returns the sine of the largest angle, for equal dimensions ‖P₁−P₂‖₂.
func ProjectionDistance(theta []float64) float64 { return math.Sin(Asimov(theta)) }

// Procrustes returns 2·√Σ sin²(θ/2), how near two orthonormal bases of the spaces can be brought.
func Procrustes(theta []float64) float64 {
	return 2 * lengthOf(theta, func(t float64) float64 { return math.Sin(t / 2) })
}

// logCosines returns ln Π cos²θ = Σ ln(1 − sin²θ), good for small angles, where the product itself
// rounds to 1; −Inf when two directions are orthogonal.
func logCosines(theta []float64) float64 {
	sum := 0.0
	for _, t := range theta {
		if math.Cos(t) < orthogonal {
			return math.Inf(-1)
		}
		if t < 1 {
			sine := math.Sin(t)
			sum += math.Log1p(-sine * sine)
		} else {
			sum += 2 * math.Log(math.Cos(t))
		}
	}
	return sum
}

// Martin returns √(−2 ln Π cosθ); +Inf where some angle is π/2.
func Martin(theta []float64) float64 { return math.Sqrt(max(0, -logCosines(theta))) }

// BinetCauchy returns √(1 − Π cos²θ), in [0, 1].
func BinetCauchy(theta []float64) float64 { return math.Sqrt(max(0, -math.Expm1(logCosines(theta)))) }

// FubiniStudy returns arccos Π cosθ, in [0, π/2].
func FubiniStudy(theta []float64) float64 {
	return math.Atan2(BinetCauchy(theta), math.Exp(logCosines(theta)/2))
}

// Phi returns ‖U_iᵀU_j‖_F²/min(k_i, k_j) in [0, 1] of one side of two updates: the share of the
// smaller space that lies in the other, a similarity (Hu et al., LoRA, arXiv 2106.09685, eq. 4, which takes
// the row side). It is 0 when an update is zero.
func (s *Set) Phi(side Side, i, j int) float64 {
	k := min(s.of[i].Rank(), s.of[j].Rank())
	if k == 0 {
		return 0
	}
	sum := 0.0
	for p := range s.of[i].S {
		for _, v := range s.products(side, i, j, p) {
			sum += v * v
		}
	}
	return min(1, sum/float64(k))
}

// PhiGrid returns φ(a, b) = ‖U_i[:a]ᵀU_j[:b]‖_F²/min(a, b), the overlap of the leading a and b directions,
// for each a up to k_i and b up to k_j: row a−1, column b−1 (Hu et al. 2021, eq. 4 and figure 3). There the
// leading directions are those of A alone, which differ from gauge to gauge; here they are ΔW's.
func (s *Set) PhiGrid(side Side, i, j int) Matrix {
	m := s.overlap(side, i, j)
	for r := range m.Rows {
		row := m.Row(r)
		sum := 0.0 // of the squares of this row up to the column
		for c, v := range row {
			sum += v * v
			row[c] = sum
			if r > 0 {
				row[c] += m.Row(r - 1)[c]
			}
		}
	}
	for r := range m.Rows {
		for c := range m.Row(r) {
			m.Row(r)[c] /= float64(min(r, c) + 1)
		}
	}
	return m
}

// SpectralL2 returns ‖S_i − S_j‖₂, the shorter spectrum filled up with zeros: what ‖ΔW_i−ΔW_j‖_F
// would be if the two updates had the same singular vectors, and its lower bound (Mirsky).
func (s *Set) SpectralL2(i, j int) float64 {
	a, b := s.of[i].S, s.of[j].S
	gaps := make([]float64, max(len(a), len(b)))
	copy(gaps, a)
	for m, v := range b {
		gaps[m] -= v
	}
	return norm(gaps)
}
