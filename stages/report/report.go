// Package report writes what people read: the poster's tables with the published values beside
// ours, the mean distances and what they are for unrelated tasks, whether families cluster, maps of
// the tasks, how well each adapter does each task, loss curves, and one page that holds them all and opens offline.
//
// It computes no measure: it averages the rows of similarity.arrow and projection.arrow, tests the
// averages and shows them.
package report

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/internal/trainer"
	"taskvec/stages/build"
	"taskvec/stages/evaluate"
)

// Kind is the report stage: similarity and projection → report.
var Kind = pipeline.Kind{Name: "report", Version: 7, Publish: "report", Resolve: resolve, Run: run}

// settings determine a report besides its inputs.
type settings struct {
	Title     string            `json:"title"`
	Seed      int64             `json:"seed"`
	Variants  map[string]string `json:"variants"`  // model → instruct or base
	Published string            `json:"published"` // SHA-256 of the file of published values
}

func resolve(e *experiment.Experiment, s *experiment.Stage, _ pipeline.Cell) (any, map[string]string, error) {
	set := settings{Title: e.Name, Seed: e.Seed, Variants: map[string]string{}}
	for _, m := range e.Models {
		set.Variants[m.Name] = m.Variant
	}
	published := s.With.(*experiment.ReportWith).Published
	if published == "" {
		return set, nil, nil
	}
	path := e.Resolve(published)
	// Read now: a fault in the file is better found before the trainings than after.
	if _, err := ReadPublished(path); err != nil {
		return nil, nil, &table.Error{File: path, Msg: err.Error()}
	}
	digest, err := pipeline.FileDigest(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read published values: %w", err)
	}
	set.Published = digest
	return set, map[string]string{"published": path}, nil
}

// A Training is what a train job did.
type Training struct {
	Model, Task string
	*trainer.Result
}

// Input is what a report is made of.
type Input struct {
	Title      string
	Seed       int64             // of drawn permutations
	Variants   map[string]string // model → instruct or base: which published columns it is compared with
	Published  *Published
	Similarity []table.Similarity
	Projection []table.Projection
	Adapters   []table.Adapter
	Evaluation []table.Evaluation // empty when no adapter was tested
	Scores     map[string]string  // task → the measure that is its score
	Curves     []table.Curve      // empty when the adapters were trained elsewhere
	Builds     []build.Report     // empty likewise
	Trainings  []Training         // empty likewise

	// Results are Similarity and Projection aggregated, where those are not at hand.
	Results *Results
}

func run(_ context.Context, w *pipeline.Work) error {
	var set settings
	if err := w.Settings(&set); err != nil {
		return err
	}
	in := &Input{Title: set.Title, Seed: set.Seed, Variants: set.Variants, Published: &Published{}}
	if path := w.Path("published"); path != "" {
		p, err := ReadPublished(path)
		if err != nil {
			return err
		}
		in.Published = p
	}
	for _, i := range w.Inputs {
		var err error
		switch i.Uses {
		case "similarity":
			if in.Similarity, _, err = table.Read[table.Similarity](filepath.Join(i.Dir, "similarity.arrow")); err == nil {
				in.Adapters, _, err = table.Read[table.Adapter](filepath.Join(i.Dir, "adapters.arrow"))
			}
		case "projection":
			in.Projection, _, err = table.Read[table.Projection](filepath.Join(i.Dir, "projection.arrow"))
		case "evaluate":
			var meta map[string]string
			in.Evaluation, meta, err = table.Read[table.Evaluation](filepath.Join(i.Dir, evaluate.EvaluationFile))
			if err == nil {
				err = json.Unmarshal([]byte(meta[evaluate.ScoresMeta]), &in.Scores)
			}
		case "collect":
			in.Curves, _, err = table.Read[table.Curve](filepath.Join(i.Dir, "curves.arrow"))
		case "build":
			var b build.Report
			b, err = readBuild(filepath.Join(i.Dir, build.ReportFile))
			in.Builds = append(in.Builds, b)
		case "train":
			t := Training{Model: i.Cell["model"], Task: experiment.Label(i.Cell)}
			t.Result, err = trainer.ReadResult(i.Dir)
			in.Trainings = append(in.Trainings, t)
		}
		if err != nil {
			return fmt.Errorf("read the results of %s: %w", i.Job, err)
		}
	}
	return in.Write(w.Dir)
}

// readBuild reads a build.json.
func readBuild(path string) (build.Report, error) {
	var r build.Report
	b, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("read %s: %w", path, err)
	}
	return r, nil
}

// Write writes the report into dir: index.html, tables/ and figures/.
func (in *Input) Write(dir string) error {
	if in.Results == nil {
		results, err := Aggregate(in.Similarity, in.Projection)
		if err != nil {
			return err
		}
		in.Results = results
	}
	tables, err := in.tables()
	if err != nil {
		return err
	}
	figures, err := in.figures()
	if err != nil {
		return err
	}
	for _, sub := range []string{"tables", "figures"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o777); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if err := t.write(filepath.Join(dir, "tables")); err != nil {
			return fmt.Errorf("write table %s: %w", t.Name, err)
		}
	}
	for _, f := range figures {
		if err := f.write(filepath.Join(dir, "figures")); err != nil {
			return err
		}
	}
	return in.writePage(filepath.Join(dir, "index.html"), tables, figures)
}
