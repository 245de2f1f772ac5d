package datasets

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fixedColumns are the columns of a row before the predicates' and the last.
const fixedColumns = 11

// Columns of a row that are read.
const (
	columnNumber   = 2
	columnWord     = 3
	columnPOS      = 4
	columnParse    = 5
	columnLemma    = 6
	columnFrameset = 7
	columnSense    = 8
	columnSpeaker  = 9
	columnName     = 10
)

// none is what a row says where there is nothing to say; bare is what a bracket column says where
// no bracket is.
const (
	none = "-"
	bare = "*"
)

// A reader takes the documents of one CoNLL-2012 file one after the other. Everything it returns
// shares the memory of the file's text.
//
// Only rows' columns 3 to 11, the predicates' and the last are read: in real corpora the first two
// differ from what #begin says, which counts.
type reader struct {
	file  string
	text  string // what is still to be read
	line  int    // number of the line last taken from text
	begun bool   // a document, or what should be one, stood in the file

	columns []string // of all rows of the sentence being read
	rows    int
	first   int // line of its first row

	// Room that is used again for every sentence.
	nodes    Tree
	open     []int
	entities []Entity
	args     []Argument
	openArgs []int
	chains   []openMention
	mentions []chainMention
}

// An openMention is a mention whose end is yet to come.
type openMention struct{ chain, start int }

// A chainMention is a mention of a document and its chain's number.
type chainMention struct {
	chain int
	Mention
}

func newReader(file, text string) *reader { return &reader{file: file, text: text} }

func (r *reader) errorf(line int, format string, args ...any) error {
	return &Error{File: r.file, Line: line, Msg: fmt.Sprintf(format, args...)}
}

// ReadCoNLL reads the documents of a CoNLL-2012 file; name stands in errors and in the documents.
// Anything that is not the standard layout is an *Error.
func ReadCoNLL(name string, text []byte) ([]*Document, error) {
	r := newReader(name, string(text))
	var docs []*Document
	for {
		d, err := r.next()
		if err != nil {
			return nil, err
		}
		if d == nil {
			return docs, nil
		}
		docs = append(docs, d)
	}
}

// take returns the next line without its end, and whether there is one.
func (r *reader) take() (string, bool) {
	if r.text == "" {
		return "", false
	}
	r.line++
	line := r.text
	if i := strings.IndexByte(r.text, '\n'); i >= 0 {
		line, r.text = r.text[:i], r.text[i+1:]
	} else {
		r.text = ""
	}
	return line, true
}

// skip goes on to the next line that begins a document, after an error.
func (r *reader) skip() {
	for r.text != "" && !strings.HasPrefix(r.text, beginMark) {
		r.take()
	}
}

const (
	beginMark = "#begin document"
	endMark   = "#end document"
)

// next returns the next document, nil after the last.
func (r *reader) next() (*Document, error) {
	for {
		line, ok := r.take()
		if !ok && !r.begun {
			r.begun = true
			return nil, r.errorf(0, "holds no document: expected `%s (ID); part N`", beginMark)
		}
		if !ok {
			return nil, nil
		}
		if strings.HasPrefix(line, beginMark) {
			r.begun = true
			return r.document(line)
		}
		if len(trim(line)) > 0 {
			r.begun = true
			return nil, r.errorf(r.line, "expected `#begin document (ID); part N`, not %s", excerpt(line))
		}
	}
}

