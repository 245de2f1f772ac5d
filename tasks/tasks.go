// Package tasks is the catalogue of what models are fine-tuned for: each task's prompt and the
// rule that makes its target from a document's annotation, one file a layer of it.
//
// It makes the examples of one document at a time. It reads no files, draws no splits and counts
// nothing: that is the build stage's.
package tasks

import (
	"fmt"

	"taskvec/datasets"
)

// A Family groups tasks of one nature, for reports.
type Family string

// The families.
const (
	LinguisticFamily     Family = "linguistic"
	CountingFamily       Family = "counting"
	SummaryFamily        Family = "summary"
	ClassificationFamily Family = "classification"
)

// A Kind says what a model must be to learn a task.
type Kind string

// The kinds.
const (
	Causal         Kind = "causal"         // a language model writes the answer after the prompt
	Classification Kind = "classification" // a classifier gives a text one of the labels
)

// A Task is one entry of the catalogue.
type Task struct {
	Name   string
	Family Family
	Kind   Kind
	Prompt string   // the instruction, to the letter; "" for classification
	Labels []string // the label names of classification, in the order of their numbers
	// SummaryShare is the length of the reference summaries that a summary task needs, as a share of
	// the document's words; 0 of other tasks.
	SummaryShare float64

	// answer makes the target of a causal task, or says why the document cannot carry it.
	answer func(*Input) (answer, skipped string)
	// labels classifies the sentences of a document: an index into Labels each, or says why they
	// cannot be labelled.
	labels func(*datasets.Document) (labels []int, skipped string)
}

// An Input is what examples are made of.
type Input struct {
	*datasets.Document
	Summary string // the reference summary of the task's share; "" when there is none
}

// An Example is one prompt and target: Prompt and Completion of a causal task, Text, TextPair and
// Label of classification.
type Example struct {
	ID         string // document id, "/part", and "/sentence" where the example is a sentence
	Prompt     string // all up to the answer: never supervised
	Completion string // the supervised answer with its final newline
	Text       string
	TextPair   string
	Label      int // index into the task's Labels
}

// Lookup returns the task of that name, or nil.
func Lookup(name string) *Task {
	for _, t := range catalogue {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Names returns the names of all tasks in the order of the catalogue.
func Names() []string {
	names := make([]string, len(catalogue))
	for i, t := range catalogue {
		names[i] = t.Name
	}
	return names
}

// catalogue is all tasks. The prompts are quoted data of the published experiments: keep them to
// the letter.
var catalogue = []*Task{
	{
		Name: "sum", Family: SummaryFamily, Kind: Causal, answer: summary, SummaryShare: 0.1,
		Prompt: "Summarize the following document.",
	},
	{
		Name: "sum-50pct", Family: SummaryFamily, Kind: Causal, answer: summary, SummaryShare: 0.5,
		Prompt: "Summarize the following document.",
	},
	{
		Name: "ner", Family: LinguisticFamily, Kind: Causal, answer: newEntities,
		Prompt: "In the following document, keep only sentences containing at least one new Named Entity from the following categories: EVENT,FAC,GPE,LOC,ORG,PERSON,PRODUCT,WORK_OF_ART.",
	},
	{
		Name: "coref", Family: LinguisticFamily, Kind: Causal, answer: longestChains,
		Prompt: "In the following document, keep sentences with longest coreference chains and replace coreference with anchor.",
	},
	{
		Name: "srl", Family: LinguisticFamily, Kind: Causal, answer: coreArguments,
		Prompt: "In the following document, build sentences with only ARG0 VERB ARG1 ARGM-TMP.",
	},
	{
		Name: "syntax", Family: LinguisticFamily, Kind: Causal, answer: withoutAdjuncts,
		Prompt: "In the following document, remove PP and AD-SBAR syntagms.",
	},
	{
		Name: "coref-list", Family: LinguisticFamily, Kind: Causal, answer: mentionLists,
		Prompt: "In the following document, list the different mentions for each coreference chain.",
	},
	{
		Name: "srl-list", Family: LinguisticFamily, Kind: Causal, answer: predicateList,
		Prompt: "In the following document, list all predicates PRED(ARG0,ARG1).",
	},
	{
		Name: "syntax-list", Family: LinguisticFamily, Kind: Causal, answer: subjectList,
		Prompt: "In the following document, list the NP-SBJ syntagms.",
	},
	{
		Name: "ner-list", Family: LinguisticFamily, Kind: Causal, answer: entityLists,
		Prompt: "What are the named entities in the following document ?",
	},
	{
		Name: "first-10pct-words", Family: CountingFamily, Kind: Causal, answer: words(firstTenth),
		Prompt: "In the following document, keep only the first 10% words",
	},
	{
		Name: "last-10pct-words", Family: CountingFamily, Kind: Causal, answer: words(lastTenth),
		Prompt: "In the following document, keep only the last 10% words",
	},
	{
		Name: "every-10-words", Family: CountingFamily, Kind: Causal, answer: words(every10),
		Prompt: "In the following document, keep only 1 every 10 words",
	},
	{
		Name: "every-2-words", Family: CountingFamily, Kind: Causal, answer: words(every2),
		Prompt: "In the following document, keep only 1 every 2 words",
	},
	{
		Name: "first-10pct-sentences", Family: CountingFamily, Kind: Causal, answer: sentences(firstTenth),
		Prompt: "In the following document, keep only the first 10 pourcent sentences",
	},
	{
		Name: "last-10pct-sentences", Family: CountingFamily, Kind: Causal, answer: sentences(lastTenth),
		Prompt: "In the following document, keep only the last 10% sentences",
	},
	{
		Name: "every-10-sentences", Family: CountingFamily, Kind: Causal, answer: sentences(every10),
		Prompt: "In the following document, keep only 1 every 10 sentences",
	},
	{
		Name: "every-2-sentences", Family: CountingFamily, Kind: Causal, answer: sentences(every2),
		Prompt: "In the following document, keep only 1 every 2 sentences",
	},
	{
		Name: "has-person", Family: ClassificationFamily, Kind: Classification, labels: hasEntity("PERSON"),
		Labels: []string{"no", "yes"},
	},
	{
		Name: "has-date", Family: ClassificationFamily, Kind: Classification, labels: hasEntity("DATE"),
		Labels: []string{"no", "yes"},
	},
	{
		Name: "has-coref", Family: ClassificationFamily, Kind: Classification, labels: hasMention,
		Labels: []string{"no", "yes"},
	},
	{
		Name: "has-question", Family: ClassificationFamily, Kind: Classification, labels: hasQuestion,
		Labels: []string{"no", "yes"},
	},
}

// Examples makes the examples of one document: one, or one a sentence for classification. When
// the document cannot carry the task there are none and skipped says why, in words that are the
// same for all such documents.
func (t *Task) Examples(in *Input) (examples []Example, skipped string) {
	if !in.Layers().Words {
		return nil, "words missing: a skeleton of the annotation"
	}
	if t.Kind == Classification {
		return t.sentenceExamples(in)
	}
	answer, skipped := t.answer(in)
	if skipped != "" {
		return nil, skipped
	}
	heading := "Answer"
	if t.Family == SummaryFamily {
		heading = "Summary"
	}
	return []Example{{
		ID:         in.Key(),
		Prompt:     fmt.Sprintf("%s\n\n### Document:\n%s\n\n### %s:\n", t.Prompt, in.Text(), heading),
		Completion: answer + "\n",
	}}, ""
}
