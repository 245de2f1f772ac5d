//go:build real

package datasets

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"taskvec/datasets/sample"
)

// A peerSentence is a sentence as the reader of allennlp-models gives it: one label a word, none as
// null, and spans that end with their last word.
type peerSentence struct {
	Words     []string   `json:"words"`
	POS       []string   `json:"pos"`
	Tree      string     `json:"tree"`
	Lemmas    []*string  `json:"lemmas"`
	Framesets []*string  `json:"framesets"`
	Speakers  []*string  `json:"speakers"`
	Names     []string   `json:"names"`
	Frames    [][]string `json:"frames"`
	Mentions  [][3]int   `json:"mentions"` // chain, first word, last word
}

// asPeer is sentence i of a document as the peer gives it.
func asPeer(d *Document, i int) peerSentence {
	s := &d.Sentences[i]
	p := peerSentence{Frames: [][]string{}, Mentions: [][3]int{}, Tree: bracketed(s, 0)}
	given := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	for _, t := range s.Tokens {
		p.Words, p.POS = append(p.Words, t.Word), append(p.POS, t.POS)
		p.Lemmas, p.Framesets, p.Speakers = append(p.Lemmas, given(t.Lemma)), append(p.Framesets, nil), append(p.Speakers, given(s.Speaker))
	}
	labels := func(spans []Entity) []string {
		out := slices.Repeat([]string{"O"}, len(s.Tokens))
		for _, e := range spans {
			for k := e.Start; k < e.End; k++ {
				out[k] = "I-" + e.Type
			}
			out[e.Start] = "B-" + e.Type
		}
		return out
	}
	p.Names = labels(s.Entities)
	for _, f := range s.Frames {
		p.Framesets[f.Token] = &f.Frameset
		var spans []Entity
		for _, a := range f.Arguments {
			spans = append(spans, Entity{a.Label, a.Span})
		}
		p.Frames = append(p.Frames, labels(spans))
	}
	for _, c := range d.Chains {
		for _, m := range c.Mentions {
			if m.Sentence == i {
				p.Mentions = append(p.Mentions, [3]int{c.ID, m.Start, m.End - 1})
			}
		}
	}
	slices.SortFunc(p.Mentions, func(a, b [3]int) int { return slices.Compare(a[:], b[:]) })
	return p
}

// bracketed is the constituent of node i in brackets, its words with their tags.
func bracketed(s *Sentence, i int) string {
	n := s.Tree[i]
	parts := []string{"(" + n.Label}
	children := s.Tree.Children(i)
	for k := n.Start; k < n.End; {
		if len(children) > 0 && s.Tree[children[0]].Start == k {
			parts = append(parts, bracketed(s, children[0]))
			k = s.Tree[children[0]].End
			children = children[1:]
			continue
		}
		parts = append(parts, "("+s.Tokens[k].POS+" "+s.Tokens[k].Word+")")
		k++
	}
	return strings.Join(parts, " ") + ")"
}

// TestRealPeer reads the sample corpus and finds in every sentence what the reader of
// allennlp-models does.
func TestRealPeer(t *testing.T) {
	python := os.Getenv("TASKVEC_READERS_PYTHON")
	if python == "" {
		t.Fatal("TASKVEC_READERS_PYTHON names no python with the peer: run make test-real")
	}
	c, err := OpenFS("sample", sample.Files())
	if err != nil {
		t.Fatal(err)
	}
	docs, _, err := c.Documents(Options{})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"testdata/peer.py", "dump"}
	for _, file := range c.files {
		args = append(args, path.Join("sample/data", file))
	}
	cmd := exec.Command(python, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	sentences := 0
	for _, d := range docs {
		for i := range d.Sentences {
			var want peerSentence
			if err := decoder.Decode(&want); err != nil {
				t.Fatalf("after %d sentences: %v", sentences, err)
			}
			sentences++
			if got := asPeer(d, i); !reflect.DeepEqual(got, want) {
				a, _ := json.Marshal(got)
				b, _ := json.Marshal(want)
				t.Fatalf("%s sentence %d\n%s\nthe peer\n%s", d.ID, i, a, b)
			}
		}
	}
	if decoder.More() || sentences < 300 {
		t.Errorf("%d sentences, and the peer has more: %v", sentences, decoder.More())
	}
}
