package subspace

// Inner products and linear combinations of long vectors, the two things that the time goes into.
// Vectors are rows. The vector kernels take the bulk of a row and Go what is left of it; what is
// computed for a pair of rows depends on those rows alone, not on the tile that they are in.

const (
	tileRows    = 4 // rows of the tile of inner products that a kernel computes
	tileCols    = 3
	tileStep    = 4 // elements of a row that it takes at a time
	combineRows = 4 // rows that a kernel combines at a time
	combineStep = 8

	// segment is how much of each row is worked on at a time: tileRows + tileCols segments fit a
	// first-level cache.
	segment = 1024
)

// gram sets g, of x.Rows × x.Rows, to X·Xᵀ.
func gram(g, x Matrix) {
	clear(g.Data)
	for from := 0; from < x.Cols; from += segment {
		addGram(g, x, from, min(segment, x.Cols-from))
	}
	for i := range g.Rows {
		for j := range i {
			g.Data[i*g.Cols+j] = g.Data[j*g.Cols+i]
		}
	}
}

// addGram adds the upper triangle of Y·Yᵀ to that of g, Y being n columns of x.
func addGram(g, x Matrix, from, n int) {
	bulk := 0
	if fused && x.Rows >= tileRows {
		bulk = n &^ (tileStep - 1)
	}
	if bulk < n {
		for i := range x.Rows {
			a := x.Row(i)[from+bulk : from+n]
			for j := i; j < x.Rows; j++ {
				g.Data[i*g.Cols+j] += dot(a, x.Row(j)[from+bulk:from+n])
			}
		}
	}
	if bulk == 0 {
		return
	}
	var sums [tileRows * tileCols]float64
	for i := 0; i < x.Rows; i += tileRows {
		i0 := min(i, x.Rows-tileRows) // the last tile reaches back over rows that are done
		for j := i; j < x.Rows; j += tileCols {
			j0 := min(j, x.Rows-tileCols)
			tile(&sums, x.Data[i0*x.Cols+from:], x.Data[j0*x.Cols+from:], x.Cols, bulk)
			for c := j; c < min(j+tileCols, x.Rows); c++ {
				for r := i; r <= min(c, i0+tileRows-1); r++ {
					g.Data[r*g.Cols+c] += sums[(c-j0)*tileRows+r-i0]
				}
			}
		}
	}
}

// combine sets y, m × n, to C·X of c, m × k, and x, k × n.
func combine(y, c, x Matrix) {
	bulk := 0
	if fused && c.Rows >= combineRows && c.Cols > 0 {
		bulk = x.Cols &^ (combineStep - 1)
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
			combineTile(y.Data[i0*y.Cols:], packed, x.Data, y.Cols, x.Cols, c.Cols, bulk)
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
