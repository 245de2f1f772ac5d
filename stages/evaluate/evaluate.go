// Package evaluate is the stage that tests adapters: it has each do the test examples of every task of
// its model, and the base model without one, and scores what comes of it.
//
// Language models are run by an Ollama server, to which each adapter goes as a GGUF file; classifiers by
// the trainer that trained them. What a score is, is package score's.
package evaluate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"taskvec/internal/answers"
	"taskvec/internal/experiment"
	"taskvec/internal/ollama"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/internal/tokenizer"
	"taskvec/stages/build"
	"taskvec/stages/pretrain"
	"taskvec/tasks"
)

// Kind is the evaluate stage: examples, base models and adapters → evaluation.arrow and answers.arrow.
var Kind = pipeline.Kind{Name: "evaluate", Version: 2, Publish: "results", Resolve: resolve, Run: run}

// The files an evaluate job writes.
const (
	EvaluationFile = "evaluation.arrow" // []table.Evaluation
	AnswersFile    = "answers.arrow"    // []table.Answer
	ReportFile     = "evaluate.json"    // Report
)

// ScoresMeta is the metadata of evaluation.arrow that says which measure is each task's score: a JSON
// object.
const ScoresMeta = "score"

// None stands for the adapter of a model without one.
const None = "none"

// settings determine the scores besides the inputs.
type settings struct {
	Adapters   []string `json:"adapters,omitempty"`
	Tasks      []string `json:"tasks,omitempty"`
	Documents  int      `json:"documents,omitempty"`
	NumPredict int      `json:"num_predict"`
	NumCtx     int      `json:"num_ctx"`
	Seed       int      `json:"seed"`
	// Embedded are the models whose classifiers the embedded trainer trained, and can run.
	Embedded []string `json:"embedded,omitempty"`
	// From are the models whose base is a model of the server.
	From map[string]experiment.ServerModel `json:"from,omitempty"`
}

func resolve(e *experiment.Experiment, s *experiment.Stage, _ pipeline.Cell) (any, map[string]string, error) {
	w := s.With.(*experiment.EvaluateWith)
	set := settings{Adapters: w.Adapters, Tasks: w.Tasks, Documents: w.Documents, NumPredict: w.NumPredict, NumCtx: w.NumCtx, Seed: int(e.Seed)}
	paths := map[string]string{}
	if err := answers.Where(paths, w.Server); err != nil {
		return nil, nil, err
	}
	for _, f := range w.From {
		if set.From == nil {
			set.From = map[string]experiment.ServerModel{}
		}
		f.Digest = strings.TrimPrefix(f.Digest, "sha256:")
		set.From[f.Name] = f
	}
	for _, m := range e.Models {
		if m.Local() {
			paths[basePath(m.Name)] = e.Resolve(m.Base) // its bytes are in the keys of its trainings
		}
		if m.Architecture != nil {
			set.Embedded = append(set.Embedded, m.Name)
		}
	}
	return set, paths, nil
}

// basePath is the name under which resolve gives the place of a base model from outside.
func basePath(model string) string { return "base/" + model }

// A Report says how the models were tested, beside the scores.
type Report struct {
	Main    map[string]string         `json:"main_measure"` // task → the measure that is its score
	TooLong map[string]map[string]int `json:"too_long"`     // model → task → test examples left out, as they do not fit the context or num_predict
	// Untested are the classifiers, "MODEL ADAPTER", whose trainer did not say how it labels the test examples.
	Untested []string `json:"untested"`
	// From are the models of the server that stood for base models, by the experiment's names of these.
	From map[string]ServerModel `json:"from,omitempty"`
}

// A ServerModel is a model of the server.
type ServerModel struct {
	Model        string `json:"model"`
	Digest       string `json:"digest"`
	Quantization string `json:"quantization,omitempty"`
}

// A tested model: its base and adapters, and the tasks they are tested on.
type tested struct {
	name     string
	base     string               // folder
	server   *ollama.Model        // that stands for the base, nil where the folder is sent
	tokens   *tokenizer.Tokenizer // of a language model
	adapters []trained
	tasks    []*task
}

// A trained adapter: what a train job made.
type trained struct {
	label string // its task, and its seed where there are several
	own   *task
	dir   string // of the job
}

// A task with its test examples.
type task struct {
	name     string
	kind     tasks.Kind
	family   tasks.Family
	labels   []string
	examples string          // file
	rows     []table.Example // tested on
	test     int             // examples of the test split, of which rows may be the first alone
	train    []table.Example
	none     []float64 // scores of rows that were asked, by the model under test without an adapter
}

func run(ctx context.Context, w *pipeline.Work) error {
	var set settings
	if err := w.Settings(&set); err != nil {
		return err
	}
	models, err := open(w, &set)
	if err != nil {
		return err
	}
	e := &evaluation{work: w, set: &set, report: Report{Main: map[string]string{}, TooLong: map[string]map[string]int{}, Untested: []string{}}}
	for _, m := range models {
		for _, t := range m.tasks {
			e.report.Main[t.name] = measuresOf(t)[0].name
		}
	}
	if e.asker, err = answers.New(w); err != nil {
		return err
	}
	// What cannot be tested is found before anything is asked.
	for _, m := range models {
		if err := e.find(ctx, m); err != nil {
			return fmt.Errorf("model %s: %w", m.name, err)
		}
	}
	e.total = e.count(models)
	for _, m := range models {
		if m.tasks[0].kind == tasks.Classification {
			err = e.classify(ctx, m)
		} else {
			err = e.generate(ctx, m)
		}
		if err != nil {
			return fmt.Errorf("model %s: %w", m.name, err)
		}
	}
	fmt.Fprintf(w.Log, "%d answers asked for, %d known\n", e.asker.Asked, e.asker.Known)
	for _, m := range slices.Sorted(maps.Keys(e.report.TooLong)) {
		for _, t := range slices.Sorted(maps.Keys(e.report.TooLong[m])) {
			fmt.Fprintf(w.Log, "%s, %s: %d test examples left out, as they do not fit the context or num_predict\n", m, t, e.report.TooLong[m][t])
		}
	}
	main, err := json.Marshal(e.report.Main)
	if err != nil {
		return fmt.Errorf("encode the tasks' measures: %w", err)
	}
	if err := table.Write(filepath.Join(w.Dir, EvaluationFile), e.rows, map[string]string{ScoresMeta: string(main)}); err != nil {
		return err
	}
	if err := table.Write(filepath.Join(w.Dir, AnswersFile), e.answers, nil); err != nil {
		return err
	}
	return pipeline.WriteJSON(filepath.Join(w.Dir, ReportFile), e.report)
}

