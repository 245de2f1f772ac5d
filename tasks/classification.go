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
		labels: func(*datasets.Document) ([]int, string) { return nil, "not made of documents" },
	}
}

// sentenceExamples makes an example of every sentence.
func (t *Task) sentenceExamples(in *Input) (examples []Example, skipped string) {
	labels, skipped := t.labels(in.Document)
	for i, label := range labels {
		examples = append(examples, Example{ID: fmt.Sprintf("%s/%d", in.Key(), i), Text: in.Sentences[i].Text(), Label: label})
	}
	return examples, skipped
}

// label gives each sentence, by its index, 1 where it is so and 0 where it is not.
func label(d *datasets.Document, is func(i int) bool) []int {
	labels := make([]int, len(d.Sentences))
	for i := range labels {
		if is(i) {
			labels[i] = 1
		}
	}
	return labels
}

// hasEntity labels a sentence 1 when it holds a named entity of the type.
func hasEntity(kind string) func(*datasets.Document) (labels []int, skipped string) {
	return func(d *datasets.Document) (labels []int, skipped string) {
		if !d.Layers().Names {
			return nil, unnamed
		}
		return label(d, func(i int) bool {
			return slices.ContainsFunc(d.Sentences[i].Entities, func(e datasets.Entity) bool { return e.Type == kind })
		}), ""
	}
}

const unnamed = "named entities not annotated"

// hasMention labels a sentence 1 when it holds a mention of a coreference chain.
func hasMention(d *datasets.Document) (labels []int, skipped string) {
	if !d.Layers().Coref {
		return nil, unchained
	}
	labels = make([]int, len(d.Sentences))
	for _, c := range d.Chains {
		for _, m := range c.Mentions {
			labels[m.Sentence] = 1
		}
	}
	return labels, ""
}

const unchained = "coreference not annotated"

// hasQuestion labels a sentence 1 when it is a question: see isQuestion.
func hasQuestion(d *datasets.Document) (labels []int, skipped string) {
	if d.Words() == 0 {
		return nil, empty
	}
	return label(d, func(i int) bool { return isQuestion(&d.Sentences[i]) }), ""
}

// isQuestion says whether a sentence ends in a question mark, closing quotation marks and brackets
// aside, or its tree, if it has one, is that of a question: SBARQ or SQ below the root. A question
// that is only quoted ("Is it far?" she asked) is neither.
func isQuestion(s *datasets.Sentence) bool {
	k := len(s.Tokens) - 1
	for k > 0 && slices.Contains([]string{"''", `"`, "'", "-RRB-", "-RSB-", ")", "]"}, s.Tokens[k].Word) {
		k--
	}
	if k >= 0 && (s.Tokens[k].Word == "?" || s.Tokens[k].Word == "/?") {
		return true
	}
	return len(s.Tree) > 1 && slices.Contains([]string{"SBARQ", "SQ"}, s.Tree[1].Category())
}
