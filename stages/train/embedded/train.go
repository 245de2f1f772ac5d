// Package embedded is the trainer in pure Go: a decoder of the Llama layout and an encoder of the
// RoBERTa layout, forward and backward by hand over a small matrix kernel, with LoRA, AdamW and a
// byte-level BPE tokenizer. It reads and writes Hugging Face and PEFT folders.
//
// It is for models of up to a few million parameters, whose training takes seconds on one core. It
// is no framework: there is no automatic differentiation, no half precision and no GPU. A job uses
// one core, and its result does not depend on how many there are.
package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"taskvec/internal/table"
	"taskvec/internal/trainer"
)

// version is raised whenever the same job gives another result.
const version = 2

// Name names this trainer in the keys of its jobs: with its version, and with the processor's
// kernel, since sums are rounded otherwise with fused multiply-add.
func Name() string {
	kernel := "portable"
	if fused {
		kernel = "avx2"
	}
	return fmt.Sprintf("embedded %d %s %s", version, runtime.GOARCH, kernel)
}

// The streams of random numbers drawn from one seed.
const (
	streamInit = iota + 1
	streamOrder
	streamDropout
	streamMask
	streamWeights
)

// stream is a source of random numbers for one use of a seed.
func stream(seed int64, use, index uint64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), use<<48|index))
}

// A session is one training of one adapter.
type session struct {
	spec     *trainer.Spec
	dir      string
	classify bool
	labels   []string
	model    interface {
		linears() []*linear
		params() []*param
	}
	llama   *llama
	roberta *roberta
	loras   []*lora
	head    []*param // of classification: trained whole
	data    *dataset
	opt     *adamW
	state   state
	out     io.Writer
	began   time.Time
	tokens  int64 // since began
}

// state is what a checkpoint holds besides weights and moments.
type state struct {
	Step        int64   `json:"step"`
	BestEpoch   int     `json:"best_epoch"`
	BestLoss    float64 `json:"best_loss"`
	EpochLoss   float64 `json:"epoch_loss"` // summed since the epoch began
	EpochTokens int64   `json:"epoch_tokens"`
	Result      trainer.Result
	best        [][]float32
}

// Train does the job in dir: trains the adapter that job.json asks for and writes out/. Progress
// lines go to out, and progress, which may be nil, is told of them. When ctx ends it saves a
// checkpoint and returns ctx's error; called again it goes on from there, to the same bytes.
func Train(ctx context.Context, dir string, out io.Writer, progress func(trainer.Progress)) (*trainer.Result, error) {
	s, err := open(dir, out)
	if err != nil {
		return nil, err
	}
	if err := s.writeAdapter(trainer.InitDir, nil); err != nil {
		return nil, err
	}
	if err := s.resume(); err != nil {
		return nil, err
	}
	if s.state.Result.Epochs == 0 && s.state.Step == 0 {
		s.state.Result.InitialLoss = s.validate()
	}
	if err := s.run(ctx, progress); err != nil {
		return nil, err
	}
	if err := s.writeAdapter(trainer.AdapterDir, s.state.best); err != nil {
		return nil, err
	}
	r := s.result()
	return r, trainer.WriteJSON(dir, trainer.ResultFile, r)
}

// open reads the job, the base model and the examples, and attaches the adapter.
func open(dir string, out io.Writer) (*session, error) {
	spec, err := trainer.ReadSpec(dir)
	if err != nil {
		return nil, err
	}
	return begin(spec, dir, out)
}

