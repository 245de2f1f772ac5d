// Package collect is the stage that gathers trained adapters: their factors, loss curves and a
// summary. It also lays factors out module by module for the stages that compare them.
//
// It changes no number: factors go through losslessly, and what is computed from them is the
// business of the stages similarity and projection.
package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"taskvec/internal/adapter"
	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
)

// Kind is the collect stage: adapters → factors.arrow, curves.arrow and adapters.json.
var Kind = pipeline.Kind{Name: "collect", Version: 1, Publish: "results", Resolve: resolve, Run: run}

// Names of the files the stage writes.
const (
	FactorsFile  = "factors.arrow"
	CurvesFile   = "curves.arrow"
	AdaptersFile = "adapters.json"
)

func resolve(*experiment.Experiment, *experiment.Stage, pipeline.Cell) (any, map[string]string, error) {
	return struct{}{}, nil, nil
}

// A Source is one adapter to gather: a PEFT folder, and the model and task it stands for.
type Source struct {
	Model, Task string
	Dir         string
}

// A Summary is one adapter in adapters.json.
type Summary struct {
	Model      string  `json:"model"`
	Task       string  `json:"task"`
	Base       string  `json:"base"` // as adapter_config.json names it
	Rank       int     `json:"r"`
	Alpha      float64 `json:"alpha"`
	Modules    int     `json:"modules"`
	Parameters int     `json:"parameters"` // elements of all factors
	// The mean validation loss of the base model (step 0) and the lowest after it; nil when the
	// curves hold none.
	ValidationInitial *float64 `json:"validation_loss_initial"`
	ValidationBest    *float64 `json:"validation_loss_best"`
	BestStep          *int64   `json:"best_step"`
}

func run(_ context.Context, w *pipeline.Work) error {
	inputs := w.InputsOf("train")
	if len(inputs) == 0 {
		return errors.New("no adapters to collect: the stage needs a train stage")
	}
	var sources []Source
	for _, in := range inputs {
		sources = append(sources, Source{Model: in.Cell["model"], Task: experiment.Label(in.Cell), Dir: filepath.Join(in.Dir, "out", "adapter")})
	}
	adapters, err := Open(sources)
	if err != nil {
		return err
	}
	var factors []table.Factor
	var curves []table.Curve
	var summaries []Summary
	for i, a := range adapters {
		for _, warning := range a.Warnings {
			fmt.Fprintf(w.Log, "%s: warning: %s\n", inputs[i].Job, warning)
		}
		c, _, err := table.Read[table.Curve](filepath.Join(inputs[i].Dir, "curves.arrow"))
		if err != nil {
			return fmt.Errorf("read the curves of %s: %w", inputs[i].Job, err)
		}
		curves = append(curves, c...)
		factors = append(factors, Factors(sources[i], a)...)
		summaries = append(summaries, summarise(sources[i], a, c))
		w.Progress(int64(i+1), int64(len(adapters)), "adapters")
	}
	if err := table.Write(filepath.Join(w.Dir, FactorsFile), factors, nil); err != nil {
		return err
	}
	if err := table.Write(filepath.Join(w.Dir, CurvesFile), curves, nil); err != nil {
		return err
	}
	text, err := json.MarshalIndent(summaries, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", AdaptersFile, err)
	}
	return os.WriteFile(filepath.Join(w.Dir, AdaptersFile), append(text, '\n'), 0o644)
}

// Folders returns the sources of plain PEFT folders: the task is the folder's name and the model
// empty. Two folders of one name are an error.
func Folders(dirs []string) ([]Source, error) {
	sources := make([]Source, len(dirs))
	named := map[string]string{}
	for i, dir := range dirs {
		full, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		task := filepath.Base(full)
		if other, ok := named[task]; ok {
			return nil, &adapter.Error{File: dir, Msg: fmt.Sprintf("has the same name as %s, and the name is the task's: copy or link one under another name", other)}
		}
		named[task] = dir
		sources[i] = Source{Task: task, Dir: dir}
	}
	return sources, nil
}

// Open opens the adapters, several at a time, in the order of sources. The error is that of the
// first that cannot be used.
func Open(sources []Source) ([]*adapter.Adapter, error) { return open(sources, adapter.Open) }

// Index is Open without the factors' data, which LayOut reads when it is needed; the adapters are to be closed.
func Index(sources []Source) ([]*adapter.Adapter, error) { return open(sources, adapter.Index) }

func open(sources []Source, one func(dir string) (*adapter.Adapter, error)) ([]*adapter.Adapter, error) {
	adapters := make([]*adapter.Adapter, len(sources))
	errs := make([]error, len(sources))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range sources {
		g.Go(func() error {
			adapters[i], errs[i] = one(s.Dir)
			return errs[i]
		})
	}
	if err := g.Wait(); err != nil {
		Close(adapters)
		return nil, cmp.Or(errs...)
	}
	return adapters, nil
}

// Close closes the files of adapters, of which some may be nil.
func Close(adapters []*adapter.Adapter) {
	for _, a := range adapters {
		if a != nil {
			a.Close()
		}
	}
}

// Factors returns the factors of one adapter, in the order of its modules. They share its data.
func Factors(s Source, a *adapter.Adapter) []table.Factor {
	var rows []table.Factor
	for _, m := range a.Modules {
		rows = append(rows, table.Factor{
			Model: s.Model, Task: s.Task, Layer: int32(m.Layer), Module: m.Type, Name: m.Name,
			Rank: int32(m.Rank), In: int32(m.A.Shape[1]), Out: int32(m.B.Shape[0]),
			Scale: m.Scale, DType: m.A.DType, A: m.A.Data, B: m.B.Data,
		})
	}
	return rows
}

func summarise(s Source, a *adapter.Adapter, curves []table.Curve) Summary {
	sum := Summary{Model: s.Model, Task: s.Task, Base: a.Config.BaseModel, Rank: a.Config.Rank, Alpha: a.Config.Alpha, Modules: len(a.Modules)}
	for _, m := range a.Modules {
		sum.Parameters += m.Rank * (m.A.Shape[1] + m.B.Shape[0])
	}
	validation := slices.DeleteFunc(slices.Clone(curves), func(c table.Curve) bool { return c.Kind != "validation" })
	for _, c := range validation {
		switch {
		case c.Step == 0:
			sum.ValidationInitial = &c.Loss
		case sum.ValidationBest == nil || c.Loss < *sum.ValidationBest:
			sum.ValidationBest, sum.BestStep = &c.Loss, &c.Step
		}
	}
	return sum
}
