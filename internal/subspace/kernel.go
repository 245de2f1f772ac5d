package subspace

// Inner products and linear combinations of long vectors, the two things that the time goes into.
// Vectors are rows. The vector kernels take the bulk of a row and Go what is left of it; what is
// computed for a pair of rows depends on those rows alone, not on the tile that they are in.

// A kernel is the two of them for one kind of processor; where its functions are nil, Go does it all.
type kernel struct {
	// tile sets sums[rows·j + i] to the inner product of rows i of a and j of b, rows of n elements, a
	// positive multiple of step, and stride elements apart. It takes so many rows of a and columns, rows of b.
	rows, cols, step int
	tile             func(n int, a, b *float64, stride int, sums *float64)
	// combine sets combineRows rows of y, yStride apart, to Σ_j c[combineRows·j + i]·x_j of k > 0
	// rows of x, xStride apart, of n elements, a positive multiple of combineStep.
	combineStep int
	combine     func(n, k int, c, x *float64, xStride int, y *float64, yStride int)
}

var (
	portable = kernel{}
	best     = kernels[len(kernels)-1]
)

const (
	combineRows = 4  // rows that a kernel combines at a time
	largestTile = 24 // inner products at a time

	// segment is how much of each row is worked on at a time, so that all rows' segments fit a second-level
	// cache.
	segment = 512
)

// gram sets g, of x.Rows × x.Rows, to X·Xᵀ.
func gram(g, x Matrix) { gramAfter(g, x, nil) }

// gramAfter sets the inner products of row i of x with rows after[i] and following, and those that are the same by
// symmetry, with after[i] ≤ after[i+1]; what else stands in g is not to be read. No after means all.
func gramAfter(g, x Matrix, after []int) {
	clear(g.Data)
	for from := 0; from < x.Cols; from += segment {
		addGram(g, x, after, from, min(segment, x.Cols-from))
	}
	for i := range g.Rows {
		for j := range i {
			g.Data[j*g.Cols+i] = g.Data[i*g.Cols+j]
		}
	}
}

// addGram adds the lower triangle of Y·Yᵀ to that of g, Y being n columns of x; what it leaves above is not to be
// read. See gramAfter for after.
func addGram(g, x Matrix, after []int, from, n int) {
	start := func(i int) int {
		if after == nil {
			return i
		}
		return after[i]
	}
	bulk := 0
	if best.tile != nil && x.Rows >= best.rows {
		bulk = n - n%best.step
	}
	if bulk < n {
		for i := range x.Rows {
			a := x.Row(i)[from+bulk : from+n]
			for j := start(i); j < x.Rows; j++ {
				g.Data[j*g.Cols+i] += dot(a, x.Row(j)[from+bulk:from+n])
			}
		}
	}
	if bulk == 0 {
		return
	}
	var sums [largestTile]float64
	for i := 0; i < x.Rows; i += best.rows {
		i0 := min(i, x.Rows-best.rows) // the last tile reaches back over rows that are done
		for j := start(i); j < x.Rows; j += best.cols {
			j0 := min(j, x.Rows-best.cols)
			best.tile(bulk, &x.Data[i0*x.Cols+from], &x.Data[j0*x.Cols+from], x.Cols, &sums[0])
			for c := j; c < min(j+best.cols, x.Rows); c++ {
				row := g.Data[c*g.Cols+i : c*g.Cols+i0+best.rows]
				for r, v := range sums[(c-j0)*best.rows+i-i0:][:len(row)] {
					row[r] += v
				}
			}
		}
	}
}

// combine sets y, m × n, to C·X of c, m × k, and x, k × n.
func combine(y, c, x Matrix) {
	bulk := 0
	if best.combine != nil && c.Rows >= combineRows && c.Cols > 0 {
		bulk = x.Cols - x.Cols%best.combineStep
	}
	if bulk > 0 {
		packed := make([]float64, combineRows*c.Cols)
		for i := 0; i < c.Rows; i += combineRows {
			i0 := min(i, c.Rows-combineRows) // the last rows may be done twice
			for r := range combineRows {
				for j, v := range c.Row(i0 + r) {
					packed[j*combineRows+r] = v
				}
			}
			best.combine(bulk, c.Cols, &packed[0], &x.Data[0], x.Cols, &y.Data[i0*y.Cols], y.Cols)
		}
	}
	if bulk == x.Cols {
		return
	}
	for i := range c.Rows {
		row := y.Row(i)[bulk:]
		clear(row)
		for j, v := range c.Row(i) {
			axpy(v, x.Row(j)[bulk:], row)
		}
	}
}