// begin is open for a job that was read.
func begin(spec *trainer.Spec, dir string, out io.Writer) (*session, error) {
	s := &session{spec: spec, dir: dir, out: out}
	rows, meta, err := table.Read[table.Example](spec.Examples)
	if err != nil {
		return nil, fmt.Errorf("read the examples: %w", err)
	}
	s.classify = meta["kind"] == "classification"
	if s.classify {
		if err := json.Unmarshal([]byte(meta["labels"]), &s.labels); err != nil {
			return nil, &table.Error{File: spec.Examples, Msg: fmt.Sprintf("metadata labels: %v", err)}
		}
	}
	c, err := readConfig(spec.Model.Path)
	if err != nil {
		return nil, &trainer.BadData{Msg: err.Error()}
	}
	if s.classify != (c.Family == "roberta") {
		return nil, &trainer.BadData{Msg: fmt.Sprintf("a %s model cannot be trained on the %s task %s", c.Family, meta["kind"], spec.Task)}
	}
	k, err := readTokenizer(spec.Model.Path)
	if err != nil {
		return nil, &trainer.BadData{Msg: err.Error()}
	}
	if s.classify {
		s.roberta = newRoberta(c)
		s.roberta.addClassifier(len(s.labels))
		s.model = s.roberta
	} else {
		s.llama = newLlama(c)
		s.model = s.llama
	}
	if err := readWeights(spec.Model.Path, s.model.params()); err != nil {
		return nil, fmt.Errorf("read the base model: %w", err)
	}
	if s.data, err = prepare(rows, k, c, s.classify, len(s.labels), spec.MaxLength); err != nil {
		return nil, err
	}
	if err := s.attach(); err != nil {
		return nil, err
	}
	s.state.Result = s.describe()
	return s, nil
}

// attach adds the adapter, and initialises the classification head, from the initialisation seed.
func (s *session) attach() error {
	found := map[string]bool{}
	rng := stream(s.spec.InitSeed, streamInit, 0)
	for _, l := range s.model.linears() {
		module := strings.TrimSuffix(l.w.name, ".weight")
		kind := module[strings.LastIndexByte(module, '.')+1:]
		if !slices.Contains(s.spec.LoRA.TargetModules, kind) {
			continue
		}
		found[kind] = true
		l.lora = newLoRA(module, l, s.spec.LoRA.Rank, s.spec.LoRA.Alpha, s.spec.LoRA.Dropout, rng)
		s.loras = append(s.loras, l.lora)
	}
	for _, want := range s.spec.LoRA.TargetModules {
		if !found[want] {
			return &trainer.BadData{Msg: fmt.Sprintf("target module %s: the model %s has no layer of that name", want, s.spec.Model.Name)}
		}
	}
	if s.classify {
		s.head = s.roberta.headParams()
		for _, p := range s.head {
			if len(p.shape) == 2 {
				for i := range p.w {
					p.w[i] = float32(rng.NormFloat64() * initStd)
				}
			}
		}
	}
	s.opt = newAdamW(s.trained(), s.spec.WeightDecay)
	return nil
}

// trained are the parameters that are trained, in a fixed order.
func (s *session) trained() []*param {
	var ps []*param
	for _, o := range s.loras {
		ps = append(ps, o.a, o.b)
	}
	return append(ps, s.head...)
}

// describe fills in what is known before the first step.
func (s *session) describe() trainer.Result {
	r := trainer.Result{
		Examples: map[string]int{}, SupervisedTokens: map[string]int64{}, TotalTokens: map[string]int64{}, Truncated: s.data.truncated,
		Versions: map[string]string{"trainer": Name(), "go": runtime.Version()},
		Device:   "cpu", DType: "float32",
	}
	for split, seqs := range s.data.splits {
		r.Examples[split] = len(seqs)
		for i := range seqs {
			r.SupervisedTokens[split] += seqs[i].supervised()
			r.TotalTokens[split] += int64(len(seqs[i].tokens))
		}
	}
	for _, p := range s.trained() {
		r.TrainableParameters += int64(len(p.w))
	}
	return r
}

// stepsPerEpoch is the number of optimiser steps of an epoch.
func (s *session) stepsPerEpoch() int64 {
	per := s.spec.BatchSize * s.spec.Accumulation
	return int64((len(s.data.splits["train"]) + per - 1) / per)
}

