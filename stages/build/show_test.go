package build

import (
	"bytes"
	"testing"

	"taskvec/internal/table"
	"taskvec/tasks"
)

// TestShow prints examples for people, in color and plain.
func TestShow(t *testing.T) {
	causal := []table.Example{
		{ID: "nw/b/0", Split: "train", Prompt: "Do.\n\n### Answer:\n", Completion: "One.\nTwo.\n"},
		{ID: "nw/c/0", Split: "test", Prompt: "Do.\n\n### Answer:\n", Completion: "Three.\n"},
	}
	labelled := []table.Example{
		{ID: "nw/b/0/0", Split: "train", Text: "Ann came.", Label: 1},
		{ID: "nw/b/0/1", Split: "train", Text: "One.", TextPair: "Two.", Label: -1},
	}
	for _, c := range []struct {
		task     string
		examples []table.Example
		n        int
		color    bool
		want     string
	}{
		{"ner", causal, 1, false, "== ner train nw/b/0\nDo.\n\n### Answer:\n│ One.\n│ Two.\n\n"},
		{"ner", causal[1:], 5, true, "== ner test nw/c/0\n\x1b[2mDo.\n\n### Answer:\n\x1b[0m\x1b[1mThree.\x1b[0m\n\n"},
		{"has-person", labelled, 0, false, "== has-person train nw/b/0/0\nAnn came.\n│ yes\n\n== has-person train nw/b/0/1\nOne.\nTwo.\n│ unlabelled\n\n"},
		{"has-person", labelled[:1], 0, true, "== has-person train nw/b/0/0\n\x1b[2mAnn came.\n\x1b[0m\x1b[1myes\x1b[0m\n\n"},
	} {
		var b bytes.Buffer
		if err := Show(&b, tasks.Lookup(c.task), c.examples, c.n, c.color); err != nil || b.String() != c.want {
			t.Errorf("got\n%q\nwant\n%q\n%v", b.String(), c.want, err)
		}
	}
}
