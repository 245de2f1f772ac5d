package build

import (
	"os"
	"path/filepath"
	"testing"

	"taskvec/internal/experiment"
	"taskvec/internal/table"
)

// TestCountTokens counts by hand with a tokenizer of which each character is a token, ab one too.
func TestCountTokens(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ab":      `{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "\n": 3, " ": 4}, "merges": ["a b"]}}`,
		"unigram": `{"model": {"type": "Unigram"}}`,
	} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "tokenizer.json"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	matrix := experiment.Matrix{Axes: []experiment.Axis{{Name: "model", Values: []string{"ab", "hub", "unigram", "own"}}, {Name: "task", Values: []string{"x"}}}}
	e := &experiment.Experiment{
		File:   filepath.Join(dir, "x.yaml"),
		Models: experiment.Models{{Name: "ab", Base: "ab"}, {Name: "hub", Base: "org/model"}, {Name: "unigram", Base: "unigram"}, {Name: "own", Architecture: &experiment.Architecture{}}},
		Stages: []experiment.Stage{{Name: "train", Matrix: matrix, With: &experiment.TrainWith{MaxLength: 9}}},
	}
	rows := []table.Example{
		{Prompt: "ab ab\n", Completion: "ab\n"},  // <s> ab _ ab \n | ab \n </s>: 8, of them 3 learned
		{Prompt: "a a a\n", Completion: "b b\n"}, // 1 + 6 + 4 + 1 = 12, of them 5
		{Text: "abab", TextPair: "b"},            // <s> ab ab </s> </s> b </s>: 7
	}
	got, err := CountTokens(e, "x", rows)
	want := Tokens{Model: "ab", MaxLength: 9, Tokens: 27, Supervised: 8, Longest: 12, Truncated: 1, Rows: 3}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v, error %v", got, want, err)
	}
	if text, want := want.String(), "27 tokens of ab, 29.6 % of them supervised; longest example 12, 1 of 3 above max_length 9"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if got, err := CountTokens(e, "y", rows); err != nil || got != nil {
		t.Errorf("a task nobody trains: %+v, %v", got, err)
	}
}
