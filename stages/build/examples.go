package build

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"taskvec/datasets"
	"taskvec/internal/table"
	"taskvec/tasks"
)

// A Report is the build.json of a task: what was built, what was not, and what a person should
// know before training on it.
type Report struct {
	Task      string                 `json:"task"`
	Family    tasks.Family           `json:"family"`
	Kind      tasks.Kind             `json:"kind"`
	Rows      map[datasets.Split]int `json:"rows"`      // examples by split
	Documents int                    `json:"documents"` // that carry the task
	Skipped   map[string]int         `json:"skipped"`   // documents that do not, by reason
	// Unit is what Documents and Skipped count where it is not documents: the rows of a
	// classification set.
	Unit string `json:"unit,omitempty"`
	// Words are those of the examples, targets included: what stands between spaces.
	Words           int     `json:"words"`
	SupervisedWords int     `json:"supervised_words"` // of the targets
	SupervisedShare float64 `json:"supervised_share"` // of the words; 0 for classification
	// Labels counts the examples of each label, "" the unlabelled ones.
	Labels       map[string]int `json:"labels,omitempty"`
	EmptyTargets int            `json:"empty_targets"` // documents whose target would be empty: skipped
	// DuplicatesWithin are rows whose input stands in an earlier row of their split,
	// DuplicatesAcross rows whose input stands in an earlier split: a leak.
	DuplicatesWithin int `json:"duplicates_within_splits"`
	DuplicatesAcross int `json:"duplicates_across_splits"`
	// OutsideLists are documents that none of the corpus's lists names.
	OutsideLists int `json:"documents_outside_lists,omitempty"`
	// Drawn are the splits of a classification set that have no labelled rows of their own and were
	// drawn from its train files, LeftOut its files that were not read.
	Drawn   []datasets.Split `json:"drawn_splits,omitempty"`
	LeftOut []string         `json:"files_left_out,omitempty"`
	// CorpusProblems is how many things are wrong in the corpus. The documents they are in were left
	// out, or read without what is wrong.
	CorpusProblems int `json:"corpus_problems,omitempty"`
	// Problems are the first of them, or the first rows of a classification set that could not be
	// read, with their places.
	Problems []string `json:"problems,omitempty"`
}

// rowUnit is the Unit of a classification set's report.
const rowUnit = "rows"

// maxProblems is how many problems a report names.
const maxProblems = 20

// newReport is the report of a task before anything is built.
func newReport(t *tasks.Task) *Report {
	return &Report{Task: t.Name, Family: t.Family, Kind: t.Kind, Rows: map[datasets.Split]int{}, Skipped: map[string]int{}}
}

// unit is what Documents and Skipped count.
func (r *Report) unit() string { return cmp.Or(r.Unit, "documents") }

// emptyTarget is why a document whose target would be empty is skipped: nothing but the end of the
// answer would be learned from it.
const emptyTarget = "empty target"

// Examples builds the examples of a task from a corpus, in the order of the splits and of the
// documents. A split without any is a *datasets.Error that says why documents were skipped.
func Examples(t *tasks.Task, c *Corpus) ([]table.Example, *Report, error) {
	report := newReport(t)
	report.OutsideLists = c.OutsideLists
	report.CorpusProblems = len(c.Problems)
	for _, p := range c.Problems[:min(len(c.Problems), maxProblems)] {
		report.Problems = append(report.Problems, p.Err().Error())
	}
	var rows []table.Example
	for _, split := range datasets.Splits {
		for _, d := range c.Documents {
			if d.Split != split {
				continue
			}
			examples, skipped := t.Examples(&tasks.Input{Document: d, Summary: c.Summaries[summaryKey{d.Key(), t.SummaryShare}]})
			if skipped == "" && t.Kind == tasks.Causal && strings.TrimSpace(examples[0].Completion) == "" {
				report.EmptyTargets++
				skipped = emptyTarget
			}
			if skipped != "" {
				report.Skipped[skipped]++
				continue
			}
			report.Documents++
			report.Rows[split] += len(examples)
			for _, e := range examples {
				rows = append(rows, table.Example{
					ID: e.ID, Split: string(split), Prompt: e.Prompt, Completion: e.Completion,
					Text: e.Text, TextPair: e.TextPair, Label: int32(e.Label),
				})
			}
		}
	}
	err := report.complete(t, c.Name, rows)
	return rows, report, err
}

