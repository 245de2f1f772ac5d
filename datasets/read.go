package datasets

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	file     string
	text     string    // what is still to be read
	line     int       // number of the line last taken from text
	begun    bool      // a document, or what should be one, stood in the file
	short    bool      // the document being read has OntoGUM's three columns
	problems []Problem // in documents that were read nevertheless

	rowText string // from the first row of the sentence being read on
	rows    int
	first   int // line of its first row

	*room
}

// A room is what a reader uses again for every sentence, document and file.
type room struct {
	columns   []cell     // of the rows of the sentence being read
	sentences []Sentence // of the document being read
	nodes     Tree
	open      []int
	entities  []Entity
	args      []Argument
	openArgs  []int
	chains    []openMention
	mentions  []chainMention
}

// rooms are those that no reader is in.
var rooms = sync.Pool{New: func() any { return new(room) }}

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
// The first thing that does not fit the layout is an *Error.
func ReadCoNLL(name string, text []byte) ([]*Document, error) {
	docs, problems := newReader(name, string(text)).all()
	if len(problems) > 0 {
		return nil, problems[0].Err()
	}
	return docs, nil
}

// all reads what is left of the file. A document with a fault is left out, but for a fault that
// concerns one sentence's predicates alone.
func (r *reader) all() (docs []*Document, problems []Problem) {
	r.room = rooms.Get().(*room)
	defer func() {
		// An empty room keeps no text in memory.
		clear(r.sentences[:cap(r.sentences)])
		clear(r.nodes[:cap(r.nodes)])
		clear(r.entities[:cap(r.entities)])
		clear(r.args[:cap(r.args)])
		rooms.Put(r.room)
		r.room = nil
	}()
	for {
		d, err := r.next()
		var bad *Error
		switch {
		case errors.As(err, &bad):
			r.problems = append(r.problems, Problem{bad.File, bad.Line, bad.Msg})
			r.skip()
		case d == nil:
			return docs, r.problems
		default:
			docs = append(docs, d)
		}
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
	for r.text != "" && !isBegin(r.text) {
		r.take()
	}
}

const (
	beginMark = "#begin document"
	endMark   = "#end document"
)

// isBegin says whether a text starts with the line that begins a document.
func isBegin(text string) bool {
	return strings.HasPrefix(text, beginMark) || strings.HasPrefix(text, shortBeginMark)
}

func isEnd(line string) bool {
	line = trim(line)
	return line == endMark || line == shortEndMark
}

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
		if isBegin(line) {
			r.begun = true
			return r.document(line)
		}
		if len(trim(line)) > 0 {
			r.begun = true
			return nil, r.errorf(r.line, "expected `#begin document (ID); part N`, not %s", excerpt(line))
		}
	}
}

// begin takes a #begin line.
func (r *reader) begin(line string) (*Document, error) {
	d := &Document{File: r.file, Line: r.line}
	if !utf8.ValidString(line) {
		return nil, r.errorf(r.line, "is not UTF-8 text")
	}
	rest, standard := strings.CutPrefix(line, beginMark)
	if r.short = !standard; r.short {
		return d, r.shortBegin(d, line)
	}
	id, part, _ := strings.Cut(trim(rest), "); part ")
	var bracketed, numbered bool
	d.ID, bracketed = strings.CutPrefix(id, "(")
	d.Part, numbered = number(part)
	if !bracketed || !numbered || d.ID == "" || strings.ContainsAny(d.ID, " \t\r") {
		return nil, r.errorf(r.line, "expected `#begin document (ID); part N`, not %s", excerpt(line))
	}
	return d, nil
}

