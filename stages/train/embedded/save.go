package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"taskvec/internal/adapter"
)

// adapterConfig is the adapter_config.json of the PEFT library.
type adapterConfig struct {
	AlphaPattern    struct{} `json:"alpha_pattern"`
	AutoMapping     *string  `json:"auto_mapping"`
	Base            string   `json:"base_model_name_or_path"`
	Bias            string   `json:"bias"`
	FanInFanOut     bool     `json:"fan_in_fan_out"`
	InferenceMode   bool     `json:"inference_mode"`
	InitLoRAWeights bool     `json:"init_lora_weights"`
	Alpha           float64  `json:"lora_alpha"`
	Dropout         float64  `json:"lora_dropout"`
	ModulesToSave   []string `json:"modules_to_save"`
	PEFTType        string   `json:"peft_type"`
	Rank            int      `json:"r"`
	RankPattern     struct{} `json:"rank_pattern"`
	Revision        *string  `json:"revision"`
	TargetModules   []string `json:"target_modules"`
	TaskType        string   `json:"task_type"`
	UseDoRA         bool     `json:"use_dora"`
	UseRSLoRA       bool     `json:"use_rslora"`
}

// adapterPrefix stands before the names of the trained parameters in an adapter's file.
const adapterPrefix = "base_model.model."

// writeAdapter writes a PEFT folder below the job's: the given weights of the trained parameters,
// or the present ones.
func (s *session) writeAdapter(folder string, weights [][]float32) error {
	dir := filepath.Join(s.dir, filepath.FromSlash(folder))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	c := adapterConfig{
		Base: s.spec.Model.Name, Bias: "none", InferenceMode: true, InitLoRAWeights: true, Alpha: s.spec.LoRA.Alpha, Dropout: s.spec.LoRA.Dropout,
		PEFTType: "LORA", Rank: s.spec.LoRA.Rank, TargetModules: s.spec.LoRA.TargetModules, TaskType: "CAUSAL_LM",
	}
	if s.classify {
		c.TaskType, c.ModulesToSave = "SEQ_CLS", []string{"classifier"}
	}
	if err := writeJSON(filepath.Join(dir, "adapter_config.json"), c); err != nil {
		return err
	}
	var tensors []adapter.Tensor
	for i, p := range s.trained() {
		w := p.w
		if weights != nil {
			w = weights[i]
		}
		tensors = append(tensors, adapter.Float32Tensor(adapterPrefix+p.name, p.shape, w))
	}
	return adapter.WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), tensors, map[string]string{"format": "pt"})
}

// The prefixes of a checkpoint's tensors.
const (
	prefixWeight = "weight/"
	prefixFirst  = "first_moment/"
	prefixSecond = "second_moment/"
	prefixBest   = "best/"
)

// save writes the checkpoint: one file, renamed into place, so that there is a whole one or none.
func (s *session) save() error {
	meta, err := json.Marshal(s.state)
	if err != nil {
		return fmt.Errorf("save a checkpoint: %w", err)
	}
	var tensors []adapter.Tensor
	put := func(prefix string, i int, w []float32) {
		p := s.opt.params[i]
		tensors = append(tensors, adapter.Float32Tensor(prefix+p.name, p.shape, w))
	}
	for i, p := range s.opt.params {
		put(prefixWeight, i, p.w)
		put(prefixFirst, i, s.opt.m[i])
		put(prefixSecond, i, s.opt.v[i])
	}
	for i, w := range s.state.best {
		put(prefixBest, i, w)
	}
	path := s.checkpointFile()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	if err := adapter.WriteSafetensors(path+".new", tensors, map[string]string{"state": string(meta)}); err != nil {
		return fmt.Errorf("save a checkpoint: %w", err)
	}
	f, err := os.Open(path + ".new")
	if err != nil {
		return fmt.Errorf("save a checkpoint: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("save a checkpoint: %w", err)
	}
	return os.Rename(path+".new", path)
}

// resume goes on from the checkpoint, if there is one, and records that it did. A checkpoint that is
// damaged or not this job's is given up, which the log says: training from the start is slower, but
// gives the same adapter.
func (s *session) resume() error {
	path := s.checkpointFile()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	c, err := s.readCheckpoint(path)
	if err != nil {
		fmt.Fprintf(s.out, "{\"warning\":%q}\n", fmt.Sprintf("the checkpoint is given up, training starts anew: %v", err))
		return os.Remove(path)
	}
	versions := s.state.Result.Versions
	s.state = c.state
	s.state.Result.Versions = versions
	s.state.Result.ResumedFrom = append(s.state.Result.ResumedFrom, s.state.Step)
	s.opt.step = s.state.Step
	for i, p := range s.opt.params {
		copy(p.w, c.weights[i])
		copy(s.opt.m[i], c.first[i])
		copy(s.opt.v[i], c.second[i])
	}
	return nil
}

// A checkpointed is what a checkpoint file holds, by parameter.
type checkpointed struct {
	state                  state
	weights, first, second [][]float32
}

// readCheckpoint reads a whole checkpoint of this job.
func (s *session) readCheckpoint(path string) (*checkpointed, error) {
	tensors, meta, err := adapter.ReadSafetensors(path)
	if err != nil {
		return nil, err
	}
	c := &checkpointed{}
	if err := json.Unmarshal([]byte(meta["state"]), &c.state); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	byName := map[string]adapter.Tensor{}
	for _, t := range tensors {
		byName[t.Name] = t
	}
	read := func(prefix string) ([][]float32, error) {
		var out [][]float32
		for _, p := range s.opt.params {
			w, err := byName[prefix+p.name].Float32s()
			if err != nil {
				return nil, fmt.Errorf("%s: %s%s: %w", path, prefix, p.name, err)
			}
			if len(w) != len(p.w) {
				return nil, fmt.Errorf("%s: %s%s has %d values, want %d", path, prefix, p.name, len(w), len(p.w))
			}
			out = append(out, w)
		}
		return out, nil
	}
	if c.weights, err = read(prefixWeight); err != nil {
		return nil, err
	}
	if c.first, err = read(prefixFirst); err != nil {
		return nil, err
	}
	if c.second, err = read(prefixSecond); err != nil {
		return nil, err
	}
	if c.state.BestEpoch > 0 {
		c.state.best, err = read(prefixBest)
	}
	return c, err
}