// document reads a document from its #begin line to its #end line.
func (r *reader) document(begin string) (*Document, error) {
	d := &Document{File: r.file, Line: r.line}
	if !utf8.ValidString(begin) {
		return nil, r.errorf(r.line, "is not UTF-8 text")
	}
	id, part, _ := strings.Cut(trim(begin[len(beginMark):]), "); part ")
	var bracketed, numbered bool
	d.ID, bracketed = strings.CutPrefix(id, "(")
	d.Part, numbered = number(part)
	if !bracketed || !numbered || d.ID == "" || strings.ContainsAny(d.ID, " \t\r") {
		return nil, r.errorf(r.line, "expected `#begin document (ID); part N`, not %s", excerpt(begin))
	}
	r.mentions = r.mentions[:0]
	r.rows, r.columns = 0, r.columns[:0]
	for {
		rest := r.text
		line, ok := r.take()
		if !ok {
			return nil, r.errorf(r.line, "the file ends within document %s begun in line %d: %s is missing", d.ID, d.Line, endMark)
		}
		if len(line) > 0 && line[0] == '#' {
			if trim(line) != endMark {
				at := r.line
				if strings.HasPrefix(line, beginMark) {
					r.text, r.line = rest, r.line-1 // skip goes on with it
				}
				return nil, r.errorf(at, "expected %s of document %s begun in line %d, not %s", endMark, d.ID, d.Line, excerpt(line))
			}
			if err := r.sentence(d); err != nil {
				return nil, err
			}
			d.Chains = r.documentChains()
			return d, nil
		}
		if !utf8.ValidString(line) {
			return nil, r.errorf(r.line, "is not UTF-8 text")
		}
		before := len(r.columns)
		r.columns = appendColumns(r.columns, line)
		switch n := len(r.columns) - before; {
		case n == 0:
			if err := r.sentence(d); err != nil {
				return nil, err
			}
			continue
		case n <= fixedColumns:
			return nil, r.errorf(r.line, "has %d columns: a row has %d and one a predicate", n, fixedColumns+1)
		case r.rows == 0:
			r.first = r.line
		case n != before/r.rows:
			return nil, r.errorf(r.line, "has %d columns and the rows above in the sentence have %d", n, before/r.rows)
		}
		r.rows++
	}
}

// appendColumns appends the columns of a line: what stands between spaces and tabs.
func appendColumns(columns []string, line string) []string {
	start := -1
	for i := 0; i < len(line); i++ {
		if c := line[i]; c == ' ' || c == '\t' || c == '\r' {
			if start >= 0 {
				columns = append(columns, line[start:i])
				start = -1
			}
		} else if start < 0 {
			start = i
		}
	}
	if start >= 0 {
		columns = append(columns, line[start:])
	}
	return columns
}

// sentence makes a sentence of the rows read so far, if any, and appends it to the document.
func (r *reader) sentence(d *Document) error {
	if r.rows == 0 {
		return nil
	}
	width := len(r.columns) / r.rows
	s := Sentence{Tokens: make([]Token, r.rows)}
	predicates := 0
	for k := range s.Tokens {
		row := r.columns[k*width : (k+1)*width]
		if n, ok := number(row[columnNumber]); !ok || n != k {
			return r.errorf(r.first+k, "word number %s: want %d", excerpt(row[columnNumber]), k)
		}
		s.Tokens[k] = Token{Word: row[columnWord], POS: row[columnPOS], Lemma: given(row[columnLemma]), Sense: given(row[columnSense])}
		if row[columnFrameset] != none {
			predicates++
		}
	}
	if have := width - fixedColumns - 1; have != predicates {
		return r.errorf(r.first, "the sentence has %d predicates (rows with a frameset) and %d argument columns", predicates, have)
	}
	s.Speaker = given(r.columns[columnSpeaker])
	if err := r.tree(&s, width); err != nil {
		return err
	}
	if err := r.names(&s, width); err != nil {
		return err
	}
	if err := r.frames(&s, width, predicates); err != nil {
		return err
	}
	if err := r.coref(len(d.Sentences), width); err != nil {
		return err
	}
	d.Sentences = append(d.Sentences, s)
	r.rows, r.columns = 0, r.columns[:0]
	return nil
}

// given is a cell's text, "" for a dash.
func given(cell string) string {
	if cell == none {
		return ""
	}
	return cell
}

