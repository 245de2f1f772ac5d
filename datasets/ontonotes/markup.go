package ontonotes

import (
	"html"
	"regexp"
	"strconv"
	"strings"

	"taskvec/datasets"
)

// A tag is a piece of markup in a line of a .name or .coref file.
var tag = regexp.MustCompile(`<(/?)([A-Z]+)((?: +[A-Z_]+ *= *"[^"]*")*) *>`)

// attribute is one attribute of a tag.
var attribute = regexp.MustCompile(`([A-Z_]+) *= *"([^"]*)"`)

// A marked is a span that markup encloses.
type marked struct {
	datasets.Span
	attributes map[string]string
}

// markup reads a line: its words and the spans that tags of the given kinds enclose, in the order
// of their starts.
func markup(file string, line int, text string, kinds ...string) (words []string, spans []marked, err error) {
	var open []int
	word := func(part string) {
		for _, w := range strings.Fields(part) {
			words = append(words, html.UnescapeString(w))
		}
	}
	at := 0
	for _, m := range tag.FindAllStringSubmatchIndex(text, -1) {
		word(text[at:m[0]])
		at = m[1]
		name := text[m[4]:m[5]]
		known := false
		for _, k := range kinds {
			known = known || k == name
		}
		switch {
		case !known:
			return nil, nil, errorf(file, line, "unexpected tag %s", text[m[0]:m[1]])
		case m[3] == m[2]: // no slash: it opens
			attributes := map[string]string{}
			for _, a := range attribute.FindAllStringSubmatch(text[m[6]:m[7]], -1) {
				attributes[a[1]] = html.UnescapeString(a[2])
			}
			open = append(open, len(spans))
			spans = append(spans, marked{datasets.Span{Start: len(words), End: -1}, attributes})
		case len(open) == 0:
			return nil, nil, errorf(file, line, "%s closes what is not open", text[m[0]:m[1]])
		default:
			s := &spans[open[len(open)-1]]
			open = open[:len(open)-1]
			if s.End = len(words); s.End == s.Start {
				return nil, nil, errorf(file, line, "a tag encloses no word")
			}
		}
	}
	word(text[at:])
	if len(open) > 0 {
		return nil, nil, errorf(file, line, "the line ends within %d tags: </%s> is missing", len(open), kinds[0])
	}
	return words, spans, nil
}

// matches checks that the words of a line are those of its tree, with traces or without, and
// returns the position in the tree of each.
func matches(file string, line int, words []string, s *sentence, traces bool) ([]int, error) {
	var at []int
	for k, l := range s.leaves {
		if !traces && l.tag == traceTag {
			continue
		}
		if i := len(at); i < len(words) && plain(words[i]) != plain(l.word) {
			return nil, errorf(file, line, "word %d is %q and the tree's is %q", i+1, words[i], l.word)
		}
		at = append(at, k)
	}
	if len(at) != len(words) {
		return nil, errorf(file, line, "has %d words and its tree %d", len(words), len(at))
	}
	return append(at, len(s.leaves)), nil
}

// plain writes a word in the one way in which layers may differ.
func plain(word string) string {
	switch word {
	case "-LRB-":
		return "("
	case "-RRB-":
		return ")"
	case "-LSB-":
		return "["
	case "-RSB-":
		return "]"
	case "-LCB-":
		return "{"
	case "-RCB-":
		return "}"
	case "-AMP-":
		return "&"
	}
	if len(word) == 2 && word[0] == '/' { // /. /? and /- of transcripts
		return word[1:]
	}
	return word
}

// A container line begins or ends a document or a part of one.
var container = regexp.MustCompile(`^ *</?(DOC|TEXT)( [^>]*)?> *$`)

// spanIn turns positions of a line's words into those of the tree, whose last word is End-1.
func spanIn(at []int, s datasets.Span) datasets.Span {
	return datasets.Span{Start: at[s.Start], End: at[s.End-1] + 1}
}

// readNames reads a sentence a line: words, names in <ENAMEX TYPE="GPE">…</ENAMEX>, and so TIMEX
// and NUMEX.
func readNames(file, text string, list []*sentence) error {
	return readMarkup(file, text, list, func(line string, number int, s *sentence) error {
		if s == nil {
			return nil
		}
		words, spans, err := markup(file, number, line, "ENAMEX", "TIMEX", "NUMEX")
		if err != nil {
			return err
		}
		at, err := matches(file, number, words, s, false)
		if err != nil {
			return err
		}
		for i, m := range spans {
			if m.attributes["TYPE"] == "" {
				return errorf(file, number, "a name has no TYPE")
			}
			if i > 0 && spans[i-1].Overlaps(m.Span) {
				return errorf(file, number, "the names %s and %s overlap", spans[i-1].attributes["TYPE"], m.attributes["TYPE"])
			}
			s.entities = append(s.entities, datasets.Entity{Type: m.attributes["TYPE"], Span: spanIn(at, m.Span)})
		}
		return nil
	})
}

// readCoref reads a sentence a line, traces among its words, and parts in <TEXT PARTNO="000">.
// Appositions (APPOS) are no identity and left out, as CoNLL-2012 does.
func readCoref(file, text string, list []*sentence) error {
	part := 0
	return readMarkup(file, text, list, func(line string, number int, s *sentence) error {
		if s == nil {
			for _, a := range attribute.FindAllStringSubmatch(line, -1) {
				if a[1] != "PARTNO" {
					continue
				}
				n, err := strconv.Atoi(a[2])
				if err != nil || n < 0 {
					return errorf(file, number, "PARTNO %q is no number", a[2])
				}
				part = n
			}
			return nil
		}
		s.part = part
		words, spans, err := markup(file, number, line, "COREF")
		if err != nil {
			return err
		}
		at, err := matches(file, number, words, s, true)
		if err != nil {
			return err
		}
		for _, m := range spans {
			if m.attributes["ID"] == "" {
				return errorf(file, number, "a mention has no ID")
			}
			if m.attributes["TYPE"] == "IDENT" {
				s.mentions = append(s.mentions, mention{m.attributes["ID"], spanIn(at, m.Span)})
			}
		}
		return nil
	})
}

// readMarkup gives each line that is a sentence to read with its sentence, and the lines that
// begin or end a document or part with none.
func readMarkup(file, text string, list []*sentence, read func(line string, number int, s *sentence) error) error {
	number, i := 0, 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		var s *sentence
		if !container.MatchString(line) {
			if i == len(list) {
				return errorf(file, number, "has a sentence more than the document has trees (%d)", len(list))
			}
			s = list[i]
			i++
		}
		if err := read(line, number, s); err != nil {
			return err
		}
	}
	if i < len(list) {
		return errorf(file, number, "has %d sentences and the document %d trees", i, len(list))
	}
	return nil
}
