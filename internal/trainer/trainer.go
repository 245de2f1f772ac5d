// Package trainer is the contract between taskvec and whatever trains an adapter: the embedded
// trainer, the container image, or a user's own image.
//
// In a job's folder the trainer finds job.json (Spec) and reads the files it names; it writes
// out/adapter and out/init, PEFT folders, out/train.json (Result) and, of a classifier,
// out/predictions.json. While it works it prints a
// JSON line (Progress) a step to stdout and keeps a checkpoint from which a later attempt goes on.
// It ends with ExitDone, ExitBadData, ExitTryAgain or any other code for a failure.
//
// The package trains nothing.
package trainer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// The files and folders of a job, relative to the job's folder.
const (
	SpecFile   = "job.json"
	AdapterDir = "out/adapter"
	InitDir    = "out/init" // the adapter at step 0
	ResultFile = "out/train.json"
	// PredictionsFile is what a classifier says of the test examples: the numbers of their labels, in
	// the order of the examples. A trainer that taskvec can run itself need not write it.
	PredictionsFile = "out/predictions.json"
	Checkpoint      = "checkpoint"
)

// The exit codes of a trainer (sysexits.h).
const (
	ExitDone     = 0
	ExitBadData  = 65 // the examples or the base model cannot be trained on
	ExitTryAgain = 75 // stopped after a checkpoint, or a passing fault
)

// A Spec is a job.json: everything a trainer is told.
type Spec struct {
	Model    Model  `json:"model"`
	Task     string `json:"task"`
	Examples string `json:"examples"` // path of examples.arrow
	LoRA     LoRA   `json:"lora"`
	Training
	// InitSeed seeds A's initialisation and that of a classification head; DataSeed the order of the
	// examples and dropout.
	InitSeed int64 `json:"init_seed"`
	DataSeed int64 `json:"data_seed"`
}

// Model is the base model.
type Model struct {
	Name   string `json:"name"`   // what adapter_config.json calls it
	Family string `json:"family"` // llama, mistral or roberta
	Path   string `json:"path"`   // a Hugging Face folder
}

// LoRA are the adapter's settings, in PEFT's terms.
type LoRA struct {
	Rank          int      `json:"r"`
	Alpha         float64  `json:"lora_alpha"`
	Dropout       float64  `json:"lora_dropout"`
	TargetModules []string `json:"target_modules"` // sorted
}

// Training are the optimiser's settings: AdamW with a schedule.
type Training struct {
	Epochs       int     `json:"epochs"`
	LearningRate float64 `json:"learning_rate"`
	Schedule     string  `json:"schedule"` // constant, linear or cosine, after warm-up
	Warmup       float64 `json:"warmup"`   // share of the steps
	BatchSize    int     `json:"batch_size"`
	Accumulation int     `json:"accumulation"`
	MaxLength    int     `json:"max_length"` // tokens
	WeightDecay  float64 `json:"weight_decay"`
	Clip         float64 `json:"clip"`     // largest gradient norm; 0 = none
	Patience     int     `json:"patience"` // epochs without a better validation loss; 0 = no end

	Optimizer             string `json:"optimizer"` // adamw or paged_adamw_32bit
	DType                 string `json:"dtype"`     // of the base model: auto, bfloat16 or float32
	GradientCheckpointing bool   `json:"gradient_checkpointing"`
	Quantization          string `json:"quantization"` // of the base model: none or nf4
	GroupByLength         bool   `json:"group_by_length"`
}

// A Result is a train.json: what a training did.
type Result struct {
	Steps               int64             `json:"steps"`
	Epochs              int               `json:"epochs"`
	BestEpoch           int               `json:"best_epoch"`
	InitialLoss         float64           `json:"initial_validation_loss"` // of the base model without an adapter
	ValidationLosses    []float64         `json:"validation_losses"`       // after each epoch
	TrainLosses         []float64         `json:"train_losses"`            // mean over each epoch
	TrainableParameters int64             `json:"trainable_parameters"`
	Examples            map[string]int    `json:"examples"`          // by split
	SupervisedTokens    map[string]int64  `json:"supervised_tokens"` // by split, of one pass
	TotalTokens         map[string]int64  `json:"total_tokens"`
	Truncated           map[string]int    `json:"truncated_rows"`
	ResumedFrom         []int64           `json:"resumed_from_steps,omitempty"`
	Versions            map[string]string `json:"versions"`
	Device              string            `json:"device"`
	DType               string            `json:"dtype"`
}

// Progress is a line a trainer prints while it works.
type Progress struct {
	Step            int64   `json:"step"`
	Total           int64   `json:"total"`
	Loss            float64 `json:"loss"`
	Epoch           float64 `json:"epoch"`
	TokensPerSecond float64 `json:"tokens_per_second"`
}

// A BadData is a fault of the examples or the base model, which trying again does not mend.
type BadData struct{ Msg string }

func (e *BadData) Error() string { return e.Msg }

// ReadSpec reads the job.json of a job's folder.
func ReadSpec(dir string) (*Spec, error) {
	path := filepath.Join(dir, SpecFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s Spec
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &s, nil
}

// ReadResult reads the train.json of a job's folder.
func ReadResult(dir string) (*Result, error) {
	path := filepath.Join(dir, filepath.FromSlash(ResultFile))
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &r, nil
}

// ReadPredictions reads the predictions.json of a job's folder: the number of one of so many labels for
// each of so many test examples. A file that says anything else is a *BadData; one that is missing, which
// a trainer need not write, is fs.ErrNotExist.
func ReadPredictions(dir string, labels, examples int) ([]int, error) {
	path := filepath.Join(dir, filepath.FromSlash(PredictionsFile))
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the trainer's labels of the test examples: %w", err)
	}
	bad := func(format string, a ...any) error {
		return &BadData{fmt.Sprintf(format, a...) + ": mend the trainer's image and train again"}
	}
	var given []*int // null is no label
	if err := json.Unmarshal(b, &given); err != nil {
		return nil, bad("%v", err)
	}
	if len(given) != examples {
		return nil, bad("has %d labels for %d test examples", len(given), examples)
	}
	out := make([]int, len(given))
	for i, label := range given {
		if label == nil || *label < 0 || *label >= labels {
			return nil, bad("the label of test example %d is none of the numbers 0 to %d", i, labels-1)
		}
		out[i] = *label
	}
	return out, nil
}

// WriteJSON writes a Spec or a Result at its place in a job's folder.
func WriteJSON(dir, file string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o666)
}
