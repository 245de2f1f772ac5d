// Package train is the stage that fine-tunes one adapter: a model and a task. It writes the job that
// a trainer is given, has the trainer do it, and turns what the trainer says into loss curves.
//
// It trains nothing itself: package embedded is the trainer in pure Go, folder peft the one that runs
// in a container, and any image that keeps the contract of package trainer will do.
package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"taskvec/internal/adapter"
	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/internal/trainer"
	"taskvec/stages/build"
	"taskvec/stages/pretrain"
	"taskvec/stages/train/embedded"
)

// Kind is the train stage: examples and a base model → an adapter.
var Kind = pipeline.Kind{Name: "train", Version: 1, Resolve: resolve, Run: run}

// CurvesFile holds the losses of the training as []table.Curve.
const CurvesFile = "curves.arrow"

// basePath is the name under which resolve gives the place of a base model from outside.
const basePath = "base"

// settings determine an adapter besides its inputs.
type settings struct {
	Model  string `json:"model"`
	Family string `json:"family"`
	Task   string `json:"task"`
	// Trainer is the embedded one's name, version and, since rounding differs, the processor's kind;
	// or the image of the container.
	Trainer string `json:"trainer"`
	// Base is the digest of a base model that is a folder from outside; other ones are inputs.
	Base     string       `json:"base,omitempty"`
	LoRA     trainer.LoRA `json:"lora"`
	InitSeed int64        `json:"init_seed"`
	DataSeed int64        `json:"data_seed"`
	trainer.Training
}

func resolve(e *experiment.Experiment, s *experiment.Stage, c pipeline.Cell) (any, map[string]string, error) {
	w := s.With.(*experiment.TrainWith)
	m := e.Model(c["model"])
	set := settings{
		Model: m.Name, Family: m.Family, Task: c["task"],
		Trainer:  embedded.Name(),
		LoRA:     trainer.LoRA{Rank: e.LoRA.Rank, Alpha: e.LoRA.Alpha, Dropout: e.LoRA.Dropout, TargetModules: e.LoRA.Targets(m.Family)},
		InitSeed: e.Seed, DataSeed: e.Seed,
		Training: trainer.Training{
			Epochs: w.Epochs, LearningRate: w.LearningRate, Schedule: w.Schedule, Warmup: w.Warmup, BatchSize: w.BatchSize,
			Accumulation: w.Accumulation, MaxLength: w.MaxLength, WeightDecay: w.WeightDecay, Clip: w.Clip, Patience: w.Patience,
			Optimizer: w.Optimizer, DType: w.DType, GradientCheckpointing: w.GradientCheckpointing,
			Quantization: w.Quantization, GroupByLength: w.GroupByLength,
		},
	}
	if s.Container != nil {
		set.Trainer = s.Container.Image
	}
	if w.InitSeed != nil {
		set.InitSeed = *w.InitSeed
	}
	if w.DataSeed != nil {
		set.DataSeed = *w.DataSeed
	}
	if text, ok := c["seed"]; ok {
		seed, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("seed %q: %w", text, err)
		}
		set.InitSeed, set.DataSeed = seed, seed
	}
	if !m.Local() {
		return set, nil, nil
	}
	dir := e.Resolve(m.Base)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &adapter.Error{File: dir, Msg: fmt.Sprintf("there is no such folder: models.%s.base names it as the base model's; put the model there", m.Name)}
	}
	digest, err := modelDigest(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("base model %s: %w", m.Name, err)
	}
	set.Base = digest
	return set, map[string]string{basePath: dir}, nil
}

func run(ctx context.Context, w *pipeline.Work) error {
	var set settings
	if err := w.Settings(&set); err != nil {
		return err
	}
	examples := w.InputsOf("build")
	if len(examples) != 1 {
		return fmt.Errorf("a training reads the examples of one task, not %d: mend the needs of its stage", len(examples))
	}
	base, err := basePlace(w)
	if err != nil {
		return err
	}
	spec := trainer.Spec{
		Model:    trainer.Model{Name: set.Model, Family: set.Family, Path: base},
		Task:     set.Task,
		Examples: filepath.Join(examples[0].Dir, build.ExamplesFile),
		LoRA:     set.LoRA, Training: set.Training, InitSeed: set.InitSeed, DataSeed: set.DataSeed,
	}
	var result *trainer.Result
	if w.Container != nil {
		result, err = contained(ctx, w, spec)
	} else {
		result, err = embeddedly(ctx, w, spec)
	}
	var bad *trainer.BadData
	if errors.As(err, &bad) {
		return &table.Error{File: examples[0].Job, Msg: bad.Msg}
	}
	if err != nil {
		return err
	}
	return table.Write(filepath.Join(w.Dir, CurvesFile), curves(set.Model, experiment.Label(w.Cell), result), nil)
}

// basePlace is where the base model lies: a folder from outside or the result of a job.
func basePlace(w *pipeline.Work) (string, error) {
	if dir := w.Path(basePath); dir != "" {
		return dir, nil
	}
	bases := append(w.InputsOf("pretrain"), w.InputsOf("fetch")...)
	if len(bases) != 1 {
		return "", fmt.Errorf("a training reads one base model, not %d: mend the needs of its stage", len(bases))
	}
	return filepath.Join(bases[0].Dir, pretrain.ModelDir), nil
}

// embeddedly trains in this process.
func embeddedly(ctx context.Context, w *pipeline.Work, spec trainer.Spec) (*trainer.Result, error) {
	if err := trainer.WriteJSON(w.Dir, trainer.SpecFile, spec); err != nil {
		return nil, err
	}
	return embedded.Train(ctx, w.Dir, w.Log, func(p trainer.Progress) { report(w, p) })
}

// report passes a trainer's progress on.
func report(w *pipeline.Work, p trainer.Progress) {
	w.Progress(p.Step, p.Total, fmt.Sprintf("loss %.3f", p.Loss))
}

// curves turns a trainer's result into rows: the losses of training and validation by epoch.
func curves(model, task string, r *trainer.Result) []table.Curve {
	rows := []table.Curve{{Model: model, Task: task, Kind: "validation", Loss: r.InitialLoss}}
	for i := range r.ValidationLosses {
		epoch := i + 1
		step := r.Steps * int64(epoch) / int64(r.Epochs)
		rows = append(rows,
			table.Curve{Model: model, Task: task, Step: step, Epoch: float64(epoch), Kind: "train", Loss: r.TrainLosses[i]},
			table.Curve{Model: model, Task: task, Step: step, Epoch: float64(epoch), Kind: "validation", Loss: r.ValidationLosses[i]})
	}
	return rows
}
