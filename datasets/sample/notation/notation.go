// Package notation reads the source notation of the sample corpus: one document a file, written
// by hand as Penn brackets with named entities, predicates and coreference quoted by their words.
// The notation is described in datasets/sample/README.md.
//
// It checks what a careful annotator can be held to and reports everything wrong with a file at
// once. It is not a reader of corpora: what it reads becomes CoNLL-2012 files, and those are read.
package notation

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"taskvec/datasets"
)

// A Source is one source file, read and checked.
type Source struct {
	Document *datasets.Document // trees carry function tags below a root TOP
	Title    string
	Summary  string
	Warnings []*Diagnostic // what is probably wrong, in the order of the file
}

// A Diagnostic is one thing wrong at one place of a source file. Line and Col count from 1, Col in
// characters.
type Diagnostic struct {
	File      string
	Line, Col int
	Msg       string
}

func (d *Diagnostic) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", d.File, d.Line, d.Col, d.Msg)
}

// Errors is everything wrong with a file, in the order of the file.
type Errors []*Diagnostic

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, d := range e {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}

// Bounds of a document.
const (
	minSentences, maxSentences = 6, 16
	minSummary                 = 8    // words
	maxSummaryShare            = 0.15 // of the document's tokens
)

// Parse reads a source file. Any fault makes the error an Errors with all of them.
func Parse(file string, src []byte) (*Source, error) {
	p, err := newParser(file, src)
	if err != nil {
		return nil, err
	}
	s := &Source{Document: p.doc}
	p.read(p.header(s))
	p.checkSize(s)
	if err := p.faults(); err != nil {
		return nil, err
	}
	s.Warnings = p.warnings
	return s, nil
}

// ParseBlocks reads the blocks of a source file that has no header and may be of any length. Any
// fault makes the error an Errors with all of them.
func ParseBlocks(file string, src []byte) (*datasets.Document, error) {
	p, err := newParser(file, src)
	if err != nil {
		return nil, err
	}
	p.read(0)
	if err := p.faults(); err != nil {
		return nil, err
	}
	return p.doc, nil
}

