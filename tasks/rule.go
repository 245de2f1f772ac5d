package tasks

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"taskvec/datasets"
)

// A Rule makes a declared task's target from a document. Exactly one field is set.
type Rule struct {
	First    string   `yaml:"first" json:"first,omitempty" doc:"the first words or sentences: an amount such as 25% words or 3 sentences"`
	Last     string   `yaml:"last" json:"last,omitempty" doc:"the last words or sentences, likewise"`
	Every    string   `yaml:"every" json:"every,omitempty" doc:"the first of every so many: 5 words keeps words 1, 6, 11, …"`
	With     []string `yaml:"with" json:"with,omitempty" doc:"the sentences that hold a named entity of one of these types"`
	Without  []string `yaml:"without" json:"without,omitempty" doc:"the document without the constituents of these categories, such as ADVP"`
	Entities []string `yaml:"entities" json:"entities,omitempty" doc:"the different named entities of these types, in the order of the text"`
}

// Declare makes a task of a prompt and a rule. A rule that says nothing, more than one thing, or
// no amount is an error that names its field.
func Declare(name string, family Family, prompt string, r Rule) (*Task, error) {
	answer, err := r.answer()
	if err != nil {
		return nil, err
	}
	return &Task{Name: name, Family: family, Kind: Causal, Prompt: prompt, answer: answer}, nil
}

// DeclareTargets makes a task of a prompt and of supplied targets by Document.Key. A document
// without one is skipped.
func DeclareTargets(name string, family Family, prompt string, targets map[string]string) *Task {
	return &Task{Name: name, Family: family, Kind: Causal, Prompt: prompt, answer: func(in *Input) (string, string) {
		if target, ok := targets[in.Key()]; ok {
			return target, ""
		}
		return "", "no target supplied"
	}}
}

// answer is the rule as a builder of targets.
func (r *Rule) answer() (func(*Input) (answer, skipped string), error) {
	var builders []func(*Input) (string, string)
	for _, amount := range []struct {
		key, text string
		keep      func(n, of int) span
	}{
		{"first", r.First, func(n, of int) span { return span{0, min(n, of), 1} }},
		{"last", r.Last, func(n, of int) span { return span{max(0, of-n), of, 1} }},
		{"every", r.Every, func(n, of int) span { return span{0, of, n} }},
	} {
		if amount.text == "" {
			continue
		}
		count, ofSentences, err := parseAmount(amount.text)
		if err == nil && amount.key == "every" && strings.Contains(amount.text, "%") {
			err = fmt.Errorf("%q is a share: every needs a number, such as 5 words", amount.text)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", amount.key, err)
		}
		build := words
		if ofSentences {
			build = sentences
		}
		builders = append(builders, build(func(of int) span { return amount.keep(count(of), of) }))
	}
	if r.With != nil {
		builders = append(builders, sentencesWith(r.With))
	}
	if r.Without != nil {
		builders = append(builders, without(r.Without))
	}
	if r.Entities != nil {
		builders = append(builders, listEntities(r.Entities))
	}
	if len(builders) != 1 {
		return nil, fmt.Errorf("a target has one rule of first, last, every, with, without and entities, not %d", len(builders))
	}
	return builders[0], nil
}

// amountForm is a count or a percentage of words or sentences.
var amountForm = regexp.MustCompile(`^([0-9]{1,9})(%?) (words?|sentences?)$`)

// parseAmount reads "25% words" or "3 sentences": how many of n to keep (a share is rounded up, so
// at least 1), and whether sentences are meant.
func parseAmount(text string) (count func(n int) int, sentences bool, err error) {
	m := amountForm.FindStringSubmatch(text)
	if m == nil {
		return nil, false, fmt.Errorf("%q is no amount: write 25%% words, 3 sentences or the like", text)
	}
	k, err := strconv.Atoi(m[1])
	switch {
	case err != nil:
		return nil, false, err
	case k == 0:
		return nil, false, fmt.Errorf("%q keeps nothing", text)
	case m[2] == "":
		return func(int) int { return k }, m[3][0] == 's', nil
	case k > 100:
		return nil, false, fmt.Errorf("%q is more than all", text)
	}
	return func(n int) int { return (n*k + 99) / 100 }, m[3][0] == 's', nil
}

// sentencesWith is the sentences that hold an entity of one of the types.
func sentencesWith(types []string) func(*Input) (answer, skipped string) {
	return func(in *Input) (answer, skipped string) {
		if !in.Layers().Names {
			return "", unnamed
		}
		var kept []string
		for i := range in.Sentences {
			s := &in.Sentences[i]
			if slices.ContainsFunc(s.Entities, func(e datasets.Entity) bool { return slices.Contains(types, e.Type) }) {
				kept = append(kept, s.Text())
			}
		}
		if len(kept) == 0 {
			return "", noEntity
		}
		return strings.Join(kept, " "), ""
	}
}
