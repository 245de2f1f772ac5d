package subspace

import "math"

// Magnitudes count entries of updates by their absolute value, as finely as 1024 steps from each power of two
// to the next. The zero value has none.
type Magnitudes struct {
	entries int64
	of      [1 << 11]*[steps]int64 // by exponent and step, as in the bits of a float64
}

const (
	stepBits = 10
	steps    = 1 << stepBits
)

// Add counts the entries of ΔW.
func (m *Magnitudes) Add(d *Decomposition) {
	y := NewMatrix(min(atATime, d.U.Cols), d.V.Cols)
	for from := 0; from < d.U.Cols; from += atATime {
		for _, v := range d.form(y, from).Data {
			k := math.Float64bits(v) << 1 >> (53 - stepBits)
			page := m.of[k>>stepBits]
			if page == nil {
				page = new([steps]int64)
				m.of[k>>stepBits] = page
			}
			page[k%steps]++
		}
	}
	m.entries += int64(d.U.Cols) * int64(d.V.Cols)
}

// AddZeros counts n entries that are 0.
func (m *Magnitudes) AddZeros(n int64) {
	if m.of[0] == nil {
		m.of[0] = new([steps]int64)
	}
	m.of[0][0] += n
	m.entries += n
}

// Join counts what other has counted.
func (m *Magnitudes) Join(other *Magnitudes) {
	m.entries += other.entries
	for e, page := range other.of {
		if page == nil {
			continue
		}
		if m.of[e] == nil {
			m.of[e] = new([steps]int64)
		}
		for k, n := range page {
			m.of[e][k] += n
		}
	}
}

// Fifth returns the least absolute value of the fifth of the entries that are largest, rounded down to a
// step: what TIES keeps of a task vector (arXiv 2306.01708). Of d entries it is the one that ⌊d/5⌋ are
// larger than, as in the authors' code.
func (m *Magnitudes) Fifth() float64 {
	kept := int64(0)
	for e := len(m.of) - 1; e >= 0; e-- {
		if m.of[e] == nil {
			continue
		}
		for k := steps - 1; k >= 0; k-- {
			if kept += m.of[e][k]; kept > m.entries/5 {
				return math.Float64frombits(uint64(e<<stepBits+k) << (52 - stepBits))
			}
		}
	}
	return 0
}