func newParser(file string, src []byte) (*parser, error) {
	if !utf8.Valid(src) {
		return nil, Errors{{File: file, Line: 1, Col: 1, Msg: "is not UTF-8 text: save it as UTF-8"}}
	}
	return &parser{file: file, doc: &datasets.Document{File: file}, lines: strings.Split(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n")}, nil
}

// read reads the blocks from line i on.
func (p *parser) read(i int) {
	for _, b := range p.blocks(i) {
		p.block(b)
	}
	p.finish()
}

// faults puts errors and warnings into the order of the file and returns the errors, if any.
func (p *parser) faults() error {
	order := func(a, b *Diagnostic) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	}
	slices.SortStableFunc(p.errs, order)
	slices.SortStableFunc(p.warnings, order)
	if len(p.errs) > 0 {
		return p.errs
	}
	return nil
}

// A pos is a place in the file: a line from 0 and a byte in it.
type pos struct{ line, byte int }

// A parser holds one file while it is read.
type parser struct {
	file     string
	lines    []string
	doc      *datasets.Document
	errs     Errors
	warnings []*Diagnostic

	headers  map[string]pos
	starts   []pos             // of each sentence's tree
	leaves   [][]pos           // of each token
	entities [][]pos           // of each entity, as in the sentences
	chains   []*chain          // in the order in which their names first occur
	frames   []*datasets.Frame // of the sentence being read
	dialogue bool              // a sentence has a speaker
	broken   bool              // a sentence could not be read: its mentions are missing
}

func (p *parser) diagnostic(at pos, format string, args []any) *Diagnostic {
	col := utf8.RuneCountInString(p.lines[at.line][:at.byte]) + 1
	return &Diagnostic{File: p.file, Line: at.line + 1, Col: col, Msg: fmt.Sprintf(format, args...)}
}

func (p *parser) fail(at pos, format string, args ...any) {
	p.errs = append(p.errs, p.diagnostic(at, format, args))
}

func (p *parser) warn(at pos, format string, args ...any) {
	p.warnings = append(p.warnings, p.diagnostic(at, format, args))
}

// documentID is what ids look like: genre, source, section and name.
var documentID = regexp.MustCompile(`^[a-z]{2}/[a-z0-9]+/[0-9]{2}/[a-z0-9_]+$`)

// speakerName is what speakers are called, spaces turned to underscores.
var speakerName = regexp.MustCompile(`^\pL[\pL0-9_.'-]*$`)

// keys are the header's keys, all required.
var keys = []string{"id", "split", "title", "summary"}

// header reads the lines up to the first blank one and returns the index of the line after it.
func (p *parser) header(s *Source) int {
	p.headers = map[string]pos{}
	i := 0
	for i < len(p.lines) && (blank(p.lines[i]) || comment(p.lines[i])) {
		i++
	}
	for ; i < len(p.lines) && !blank(p.lines[i]); i++ {
		line := p.lines[i]
		if comment(line) {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		at := pos{i, 0}
		if !ok || !slices.Contains(keys, key) {
			p.fail(at, "expected a header line `key: value` with one of the keys %s; the header ends with a blank line", strings.Join(keys, ", "))
			continue
		}
		if _, twice := p.headers[key]; twice {
			p.fail(at, "%s is given twice: keep one", key)
			continue
		}
		at.byte = len(line) - len(strings.TrimLeft(value, " \t"))
		p.headers[key] = at
		p.headerValue(s, at, key, strings.TrimSpace(value))
	}
	for _, key := range keys {
		if _, ok := p.headers[key]; !ok {
			p.fail(pos{}, "the header has no %s: add a line `%s: …`", key, key)
		}
	}
	return i
}

func (p *parser) headerValue(s *Source, at pos, key, value string) {
	if value == "" {
		p.fail(at, "%s is empty", key)
		return
	}
	switch key {
	case "id":
		if !documentID.MatchString(value) {
			p.fail(at, "id %q must look like nw/sample/00/nw_0001", value)
		} else if name := strings.TrimSuffix(path.Base(p.file), ".txt"); name != path.Base(value) {
			p.fail(at, "id %q does not fit the file's name: call the file %s.txt or end the id in %s", value, path.Base(value), name)
		}
		p.doc.ID = value
	case "split":
		var ok bool
		if p.doc.Split, ok = datasets.FolderSplit(value); !ok {
			p.fail(at, "split %q must be train, development or test", value)
		}
	case "title":
		s.Title = value
	case "summary":
		s.Summary = value
	}
}

func blank(line string) bool   { return strings.TrimSpace(line) == "" }
func comment(line string) bool { return strings.HasPrefix(line, "#") }

// blocks returns the indices of the lines of each block from line i on, comments left out.
func (p *parser) blocks(i int) [][]int {
	var blocks [][]int
	var block []int
	for ; i < len(p.lines); i++ {
		switch {
		case comment(p.lines[i]):
		case blank(p.lines[i]):
			if block != nil {
				blocks = append(blocks, block)
			}
			block = nil
		default:
			block = append(block, i)
		}
	}
	if block != nil {
		blocks = append(blocks, block)
	}
	return blocks
}

// block reads one sentence: an optional speaker, the tree, then annotation lines.
func (p *parser) block(lines []int) {
	var s datasets.Sentence
	at := pos{lines[0], 0}
	if name, ok := strings.CutPrefix(p.lines[lines[0]], "speaker:"); ok {
		s.Speaker = strings.Join(strings.Fields(name), "_")
		if !speakerName.MatchString(s.Speaker) {
			p.fail(at, "speaker %q must be the name of who says the sentence", s.Speaker)
		}
		p.dialogue = true
		lines = lines[1:]
	}
	n := slices.IndexFunc(lines, func(i int) bool { return annotation(p.lines[i]) != "" })
	if n < 0 {
		n = len(lines)
	}
	if n == 0 {
		p.fail(at, "the block has no tree: start it with Penn brackets, `(S …)`, and separate blocks by one blank line")
		p.broken = true
		return
	}
	leaves, ok := p.tree(lines[:n], &s)
	if !ok {
		p.broken = true
		return
	}
	p.doc.Sentences = append(p.doc.Sentences, s)
	p.starts = append(p.starts, pos{lines[0], 0})
	p.leaves = append(p.leaves, leaves)
	p.entities = append(p.entities, nil)
	p.frames = nil
	for _, i := range lines[n:] {
		switch annotation(p.lines[i]) {
		case "n":
			p.names(i)
		case "p":
			p.predicate(i)
		case "c":
			p.mentions(i)
		default:
			p.fail(pos{i, 0}, "expected an annotation line: n:, p: or c: (the tree ends above, and a new sentence needs a blank line before it)")
		}
	}
	p.sortFrames()
}

// annotation returns n, p or c when the line is an annotation line, else "".
func annotation(line string) string {
	if kind, _, ok := strings.Cut(line, ":"); ok && (kind == "n" || kind == "p" || kind == "c") {
		return kind
	}
	return ""
}
