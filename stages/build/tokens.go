package build

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"taskvec/internal/experiment"
	"taskvec/internal/table"
	"taskvec/internal/tokenizer"
)

// Tokens is what a task's examples are to one model. A training counts the same of its own and
// records it in its train.json; this is for before.
type Tokens struct {
	Model      string
	MaxLength  int
	Tokens     int // of all examples, with the tokens that frame a sequence
	Supervised int // that the loss counts; 0 for classification
	Longest    int
	Truncated  int // examples longer than MaxLength
	Rows       int
}

// CountTokens counts the tokens of a task's examples for each model that an experiment trains on
// the task and whose base is a folder with a tokenizer that package tokenizer can read.
func CountTokens(e *experiment.Experiment, task string, rows []table.Example) ([]Tokens, error) {
	var out []Tokens
	for i := range e.Stages {
		s := &e.Stages[i]
		with, ok := s.With.(*experiment.TrainWith)
		if !ok {
			continue
		}
		for _, c := range s.Cells() {
			m := e.Model(c["model"])
			if c["task"] != task || m == nil || m.Base == "" || slices.ContainsFunc(out, func(t Tokens) bool { return t.Model == m.Name }) {
				continue
			}
			k, err := tokenizer.Load(filepath.Join(e.Resolve(m.Base), tokenizer.FileName))
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, tokenizer.ErrUnsupported) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("model %s: %w", m.Name, err)
			}
			t := Tokens{Model: m.Name, MaxLength: with.MaxLength}
			for _, r := range rows {
				t.add(k, r)
			}
			out = append(out, t)
		}
	}
	return out, nil
}

// add counts one example.
func (t *Tokens) add(k *tokenizer.Tokenizer, r table.Example) {
	n, supervised := TokensOf(k, r)
	t.Supervised += supervised
	t.Rows++
	t.Tokens += n
	t.Longest = max(t.Longest, n)
	if n > t.MaxLength {
		t.Truncated++
	}
}

// TokensOf counts the tokens of an example as it is framed: BOS prompt answer EOS, or <s> text </s> with
// </s> pair </s> after it; and those of its answer, the end token among them.
func TokensOf(k *tokenizer.Tokenizer, r table.Example) (n, supervised int) {
	n = len(k.Encode(r.Prompt)) + len(k.Encode(r.Text)) + 2
	if r.TextPair != "" {
		n += len(k.Encode(r.TextPair)) + 2
	}
	if r.Completion == "" {
		return n, 0
	}
	answer := len(k.Encode(r.Completion))
	return n + answer, answer + 1 // the end token is learned too
}

func (t Tokens) String() string {
	s := fmt.Sprintf("%d tokens of %s", t.Tokens, t.Model)
	if t.Supervised > 0 {
		s += fmt.Sprintf(", %.1f %% of them supervised", 100*float64(t.Supervised)/float64(t.Tokens))
	}
	return s + fmt.Sprintf("; longest example %d, %d of %d above max_length %d", t.Longest, t.Truncated, t.Rows, t.MaxLength)
}
