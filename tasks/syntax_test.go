package tasks

import (
	"path/filepath"
	"testing"

	"taskvec/datasets"
)

// TestForms compares the rules for trees without function tags with the tags that annotators gave
// the sample corpus: they agree on nearly all constituents.
func TestForms(t *testing.T) {
	files, err := filepath.Glob("../datasets/sample/source/*.txt")
	if err != nil || len(files) != 48 {
		t.Fatalf("%d source files, %v", len(files), err)
	}
	type count struct{ both, tagged, formed int } // by both, by the tag alone, by the form alone
	var subjects, adverbials count
	add := func(c *count, s *datasets.Sentence, j int, tagged, formed bool) {
		n := s.Tree[j]
		words := datasets.Detokenize(s.Tokens[n.Start:n.End])
		switch {
		case tagged && formed:
			c.both++
		case tagged:
			c.tagged++
			t.Logf("by its tag alone: %s %q in %s", n.Label, words, s.Text())
		case formed:
			c.formed++
			t.Logf("by its form alone: %s %q in %s", n.Label, words, s.Text())
		}
	}
	for _, file := range files {
		d := document(t, file)
		for i := range d.Sentences {
			s := &d.Sentences[i]
			for j := range s.Tree {
				add(&subjects, s, j, subjectTag(s, j), subjectForm(s, j))
				if s.Tree[j].Category() == "SBAR" {
					add(&adverbials, s, j, adverbialTag(s.Tree[j].Label), adverbialForm(s, j))
				}
			}
		}
	}
	for name, c := range map[string]count{"subjects": subjects, "adverbials": adverbials} {
		t.Logf("%s: %d by tag and form, %d by the tag alone, %d by the form alone", name, c.both, c.tagged, c.formed)
		if c.both < 50 || 100*(c.tagged+c.formed) > c.both {
			t.Errorf("%s: tags and forms differ too often", name)
		}
	}
}
