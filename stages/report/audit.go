package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"taskvec/datasets"
)

// examplesTable says of each task what was built and what was not.
func (in *Input) examplesTable() *Table {
	t := &Table{
		Name:  "examples",
		Title: "Examples built for each task",
		Notes: []string{
			"Words are those of prompts and targets, supervised the share of the targets among them.",
			"Repeats are inputs that stand earlier in the same split, leaks those that stand in an earlier split. Skipped counts the documents that cannot carry the task, or the rows of a classification set that are no examples, and why.",
		},
		Columns: []string{"task", "family", "train", "validation", "test", "words", "supervised", "repeats", "leaks", "skipped", "why"},
	}
	for _, b := range in.Builds {
		skipped := 0
		var why []string
		for _, reason := range slices.Sorted(maps.Keys(b.Skipped)) {
			skipped += b.Skipped[reason]
			why = append(why, fmt.Sprintf("%s (%d)", reason, b.Skipped[reason]))
		}
		if b.OutsideLists > 0 {
			why = append(why, fmt.Sprintf("in no list (%d, not among those skipped)", b.OutsideLists))
		}
		if b.CorpusProblems > 0 {
			why = append(why, fmt.Sprintf("problems in the corpus (%d, not among those skipped)", b.CorpusProblems))
		}
		supervised := Cell{}
		if b.SupervisedWords > 0 {
			supervised = number(b.SupervisedShare)
		}
		t.Rows = append(t.Rows, []Cell{
			text(b.Task), text(string(b.Family)),
			integer(int64(b.Rows[datasets.Train])), integer(int64(b.Rows[datasets.Validation])), integer(int64(b.Rows[datasets.Test])),
			integer(int64(b.Words)), supervised, integer(int64(b.DuplicatesWithin)), integer(int64(b.DuplicatesAcross)),
			integer(int64(skipped)), text(strings.Join(why, "; ")),
		})
	}
	return dropEmpty(t, 6)
}

// trainingTable says of each adapter what its training saw and what came of it.
func (in *Input) trainingTable() *Table {
	t := &Table{
		Name:  "training",
		Title: "Training of each adapter",
		Notes: []string{
			"Tokens are the model's own, of the training split in one pass; supervised is the share of them that the loss counts. Truncated examples were longer than the longest sequence and cut in the middle of their prompt.",
			"Losses are means over the supervised tokens (or labels) of the validation split: of the base model W₀ without an adapter, and of the kept checkpoint, the best one.",
		},
		Columns: []string{"model", "task", "examples", "tokens", "supervised", "truncated", "validation loss of W₀", "best validation loss", "at epoch", "steps"},
	}
	split := string(datasets.Train)
	for _, r := range in.Trainings {
		supervised, best := Cell{}, Cell{}
		if n := r.TotalTokens[split]; n > 0 {
			supervised = number(float64(r.SupervisedTokens[split]) / float64(n))
		}
		if len(r.ValidationLosses) > 0 {
			best = number(slices.Min(r.ValidationLosses))
		}
		t.Rows = append(t.Rows, []Cell{
			text(r.Model), text(r.Task), integer(int64(r.Examples[split])), integer(r.TotalTokens[split]), supervised,
			integer(int64(r.Truncated[split])), number(r.InitialLoss), best, integer(int64(r.BestEpoch)), integer(r.Steps),
		})
	}
	return t
}