// open finds the models with their adapters and tasks among the inputs, in the order of the plan.
func open(w *pipeline.Work, set *settings) ([]*tested, error) {
	wanted := func(list []string, task string) bool { return len(list) == 0 || slices.Contains(list, task) }
	known := map[string]*task{}
	for _, in := range w.InputsOf("build") {
		t, err := readTask(in, set.Documents)
		if err != nil {
			return nil, fmt.Errorf("read the examples of %s: %w", in.Job, err)
		}
		known[t.name] = t
	}
	var models []*tested
	for _, in := range w.InputsOf("train") {
		name := in.Cell["model"]
		i := slices.IndexFunc(models, func(m *tested) bool { return m.name == name })
		if i < 0 {
			base, err := baseOf(w, name)
			if err != nil {
				return nil, err
			}
			i = len(models)
			models = append(models, &tested{name: name, base: base})
		}
		m, own := models[i], known[in.Cell["task"]]
		if own == nil {
			return nil, fmt.Errorf("%s was trained on examples that no input has: mend the needs of its stage", in.Job)
		}
		if wanted(set.Adapters, own.name) {
			m.adapters = append(m.adapters, trained{label: experiment.Label(in.Cell), own: own, dir: in.Dir})
		}
		if wanted(set.Tasks, own.name) && !slices.Contains(m.tasks, own) {
			m.tasks = append(m.tasks, own)
		}
	}
	models = slices.DeleteFunc(models, func(m *tested) bool { return len(m.tasks) == 0 || len(m.adapters) == 0 })
	if len(models) == 0 {
		return nil, errors.New("no model is trained on any of the tasks and adapters to test: mend the stage's settings")
	}
	return models, nil
}

// baseOf is the folder of a base model: from outside, or the result of a job.
func baseOf(w *pipeline.Work, model string) (string, error) {
	if dir := w.Path(basePath(model)); dir != "" {
		return dir, nil
	}
	for _, in := range append(w.InputsOf("pretrain"), w.InputsOf("fetch")...) {
		if in.Cell["model"] == model {
			return filepath.Join(in.Dir, pretrain.ModelDir), nil
		}
	}
	return "", fmt.Errorf("model %s: no input holds the base model: mend the needs of its train stage", model)
}

// readTask reads the examples that a build job made; of the test split at most limit, unless that is 0.
func readTask(in pipeline.Input, limit int) (*task, error) {
	t := &task{examples: filepath.Join(in.Dir, build.ExamplesFile)}
	rows, meta, err := table.Read[table.Example](t.examples)
	if err != nil {
		return nil, err
	}
	t.name, t.kind, t.family = meta["task"], tasks.Kind(meta["kind"]), tasks.Family(meta["family"])
	if t.kind == tasks.Classification {
		if err := json.Unmarshal([]byte(meta["labels"]), &t.labels); err != nil {
			return nil, &table.Error{File: t.examples, Msg: fmt.Sprintf("metadata labels: %v", err)}
		}
	}
	for _, r := range rows {
		switch {
		case r.Split == "train":
			t.train = append(t.train, r)
		case r.Split == "test":
			t.test++
			if limit == 0 || len(t.rows) < limit {
				t.rows = append(t.rows, r)
			}
		}
	}
	if len(t.rows) == 0 {
		return nil, &table.Error{File: t.examples, Msg: "has no test examples"}
	}
	return t, nil
}

// An evaluation under way.
type evaluation struct {
	work    *pipeline.Work
	set     *settings
	asker   *answers.Asker
	rows    []table.Evaluation
	answers []table.Answer
	report  Report

	done, total int64 // answers
}

// count is how many answers are wanted of all models.
func (e *evaluation) count(models []*tested) int64 {
	n := 0
	for _, m := range models {
		for _, t := range m.tasks {
			n += (len(m.adapters) + 1) * len(t.rows)
		}
	}
	return int64(n)
}

// add counts n answers as done.
func (e *evaluation) add(n int, note string) {
	e.done += int64(n)
	e.work.Progress(e.done, e.total, note)
}

// score adds the rows of one adapter on one task, its main measure once more as "score".
func (e *evaluation) score(model, adapter string, t *task, n int, values []float64) {
	e.row(model, adapter, t, n, "score", values[0])
	for i, m := range measuresOf(t) {
		e.row(model, adapter, t, n, m.name, values[i])
	}
}

// row adds one row.
func (e *evaluation) row(model, adapter string, t *task, n int, measure string, v float64) {
	e.rows = append(e.rows, table.Evaluation{Model: model, Adapter: adapter, Task: t.name, N: int64(n), Measure: measure, Value: v})
}
