package datasets

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// WriteCoNLL writes documents in the CoNLL-2012 layout, columns aligned. Function tags of the
// trees are left out, as that layout has none.
func WriteCoNLL(w io.Writer, docs ...*Document) error {
	var b bytes.Buffer
	for _, d := range docs {
		fmt.Fprintf(&b, "#begin document (%s); part %03d\n", d.ID, d.Part)
		for i := range d.Sentences {
			writeRows(&b, d.rows(i))
		}
		b.WriteString("#end document\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// rows returns the columns of every token of sentence i.
func (d *Document) rows(i int) [][]string {
	s := &d.Sentences[i]
	dash := func(text string) string {
		if text == "" {
			return "-"
		}
		return text
	}
	framesets := make([]string, len(s.Tokens))
	for _, f := range s.Frames {
		framesets[f.Token] = f.Frameset
	}
	parse, names, coref := s.parseBits(), s.brackets(s.Entities), d.corefCells(i)
	rows := make([][]string, len(s.Tokens))
	for k, t := range s.Tokens {
		if name, ok := strings.CutSuffix(names[k], "*)"); ok && name != "" {
			names[k] = name + ")" // the layout writes (GPE), but (V*)
		}
		rows[k] = append(rows[k], d.ID, strconv.Itoa(d.Part), strconv.Itoa(k), t.Word, t.POS, parse[k],
			dash(t.Lemma), dash(framesets[k]), dash(t.Sense), dash(s.Speaker), names[k])
	}
	for _, f := range s.Frames {
		spans := make([]Entity, len(f.Arguments))
		for j, a := range f.Arguments {
			spans[j] = Entity{a.Label, a.Span}
		}
		for k, cell := range s.brackets(spans) {
			rows[k] = append(rows[k], cell)
		}
	}
	for k := range rows {
		rows[k] = append(rows[k], coref[k])
	}
	return rows
}

// parseBits returns column 6. A sentence without parse is a bare TOP when its words' tags say so,
// and else has no bracket.
func (s *Sentence) parseBits() []string {
	bits := make([]string, len(s.Tokens))
	tree := s.Tree
	if tree == nil && s.untagged() {
		tree = Tree{{Label: "TOP", Span: Span{0, len(s.Tokens)}}}
	}
	for i := range tree {
		bits[tree[i].Start] += "(" + tree[i].Category()
	}
	for k := range bits {
		bits[k] += "*"
	}
	for i := range tree {
		bits[tree[i].End-1] += ")"
	}
	return bits
}

// brackets returns a column of labelled spans: `(LABEL*)` on one token, `(LABEL*` … `*)` on more.
func (s *Sentence) brackets(spans []Entity) []string {
	cells := make([]string, len(s.Tokens))
	for _, e := range spans {
		cells[e.Start] = "(" + e.Type + "*"
		cells[e.End-1] += ")"
	}
	for k, c := range cells {
		if c == "" || c == ")" {
			cells[k] = "*" + c
		}
	}
	return cells
}

// corefCells returns the last column of sentence i. A cell opens the longer mentions first and
// closes the shorter first.
func (d *Document) corefCells(i int) []string {
	type mention struct {
		chain int
		Span
	}
	var mentions []mention
	for _, c := range d.Chains {
		for _, m := range c.Mentions {
			if m.Sentence == i {
				mentions = append(mentions, mention{c.ID, m.Span})
			}
		}
	}
	cells := make([][]string, len(d.Sentences[i].Tokens))
	slices.SortStableFunc(mentions, func(a, b mention) int { return b.Len() - a.Len() })
	for _, m := range mentions {
		if m.Len() > 1 {
			cells[m.Start] = append(cells[m.Start], fmt.Sprintf("(%d", m.chain))
		}
	}
	for _, m := range slices.Backward(mentions) {
		if m.Len() == 1 {
			cells[m.Start] = append(cells[m.Start], fmt.Sprintf("(%d)", m.chain))
		}
	}
	for _, m := range slices.Backward(mentions) {
		if m.Len() > 1 {
			cells[m.End-1] = append(cells[m.End-1], fmt.Sprintf("%d)", m.chain))
		}
	}
	out := make([]string, len(cells))
	for k, c := range cells {
		if out[k] = strings.Join(c, "|"); out[k] == "" {
			out[k] = "-"
		}
	}
	return out
}

// writeRows writes the rows of a sentence and the blank line after it, each column but the last
// padded to its widest cell.
func writeRows(b *bytes.Buffer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for j, cell := range row {
			widths[j] = max(widths[j], len(cell))
		}
	}
	for _, row := range rows {
		for j, cell := range row[:len(row)-1] {
			fmt.Fprintf(b, "%-*s ", widths[j], cell)
		}
		b.WriteString(row[len(row)-1])
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}
