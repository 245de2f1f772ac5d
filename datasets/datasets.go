// Package datasets is the corpus model of taskvec and its readers and writers: documents with
// sentences, trees, named entities, predicates and coreference chains, in the CoNLL-2012 layout.
//
// It knows what a corpus says, not what is done with it: prompts, targets and labels are package
// tasks's, and experiment files are unknown here.
package datasets

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Document is one document or one part of a long one: what stands between `#begin document` and
// `#end document`. ID and Part together are its key; chain numbers mean nothing outside of it.
//
// Documents hold no traces: every token is a word of the text.
type Document struct {
	ID        string // genre/source/section/name, such as nw/sample/00/nw_0001
	Part      int
	File      string // the file it was read from
	Line      int    // where it begins there
	Split     Split  // the split its folder or a draw put it in, "" when none did
	Sentences []Sentence
	Chains    []Chain // in the order of their first mentions
}

// Layers says which annotations a document carries. Files do not say "not annotated": a layer of
// which a whole document shows nothing counts as not annotated, so that its absence is never
// taken for the answer "none".
type Layers struct {
	Words      bool // no word is missing, as in a skeleton
	Parse      bool // at least one sentence has a tree
	Names      bool
	Predicates bool
	Coref      bool
}

// A Sentence is one sentence of a document. Spans in it count its tokens from 0.
type Sentence struct {
	Speaker  string // "" when unknown
	Tokens   []Token
	Tree     Tree     // nil when the parse is missing
	Entities []Entity // in text order, never overlapping
	Frames   []Frame  // in the order of their predicates
}

// MissingWord stands for every word of a skeleton: annotation that is published without the text.
const MissingWord = "[WORD]"

// A Token is one word or punctuation mark.
type Token struct {
	Word  string // as in the file: -LRB- for a bracket, `` and '' for quotation marks
	POS   string // Penn Treebank tag
	Lemma string // "" when not given; corpora give it for predicates only
	Sense string // word sense, "" when not given
}

// A Span is the tokens from Start up to, not including, End.
type Span struct{ Start, End int }

// Contains says whether other lies within s.
func (s Span) Contains(other Span) bool { return s.Start <= other.Start && other.End <= s.End }

// Overlaps says whether the spans share a token.
func (s Span) Overlaps(other Span) bool { return s.Start < other.End && other.Start < s.End }

// Len is the number of tokens.
func (s Span) Len() int { return s.End - s.Start }

// An Entity is a named entity.
type Entity struct {
	Type string // PERSON, GPE, DATE, …
	Span
}

// A Frame is one predicate with its arguments (PropBank).
type Frame struct {
	Token     int // index of the predicate's token
	Lemma     string
	Frameset  string     // usually a number such as 01, but LV for light verbs
	Arguments []Argument // in text order, V included
}

// An Argument is one labelled span of a frame: V, ARG0…, ARGM-TMP, R-ARG0, C-ARG1, ….
type Argument struct {
	Label string
	Span
}

// A Chain is the mentions of one thing in a document.
type Chain struct {
	ID       int       // as in the file; unique in the document
	Mentions []Mention // in text order, the longer first where two start together
}

// A Mention is one span that refers to a chain's thing.
type Mention struct {
	Sentence int // index in Document.Sentences
	Span
}

// SortChains puts the mentions of each chain into their order, then the chains into theirs.
func SortChains(chains []Chain) {
	for _, c := range chains {
		slices.SortFunc(c.Mentions, compareMentions)
	}
	slices.SortFunc(chains, func(a, b Chain) int {
		return cmp.Or(compareMentions(a.Mentions[0], b.Mentions[0]), cmp.Compare(a.ID, b.ID))
	})
}

func compareMentions(a, b Mention) int {
	return cmp.Or(cmp.Compare(a.Sentence, b.Sentence), cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
}

// Layers says which annotations the document carries.
func (d *Document) Layers() Layers {
	l := Layers{Words: true, Coref: len(d.Chains) > 0}
	for i := range d.Sentences {
		s := &d.Sentences[i]
		l.Words = l.Words && !slices.ContainsFunc(s.Tokens, func(t Token) bool { return t.Word == MissingWord })
		l.Parse = l.Parse || s.Tree != nil
		l.Names = l.Names || len(s.Entities) > 0
		l.Predicates = l.Predicates || len(s.Frames) > 0
	}
	return l
}

// Genre is the first part of the document's id, such as nw.
func (d *Document) Genre() string {
	genre, _, _ := strings.Cut(d.ID, "/")
	return genre
}

// Key names the document among all others: its id and part.
func (d *Document) Key() string { return fmt.Sprintf("%s/%d", d.ID, d.Part) }

// Words is the number of tokens of the document.
func (d *Document) Words() int {
	n := 0
	for i := range d.Sentences {
		n += len(d.Sentences[i].Tokens)
	}
	return n
}

// An Error is a corpus file that is not what it should be: bad input data. Line 0 means the file
// as a whole.
type Error struct {
	File string
	Line int
	Msg  string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Msg)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}
