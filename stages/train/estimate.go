package train

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/internal/tokenizer"
	"taskvec/internal/trainer"
	"taskvec/stages/build"
	"taskvec/stages/pretrain"
)

// An Estimate says what a training takes, before it is done: what is not known is zero, as is what hangs
// on a file that cannot be read, which it is for the training to complain of. Of a finished one it says
// what it took.
type Estimate struct {
	Parameters int64 `json:"trainable_parameters,omitempty"`
	// Tokens are those of the train split, over all epochs; Counted says that the model's tokenizer was
	// there to count them, and that they are not guessed from the words.
	Tokens  int64 `json:"tokens,omitempty"`
	Counted bool  `json:"tokens_counted,omitempty"`
	// BaseBytes are the base model's in its type; AdapterBytes the trained parameters' and their
	// gradients', OptimizerBytes those of AdamW's two moments, all float32. Activations come on top.
	BaseBytes      int64 `json:"base_bytes,omitempty"`
	AdapterBytes   int64 `json:"adapter_bytes,omitempty"`
	OptimizerBytes int64 `json:"optimizer_bytes,omitempty"`
	// Seconds are guessed from how fast trainings of the same model by the same trainer in the workspace
	// were, or else from a figure for the kind of trainer; Measured says from which.
	Seconds  float64 `json:"seconds,omitempty"`
	Measured bool    `json:"measured,omitempty"`
}

// Bytes are those of the base model, the adapter and the optimiser.
func (e *Estimate) Bytes() int64 { return e.BaseBytes + e.AdapterBytes + e.OptimizerBytes }

// Floating point operations a second that trainers reach, measured on two cores of an AMD EPYC
// (docs/training.md): the embedded one, which uses one core a job, and the image without a GPU. There is no
// figure for GPUs: the first training on one gives it.
const (
	embeddedSpeed  = 8e9
	processorSpeed = 1.1e11
)

// flopsPerToken are about four operations a parameter of the base model and token: a pass forward, and one
// backward through the activations alone. Activations that are computed again are a pass more.
const flopsPerToken = 4

// tokensPerWord is what a word takes in the vocabulary of a large language model, roughly.
const tokensPerWord = 1.4

// sampled is how many examples the tokens are counted of; the rest counts in proportion.
const sampled = 200

// An estimator estimates the trainings of a plan.
type estimator struct {
	space      pipeline.Workspace
	experiment *experiment.Experiment
	rates      map[[2]string]rate // by model and trainer
	tokenizers map[string]*tokenizer.Tokenizer
}

// A rate is how many tokens trainings took in how many seconds.
type rate struct{ tokens, seconds float64 }

// Estimates returns what each training of a plan takes, by the name of its job.
func Estimates(space pipeline.Workspace, p *pipeline.Plan) (map[string]*Estimate, error) {
	e := &estimator{space: space, experiment: p.Experiment, rates: map[[2]string]rate{}, tokenizers: map[string]*tokenizer.Tokenizer{}}
	out := map[string]*Estimate{}
	for _, j := range p.Jobs {
		if j.Kind.Name != Kind.Name {
			continue
		}
		if len(out) == 0 {
			if err := e.measure(); err != nil {
				return nil, err
			}
		}
		var err error
		if out[j.Name], err = e.estimate(j); err != nil {
			return nil, fmt.Errorf("estimate %s: %w", j.Name, err)
		}
	}
	return out, nil
}

// measure reads how fast the trainings in the store were. They may be any experiment's: one that cannot be
// read counts for nothing.
func (e *estimator) measure() error {
	records, err := e.space.Records(Kind.Name)
	if err != nil {
		return err
	}
	for _, r := range records {
		var set settings
		if json.Unmarshal(r.Parts.Settings, &set) != nil {
			continue
		}
		result, err := trainer.ReadResult(e.space.Entry(r.Key))
		if err != nil {
			continue
		}
		key := [2]string{set.Model, set.Trainer}
		sum := e.rates[key]
		if len(result.ResumedFrom) == 0 { // else its time is not that of all its steps
			sum.tokens += float64(result.TotalTokens["train"]) * float64(result.Epochs)
			sum.seconds += r.Finished.Sub(r.Started).Seconds()
		}
		e.rates[key] = sum
	}
	return nil
}

