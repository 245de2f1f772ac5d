package report

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// components are the first two principal components of a set of rows.
type components struct {
	scores    [][2]float64 // one per row
	explained [2]float64   // share of the variance
}

// pcaRows takes the rows of a distance matrix as feature vectors, centres the columns without
// scaling them, and returns the scores U·S of the first two components of the SVD. Signs are fixed
// so that each component's entry of largest absolute value is positive.
func pcaRows(m [][]float64) (*components, error) {
	n := len(m)
	x := mat.NewDense(n, n, nil)
	for j := range n {
		total := 0.0
		for i := range n {
			total += m[i][j]
		}
		for i := range n {
			x.Set(i, j, m[i][j]-total/float64(n))
		}
	}
	var svd mat.SVD
	if !svd.Factorize(x, mat.SVDThin) {
		return nil, errors.New("principal components: the SVD does not converge (are there NaNs among the distances?)")
	}
	var u mat.Dense
	svd.UTo(&u)
	s := svd.Values(nil)
	variance := 0.0
	for _, v := range s {
		variance += v * v
	}
	c := &components{scores: make([][2]float64, n)}
	for k := range min(2, n) {
		largest := 0.0
		for i := range n {
			c.scores[i][k] = u.At(i, k) * s[k]
			if math.Abs(c.scores[i][k]) > math.Abs(largest)*(1+1e-9) {
				largest = c.scores[i][k]
			}
		}
		if largest < 0 {
			for i := range n {
				c.scores[i][k] = -c.scores[i][k]
			}
		}
		if variance > 0 {
			c.explained[k] = s[k] * s[k] / variance
		}
	}
	return c, nil
}
