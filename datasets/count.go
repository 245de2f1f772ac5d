package datasets

import (
	"strings"
)

// Counts is what corpora hold.
type Counts struct {
	Files                 int            `json:"files"`
	Documents             int            `json:"documents"` // each part of a document is one
	Sentences             int            `json:"sentences"`
	Tokens                int            `json:"tokens"`
	NamedEntities         map[string]int `json:"named_entities"` // by type
	Frames                int            `json:"frames"`         // predicates with a frameset
	Arguments             map[string]int `json:"arguments"`      // by label, V included
	Mentions              int            `json:"mentions"`
	Chains                int            `json:"chains"`
	NonverbalPredicates   int            `json:"nonverbal_predicates"`
	DocumentsWithoutCoref int            `json:"documents_without_coref"`
	Problems              []Problem      `json:"problems"`
}

// Count counts what corpora hold. What cannot be read becomes a problem, so that one report names
// all of them; the error is for files that cannot be opened. No more than a few units are held in
// memory at a time.
func Count(corpora ...*Corpus) (*Counts, error) {
	n := newCounts()
	for _, c := range corpora {
		n.Files += len(c.files)
	}
	units := func(yield func(Unit, error) bool) {
		for _, c := range corpora {
			for u, err := range c.units {
				if !yield(u, err) {
					return
				}
			}
		}
	}
	seen := map[string]string{}
	err := inOrder(units, countUnit, func(u unitCounts) error {
		for i, d := range u.docs {
			if p, again := once(seen, d); again {
				u.problems = append(u.problems, p)
			} else {
				n.merge(u.counts[i])
			}
		}
		n.Problems = append(n.Problems, inPlace(u.problems)...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// unitCounts is what a unit holds: its documents, without what is in them, and the counts of each.
type unitCounts struct {
	docs     []*Document
	counts   []*Counts
	problems []Problem
}

func countUnit(u Unit) (unitCounts, error) {
	docs, problems, err := u.Read()
	n := unitCounts{problems: problems}
	for _, d := range docs {
		c := newCounts()
		c.add(d)
		n.docs = append(n.docs, &Document{ID: d.ID, Part: d.Part, File: d.File, Line: d.Line})
		n.counts = append(n.counts, c)
	}
	return n, err
}

func newCounts() *Counts {
	return &Counts{NamedEntities: map[string]int{}, Arguments: map[string]int{}, Problems: []Problem{}}
}

// merge adds the counts of a document.
func (n *Counts) merge(d *Counts) {
	n.Documents += d.Documents
	n.Sentences += d.Sentences
	n.Tokens += d.Tokens
	for kind, count := range d.NamedEntities {
		n.NamedEntities[kind] += count
	}
	n.Frames += d.Frames
	for label, count := range d.Arguments {
		n.Arguments[label] += count
	}
	n.Mentions += d.Mentions
	n.Chains += d.Chains
	n.NonverbalPredicates += d.NonverbalPredicates
	n.DocumentsWithoutCoref += d.DocumentsWithoutCoref
}

// add counts one document.
func (n *Counts) add(d *Document) {
	n.Documents++
	n.Sentences += len(d.Sentences)
	n.Chains += len(d.Chains)
	for _, c := range d.Chains {
		n.Mentions += len(c.Mentions)
	}
	if len(d.Chains) == 0 {
		n.DocumentsWithoutCoref++
	}
	for i := range d.Sentences {
		s := &d.Sentences[i]
		n.Tokens += len(s.Tokens)
		n.Frames += len(s.Frames)
		for _, e := range s.Entities {
			n.NamedEntities[e.Type]++
		}
		for _, f := range s.Frames {
			if !strings.HasPrefix(s.Tokens[f.Token].POS, "V") {
				n.NonverbalPredicates++
			}
			for _, a := range f.Arguments {
				n.Arguments[a.Label]++
			}
		}
	}
}
