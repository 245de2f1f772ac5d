package datasets

import (
	"errors"
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

// A Problem is one thing wrong in a corpus, which was then read without the document it is in.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// Count counts what corpora hold. A document that cannot be read is left out and becomes a
// problem, so that one report names all of them; the error is for files that cannot be opened.
func Count(corpora ...*Corpus) (*Counts, error) {
	n := &Counts{NamedEntities: map[string]int{}, Arguments: map[string]int{}, Problems: []Problem{}}
	seen := map[string]string{}
	for _, c := range corpora {
		for _, file := range c.files {
			r, err := c.reader(file)
			if err != nil {
				return nil, err
			}
			n.Files++
			for {
				d, err := r.next()
				if err == nil && d != nil {
					err = once(seen, d)
				}
				var problem *Error
				if errors.As(err, &problem) {
					n.Problems = append(n.Problems, Problem{problem.File, problem.Line, problem.Msg})
					r.skip()
					continue
				}
				if d == nil {
					break
				}
				n.add(d)
			}
		}
	}
	return n, nil
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
