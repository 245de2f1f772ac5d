package tasks

import (
	"cmp"
	"fmt"
	"strings"

	"taskvec/datasets"
)

// coreArguments is a sentence for each predicate that has an ARG0 or an ARG1: its ARG0, V, ARG1
// and ARGM-TMP spans in the order of the text, closed by a full stop. What continues a span
// (C-ARG1) belongs to it; relative pronouns (R-ARG0) stay out.
func coreArguments(in *Input) (answer, skipped string) {
	if !in.Layers().Predicates {
		return "", noPredicates
	}
	var built []string
	for i := range in.Sentences {
		s := &in.Sentences[i]
		for _, f := range s.Frames {
			words := spans(s, &f, "ARG0", "V", "ARG1", "ARGM-TMP")
			if spans(s, &f, "ARG0", "ARG1") != nil {
				built = append(built, strings.TrimSuffix(datasets.Detokenize(words), ".")+".")
			}
		}
	}
	if len(built) == 0 {
		return "", "no predicate with ARG0 or ARG1"
	}
	return strings.Join(built, " "), ""
}

// predicateList is every predicate of the document with its ARG0 and ARG1, "" where it has none:
// leave.01("Ines Varga","Tolme"); rain.01("","").
func predicateList(in *Input) (answer, skipped string) {
	if !in.Layers().Predicates {
		return "", noPredicates
	}
	var list []string
	for i := range in.Sentences {
		s := &in.Sentences[i]
		for _, f := range s.Frames {
			lemma := cmp.Or(f.Lemma, strings.ToLower(s.Tokens[f.Token].Word))
			list = append(list, fmt.Sprintf("%s.%s(%s,%s)", lemma, f.Frameset, quoted(spans(s, &f, "ARG0")), quoted(spans(s, &f, "ARG1"))))
		}
	}
	return strings.Join(list, "; "), ""
}

const noPredicates = "predicates not annotated"

// spans returns the tokens of a frame's arguments of these labels, and of what continues them, in
// text order.
func spans(s *datasets.Sentence, f *datasets.Frame, labels ...string) (words []datasets.Token) {
	for _, a := range f.Arguments {
		for _, label := range labels {
			if strings.TrimPrefix(a.Label, "C-") == label {
				words = append(words, s.Tokens[a.Start:a.End]...)
			}
		}
	}
	return words
}

// quoted is words as running text in quotation marks, those within it being single, without a comma
// at the end.
func quoted(words []datasets.Token) string {
	return `"` + strings.ReplaceAll(datasets.Detokenize(uncommaed(words)), `"`, "'") + `"`
}
