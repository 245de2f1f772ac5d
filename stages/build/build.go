// Package build is the stage that makes a task's examples of a corpus: documents → examples.arrow.
//
// What a task's prompt and target are is package tasks's, what a corpus holds package datasets's;
// this package brings them together and counts what came of it.
package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/tasks"
)

// Kind is the build stage: one job a task.
var Kind = pipeline.Kind{Name: "build", Version: 2, Resolve: resolve, Run: run}

// The files a build job writes.
const (
	ExamplesFile = "examples.arrow" // []table.Example
	ReportFile   = "build.json"     // Report
)

// SummariesFile is the file in which a summarize job gives the summaries of a task, in the format of
// summaries from a file.
func SummariesFile(task string) string { return "summaries-" + task + ".jsonl" }

// settings determine the examples.
type settings struct {
	Task   string         `json:"task"`
	Own    *ownTask       `json:"own,omitempty"`   // where the task is not the catalogue's
	Set    *labelledSet   `json:"set,omitempty"`   // where the task is a classification set
	Corpus CorpusSettings `json:"corpus,omitzero"` // where it is not
	// Summaries is the digest of the reference summaries, where the task needs them; or fromStage.
	Summaries string `json:"summaries,omitempty"`
}

func resolve(e *experiment.Experiment, _ *experiment.Stage, c pipeline.Cell) (any, map[string]string, error) {
	if s := e.Set(c["task"]); s != nil {
		paths := map[string]string{}
		set, err := resolveSet(e, s, paths)
		return settings{Task: s.Name, Set: set}, paths, err
	}
	corpus, paths, err := ResolveCorpus(e)
	if err != nil {
		return nil, nil, err
	}
	set := settings{Task: c["task"], Corpus: corpus}
	i := slices.IndexFunc(e.Tasks, func(t experiment.Task) bool { return t.Name == set.Task })
	switch {
	case i >= 0:
		set.Own, err = resolveOwn(e, &e.Tasks[i], paths)
	case tasks.Lookup(set.Task).Family == tasks.SummaryFamily:
		set.Summaries, err = resolveSummaries(e, paths)
	}
	return set, paths, err
}

// task is the task to build of documents.
func (s *settings) task(path func(string) string) (*tasks.Task, error) {
	if s.Own != nil {
		return s.Own.task(s.Task, path(targetsPath))
	}
	return tasks.Lookup(s.Task), nil
}

// examples builds the examples; load gives the corpus, if they are made of it.
func (s *settings) examples(path func(string) string, load func() (*Corpus, error)) (*tasks.Task, []table.Example, *Report, error) {
	if s.Set != nil {
		return s.Set.examples(s.Task, path(setPath))
	}
	t, err := s.task(path)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := load()
	if err != nil {
		return t, nil, nil, err
	}
	if s.Summaries != "" {
		if err := c.addSummaries(path(summariesPath), s.Summaries); err != nil {
			return t, nil, nil, err
		}
	}
	rows, report, err := Examples(t, c)
	return t, rows, report, err
}

func run(_ context.Context, w *pipeline.Work) error {
	var set settings
	if err := w.Settings(&set); err != nil {
		return err
	}
	path := w.Path
	if set.Summaries == fromStage {
		written := w.InputsOf("summarize")
		if len(written) != 1 {
			return fmt.Errorf("task %s takes its summaries from one summarize job, not %d: mend the needs of its stage", set.Task, len(written))
		}
		path = func(name string) string {
			if name == summariesPath {
				return filepath.Join(written[0].Dir, SummariesFile(set.Task))
			}
			return w.Path(name)
		}
	}
	t, rows, report, err := set.examples(path, func() (*Corpus, error) { return set.Corpus.Load(path) })
	if err != nil {
		return err
	}
	fmt.Fprintln(w.Log, report)
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

// Preview builds the examples of an experiment's tasks as it stands now, outside of any job, and
// gives those of each to show.
func Preview(e *experiment.Experiment, names []string, show func(*tasks.Task, []table.Example, *Report) error) error {
	var c *Corpus
	for _, name := range names {
		resolved, paths, err := resolve(e, nil, pipeline.Cell{"task": name})
		if err != nil {
			return err
		}
		set, path := resolved.(settings), func(name string) string { return paths[name] }
		t, rows, report, err := set.examples(path, func() (*Corpus, error) {
			if c == nil {
				c, err = set.Corpus.Load(path)
			}
			return c, err
		})
		if err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
		if err := show(t, rows, report); err != nil {
			return err
		}
	}
	return nil
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
