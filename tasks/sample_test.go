package tasks

import (
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/sample"
)

// TestSample makes the examples of every task from the sample corpus: nearly every document
// carries every task, and no task is trivial.
func TestSample(t *testing.T) {
	c, err := datasets.OpenFS("sample", sample.Files())
	if err != nil {
		t.Fatal(err)
	}
	docs, problems, err := c.Documents(datasets.Options{})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	for _, task := range catalogue {
		carried, whole := 0, 0
		labels := map[int]int{}
		for _, d := range docs {
			examples, skipped := task.Examples(&Input{Document: d, Summary: "A summary."})
			if skipped == "" {
				carried++
			}
			for _, e := range examples {
				labels[e.Label]++
				if strings.TrimSpace(e.Completion) == d.Text() {
					whole++
				}
			}
		}
		if carried < len(docs)*9/10 {
			t.Errorf("%s: %d of %d documents carry it", task.Name, carried, len(docs))
		}
		if whole > 0 {
			t.Errorf("%s: the target is the whole document %d times", task.Name, whole)
		}
		if n := labels[0] + labels[1]; task.Kind == Classification && (labels[0] < n/20 || labels[1] < n/20) {
			t.Errorf("%s: labels %v", task.Name, labels)
		}
	}
}