// tree reads column 6. A sentence of one TOP over words tagged XX or VERB has no parse.
func (r *reader) tree(s *Sentence, width int) error {
	nodes, open := r.nodes[:0], r.open[:0]
	for k := range s.Tokens {
		cell := r.columns[k*width+columnParse]
		if cell == bare && len(open) > 0 {
			continue
		}
		i := 0
		for i < len(cell) && cell[i] == '(' {
			end := i + 1
			for end < len(cell) && cell[end] != '(' && cell[end] != '*' && cell[end] != ')' {
				end++
			}
			if end == i+1 {
				return r.errorf(r.first+k, "parse %s: a bracket opens without a label", excerpt(cell))
			}
			parent := -1
			if len(open) > 0 {
				parent = open[len(open)-1]
			} else if len(nodes) > 0 {
				return r.errorf(r.first+k, "parse %s: a second tree begins in the sentence", excerpt(cell))
			}
			open = append(open, len(nodes))
			nodes = append(nodes, Node{Label: cell[i+1 : end], Span: Span{Start: k}, Parent: parent})
			i = end
		}
		if i == len(cell) || cell[i] != '*' {
			return r.errorf(r.first+k, "parse %s: expected (LABEL, one * for the word and ), such as (S(NP*)", excerpt(cell))
		}
		if len(open) == 0 {
			return r.errorf(r.first+k, "parse %s: the word lies outside of the tree", excerpt(cell))
		}
		for i++; i < len(cell); i++ {
			if cell[i] != ')' {
				return r.errorf(r.first+k, "parse %s: only ) can follow the *", excerpt(cell))
			}
			if len(open) == 0 {
				return r.errorf(r.first+k, "parse %s: one ) too many", excerpt(cell))
			}
			n := &nodes[open[len(open)-1]]
			n.End, n.Next = k+1, len(nodes)
			open = open[:len(open)-1]
		}
	}
	r.nodes, r.open = nodes, open
	if len(open) > 0 {
		n := nodes[open[len(open)-1]]
		return r.errorf(r.first+len(s.Tokens)-1, "the sentence ends within the constituent %s opened in line %d: a ) is missing", n.Label, r.first+n.Start)
	}
	if len(nodes) == 1 && !slices.ContainsFunc(s.Tokens, func(t Token) bool { return t.POS != "XX" && t.POS != "VERB" }) {
		return nil
	}
	s.Tree = slices.Clone(nodes)
	return nil
}

// names reads column 11.
func (r *reader) names(s *Sentence, width int) error {
	entities := r.entities[:0]
	open := false
	for k := range s.Tokens {
		cell := r.columns[k*width+columnName]
		if cell == bare {
			continue
		}
		label, closes, ok := bracket(cell)
		if !ok {
			return r.errorf(r.first+k, "named entity %s: expected *, (TYPE*, *) or (TYPE)", excerpt(cell))
		}
		if label != "" {
			if open {
				return r.errorf(r.first+k, "named entity %s opens within %s: entities do not nest", excerpt(cell), entities[len(entities)-1].Type)
			}
			open = true
			entities = append(entities, Entity{Type: label, Span: Span{Start: k}})
		}
		if closes {
			if !open {
				return r.errorf(r.first+k, "named entity %s closes what is not open", excerpt(cell))
			}
			open = false
			entities[len(entities)-1].End = k + 1
		}
	}
	r.entities = entities
	if open {
		e := entities[len(entities)-1]
		return r.errorf(r.first+len(s.Tokens)-1, "the sentence ends within the named entity %s opened in line %d: *) is missing", e.Type, r.first+e.Start)
	}
	s.Entities = append([]Entity(nil), entities...)
	return nil
}

// bracket takes a cell of a bracket column apart: `(LABEL*`, `*)`, `(LABEL*)` or `(LABEL)`.
func bracket(cell string) (label string, closes, ok bool) {
	rest := cell
	if rest != "" && rest[0] == '(' {
		end := 1
		for end < len(rest) && rest[end] != '*' && rest[end] != ')' && rest[end] != '(' {
			end++
		}
		label, rest = rest[1:end], rest[end:]
		if label == "" {
			return "", false, false
		}
	}
	switch rest {
	case "*":
		return label, false, true
	case "*)":
		return label, true, true
	case ")":
		return label, true, label != ""
	}
	return "", false, false
}