func (e *estimator) estimate(j *pipeline.Job) (*Estimate, error) {
	var set settings
	if err := json.Unmarshal(j.Parts.Settings, &set); err != nil {
		return nil, err
	}
	m := e.experiment.Model(set.Model)
	folder, examples := "", ""
	if m.Local() {
		folder = e.experiment.Resolve(m.Base)
	}
	for _, n := range j.Needs {
		switch {
		case !e.space.Has(n.Key):
		case n.Kind.Name == build.Kind.Name:
			examples = e.space.Entry(n.Key)
		default:
			folder = filepath.Join(e.space.Entry(n.Key), pretrain.ModelDir)
		}
	}
	out := &Estimate{}
	s := shapeOf(m, folder)
	gpu := j.Stage.NeedsGPUs() > 0
	flops := 0.0
	if s != nil {
		out.Parameters = s.trainable(set.Family, set.LoRA.Rank, set.LoRA.TargetModules, len(e.experiment.Task(set.Task).Labels))
		out.AdapterBytes, out.OptimizerBytes = 8*out.Parameters, 8*out.Parameters
		linear, all := s.parameters(set.Family)
		out.BaseBytes = baseBytes(&set, linear, all, gpu)
		flops = flopsPerToken * float64(all)
		if set.GradientCheckpointing {
			flops *= 1.5
		}
	}
	if examples != "" {
		out.Tokens, out.Counted = e.tokens(folder, filepath.Join(examples, build.ExamplesFile), set.MaxLength)
		out.Tokens *= int64(set.Epochs)
	}
	speed := embeddedSpeed
	if j.Stage.Container != nil {
		speed = processorSpeed
	}
	switch r := e.rates[[2]string{set.Model, set.Trainer}]; {
	case r.tokens > 0 && r.seconds > 0:
		out.Seconds, out.Measured = float64(out.Tokens)*r.seconds/r.tokens, true
	case !gpu:
		out.Seconds = float64(out.Tokens) * flops / speed
	}
	out.Seconds = math.Round(out.Seconds*1000) / 1000
	if e.space.Has(j.Key) {
		e.took(j, out)
	}
	return out, nil
}

// took fills in what a finished training took.
func (e *estimator) took(j *pipeline.Job, out *Estimate) {
	result, err := trainer.ReadResult(e.space.Entry(j.Key))
	if err != nil {
		return
	}
	record, err := e.space.Record(j.Key)
	if err != nil {
		return
	}
	out.Parameters = result.TrainableParameters
	out.AdapterBytes, out.OptimizerBytes = 8*out.Parameters, 8*out.Parameters
	out.Tokens, out.Counted = result.TotalTokens["train"]*int64(result.Epochs), true
	out.Seconds, out.Measured = record.Finished.Sub(record.Started).Round(time.Millisecond).Seconds(), true
}

// baseBytes are those of a base model's parameters in the type it is loaded in.
func baseBytes(set *settings, linear, all int64, gpu bool) int64 {
	width := int64(4)
	if set.DType == "bfloat16" || set.DType == "auto" && gpu && !strings.HasPrefix(set.Trainer, "embedded ") {
		width = 2
	}
	if set.Quantization == "nf4" { // half a byte, and an eighth of a bit for the scales; the rest as it is
		return linear*4125/8000 + (all-linear)*width
	}
	return all * width
}

// tokens counts those of a pass over the train split, with the model's tokenizer where it is there already
// and can be read here, or else by the words.
func (e *estimator) tokens(folder, examples string, maxLength int) (n int64, counted bool) {
	k, ok := e.tokenizers[folder]
	if !ok && folder != "" {
		var err error
		if k, err = tokenizer.Load(filepath.Join(folder, tokenizer.FileName)); err != nil {
			k = nil
		}
		e.tokenizers[folder] = k
	}
	rows, _, err := table.Read[table.Example](examples)
	if err != nil {
		return 0, false
	}
	rows = slices.DeleteFunc(rows, func(r table.Example) bool { return r.Split != "train" })
	some := min(len(rows), sampled)
	for i := range some {
		r, all := rows[i*len(rows)/some], 0
		if k != nil {
			all, _ = build.TokensOf(k, r)
		} else {
			all = int(tokensPerWord * float64(len(strings.Fields(r.Prompt+r.Completion+r.Text+" "+r.TextPair))))
		}
		n += int64(min(all, maxLength))
	}
	if some == 0 {
		return 0, false
	}
	return n * int64(len(rows)) / int64(some), k != nil
}