// complete audits the rows built of source. A split without any is a *datasets.Error that says why
// documents were skipped.
func (r *Report) complete(t *tasks.Task, source string, rows []table.Example) error {
	for _, split := range datasets.Splits {
		if r.Rows[split] == 0 {
			return &datasets.Error{File: source, Msg: fmt.Sprintf("task %s finds no %s example%s", t.Name, split, r.because())}
		}
	}
	r.audit(t, rows)
	return nil
}

// audit counts what the rows hold.
func (r *Report) audit(t *tasks.Task, rows []table.Example) {
	if t.Kind == tasks.Classification {
		r.Labels = map[string]int{}
	}
	first := map[[3]string]string{} // input → the split it was first seen in
	for _, e := range rows {
		supervised := len(strings.Fields(e.Completion))
		r.SupervisedWords += supervised
		r.Words += supervised + len(strings.Fields(e.Prompt)) + len(strings.Fields(e.Text)) + len(strings.Fields(e.TextPair))
		if t.Kind == tasks.Classification {
			label := ""
			if e.Label >= 0 {
				label = t.Labels[e.Label]
			}
			r.Labels[label]++
		}
		input := [3]string{e.Prompt, e.Text, e.TextPair}
		switch split, seen := first[input]; {
		case !seen:
			first[input] = e.Split
		case split == e.Split:
			r.DuplicatesWithin++
		default:
			r.DuplicatesAcross++
		}
	}
	if r.Words > 0 {
		r.SupervisedShare = float64(r.SupervisedWords) / float64(r.Words)
	}
}

// String is the report in one line for a log, and one more for each thing to look at.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d examples (train %d, validation %d, test %d) of %d %s, %d words", r.Task,
		r.Rows[datasets.Train]+r.Rows[datasets.Validation]+r.Rows[datasets.Test],
		r.Rows[datasets.Train], r.Rows[datasets.Validation], r.Rows[datasets.Test], r.Documents, r.unit(), r.Words)
	if r.Kind == tasks.Causal {
		fmt.Fprintf(&b, ", %.1f %% of them supervised", 100*r.SupervisedShare)
	}
	for _, label := range slices.Sorted(maps.Keys(r.Labels)) {
		name := label
		if label == "" {
			name = "unlabelled"
		}
		fmt.Fprintf(&b, ", %d %s", r.Labels[label], name)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(&b, "\n  %d %s skipped: %s", r.Skipped[reason], r.unit(), reason)
	}
	if r.CorpusProblems > 0 {
		fmt.Fprintf(&b, "\n  problems in the corpus, read without what they concern: %d", r.CorpusProblems)
	}
	for _, problem := range r.Problems {
		fmt.Fprintf(&b, "\n    %s", problem)
	}
	for _, split := range r.Drawn {
		fmt.Fprintf(&b, "\n  no file has labelled %s rows: they are drawn from the train rows", split)
	}
	for _, file := range r.LeftOut {
		fmt.Fprintf(&b, "\n  %s is not read: its name says no split, or another format is there", file)
	}
	if r.OutsideLists > 0 {
		fmt.Fprintf(&b, "\n  %d documents stand in none of the corpus's lists", r.OutsideLists)
	}
	if r.DuplicatesWithin > 0 {
		fmt.Fprintf(&b, "\n  %d examples repeat the input of another of their split", r.DuplicatesWithin)
	}
	if r.DuplicatesAcross > 0 {
		fmt.Fprintf(&b, "\n  %d examples repeat the input of one in another split: a leak", r.DuplicatesAcross)
	}
	return b.String()
}

// because lists why documents were skipped, for an error.
func (r *Report) because() string {
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(r.Skipped)) {
		reasons = append(reasons, fmt.Sprintf("%d: %s", r.Skipped[reason], reason))
	}
	if reasons == nil {
		return ""
	}
	because := fmt.Sprintf(" (%s skipped: %s)", r.unit(), strings.Join(reasons, "; "))
	if r.Family == tasks.SummaryFamily {
		because += ": give summaries of this length in a file (summaries: {from: file, path: …}), or take the task out"
	}
	return because
}
