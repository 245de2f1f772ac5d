package tasks

import (
	"slices"
	"strings"

	"taskvec/datasets"
)

// pruned is the document without the constituents that drop says, node j of a sentence's tree, and
// without the punctuation and conjunctions that served them alone. A sentence of which no other
// word is left goes too; one without a tree stays as it is.
func pruned(d *datasets.Document, drop func(s *datasets.Sentence, j int) bool) (answer, skipped string) {
	if !d.Layers().Parse {
		return "", unparsed
	}
	var kept []string
	for i := range d.Sentences {
		s := &d.Sentences[i]
		p := pruner{s, func(j int) bool { return drop(s, j) }, make([]bool, len(s.Tokens))}
		if s.Tree != nil {
			p.prune(0)
		}
		var words []datasets.Token
		for k, gone := range p.gone {
			if !gone {
				words = append(words, s.Tokens[k])
			}
		}
		if words != nil {
			kept = append(kept, datasets.Detokenize(words))
		}
	}
	if len(kept) == 0 {
		return "", "nothing left"
	}
	return strings.Join(kept, " "), ""
}

const unparsed = "parse not annotated"

// A pruner takes constituents out of a sentence.
type pruner struct {
	s    *datasets.Sentence
	drop func(j int) bool
	gone []bool // by token
}

// An item is one child of a constituent: a constituent, or a leaf, whose node is -1.
type item struct {
	datasets.Span
	node int
	gone bool
}

// items returns the children of constituent j in text order.
func items(t datasets.Tree, j int) (items []item) {
	leaves := func(start, end int) {
		for k := start; k < end; k++ {
			items = append(items, item{Span: datasets.Span{Start: k, End: k + 1}, node: -1})
		}
	}
	at := t[j].Start
	for _, c := range t.Children(j) {
		leaves(at, t[c].Start)
		items = append(items, item{Span: t[c].Span, node: c})
		at = t[c].End
	}
	leaves(at, t[j].End)
	return items
}

// prune takes what is to go out of constituent j and says whether nothing is left of it.
func (p *pruner) prune(j int) bool {
	if p.drop(j) {
		p.remove(p.s.Tree[j].Span)
		return true
	}
	children, some := items(p.s.Tree, j), false
	for k := range children {
		c := &children[k]
		c.gone = c.node >= 0 && p.prune(c.node)
		some = some || c.gone
	}
	if !some {
		return false
	}
	for p.tidy(children) {
	}
	wordless := true
	for _, c := range children {
		if c.gone {
			p.remove(c.Span)
		}
		wordless = wordless && (c.gone || c.node < 0 && !isWord(&p.s.Tokens[c.Start]))
	}
	if wordless {
		p.remove(p.s.Tree[j].Span)
	}
	return wordless
}

func (p *pruner) remove(s datasets.Span) {
	for k := s.Start; k < s.End; k++ {
		p.gone[k] = true
	}
}

// isWord says whether a token can stand alone: it is neither punctuation nor a conjunction.
func isWord(t *datasets.Token) bool {
	return t.POS != "CC" && t.POS != "HYPH" && t.POS != "" && t.POS[0] >= 'A' && t.POS[0] <= 'Z'
}

// The marks at the edges of what was taken out.
var (
	separators = []string{",", ";", ":", "--", "-"}
	openers    = []string{"``", "`", `"`, "'", "-LRB-", "-LSB-", "(", "["}
	closers    = []string{"''", `"`, "'", "-RRB-", "-RSB-", ")", "]", ".", "?", "!", "/.", "/?", "..."}
	pairs      = []string{"`` ''", "` '", `" "`, "' '", "-LRB- -RRB-", "-LSB- -RSB-", "( )", "[ ]", "-- --", "- -", ", ,"}
)

// tidy takes out a mark or a conjunction that served sisters which are gone, and says whether it
// found one to take out:
//   - the pair of commas, dashes, quotation marks or brackets around them; but one of two commas
//     stays where what stands before them needs it: an adverb, an interjection, a clause, or a
//     phrase that another comma sets off;
//   - a separator or conjunction after them at the start of their parent, where an opening mark or,
//     before a separator, a conjunction may precede them;
//   - a separator or conjunction before them at the end of their parent, where closing marks may
//     follow.
func (p *pruner) tidy(children []item) bool {
	for a := 0; a < len(children); a++ {
		if !children[a].gone {
			continue
		}
		b := a
		for b+1 < len(children) && children[b+1].gone {
			b++
		}
		before, after := p.leaf(children, a-1), p.leaf(children, b+1)
		initial := p.only(children[:a], func(t *datasets.Token) bool { return slices.Contains(openers, t.Word) })
		joined := p.only(children[:a], func(t *datasets.Token) bool { return slices.Contains(openers, t.Word) || t.POS == "CC" })
		final := p.only(children[b+1:], func(t *datasets.Token) bool { return slices.Contains(closers, t.Word) })
		switch {
		case before != nil && after != nil && slices.Contains(pairs, before.Word+" "+after.Word):
			children[b+1].gone = true
			children[a-1].gone = before.Word != "," || !p.setOff(children[:a-1])
			return true
		case after != nil && (joined && slices.Contains(separators, after.Word) || initial && after.POS == "CC"):
			children[b+1].gone = true
			return true
		case before != nil && final && (slices.Contains(separators, before.Word) || before.POS == "CC"):
			children[a-1].gone = true
			return true
		}
		a = b
	}
	return false
}

// leaf returns the token that child k is, nil when it is none.
func (p *pruner) leaf(children []item, k int) *datasets.Token {
	if k < 0 || k >= len(children) || children[k].node >= 0 || children[k].gone {
		return nil
	}
	return &p.s.Tokens[children[k].Start]
}

// only says whether all children that are left are leaves that fit.
func (p *pruner) only(children []item, fits func(*datasets.Token) bool) bool {
	for k := range children {
		if t := p.leaf(children, k); !children[k].gone && (t == nil || !fits(t)) {
			return false
		}
	}
	return true
}

// setOff says whether the last of the children needs a comma after it.
func (p *pruner) setOff(children []item) bool {
	k := len(children) - 1
	if k < 0 {
		return false
	}
	if n := children[k].node; n >= 0 {
		switch p.s.Tree[n].Category() {
		case "ADVP", "INTJ", "PRN", "S", "SBAR", "SBARQ", "SINV", "SQ":
			return true
		}
	}
	t := p.leaf(children, k-1)
	return t != nil && t.Word == ","
}
