package subspace

import (
	"fmt"
	"math"
	"slices"
)

// nearOne is the cosine above which an angle is taken from its sine too: acos magnifies the
// cosine's error ε by 1/sin θ, which stays below 1e-14 for smaller cosines.
const nearOne = 0.9998

// Angles returns the principal angles θ in [0, π/2], ascending, between the spaces spanned by the
// rows of u (k₁ × n) and of v (k₂ × n), both orthonormal. There are max(k₁, k₂): the |k₁−k₂| that
// unequal dimensions leave undefined are π/2 (Ye and Lim, arXiv 1407.0900).
//
// Cosines are the singular values of U₁ᵀU₂; where one is near 1, sines are those of (I−U₁U₁ᵀ)U₂ and
// θ = atan2(sin, cos) (Björck and Golub 1973; Knyazev and Argentati 2002). The angles are good to a
// few ε, small ones included.
func Angles(u, v Matrix) ([]float64, error) {
	if u.Cols != v.Cols {
		return nil, fmt.Errorf("spaces of dimension %d and %d have no angles", u.Cols, v.Cols)
	}
	overlap := NewMatrix(u.Rows, v.Rows)
	for i := range overlap.Rows {
		row := overlap.Row(i)
		for j := range row {
			row[j] = dot(u.Row(i), v.Row(j))
		}
	}
	return angles(u, v, overlap)
}

// angles is Angles with the overlap U₁ᵀU₂ (k₁ × k₂) at hand; it is not changed.
func angles(u, v, overlap Matrix) ([]float64, error) {
	cosines, err := singularValues(clone(overlap))
	if err != nil {
		return nil, err
	}
	theta := make([]float64, max(u.Rows, v.Rows))
	for i := range theta {
		theta[i] = math.Pi / 2
	}
	for i, c := range cosines {
		theta[i] = math.Acos(min(c, 1))
	}
	if len(cosines) == 0 || cosines[0] < nearOne {
		return theta, nil
	}
	if u.Rows < v.Rows { // the smaller space is the one to be taken apart
		u, v, overlap = v, u, transpose(overlap)
	}
	sines, err := singularValues(residual(u, v, overlap).r)
	if err != nil {
		return nil, err
	}
	slices.Reverse(sines) // ascending, as the angles
	for i, c := range cosines {
		if c >= nearOne {
			theta[i] = math.Atan2(sines[i], c)
		}
	}
	slices.Sort(theta)
	return theta, nil
}

// residual returns the QR of what the space of u leaves of the rows of v: (I−U₁U₁ᵀ)U₂ = Q_E·R_E.
func residual(u, v, overlap Matrix) reflectors {
	e := clone(v)
	for i := range u.Rows {
		for j, c := range overlap.Row(i) {
			axpy(-c, u.Row(i), e.Row(j))
		}
	}
	return newReflectors(e)
}

func clone(m Matrix) Matrix {
	return Matrix{m.Rows, m.Cols, slices.Clone(m.Data)}
}
