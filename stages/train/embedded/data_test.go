package embedded

import (
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/table"
	"taskvec/internal/trainer"
)

// TestLongestFirst cuts the longer text first; the numbers are worked by hand.
func TestLongestFirst(t *testing.T) {
	for _, c := range [][5]int{
		// a, b, room → kept of a, of b
		{5, 3, 8, 5, 3}, {5, 0, 4, 4, 0}, {20, 3, 10, 7, 3}, {3, 20, 10, 3, 7},
		{20, 30, 10, 5, 5}, {30, 20, 11, 6, 5}, {20, 30, 11, 5, 6}, {6, 6, 11, 5, 6},
	} {
		if a, b := longestFirst(c[0], c[1], c[2]); a != c[3] || b != c[4] {
			t.Errorf("%d and %d in %d: %d and %d, want %d and %d", c[0], c[1], c[2], a, b, c[3], c[4])
		}
	}
}

// pairJob is a job of pairs with three labels, which the second text alone gives away; words
// repeats each text that many times.
func pairJob(t *testing.T, words int, edit func(*trainer.Spec)) string {
	dir := job(t, base(t, "roberta"), "roberta", edit)
	var rows []table.Example
	for i, text := range texts(30) {
		r := table.Example{ID: text[:8], Split: "train", Text: strings.Repeat(text[:20]+" ", words), Label: int32(i % 3)}
		r.TextPair = strings.Repeat([]string{"the boat sails", "a clock strikes", "no letter"}[i%3]+" ", words)
		if i >= 24 {
			r.Split = "validation"
		}
		rows = append(rows, r)
	}
	meta := map[string]string{"kind": "classification", "labels": `["yes","perhaps","no"]`}
	if err := table.Write(filepath.Join(dir, "examples.arrow"), rows, meta); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTrainPairs trains on pairs of texts with three labels, and on pairs longer than the longest
// sequence.
func TestTrainPairs(t *testing.T) {
	dir := pairJob(t, 1, func(s *trainer.Spec) { s.Training.Epochs, s.Training.LearningRate, s.LoRA.Dropout = 20, 0.03, 0 })
	r := train(t, dir)
	if best := r.ValidationLosses[r.BestEpoch-1]; best > r.InitialLoss/2 {
		t.Errorf("validation loss %v, of the base model %v: the second text is not read", best, r.InitialLoss)
	}
	if r.Truncated["train"] != 0 {
		t.Errorf("%d examples truncated", r.Truncated["train"])
	}
	r = train(t, pairJob(t, 30, func(s *trainer.Spec) { s.Training.Epochs, s.Training.MaxLength = 1, 40 }))
	if r.Truncated["train"] != 24 || r.Truncated["validation"] != 6 {
		t.Errorf("truncated %v, want all", r.Truncated)
	}
}
