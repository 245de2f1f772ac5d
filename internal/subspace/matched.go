package subspace

import (
	"math"
	"math/rand/v2"
	"sync"
)

// MatchedDraws is how many random frames a projection's matched null is taken from.
const MatchedDraws = 64

// frames holds the overlaps drawn so far: shape → func() []overlap.
var frames sync.Map

// An overlap is M of k1 × k2 and MᵀM.
type overlap struct {
	Matrix
	gram Matrix
}

// randomFrames returns MatchedDraws times the inner products of k1 fixed orthonormal vectors with a
// random orthonormal frame of k2 in n dimensions, k1 × k2: the upper block of a Haar-distributed
// frame. The same arguments give the same bits; it may be called concurrently.
func randomFrames(n, k1, k2 int, seed uint64) []overlap {
	drawn, _ := frames.LoadOrStore(shape{n, k1, k2, seed}, sync.OnceValue(func() []overlap {
		rng := rand.New(rand.NewPCG(seed, uint64(n)<<32|uint64(k1)<<16|uint64(k2)))
		out := make([]overlap, MatchedDraws)
		for i := range out {
			m := randomFrame(rng, n, k1, k2)
			out[i] = overlap{m, NewMatrix(k2, k2)}
			gram(out[i].gram, transpose(m))
		}
		return out
	}))
	return drawn.(func() []overlap)()
}

// randomFrame draws a Gaussian Z of n × k2 and orthonormalises it, Z = Q·R; of the rows below the
// first k1 only the Gram matrix matters (see draw). The columns' signs are those of a positive
// diagonal of R, which makes Q uniform (Mezzadri, Notices of the AMS 54, 2007).
func randomFrame(rng *rand.Rand, n, k1, k2 int) Matrix {
	below := wishartRoot(rng, n-k1, k2)
	stacked := NewMatrix(k1+below.Rows, k2)
	for i := range k1 * k2 {
		stacked.Data[i] = rng.NormFloat64()
	}
	copy(stacked.Data[k1*k2:], below.Data)
	identity := NewMatrix(k2, k2)
	for i := range k2 {
		identity.Row(i)[i] = 1
	}
	q := newReflectors(transpose(stacked))
	columns := q.lift(identity) // Qᵀ
	out := NewMatrix(k1, k2)
	for j := range k2 {
		sign := 1.0
		if q.r.Row(j)[j] < 0 {
			sign = -1
		}
		for i := range k1 {
			out.Row(i)[j] = sign * columns.Row(j)[i]
		}
	}
	return out
}

// ProjectMatched gives see, MatchedDraws times, the projection of update i's axes on an update like
// j whose left singular vectors are a random orthonormal frame: its row space and its spectrum are
// j's. The projection is good until see returns.
func (s *Set) ProjectMatched(i, j int, seed uint64, see func(Projection)) {
	source, target := s.of[i], s.of[j]
	n := s.overlap(Row, i, j)
	p := Projection{S1: source.S, S2: make([]float64, source.Rank())}
	total := target.Norm()
	p.Row = share(weighted(n, target.S), total)
	w := clone(n) // N·diag(S): the core is M·Wᵀ
	for k := range w.Rows {
		for q, v := range target.S {
			w.Row(k)[q] *= v
		}
	}
	turned := transpose(w)
	both := NewMatrix(turned.Rows, turned.Rows) // WᵀW
	gram(both, turned)
	for _, drawn := range randomFrames(source.U.Cols, source.Rank(), target.Rank(), seed) {
		for k := range p.S2 {
			p.S2[k] = dot(drawn.Row(k), w.Row(k))
		}
		col := 0.0
		for q, v := range target.S {
			col += v * v * drawn.gram.Row(q)[q]
		}
		// ‖M·Wᵀ‖² = tr(MᵀM·WᵀW)
		core := max(0, dot(drawn.gram.Data, both.Data))
		p.Diag, p.Core, p.Col = share(norm(p.S2), total), share(math.Sqrt(core), total), share(math.Sqrt(col), total)
		see(p)
	}
}

// share is (part/total)², at most 1, and 0 where total is.
func share(part, total float64) float64 {
	if total == 0 {
		return 0
	}
	return min(1, (part/total)*(part/total))
}
