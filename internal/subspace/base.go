package subspace

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// A Base is the weight W₀ that updates are added to, with what is asked of it again and again. Its
// methods may be called concurrently.
type Base struct {
	w    *mat.Dense     // n_out × n_in
	lead *Decomposition // the leading singular triples
	wv   *mat.Dense     // W₀·V of these, n_out × K
}

// Of W₀'s singular vectors all are looked at where it has up to wholeBase, else the leading ones.
const (
	wholeBase   = 128
	leadingBase = 64
)

// What an intruder dimension is (arXiv 2410.21228, definition 3.1): one of so many leading left singular vectors
// of W₀ + ΔW of which no cosine with one of W₀'s is as large in absolute value. The numbers are the defaults of
// the authors' code.
const (
	intruderRank   = 10
	intruderCosine = 0.5
)

// NewBase returns W₀ as a base; w is kept. seed is of Truncate.
func NewBase(w Matrix, seed uint64) (*Base, error) {
	rank := min(w.Rows, w.Cols)
	if rank > wholeBase {
		rank = leadingBase
	}
	lead, _, err := Truncate(w, rank, seed)
	if err != nil {
		return nil, err
	}
	b := &Base{w: mat.NewDense(w.Rows, w.Cols, w.Data), lead: lead}
	b.wv = b.times(b.w, lead.V)
	return b, nil
}

// times returns M·Xᵀ, nil when X has no rows.
func (b *Base) times(m mat.Matrix, x Matrix) *mat.Dense {
	if x.Rows == 0 {
		return nil
	}
	var out mat.Dense
	out.Mul(m, mat.NewDense(x.Rows, x.Cols, x.Data).T())
	return &out
}

func (b *Base) fits(d *Decomposition) error {
	if rows, cols := b.w.Dims(); d.U.Cols != rows || d.V.Cols != cols {
		return fmt.Errorf("an update of %d × %d cannot be added to a weight of %d × %d", d.U.Cols, d.V.Cols, rows, cols)
	}
	return nil
}

// Amplification returns ‖ΔW‖_F/‖Uᵀ·W₀·V‖_F: how much larger the update is than what W₀ has in the
// update's own directions (Hu et al., LoRA, arXiv 2106.09685, section 7.3 and H.4). It is +Inf where W₀ has
// nothing there, and 0 of a zero update.
func (b *Base) Amplification(d *Decomposition) (float64, error) {
	if err := b.fits(d); err != nil {
		return 0, err
	}
	if d.Rank() == 0 {
		return 0, nil
	}
	var core mat.Dense
	core.Mul(mat.NewDense(d.Rank(), d.U.Cols, d.U.Data), b.times(b.w, d.V))
	return d.Norm() / mat.Norm(&core, 2), nil
}

// Intruders counts the intruder dimensions of W₀ + ΔW: those of its 10 leading left singular vectors
// whose cosine with each of W₀'s stays below 1/2 (arXiv 2410.21228, algorithm 1). Where W₀ has more than 128
// singular vectors, only its 64 leading ones are looked at: the count is one from above, too large by the
// vectors that are like one of W₀'s further ones.
//
// W₀ + ΔW is projected on these directions, the update's, and what W₀ leads the update's to, and decomposed
// there: exactly where they are all that W₀ has.
func (b *Base) Intruders(d *Decomposition) (int, error) {
	if err := b.fits(d); err != nil {
		return 0, err
	}
	if d.Rank() == 0 {
		return 0, nil
	}
	left := complement(b.lead.U, d.U, rowsOf(b.times(b.w, d.V)))
	right := complement(b.lead.V, d.V, rowsOf(b.times(b.w.T(), d.U)))
	// The core is Qᵀ(W₀ + ΔW)P with the frames Q = [U left] and P = [V right].
	q, p := stack(b.lead.U, left), stack(b.lead.V, right)
	core := NewMatrix(q.Rows, p.Rows)
	from := 0
	for _, x := range []*mat.Dense{b.wv, b.times(b.w, right)} { // W₀·P
		if x == nil {
			continue
		}
		var part mat.Dense
		part.Mul(mat.NewDense(q.Rows, q.Cols, q.Data), x)
		for i := range q.Rows {
			copy(core.Row(i)[from:], part.RawRowView(i))
		}
		_, cols := x.Dims()
		from += cols
	}
	for k, s := range d.S {
		u, v := coordinates(q, d.U.Row(k)), coordinates(p, d.V.Row(k))
		for i, x := range u {
			axpy(s*x, v, core.Row(i))
		}
	}
	u, values, _, err := svd(core)
	if err != nil {
		return 0, err
	}
	intruders := 0
	for j, s := range values[:min(intruderRank, len(values))] {
		if s <= values[0]*epsilon*float64(max(q.Cols, p.Cols)) {
			break // W₀ + ΔW has no more
		}
		largest := 0.0
		for i := range b.lead.Rank() {
			largest = max(largest, math.Abs(u.Row(i)[j]))
		}
		if largest < intruderCosine {
			intruders++
		}
	}
	return intruders, nil
}

// coordinates returns the inner products of the rows of a frame with x.
func coordinates(frame Matrix, x []float64) []float64 {
	c := make([]float64, frame.Rows)
	for i := range c {
		c[i] = dot(frame.Row(i), x)
	}
	return c
}

// rowsOf returns the columns of m as rows.
func rowsOf(m *mat.Dense) Matrix {
	rows, cols := m.Dims()
	out := NewMatrix(cols, rows)
	for i := range cols {
		mat.Col(out.Row(i), i, m)
	}
	return out
}

func stack(a, b Matrix) Matrix {
	return Matrix{a.Rows + b.Rows, a.Cols, append(append(make([]float64, 0, len(a.Data)+len(b.Data)), a.Data...), b.Data...)}
}

// dependent is the share of a vector's length below which what is left of it beside others is rounding.
const dependent = 1e-10

// complement returns an orthonormal basis of what the rows of the given matrices add to the span of the
// rows of frame, which are orthonormal: by Gram and Schmidt, twice, which is enough.
func complement(frame Matrix, of ...Matrix) Matrix {
	out := Matrix{Cols: frame.Cols}
	for _, m := range of {
		for i := range m.Rows {
			x := append([]float64(nil), m.Row(i)...)
			whole := norm(x)
			for range 2 {
				for _, basis := range []Matrix{frame, out} {
					for k := range basis.Rows {
						axpy(-dot(basis.Row(k), x), basis.Row(k), x)
					}
				}
			}
			if left := norm(x); left > dependent*whole {
				scale(1/left, x)
				out.Data, out.Rows = append(out.Data, x...), out.Rows+1
			}
		}
	}
	return out
}