// run trains from the state's step to the end.
func (s *session) run(ctx context.Context, progress func(trainer.Progress)) error {
	per := s.stepsPerEpoch()
	total := per * int64(s.spec.Epochs)
	s.began = time.Now()
	for s.state.Step < total && !s.patient() {
		epoch := s.state.Step / per
		order := stream(s.spec.DataSeed, streamOrder, uint64(epoch)).Perm(len(s.data.splits["train"]))
		for s.state.Step < (epoch+1)*per {
			if ctx.Err() != nil {
				return errors.Join(context.Cause(ctx), s.save())
			}
			loss := s.step(order, s.state.Step-epoch*per, total)
			if err := s.finite(loss); err != nil {
				return err
			}
			p := trainer.Progress{Step: s.state.Step, Total: total, Loss: loss, Epoch: float64(s.state.Step) / float64(per),
				TokensPerSecond: float64(s.tokens) / time.Since(s.began).Seconds()}
			if err := json.NewEncoder(s.out).Encode(p); err != nil {
				return fmt.Errorf("report progress: %w", err)
			}
			if progress != nil {
				progress(p)
			}
		}
		s.endEpoch()
		if err := s.finite(s.state.Result.ValidationLosses[s.state.Result.Epochs-1]); err != nil {
			return err
		}
		if err := s.save(); err != nil {
			return err
		}
	}
	return nil
}

// finite is the error of a training whose loss is no number any more.
func (s *session) finite(loss float64) error {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return &trainer.BadData{Msg: fmt.Sprintf("the training diverged: its loss is %v at step %d; lower learning_rate (%v)", loss, s.state.Step, s.spec.LearningRate)}
	}
	return nil
}

// patient says whether the validation loss has not improved for as long as the settings allow.
func (s *session) patient() bool {
	return s.spec.Patience > 0 && s.state.Result.Epochs-s.state.BestEpoch >= s.spec.Patience
}

// step takes the optimiser step number i of an epoch whose examples come in the given order, and
// returns the mean loss of its supervised tokens.
func (s *session) step(order []int, i, total int64) float64 {
	per := s.spec.BatchSize * s.spec.Accumulation
	batch := order[i*int64(per) : min((i+1)*int64(per), int64(len(order)))]
	train := s.data.splits["train"]
	supervised := int64(0)
	for _, k := range batch {
		supervised += train[k].supervised()
	}
	rng := stream(s.spec.DataSeed, streamDropout, uint64(s.state.Step))
	for _, o := range s.loras {
		o.rng = rng
	}
	sum := 0.0
	for _, k := range batch {
		sum += s.loss(&train[k], 1/float32(supervised), true)
		s.tokens += int64(len(train[k].tokens))
	}
	for _, o := range s.loras {
		o.rng = nil
	}
	s.opt.clip(s.spec.Clip)
	s.opt.update(rateAt(s.state.Step, total, s.spec.LearningRate, s.spec.Schedule, s.spec.Warmup, 0))
	s.state.Step++
	s.state.EpochLoss += sum
	s.state.EpochTokens += supervised
	return sum / float64(supervised)
}

// loss returns the summed loss of one sequence.
func (s *session) loss(q *sequence, scale float32, backward bool) float64 {
	if s.classify {
		l, _ := s.roberta.classify(q.tokens, q.label, scale, backward)
		return l
	}
	l, _ := s.llama.loss(q.tokens, q.targets, scale, backward)
	return l
}

// validate returns the mean loss of the validation split.
func (s *session) validate() float64 {
	sum, n := 0.0, int64(0)
	split := s.data.splits["validation"]
	for i := range split {
		sum += s.loss(&split[i], 0, false)
		n += split[i].supervised()
	}
	return sum / float64(n)
}

// endEpoch evaluates and keeps the weights when they are the best so far.
func (s *session) endEpoch() {
	r := &s.state.Result
	r.Epochs++
	loss := s.validate()
	r.ValidationLosses = append(r.ValidationLosses, loss)
	r.TrainLosses = append(r.TrainLosses, s.state.EpochLoss/float64(s.state.EpochTokens))
	s.state.EpochLoss, s.state.EpochTokens = 0, 0
	if s.state.BestEpoch == 0 || loss < s.state.BestLoss {
		s.state.BestLoss, s.state.BestEpoch = loss, r.Epochs
		s.state.best = nil
		for _, p := range s.trained() {
			s.state.best = append(s.state.best, slices.Clone(p.w))
		}
	}
}

// result is the train.json of a finished training.
func (s *session) result() *trainer.Result {
	r := s.state.Result
	r.Steps, r.BestEpoch = s.state.Step, s.state.BestEpoch
	return &r
}

// checkpointFile is where the session's checkpoint lies.
func (s *session) checkpointFile() string {
	return filepath.Join(s.dir, trainer.Checkpoint, "state.safetensors")
}