// frames reads the predicates' columns. An argument may lie in another.
func (r *reader) frames(s *Sentence, width, predicates int) error {
	if predicates == 0 {
		return nil
	}
	s.Frames = make([]Frame, 0, predicates)
	for k := range s.Tokens {
		if f := r.columns[k*width+columnFrameset]; f != none {
			s.Frames = append(s.Frames, Frame{Token: k, Lemma: s.Tokens[k].Lemma, Frameset: f})
		}
	}
	for j := range s.Frames {
		args, open := r.args[:0], r.openArgs[:0]
		for k := range s.Tokens {
			cell := r.columns[k*width+fixedColumns+j]
			if cell == bare {
				continue
			}
			label, closes, ok := bracket(cell)
			if !ok {
				return r.errorf(r.first+k, "argument %s of predicate %d: expected *, (LABEL*, *) or (LABEL*)", excerpt(cell), j+1)
			}
			if label != "" {
				open = append(open, len(args))
				args = append(args, Argument{Label: label, Span: Span{Start: k}})
			}
			if closes {
				if len(open) == 0 {
					return r.errorf(r.first+k, "argument %s of predicate %d closes what is not open", excerpt(cell), j+1)
				}
				args[open[len(open)-1]].End = k + 1
				open = open[:len(open)-1]
			}
		}
		r.args, r.openArgs = args, open
		if len(open) > 0 {
			a := args[open[len(open)-1]]
			return r.errorf(r.first+len(s.Tokens)-1, "the sentence ends within the argument %s of predicate %d opened in line %d: *) is missing", a.Label, j+1, r.first+a.Start)
		}
		s.Frames[j].Arguments = append([]Argument(nil), args...)
	}
	return nil
}

// coref reads the last column of sentence i. A chain may have a mention within another, so that
// each chain's open mentions are a stack.
func (r *reader) coref(i, width int) error {
	r.chains = r.chains[:0]
	for k := range r.rows {
		cell := r.columns[(k+1)*width-1]
		if cell == none {
			continue
		}
		for rest, more := cell, true; more; {
			var segment string
			segment, rest, more = strings.Cut(rest, "|")
			digits, opens := strings.CutPrefix(segment, "(")
			digits, closes := strings.CutSuffix(digits, ")")
			chain, ok := number(digits)
			if !ok || !opens && !closes {
				return r.errorf(r.first+k, "coreference %s: expected -, (N, N) or (N), joined by |", excerpt(cell))
			}
			start := k
			switch {
			case opens && !closes:
				r.chains = append(r.chains, openMention{chain, k})
				continue
			case closes && !opens:
				at := len(r.chains) - 1
				for at >= 0 && r.chains[at].chain != chain {
					at--
				}
				if at < 0 {
					return r.errorf(r.first+k, "coreference %s closes chain %d, which is not open in the sentence", excerpt(cell), chain)
				}
				start = r.chains[at].start
				r.chains = slices.Delete(r.chains, at, at+1)
			}
			r.mentions = append(r.mentions, chainMention{chain, Mention{i, Span{start, k + 1}}})
		}
	}
	if n := len(r.chains); n > 0 {
		return r.errorf(r.first+r.rows-1, "the sentence ends within a mention of chain %d opened in line %d: %d) is missing", r.chains[n-1].chain, r.first+r.chains[n-1].start, r.chains[n-1].chain)
	}
	return nil
}

// documentChains makes chains of the document's mentions.
func (r *reader) documentChains() []Chain {
	slices.SortStableFunc(r.mentions, func(a, b chainMention) int { return cmp.Compare(a.chain, b.chain) })
	var chains []Chain
	for _, m := range r.mentions {
		if n := len(chains); n == 0 || chains[n-1].ID != m.chain {
			chains = append(chains, Chain{ID: m.chain})
		}
		c := &chains[len(chains)-1]
		c.Mentions = append(c.Mentions, m.Mention)
	}
	SortChains(chains)
	return chains
}

// excerpt quotes a piece of a file for a message, cut when it is long.
func excerpt(s string) string {
	if len(s) > 40 {
		return strconv.Quote(s[:40]) + "…"
	}
	return strconv.Quote(s)
}

// number reads a number of digits alone.
func number(digits string) (n int, ok bool) {
	if digits == "" || len(digits) > 9 {
		return 0, false
	}
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = 10*n + int(c)
	}
	return n, true
}

func trim(line string) string { return strings.Trim(line, " \t\r") }
