package embedded

import "sync"

// The tile that the kernel computes at a time.
const (
	tileRows = 6
	tileCols = 16
)

// A view is a matrix in memory: element (i, j) is data[i·stride + j], or data[j·stride + i] when it
// is transposed. Rows and cols count after transposition.
type view struct {
	rows, cols int
	data       []float32
	stride     int
	transposed bool
}

// matrix views row-major data.
func matrix(rows, cols int, data []float32) view {
	return view{rows: rows, cols: cols, data: data, stride: cols}
}

// t is the transpose.
func (v view) t() view {
	v.rows, v.cols, v.transposed = v.cols, v.rows, !v.transposed
	return v
}

// panels is the memory of one product's packed operands.
type panels struct {
	a, b []float32
	tile [tileRows * tileCols]float32
}

var panelPool = sync.Pool{New: func() any { return new(panels) }}

// gemm sets c to beta·c + alpha·a·b. The operands are packed into panels that the kernel reads in
// order, whatever their layout. Gonum's Sgemm reaches about a quarter of this on the small shapes
// here. Each element is summed in the order of k by one kernel, so the result does not depend on
// threads.
func gemm(c, a, b view, alpha, beta float32) {
	if a.cols != b.rows || c.rows != a.rows || c.cols != b.cols || c.transposed {
		panic("embedded: gemm of matrices that do not fit")
	}
	m, n, k := c.rows, c.cols, a.cols
	if m == 0 || n == 0 || k == 0 {
		return
	}
	p := panelPool.Get().(*panels)
	defer panelPool.Put(p)
	rowPanels, colPanels := (m+tileRows-1)/tileRows, (n+tileCols-1)/tileCols
	p.a = pack(p.a, a, tileRows, rowPanels, k)
	p.b = pack(p.b, b.t(), tileCols, colPanels, k)
	for j := range colPanels {
		bp := p.b[j*k*tileCols : (j+1)*k*tileCols]
		width := min(tileCols, n-j*tileCols)
		for i := range rowPanels {
			kernel(k, p.a[i*k*tileRows:(i+1)*k*tileRows], bp, &p.tile)
			for r := range min(tileRows, m-i*tileRows) {
				row := c.data[(i*tileRows+r)*c.stride+j*tileCols:][:width]
				sums := p.tile[r*tileCols:][:width]
				switch {
				case beta == 0:
					for x, s := range sums {
						row[x] = alpha * s
					}
				case beta == 1:
					for x, s := range sums {
						row[x] += alpha * s
					}
				default:
					for x, s := range sums {
						row[x] = beta*row[x] + alpha*s
					}
				}
			}
		}
	}
}

// pack copies v into panels of width rows: within a panel the k columns follow each other, width
// values each. Rows beyond the last are zero.
func pack(dst []float32, v view, width, count, k int) []float32 {
	n := count * width * k
	if cap(dst) < n {
		dst = make([]float32, n)
	}
	dst = dst[:n]
	for p := range count {
		panel := dst[p*width*k : (p+1)*width*k]
		rows := min(width, v.rows-p*width)
		if rows < width {
			clear(panel)
		}
		if v.transposed {
			for j := range k {
				copy(panel[j*width:j*width+rows], v.data[j*v.stride+p*width:])
			}
			continue
		}
		for r := range rows {
			src := v.data[(p*width+r)*v.stride:][:k]
			for j, x := range src {
				panel[j*width+r] = x
			}
		}
	}
	return dst
}

// kernelGo is the portable kernel: tile = Σ_k a_k·b_kᵀ over k columns of a panel of tileRows and one
// of tileCols.
func kernelGo(k int, a, b []float32, tile *[tileRows * tileCols]float32) {
	clear(tile[:])
	for i := range k {
		bk := b[i*tileCols:][:tileCols]
		for r, x := range a[i*tileRows:][:tileRows] {
			row := tile[r*tileCols:][:tileCols]
			for j, y := range bk {
				row[j] += x * y
			}
		}
	}
}
