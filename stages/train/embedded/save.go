package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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
		tensors = append(tensors, adapter.Float32Tensor("base_model.model."+p.name, p.shape, w))
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
	return os.Rename(path+".new", path)
}

// resume goes on from the checkpoint, if there is one, and records that it did.
func (s *session) resume() error {
	path := s.checkpointFile()
	tensors, meta, err := adapter.ReadSafetensors(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the checkpoint: %w", err)
	}
	described := s.state.Result
	if err := json.Unmarshal([]byte(meta["state"]), &s.state); err != nil {
		return fmt.Errorf("read the checkpoint %s: %w", path, err)
	}
	s.state.Result.Versions = described.Versions
	s.opt.step = s.state.Step
	into := map[string][]float32{}
	for i, p := range s.opt.params {
		into[prefixWeight+p.name], into[prefixFirst+p.name], into[prefixSecond+p.name] = p.w, s.opt.m[i], s.opt.v[i]
	}
	if s.state.BestEpoch > 0 {
		for _, p := range s.opt.params {
			w := make([]float32, len(p.w))
			s.state.best = append(s.state.best, w)
			into[prefixBest+p.name] = w
		}
	}
	for _, t := range tensors {
		w, err := t.Float32s()
		if err != nil {
			return fmt.Errorf("read the checkpoint: %w", err)
		}
		dst, ok := into[t.Name]
		if !ok || len(dst) != len(w) {
			return fmt.Errorf("read the checkpoint %s: tensor %s does not fit this job: remove the folder %s", path, t.Name, filepath.Dir(path))
		}
		copy(dst, w)
		delete(into, t.Name)
	}
	if len(into) > 0 {
		var missing []string
		for name := range into {
			missing = append(missing, name)
		}
		return fmt.Errorf("read the checkpoint %s: it lacks %s", path, strings.Join(missing[:1], ""))
	}
	s.state.Result.ResumedFrom = append(s.state.Result.ResumedFrom, s.state.Step)
	return nil
}
