package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The corners of a rectangle of sides 6 and 2 come back on its axes, 90 % and 10 % of the variance.
func TestMDSByHand(t *testing.T) {
	corners := [][2]float64{{3, 1}, {3, -1}, {-3, 1}, {-3, -1}}
	d := make([][]float64, 4)
	for i := range d {
		for j := range d {
			d[i] = append(d[i], math.Hypot(corners[i][0]-corners[j][0], corners[i][1]-corners[j][1]))
		}
	}
	m, err := MDS(d)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range corners { // the first corner has the largest entry of both axes
		if math.Abs(m.Points[i][0]-want[0])+math.Abs(m.Points[i][1]-want[1]) > 1e-12 {
			t.Errorf("corner %v at %v", want, m.Points[i])
		}
	}
	if math.Abs(m.Explained[0]-0.9)+math.Abs(m.Explained[1]-0.1) > 1e-12 {
		t.Errorf("explained %v", m.Explained)
	}
	// On a line the second axis is 0; the point farthest from the middle, 4 − 5/3, is positive.
	if m, err := MDS(line(0, 1, 4)); err != nil || math.Abs(m.Points[2][0]-7.0/3)+math.Abs(m.Points[0][0]+5.0/3) > 1e-12 || m.Points[1][1] != 0 || m.Explained[1] != 0 {
		t.Errorf("a line: %+v, %v", m, err)
	}
	for _, d := range [][][]float64{nil, line(1), line(2, 2, 2)} {
		if m, err := MDS(d); err != nil || len(m.Points) != len(d) || slices.ContainsFunc(m.Points, func(p [2]float64) bool { return p != [2]float64{} }) {
			t.Errorf("points in one place: %+v, %v", m, err)
		}
	}
}

// Distances of points in a plane come back.
func TestMDSPlane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		n := rapid.IntRange(2, 10).Draw(t, "n")
		points := make([][2]float64, n)
		for i := range points {
			points[i] = [2]float64{rng.NormFloat64(), rng.NormFloat64()}
		}
		apart := func(p [][2]float64, i, j int) float64 { return math.Hypot(p[i][0]-p[j][0], p[i][1]-p[j][1]) }
		d := make([][]float64, n)
		for i := range d {
			for j := range d {
				d[i] = append(d[i], apart(points, i, j))
			}
		}
		m, err := MDS(d)
		if err != nil {
			t.Fatal(err)
		}
		for i := range d {
			for j := range i {
				if got := apart(m.Points, i, j); math.Abs(got-d[i][j]) > 1e-7 {
					t.Fatalf("points %d and %d are %v apart, want %v", i, j, got, d[i][j])
				}
			}
		}
	})
}

// The worked example of UPGMA with five items (a to e), heights being mean distances: a and b
// at 17, then e at 22, c and d at 28, and both at 33.
func TestAverageLinkageByHand(t *testing.T) {
	d := [][]float64{
		{0, 17, 21, 31, 23},
		{17, 0, 30, 34, 21},
		{21, 30, 0, 28, 39},
		{31, 34, 28, 0, 43},
		{23, 21, 39, 43, 0},
	}
	merges, order, err := AverageLinkage(d)
	want := []Merge{{0, 1, 17}, {5, 4, 22}, {2, 3, 28}, {6, 7, 33}}
	if err != nil || !slices.Equal(merges, want) || !slices.Equal(order, []int{0, 1, 4, 2, 3}) {
		t.Errorf("%v, %v, %v, want %v", merges, order, err, want)
	}
	if merges, order, err := AverageLinkage(line(1)); err != nil || len(merges) != 0 || !slices.Equal(order, []int{0}) {
		t.Errorf("one item: %v, %v, %v", merges, order, err)
	}
	if _, _, err := AverageLinkage(line(0, math.NaN())); err == nil {
		t.Error("NaN: no error")
	}
	if _, err := MDS(line(0, math.NaN())); err == nil {
		t.Error("MDS of NaN: no error")
	}
}

// Heights never fall, the order is a permutation, and planted groups stand together in it.
func TestAverageLinkage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		n := rapid.IntRange(2, 12).Draw(t, "n")
		at := make([]float64, n)
		for i := range at {
			at[i] = float64(100*rng.IntN(3)) + rng.Float64()
		}
		merges, order, err := AverageLinkage(line(at...))
		if err != nil || len(merges) != n-1 {
			t.Fatalf("%v, %v", merges, err)
		}
		for k := 1; k < len(merges); k++ {
			if merges[k].Height < merges[k-1].Height-1e-9 {
				t.Fatalf("merges %v", merges)
			}
		}
		groups := map[int]bool{}
		changes := 0
		for k, i := range order {
			groups[int(at[i]/100)] = true
			if k > 0 && int(at[i]/100) != int(at[order[k-1]]/100) {
				changes++
			}
		}
		slices.Sort(order)
		for i, v := range order {
			if i != v {
				t.Fatalf("order %v", order)
			}
		}
		if changes != len(groups)-1 {
			t.Fatalf("groups are torn apart in %v", order)
		}
	})
}
