package notation

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"taskvec/datasets"
)

// The labels of Penn Treebank II that the notation knows.
var (
	categories = strings.Fields("S SBAR SBARQ SQ SINV NP VP PP ADJP ADVP QP PRT WHNP WHADVP WHADJP WHPP NX UCP FRAG INTJ PRN CONJP LST NAC RRC X")
	roots      = strings.Fields("S SBARQ SQ SINV FRAG NP INTJ UCP X")
	functions  = strings.Fields("SBJ PRD TMP LOC DIR MNR PRP ADV LGS CLR DTV VOC TTL NOM EXT BNF TPC PUT HLN")
	tags       = strings.Fields("CC CD DT EX FW HYPH IN JJ JJR JJS LS MD NN NNP NNPS NNS PDT POS PRP PRP$ RB RBR RBS RP SYM TO UH " +
		"VB VBD VBG VBN VBP VBZ WDT WP WP$ WRB . , : `` '' $ -LRB- -RRB-")
)

// A piece is one bracket or word of a tree.
type piece struct {
	text string
	pos
}

var pieces = regexp.MustCompile(`[()]|[^()\s]+`)

// tree reads the lines as one bracketed tree into s and returns where its words stand. When the
// brackets are at fault it reports the first fault and returns false.
func (p *parser) tree(lines []int, s *datasets.Sentence) ([]pos, bool) {
	var in []piece
	for _, i := range lines {
		for _, m := range pieces.FindAllStringIndex(p.lines[i], -1) {
			in = append(in, piece{p.lines[i][m[0]:m[1]], pos{i, m[0]}})
		}
	}
	var (
		leaves []pos
		open   []int // indices of the open constituents in s.Tree, below the root
		opened []pos // their brackets
	)
	s.Tree = datasets.Tree{{Label: "TOP", Parent: -1}}
	for k := 0; k < len(in); k++ {
		at := in[k].pos
		top := 0
		if len(open) > 0 {
			top = open[len(open)-1]
		} else if len(s.Tree) > 1 && in[k].text == ")" {
			p.fail(at, "one ) too many: the tree is complete before it")
			return nil, false
		} else if len(s.Tree) > 1 {
			p.fail(at, "the tree is complete before %q: one tree a block (is a bracket closed too early, or a blank line missing?)", in[k].text)
			return nil, false
		}
		switch {
		case in[k].text == ")":
			if len(open) == 0 {
				p.fail(at, "a tree starts with (, not )")
				return nil, false
			}
			n := &s.Tree[top]
			n.End, n.Next = len(s.Tokens), len(s.Tree)
			if n.Start == n.End {
				p.fail(opened[len(opened)-1], "constituent %s has no words", n.Label)
				return nil, false
			}
			open, opened = open[:len(open)-1], opened[:len(opened)-1]
		case in[k].text != "(":
			if len(open) == 0 {
				p.fail(at, "a tree starts with (, not with %q", in[k].text)
			} else {
				p.fail(at, "word %q has no part of speech: write (POS %s)", in[k].text, in[k].text)
			}
			return nil, false
		case k+1 == len(in) || in[k+1].text == "(" || in[k+1].text == ")":
			p.fail(at, "( without a label: write (LABEL …)")
			return nil, false
		case k+3 < len(in) && in[k+2].text != "(" && in[k+2].text != ")" && in[k+3].text == ")":
			if len(open) == 0 {
				p.fail(at, "a word cannot be a tree of its own: put it into a constituent, (FRAG (%s %s))", in[k+1].text, in[k+2].text)
				return nil, false
			}
			p.leaf(in[k+1], in[k+2])
			s.Tokens = append(s.Tokens, datasets.Token{Word: in[k+2].text, POS: in[k+1].text})
			leaves = append(leaves, in[k+2].pos)
			k += 3
		default:
			label := in[k+1]
			p.label(label, len(open) == 0)
			open = append(open, len(s.Tree))
			opened = append(opened, at)
			s.Tree = append(s.Tree, datasets.Node{Label: label.text, Span: datasets.Span{Start: len(s.Tokens)}, Parent: top})
			k++
		}
	}
	if n := len(open); n > 0 {
		p.fail(opened[n-1], "bracket of %s is never closed: %d ) missing at or before the end of the tree", s.Tree[open[n-1]].Label, n)
		return nil, false
	}
	s.Tree[0].End, s.Tree[0].Next = len(s.Tokens), len(s.Tree)
	return leaves, true
}

// leaf checks a word and its part of speech.
func (p *parser) leaf(tag, word piece) {
	switch {
	case tag.text == "-NONE-":
		p.fail(tag.pos, "no traces: remove (-NONE- %s)", word.text)
	case !slices.Contains(tags, tag.text):
		p.fail(tag.pos, "unknown part of speech %q: use a Penn Treebank tag, one of %s", tag.text, strings.Join(tags, " "))
	}
	switch {
	case strings.ContainsRune(word.text, '"'):
		p.fail(word.pos, "word %s has a double quote: write `` to open and '' to close a quotation", word.text)
	case strings.ContainsAny(word.text, "“”‘’"):
		p.fail(word.pos, "word %s has a curly quote: write ``, '' and '", word.text)
	case strings.ContainsFunc(word.text, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		p.fail(word.pos, "word %q has a character that cannot be seen: type it anew", word.text)
	case strings.HasSuffix(tag.text, "RB-") && word.text != tag.text:
		p.fail(word.pos, "word %s is tagged %s: write (%s %s)", word.text, tag.text, tag.text, tag.text)
	}
}

// label checks a constituent's label.
func (p *parser) label(l piece, root bool) {
	parts := strings.Split(l.text, "-")
	switch {
	case !slices.Contains(categories, parts[0]):
		p.fail(l.pos, "unknown constituent %q: use one of %s, or (POS word) with exactly one word", parts[0], strings.Join(categories, " "))
		return
	case root && !slices.Contains(roots, parts[0]):
		p.fail(l.pos, "a sentence cannot be of category %s: use one of %s", parts[0], strings.Join(roots, " "))
	}
	for _, f := range parts[1:] {
		if !slices.Contains(functions, f) {
			p.fail(l.pos, "unknown function tag -%s of %s: use one of -%s (no indices)", f, parts[0], strings.Join(functions, " -"))
		}
	}
}
