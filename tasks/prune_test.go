package tasks

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"taskvec/datasets"
)

// TestPruned takes PPs out of any tree: no word of a PP is left, and all other words are, in their
// order; only punctuation and conjunctions may go with them.
func TestPruned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &datasets.Sentence{Tree: datasets.Tree{{Label: "TOP", Parent: -1}}}
		var want []string
		var grow func(j, depth int, inside bool)
		grow = func(j, depth int, inside bool) {
			for range rapid.IntRange(1, 5).Draw(t, "children") {
				kind := rapid.SampledFrom([]string{"word", "word", ",", "CC", "``", "''", "--", "-LRB-", "-RRB-", ".", "NP", "PP", "ADVP", "S", "SBAR"}).Draw(t, "kind")
				switch {
				case kind == "word" || strings.ToLower(kind) != kind && depth == 0:
					word := fmt.Sprintf("w%dx", len(s.Tokens))
					s.Tokens = append(s.Tokens, datasets.Token{Word: word, POS: "NN"})
					if !inside {
						want = append(want, word)
					}
				case kind == "NP" || kind == "PP" || kind == "ADVP" || kind == "S" || kind == "SBAR":
					c := len(s.Tree)
					s.Tree = append(s.Tree, datasets.Node{Label: kind, Parent: j, Span: datasets.Span{Start: len(s.Tokens)}})
					grow(c, depth-1, inside || kind == "PP")
					s.Tree[c].End, s.Tree[c].Next = len(s.Tokens), len(s.Tree)
				default:
					s.Tokens = append(s.Tokens, datasets.Token{Word: kind, POS: kind})
				}
			}
		}
		grow(0, 3, false)
		s.Tree[0].End, s.Tree[0].Next = len(s.Tokens), len(s.Tree)
		answer, skipped := without([]string{"PP"})(&Input{Document: &datasets.Document{Sentences: []datasets.Sentence{*s}}})
		got := strings.FieldsFunc(answer, func(r rune) bool { return r != 'w' && r != 'x' && (r < '0' || r > '9') })
		if strings.Join(got, " ") != strings.Join(want, " ") || (answer == "") != (skipped != "") {
			t.Fatalf("%v is pruned to %q, skipped %q, want the words %v", s, answer, skipped, want)
		}
	})
}
