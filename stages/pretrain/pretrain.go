// Package pretrain is the stage that makes a small base model W₀ from scratch, so that the whole way
// runs where no model is at hand: a tokenizer and a language model of the corpus's training text.
//
// It is no way to a good model. It gives the adapters of a laptop experiment a common ground that is
// a real model of the real layout.
package pretrain

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"taskvec/datasets"
	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/trainer"
	"taskvec/stages/build"
	"taskvec/stages/train/embedded"
)

// Kind is the pretrain stage: the corpus's training text → a Hugging Face folder.
var Kind = pipeline.Kind{Name: "pretrain", Version: 1, Resolve: resolve, Run: run}

// What a pretrain job writes.
const (
	ModelDir   = "model"         // the Hugging Face folder
	ReportFile = "pretrain.json" // embedded.Pretrained
)

// settings determine a base model.
type settings struct {
	Family       string                  `json:"family"`
	Architecture experiment.Architecture `json:"architecture"`
	experiment.PretrainWith
	Seed    int64                `json:"seed"`
	Prompts []string             `json:"prompts"` // of the tasks that are built
	Corpus  build.CorpusSettings `json:"corpus"`
	Trainer string               `json:"trainer"`
}

func resolve(e *experiment.Experiment, s *experiment.Stage, c pipeline.Cell) (any, map[string]string, error) {
	corpus, paths, err := build.ResolveCorpus(e)
	if err != nil {
		return nil, nil, err
	}
	m := e.Model(c["model"])
	return settings{
		Family: m.Family, Architecture: *m.Architecture, PretrainWith: *s.With.(*experiment.PretrainWith), Seed: e.Seed, Corpus: corpus,
		Prompts: prompts(e), Trainer: embedded.Name(),
	}, paths, nil
}

// prompts are those of the tasks the experiment builds. They are in the vocabulary, but not in the
// text: W₀ has never seen a task.
func prompts(e *experiment.Experiment) []string {
	var all []string
	for _, s := range e.Stages {
		if b, ok := s.With.(*experiment.BuildWith); ok {
			for _, name := range b.Tasks {
				if t := e.Task(name); t.Prompt != "" {
					all = append(all, t.Prompt)
				}
			}
		}
	}
	return all
}

func run(ctx context.Context, w *pipeline.Work) error {
	var set settings
	if err := w.Settings(&set); err != nil {
		return err
	}
	corpus, err := set.Corpus.Load(w.Path)
	if err != nil {
		return err
	}
	texts := map[datasets.Split][]string{}
	for _, d := range corpus.Documents {
		texts[d.Split] = append(texts[d.Split], d.Text())
	}
	a := set.Architecture
	report, err := embedded.Pretrain(ctx, filepath.Join(w.Dir, ModelDir), embedded.Pretraining{
		Config: embedded.Config{
			Family: set.Family, Vocab: a.Vocabulary, Hidden: a.Hidden, Layers: a.Layers, Heads: a.Heads, KVHeads: a.KVHeads,
			Intermediate: a.Intermediate, MaxPositions: a.MaxPositions, NormEps: 1e-5, RopeTheta: 10000, Tied: true,
		},
		Epochs: set.Epochs, LearningRate: set.LearningRate, BatchSize: set.BatchSize, MaxLength: set.MaxLength,
		WeightDecay: set.WeightDecay, Clip: set.Clip, Seed: set.Seed,
	}, texts[datasets.Train], texts[datasets.Validation], set.Prompts, w.Log, func(p trainer.Progress) {
		w.Progress(p.Step, p.Total, fmt.Sprintf("loss %.3f", p.Loss))
	})
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.Dir, ReportFile), append(b, '\n'), 0o666)
}
