package evaluate

import (
	"taskvec/internal/score"
	"taskvec/tasks"
)

// A measure of an answer, in [0, 1], or of all labels of a split.
type measure struct {
	name   string
	text   func(reference, answer string) float64 // of one answer: the mean is taken
	labels func(reference, answer []int) float64
}

// textMeasures are those of running text.
var textMeasures = []measure{
	{name: "rouge_l", text: score.RougeL},
	{name: "rouge_1", text: func(r, a string) float64 { return score.RougeN(1, r, a) }},
	{name: "rouge_2", text: func(r, a string) float64 { return score.RougeN(2, r, a) }},
	{name: "overlap", text: score.Overlap},
	{name: "exact", text: score.Exact},
}

// listed measures a list by the F1 of its items.
func listed(name string, items func(string) []string) measure {
	return measure{name: name, text: func(r, a string) float64 { return score.F1(items(r), items(a)) }}
}

// lists are the measures of the tasks whose answer is a list.
var lists = map[string][]measure{
	"ner-list":    {listed("entity_f1", score.Entities)},
	"coref-list":  {listed("mention_f1", score.Mentions)},
	"srl-list":    {listed("predicate_f1", score.Predicates), listed("proposition_f1", score.Propositions)},
	"syntax-list": {listed("item_f1", score.Items)},
}

// measuresOf are a task's measures, the main one first.
func measuresOf(t *task) []measure {
	switch {
	case t.kind == tasks.Classification:
		return []measure{{name: "macro_f1", labels: score.MacroF1}, {name: "accuracy", labels: score.Accuracy}, {name: "matthews", labels: score.Matthews}}
	case t.family == tasks.CountingFamily:
		return append([]measure{{name: "edit_similarity", text: score.EditSimilarity}}, textMeasures...)
	}
	return append(lists[t.name][:len(lists[t.name]):len(lists[t.name])], textMeasures...)
}