// document reads a document from its #begin line to its #end line.
func (r *reader) document(begin string) (*Document, error) {
	d, err := r.begin(begin)
	if err != nil {
		return nil, err
	}
	r.sentences, r.mentions = r.sentences[:0], r.mentions[:0]
	r.rows, r.columns = 0, r.columns[:0]
	for {
		rest := r.text
		line, ok := r.take()
		if !ok {
			return nil, r.errorf(r.line, "the file ends within document %s begun in line %d: %s is missing", d.ID, d.Line, endMark)
		}
		if len(line) > 0 && line[0] == '#' {
			if !isEnd(line) {
				at := r.line
				if isBegin(line) {
					r.text, r.line = rest, r.line-1 // skip goes on with it
				}
				return nil, r.errorf(at, "expected %s of document %s begun in line %d, not %s", endMark, d.ID, d.Line, excerpt(line))
			}
			if err := r.sentence(); err != nil {
				return nil, err
			}
			d.Sentences = append([]Sentence(nil), r.sentences...)
			d.Chains = r.documentChains()
			return d, nil
		}
		if !utf8.ValidString(line) {
			return nil, r.errorf(r.line, "is not UTF-8 text")
		}
		before := len(r.columns)
		if r.rows == 0 {
			r.rowText = rest
		}
		from := len(r.rowText) - len(rest)
		r.columns = appendColumns(r.columns, r.rowText, from, from+len(line))
		switch n := len(r.columns) - before; {
		case n == 0:
			if err := r.sentence(); err != nil {
				return nil, err
			}
			continue
		case r.short && n != shortColumns:
			return nil, r.errorf(r.line, "has %d columns: a row has %d, number, word and coreference", n, shortColumns)
		case !r.short && n <= fixedColumns:
			return nil, r.errorf(r.line, "has %d columns: a row has %d and one a predicate", n, fixedColumns+1)
		case r.rows == 0:
			r.first = r.line
		case n != before/r.rows:
			return nil, r.errorf(r.line, "has %d columns and the rows above in the sentence have %d", n, before/r.rows)
		}
		r.rows++
	}
}

// sentence makes a sentence of the rows read so far, if any, and adds it to those of the document.
func (r *reader) sentence() error {
	if r.rows == 0 {
		return nil
	}
	width := len(r.columns) / r.rows
	s := Sentence{Tokens: make([]Token, r.rows)}
	var err error
	if r.short {
		err = r.shortLayers(&s, width)
	} else {
		err = r.layers(&s, width)
	}
	if err == nil {
		err = r.coref(len(r.sentences), width)
	}
	if err != nil {
		return err
	}
	r.sentences = append(r.sentences, s)
	r.rows, r.columns = 0, r.columns[:0]
	return nil
}

// layers reads the columns before the last.
func (r *reader) layers(s *Sentence, width int) error {
	predicates := 0
	for k := range s.Tokens {
		row := k * width
		if n, ok := number(r.column(row + columnNumber)); !ok || n != k {
			return r.errorf(r.first+k, "word number %s: want %d", excerpt(r.column(row+columnNumber)), k)
		}
		s.Tokens[k] = Token{
			Word: r.column(row + columnWord), POS: r.column(row + columnPOS),
			Lemma: given(r.column(row + columnLemma)), Sense: given(r.column(row + columnSense)),
		}
		if r.column(row+columnFrameset) != none {
			predicates++
		}
	}
	s.Speaker = given(r.column(columnSpeaker))
	if err := r.tree(s, width); err != nil {
		return err
	}
	if err := r.names(s, width); err != nil {
		return err
	}
	return r.frames(s, width, predicates)
}

// given is a cell's text, "" for a dash.
func given(cell string) string {
	if cell == none {
		return ""
	}
	return cell
}

// documentChains makes chains of the document's mentions.
func (r *reader) documentChains() []Chain {
	slices.SortStableFunc(r.mentions, func(a, b chainMention) int { return cmp.Compare(a.chain, b.chain) })
	var chains []Chain
	mentions := make([]Mention, len(r.mentions)) // of all chains
	for i, m := range r.mentions {
		mentions[i] = m.Mention
		if n := len(chains); n > 0 && chains[n-1].ID == m.chain {
			first := i - len(chains[n-1].Mentions)
			chains[n-1].Mentions = mentions[first : i+1 : i+1]
		} else {
			chains = append(chains, Chain{ID: m.chain, Mentions: mentions[i : i+1 : i+1]})
		}
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
