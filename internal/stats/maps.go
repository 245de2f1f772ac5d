package stats

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// A Map is items placed in two dimensions.
type Map struct {
	Points    [][2]float64
	Explained [2]float64 // each axis's eigenvalue over the sum of the eigenvalues' absolute values
}

// MDS is classical multidimensional scaling (Torgerson 1952): the two leading eigenvectors of
// −½·J·D²·J, each times the root of its eigenvalue, J = I − 11ᵀ/n. Distances of points in a plane
// come back. An axis of an eigenvalue that is not positive is 0. In each axis the entry of largest
// absolute value, the first of equals, is positive.
func MDS(d [][]float64) (*Map, error) {
	if err := check(d); err != nil {
		return nil, err
	}
	n := len(d)
	m := &Map{Points: make([][2]float64, n)}
	if n == 0 {
		return m, nil
	}
	mean, total := make([]float64, n), 0.0
	for i := range d {
		for _, v := range d[i] {
			mean[i] += v * v / float64(n)
		}
		total += mean[i] / float64(n)
	}
	b := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			b.SetSym(i, j, -(d[i][j]*d[i][j]-mean[i]-mean[j]+total)/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(b, true) {
		return nil, errors.New("multidimensional scaling: the eigenvalues do not converge")
	}
	values := eigen.Values(nil) // ascending
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	sum, largest := 0.0, 0.0
	for _, v := range values {
		sum += math.Abs(v)
		largest = max(largest, math.Abs(v))
	}
	for axis := range min(2, n) {
		v := values[n-1-axis]
		if v <= tie*largest {
			continue
		}
		m.Explained[axis] = v / sum
		sign := 0.0
		for i := range n {
			if e := vectors.At(i, n-1-axis); math.Abs(e) > math.Abs(sign)*(1+1e-9) {
				sign = e
			}
		}
		for i := range n {
			m.Points[i][axis] = math.Copysign(math.Sqrt(v), sign) * vectors.At(i, n-1-axis)
		}
	}
	return m, nil
}

// A Merge joins two clusters at the height of their mean distance. A cluster is an item, by its
// number, or the result of merge k, as n+k.
type Merge struct {
	A, B   int // A holds the lower item
	Height float64
}

// AverageLinkage joins the two nearest of n clusters until one is left (UPGMA, Sokal and Michener
// 1958), the first of equals in the order of their lowest items. Merges come from the lowest
// upwards, n−1 of them; order is the items as the leaves of the tree, each cluster in one stretch.
func AverageLinkage(d [][]float64) (merges []Merge, order []int, err error) {
	if err := check(d); err != nil {
		return nil, nil, err
	}
	type cluster struct {
		id    int
		items []int
	}
	var clusters []cluster // in the order of their lowest items
	for i := range d {
		clusters = append(clusters, cluster{i, []int{i}})
	}
	distance := func(a, b cluster) float64 {
		sum := 0.0
		for _, i := range a.items {
			for _, j := range b.items {
				sum += d[i][j]
			}
		}
		return sum / float64(len(a.items)*len(b.items))
	}
	for len(clusters) > 1 {
		a, b, nearest := 0, 0, math.Inf(1)
		for i := range clusters {
			for j := i + 1; j < len(clusters); j++ {
				if v := distance(clusters[i], clusters[j]); v < nearest-tie*math.Abs(v) || math.IsInf(nearest, 1) {
					a, b, nearest = i, j, v
				}
			}
		}
		merges = append(merges, Merge{clusters[a].id, clusters[b].id, nearest})
		clusters[a] = cluster{len(d) + len(merges) - 1, slices.Concat(clusters[a].items, clusters[b].items)}
		clusters = slices.Delete(clusters, b, b+1)
	}
	for _, c := range clusters {
		order = c.items
	}
	return merges, order, nil
}
