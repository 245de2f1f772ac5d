package datasets

import "math/bits"

// A cell is one column of one row, as a piece of the text of the sentence's rows. It holds no
// pointer: cells are by far the most that a file is made of, and cost the collector nothing.
type cell struct{ from, to int }

// column is the text of a cell of the sentence being read.
func (r *reader) column(i int) string { return r.rowText[r.columns[i].from:r.columns[i].to] }

// Eight times a byte.
const (
	eachLow    = 0x7f7f7f7f7f7f7f7f
	eachSpace  = 0x2020202020202020
	eachTab    = 0x0909090909090909
	eachReturn = 0x0d0d0d0d0d0d0d0d
)

// zeroBytes has the highest bit of each byte that is zero in x.
func zeroBytes(x uint64) uint64 { return ^((x&eachLow + eachLow) | x | eachLow) }

// appendColumns appends the cells of text[from:to], a line: what stands between spaces, tabs and
// carriage returns. It looks at eight bytes at a time and stops only where a cell begins or ends.
func appendColumns(cells []cell, text string, from, to int) []cell {
	start := -1
	outside := uint64(0x80) // the byte before is no part of a cell
	i := from
	for ; i+8 <= to; i += 8 {
		s := text[i : i+8]
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		between := zeroBytes(x^eachSpace) | zeroBytes(x^eachTab) | zeroBytes(x^eachReturn)
		for edges := between ^ (between<<8 | outside); edges != 0; edges &= edges - 1 {
			at := i + bits.TrailingZeros64(edges)/8
			if start < 0 {
				start = at
			} else {
				cells = append(cells, cell{start, at})
				start = -1
			}
		}
		outside = between >> 56
	}
	for ; i < to; i++ {
		if c := text[i]; c == ' ' || c == '\t' || c == '\r' {
			if start >= 0 {
				cells = append(cells, cell{start, i})
				start = -1
			}
		} else if start < 0 {
			start = i
		}
	}
	if start >= 0 {
		cells = append(cells, cell{start, to})
	}
	return cells
}
