// Package build is the stage that makes a task's examples of a corpus: documents → examples.arrow.
//
// What a task's prompt and target are is package tasks's, what a corpus holds package datasets's;
// this package brings them together and counts what came of it.
package build

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"taskvec/datasets"
	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/tasks"
)

// Kind is the build stage: one job a task.
var Kind = pipeline.Kind{Name: "build", Version: 1, Resolve: resolve, Run: run}

// The files a build job writes.
const (
	ExamplesFile = "examples.arrow" // []table.Example
	ReportFile   = "build.json"     // Report
)

// settings determine the examples.
type settings struct {
	Task   string         `json:"task"`
	Corpus CorpusSettings `json:"corpus"`
	// Summaries is the digest of the reference summaries, where the task needs them.
	Summaries string `json:"summaries,omitempty"`
}

func resolve(e *experiment.Experiment, _ *experiment.Stage, c pipeline.Cell) (any, map[string]string, error) {
	corpus, paths, err := ResolveCorpus(e)
	if err != nil {
		return nil, nil, err
	}
	set := settings{Task: c["task"], Corpus: corpus}
	if tasks.Lookup(set.Task).Family == tasks.SummaryFamily {
		set.Summaries, err = corpus.summariesDigest()
	}
	return set, paths, err
}

// A Report is the build.json of a task: what was built and what was not.
type Report struct {
	Task      string                 `json:"task"`
	Family    tasks.Family           `json:"family"`
	Kind      tasks.Kind             `json:"kind"`
	Rows      map[datasets.Split]int `json:"rows"`      // examples by split
	Words     int                    `json:"words"`     // of the documents that carry the task
	Documents int                    `json:"documents"` // that carry the task
	Skipped   map[string]int         `json:"skipped"`   // documents that do not, by reason
}

func run(_ context.Context, w *pipeline.Work) error {
	var set settings
	if err := w.Settings(&set); err != nil {
		return err
	}
	c, err := set.Corpus.Load(w.Path)
	if err != nil {
		return err
	}
	t := tasks.Lookup(set.Task)
	rows, report, err := Examples(t, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.Log, "%s: %d examples of %d documents, %d documents skipped\n", set.Task, len(rows), report.Documents, report.skipped())
	meta, err := metadata(t)
	if err != nil {
		return err
	}
	if err := table.Write(filepath.Join(w.Dir, ExamplesFile), rows, meta); err != nil {
		return err
	}
	b, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.Dir, ReportFile), append(b, '\n'), 0o666)
}

// metadata is the metadata of a task's examples.arrow.
func metadata(t *tasks.Task) (map[string]string, error) {
	meta := map[string]string{"task": t.Name, "family": string(t.Family), "kind": string(t.Kind)}
	if t.Kind == tasks.Classification {
		labels, err := json.Marshal(t.Labels)
		if err != nil {
			return nil, err
		}
		meta["labels"] = string(labels)
	}
	return meta, nil
}

// Examples builds the examples of a task from a corpus, in the order of the splits and of the
// documents. A split without any is a *datasets.Error that says why documents were skipped.
func Examples(t *tasks.Task, c *Corpus) ([]table.Example, *Report, error) {
	report := &Report{Task: t.Name, Family: t.Family, Kind: t.Kind, Rows: map[datasets.Split]int{}, Skipped: map[string]int{}}
	var rows []table.Example
	for _, split := range datasets.Splits {
		report.Rows[split] = 0
		for _, d := range c.Documents {
			if d.Split != split {
				continue
			}
			examples, skipped := t.Examples(&tasks.Input{Document: d, Summary: c.Summaries[d.Key()]})
			if skipped != "" {
				report.Skipped[skipped]++
				continue
			}
			report.Documents++
			report.Words += d.Words()
			report.Rows[split] += len(examples)
			for _, e := range examples {
				rows = append(rows, table.Example{
					ID: e.ID, Split: string(split), Prompt: e.Prompt, Completion: e.Completion,
					Text: e.Text, TextPair: e.TextPair, Label: int32(e.Label),
				})
			}
		}
	}
	for _, split := range datasets.Splits {
		if report.Rows[split] == 0 {
			return nil, report, &datasets.Error{File: c.Name, Msg: fmt.Sprintf("task %s finds no %s example%s", t.Name, split, report.because())}
		}
	}
	return rows, report, nil
}

func (r *Report) skipped() int {
	n := 0
	for _, k := range r.Skipped {
		n += k
	}
	return n
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
	because := fmt.Sprintf(" (documents skipped: %s)", strings.Join(reasons, "; "))
	if r.Family == tasks.SummaryFamily {
		because += ": this corpus comes without summaries, which must be supplied; take the task out"
	}
	return because
}
