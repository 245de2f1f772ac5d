package subspace

import (
	"errors"
	"math"
	"slices"
)

// A Builder makes sets of updates, one after the other in the same memory: for each set Start, then
// Factors and Add for each update, then Set. The zero value is ready for use.
type Builder struct {
	updates []*Decomposition
	stack   [2]Matrix // by Side: the frames of the updates so far, one below the other
	rows    int       // of the stacks that are taken
	factor  [2]Matrix // Bᵀ and A of the next update
	memory  [slots][]float64
}

// What a builder's memory is for; each has two, by Side.
const (
	stackSlot  = 2 * iota
	factorSlot // of the next update
	spareSlot  // for orthonormalising them
	gramSlot
	slots
)

// take returns a matrix in the builder's memory; its elements are anything.
func (b *Builder) take(slot, rows, cols int) Matrix {
	n := rows * cols
	b.memory[slot] = slices.Grow(b.memory[slot][:0], n)[:n]
	return Matrix{rows, cols, b.memory[slot]}
}

// Start begins a set of updates of n_out × n_in, at least 1 of each, whose ranks sum to at most
// ranks. The set made before and its decompositions are no longer valid.
func (b *Builder) Start(out, in, ranks int) {
	b.updates, b.rows = nil, 0
	b.stack = [2]Matrix{b.take(stackSlot, ranks, out), b.take(stackSlot+1, ranks, in)}
}

// Factors returns the matrices to fill with Bᵀ, of r × n_out, and A, of r × n_in, of the next
// update.
func (b *Builder) Factors(r int) (bt, a Matrix) {
	for side, stack := range b.stack {
		b.factor[side] = b.take(factorSlot+side, r, stack.Cols)
	}
	return b.factor[Column], b.factor[Row]
}

// Add decomposes the update ΔW = s·B·A of the factors filled in: see Decompose.
func (b *Builder) Add(s float64) (*Decomposition, error) {
	var basis [2]basis
	for side, x := range b.factor {
		basis[side] = newBasis(x, func() Matrix { return b.take(spareSlot+side, x.Rows, x.Cols) })
	}
	core := NewMatrix(basis[Column].r.Rows, basis[Row].r.Rows)
	for i := range core.Rows {
		row := core.Row(i)
		for j := range row {
			row[j] = s * dot(basis[Column].r.Row(i), basis[Row].r.Row(j))
			if math.IsNaN(row[j]) || math.IsInf(row[j], 0) {
				return nil, errors.New("a factor holds NaN or Inf, or ΔW overflows")
			}
		}
	}
	u, values, vt, err := svd(core)
	if err != nil {
		return nil, err
	}
	k := 0
	for k < len(values) && values[k] > values[0]*epsilon*float64(max(b.stack[Column].Cols, b.stack[Row].Cols)) {
		k++
	}
	coordinates := [2]Matrix{NewMatrix(k, core.Rows), {k, vt.Cols, vt.Data[:k*vt.Cols]}}
	for m := range k {
		for i, row := 0, coordinates[Column].Row(m); i < core.Rows; i++ {
			row[i] = u.Row(i)[m]
		}
	}
	var frames [2]Matrix
	for _, side := range []Side{Row, Column} {
		stack := b.stack[side]
		frames[side] = Matrix{k, stack.Cols, stack.Data[b.rows*stack.Cols:][:k*stack.Cols]}
		basis[side].lift(frames[side], coordinates[side])
		if side == Row { // before the left vectors are made, which need not be turned then
			orient(coordinates[Column], frames[Row])
		}
	}
	d := &Decomposition{S: values[:k:k], U: frames[Column], V: frames[Row]}
	b.updates, b.rows = append(b.updates, d), b.rows+k
	return d, nil
}

// signed is how many elements of a right singular vector decide on its sign.
const signed = 64

// orient turns the pairs of singular vectors, of u the vectors or their coordinates, so that of the first
// elements of v the one of largest absolute value is positive: they are then the same whatever the factors
// were, as is what random draws make of them.
func orient(u, v Matrix) {
	for m := range v.Rows {
		largest := 0.0
		for _, x := range v.Row(m)[:min(signed, v.Cols)] {
			if math.Abs(x) > math.Abs(largest) {
				largest = x
			}
		}
		if largest < 0 {
			scale(-1, u.Row(m))
			scale(-1, v.Row(m))
		}
	}
}

// Drop takes the update added last back.
func (b *Builder) Drop() {
	last := len(b.updates) - 1
	b.rows -= b.updates[last].Rank()
	b.updates = b.updates[:last]
}

// Set returns the set of the updates added since Start. It is valid until the next Start.
func (b *Builder) Set() *Set {
	s := &Set{of: b.updates, start: make([]int, len(b.updates)+1)}
	after := make([]int, b.rows) // of each vector, where those of other updates begin
	for i, d := range b.updates {
		s.start[i+1] = s.start[i] + d.Rank()
		for p := s.start[i]; p < s.start[i+1]; p++ {
			after[p] = s.start[i+1]
		}
	}
	for side, stack := range b.stack {
		g := b.take(gramSlot+side, b.rows, b.rows)
		gramAfter(g, Matrix{b.rows, stack.Cols, stack.Data[:b.rows*stack.Cols]}, after)
		for p, end := range after { // an update's own vectors are orthonormal
			clear(g.Row(p)[p+1 : end])
			g.Row(p)[p] = 1
			for q := p + 1; q < end; q++ {
				g.Row(q)[p] = 0
			}
		}
		s.gram[side] = g
	}
	return s
}
