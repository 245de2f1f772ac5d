package ontonotes

import (
	"slices"
	"strconv"
	"strings"

	"taskvec/datasets"
)

// A frame is one line of a .prop file.
type frame struct {
	token           int
	lemma, frameset string
	arguments       []argument
}

// An argument is a label and what it points at: links of a chain of traces, each of one or more
// pieces.
type argument struct {
	label string
	links [][]place
}

// A place is a pointer into a tree: a leaf, traces counted, and how many levels above it.
type place struct{ token, height int }

// readProps reads lines such as
//
//	bn/cnn/00/cnn_0001@0001@cnn@bn@en@on 0 8 gold say-v say.01 ----- 1:1-ARG0 8:0-rel 4:1*6:1,8:1-ARG1
func readProps(file, text string, list []*sentence) error {
	return eachToken(file, text, list, 8, "document, tree, token, annotator, lemma, frameset, ----- and arguments", func(number int, f []string, s *sentence, token int) error {
		lemma, frameset, ok := cutLast(f[5], ".")
		if !ok {
			return errorf(file, number, "frameset %q: expected LEMMA.NUMBER", f[5])
		}
		p := frame{token: token, lemma: lemma, frameset: frameset}
		for _, text := range f[7:] {
			a, err := readArgument(file, number, text, s.tree)
			if err != nil {
				return err
			}
			p.arguments = append(p.arguments, a)
		}
		s.frames = append(s.frames, p)
		return nil
	})
}

// eachToken gives each line that is not empty to read: its fields, of which there are so many at
// least, and the token that the second and third point at.
func eachToken(file, text string, list []*sentence, fields int, expected string, read func(number int, f []string, s *sentence, token int) error) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < fields {
			return errorf(file, number, "has %d fields: expected %s", len(f), expected)
		}
		s, token, err := locate(file, number, f[1], f[2], list)
		if err != nil {
			return err
		}
		if err := read(number, f, s, token); err != nil {
			return err
		}
	}
	return nil
}

// locate finds the tree and the token of a line.
func locate(file string, line int, treeField, tokenField string, list []*sentence) (*sentence, int, error) {
	i, err := strconv.Atoi(treeField)
	if err != nil || i < 0 || i >= len(list) {
		return nil, 0, errorf(file, line, "tree %s: the document has %d trees, counted from 0", treeField, len(list))
	}
	k, err := strconv.Atoi(tokenField)
	if err != nil || k < 0 || k >= len(list[i].leaves) {
		return nil, 0, errorf(file, line, "token %s: tree %d has %d tokens, counted from 0 with traces", tokenField, i, len(list[i].leaves))
	}
	return list[i], k, nil
}

// readArgument reads `4:1*6:1,8:1-ARG1`.
func readArgument(file string, line int, text string, t *tree) (argument, error) {
	pointers, label, ok := strings.Cut(text, "-")
	if !ok || label == "" {
		return argument{}, errorf(file, line, "argument %q: expected TOKEN:HEIGHT-LABEL", text)
	}
	a := argument{label: label}
	for _, link := range strings.FieldsFunc(pointers, func(r rune) bool { return r == '*' || r == '&' }) {
		var pieces []place
		for _, piece := range strings.FieldsFunc(link, func(r rune) bool { return r == ',' || r == ';' }) {
			p, err := readPlace(file, line, piece, t)
			if err != nil {
				return a, err
			}
			pieces = append(pieces, p)
		}
		a.links = append(a.links, pieces)
	}
	if len(a.links) == 0 {
		return a, errorf(file, line, "argument %q points nowhere", text)
	}
	return a, nil
}

// readPlace reads a pointer that lies in the tree.
func readPlace(file string, line int, text string, t *tree) (place, error) {
	token, height, ok := strings.Cut(text, ":")
	k, err1 := strconv.Atoi(token)
	h, err2 := strconv.Atoi(height)
	if !ok || err1 != nil || err2 != nil {
		return place{}, errorf(file, line, "pointer %q: expected TOKEN:HEIGHT", text)
	}
	if _, _, ok := t.pointer(k, h); !ok {
		return place{}, errorf(file, line, "pointer %q leaves the tree, which has %d tokens", text, len(t.leaves))
	}
	return place{k, h}, nil
}

// predicateLabel is what .prop files call the predicate itself.
const predicateLabel = "rel"

// assemble makes the frame of CoNLL-2012: of a chain of traces, the link with words is the argument
// and a relative pronoun in it R-ARG; the further pieces, and further links with words, are C-ARG.
// Links between arguments (LINK-PCR, LINK-SLC) are no arguments.
func (f *frame) assemble(t *tree, w words, at int) datasets.Frame {
	out := datasets.Frame{Token: at, Lemma: f.lemma, Frameset: f.frameset}
	for _, a := range f.arguments {
		label := a.label
		if strings.HasPrefix(label, "LINK") {
			continue
		}
		if label == predicateLabel {
			label = "V"
		}
		var pieces, relatives []datasets.Span
		for _, link := range a.links {
			for _, p := range link {
				span, category, _ := t.pointer(p.token, p.height)
				span = w.span(span)
				switch {
				case span.Len() == 0:
				case len(a.links) > 1 && strings.HasPrefix(category, "W"):
					relatives = append(relatives, span)
				default:
					pieces = append(pieces, span)
				}
			}
		}
		if len(pieces) == 0 { // nothing but the pronoun has words
			pieces, relatives = relatives, nil
		}
		for i, s := range joined(pieces) {
			name := label
			if i > 0 {
				name = "C-" + label
			}
			out.Arguments = append(out.Arguments, datasets.Argument{Label: name, Span: s})
		}
		for _, s := range relatives {
			out.Arguments = append(out.Arguments, datasets.Argument{Label: "R-" + label, Span: s})
		}
	}
	slices.SortStableFunc(out.Arguments, func(a, b datasets.Argument) int { return a.Start - b.Start })
	return out
}

// joined puts pieces in the order of the text and makes one of those that touch or overlap.
func joined(pieces []datasets.Span) []datasets.Span {
	slices.SortFunc(pieces, func(a, b datasets.Span) int { return a.Start - b.Start })
	var out []datasets.Span
	for _, s := range pieces {
		if n := len(out); n > 0 && s.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// readSenses reads lines such as `bn/cnn/00/cnn_0001@… 0 8 say-v 1`: the last field is the sense.
func readSenses(file, text string, list []*sentence) error {
	return eachToken(file, text, list, 5, "document, tree, token, lemma and sense", func(_ int, f []string, s *sentence, token int) error {
		lemma, _, _ := cutLast(f[3], "-")
		s.senses = append(s.senses, sense{token, lemma, f[len(f)-1]})
		return nil
	})
}

// readSpeakers reads a line a tree, of which the first field is the speaker's name.
func readSpeakers(file, text string, list []*sentence) error {
	lines := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	if len(lines) != len(list) {
		return errorf(file, len(lines), "has %d lines and the document %d trees: expected a speaker for each", len(lines), len(list))
	}
	for i, line := range lines {
		if f := strings.Fields(line); len(f) > 0 && f[0] != "-" {
			list[i].speaker = f[0]
		}
	}
	return nil
}
