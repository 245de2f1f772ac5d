package tasks

import (
	"fmt"
	"slices"

	"taskvec/datasets"
)

// Labelled is the task of a classification set with these labels. Its examples are the rows of the
// set's files: it makes none of documents.
func Labelled(name string, labels []string) *Task {
	return &Task{
		Name: name, Family: ClassificationFamily, Kind: Classification, Labels: labels,
		missing: func(*datasets.Document) string { return "not made of documents" },
	}
}

// sentences makes an example of every sentence.
func (t *Task) sentences(in *Input) (examples []Example, skipped string) {
	if reason := t.missing(in.Document); reason != "" {
		return nil, reason
	}
	for i := range in.Sentences {
		s := &in.Sentences[i]
		examples = append(examples, Example{ID: fmt.Sprintf("%s/%d", in.Key(), i), Text: s.Text(), Label: t.label(s)})
	}
	return examples, ""
}

// hasEntity labels a sentence 1 when it holds a named entity of the type, else 0.
func hasEntity(kind string) func(*datasets.Sentence) int {
	return func(s *datasets.Sentence) int {
		if slices.ContainsFunc(s.Entities, func(e datasets.Entity) bool { return e.Type == kind }) {
			return 1
		}
		return 0
	}
}

func missingNames(d *datasets.Document) string {
	if !d.Layers().Names {
		return unnamed
	}
	return ""
}

const unnamed = "named entities not annotated"
