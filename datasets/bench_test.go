package datasets

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkRead reads sentences of the size and annotation of news text: 25 tokens, 3 predicates.
func BenchmarkRead(b *testing.B) {
	var s Sentence
	const n = 25
	s.Tree = Tree{{"TOP", Span{0, n}, -1, 1}}
	for k := range n {
		s.Tokens = append(s.Tokens, Token{Word: fmt.Sprintf("word%d", k*k*k), POS: "NNP"})
		if k%3 == 0 {
			s.Tree = append(s.Tree, Node{"NP", Span{k, n}, len(s.Tree) - 1, 0})
		}
	}
	for i := range s.Tree {
		s.Tree[i].Next = len(s.Tree)
	}
	s.Entities = []Entity{{"ORG", Span{0, 3}}, {"DATE", Span{20, 21}}}
	for _, k := range []int{3, 9, 17} {
		s.Tokens[k].Lemma = "say"
		s.Frames = append(s.Frames, Frame{k, "say", "01", []Argument{{"ARG0", Span{0, k}}, {"V", Span{k, k + 1}}, {"ARG1", Span{k + 1, n}}}})
	}
	var text bytes.Buffer
	for i := range 200 {
		d := &Document{ID: fmt.Sprintf("nw/own/00/own_%04d", i)}
		for j := range 25 {
			d.Sentences = append(d.Sentences, s)
			for c := range 3 {
				if j == 0 {
					d.Chains = append(d.Chains, Chain{ID: c})
				}
				d.Chains[c].Mentions = append(d.Chains[c].Mentions, Mention{j, Span{c, c + 2}})
			}
		}
		if err := WriteCoNLL(&text, d); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadCoNLL("bench", text.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
