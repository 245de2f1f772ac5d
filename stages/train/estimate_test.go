package train

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/trainer"
	"taskvec/stages/build"
)

// TestShapes: the sizes of the published base models are those their publishers give, and of an adapter of
// r = 8 on the queries and values of Mistral-7B and Llama-3-8B 3,407,872 parameters.
func TestShapes(t *testing.T) {
	for _, c := range []struct {
		base, family   string
		all, trainable int64
	}{
		{"mistralai/Mistral-7B-Instruct-v0.2", "mistral", 7241732096, 3407872},
		{"meta-llama/Meta-Llama-3-8B", "llama", 8030261248, 3407872},
		// RobertaModel without its pooler; 12 layers of queries and values, and the head of two labels.
		{"FacebookAI/roberta-base", "roberta", 124055040, 12*2*8*(768+768) + 769*768 + 769*2},
	} {
		m := experiment.Model{Base: c.base, Family: c.family}
		s := shapeOf(&m, "")
		if s == nil {
			t.Fatalf("%s has no shape", c.base)
		}
		lora := experiment.LoRA{}
		if _, all := s.parameters(c.family); all != c.all {
			t.Errorf("%s has %d parameters, want %d", c.base, all, c.all)
		}
		if got := s.trainable(c.family, 8, lora.Targets(c.family), 2); got != c.trainable {
			t.Errorf("an adapter of %s has %d parameters, want %d", c.base, got, c.trainable)
		}
	}
	if s := shapeOf(&experiment.Model{Base: "someone/something", Family: "llama"}, ""); s != nil {
		t.Errorf("an unknown model is %v", s)
	}
}

// TestReadShape reads the shape of a model's folder.
func TestReadShape(t *testing.T) {
	s, err := readShape(filepath.Join(tinyModel(t, "llama"), "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	// Embedding (tied), queries, keys, values and outputs, gate, up and down, norms.
	want := int64(261*hidden + layers*(hidden*hidden+2*hidden*kvWidth+hidden*hidden+3*hidden*24+2*hidden) + hidden)
	if _, all := s.parameters("llama"); all != want {
		t.Errorf("%d parameters, want %d", all, want)
	}
}

// TestBaseBytes: the type of the base model by device and setting.
func TestBaseBytes(t *testing.T) {
	for _, c := range []struct {
		trainer, dtype, quantization string
		gpu                          bool
		want                         int64
	}{
		{"embedded 2", "auto", "none", false, 4000}, {"image", "auto", "none", false, 4000}, {"image", "auto", "none", true, 2000},
		{"image", "bfloat16", "none", false, 2000}, {"image", "float32", "none", true, 4000}, {"image", "auto", "nf4", true, 412 + 400},
	} {
		set := settings{Trainer: c.trainer}
		set.DType, set.Quantization = c.dtype, c.quantization
		if got := baseBytes(&set, 800, 1000, c.gpu); got != c.want {
			t.Errorf("%+v: %d bytes", c, got)
		}
	}
}

// TestEstimateUnread: what cannot be read makes an estimate less sure, or unknown, and no error: an entry of
// the store, its own or another experiment's, a local base model and built examples.
func TestEstimateUnread(t *testing.T) {
	space, local := pipeline.Workspace{Dir: t.TempDir()}, t.TempDir()
	entry := func(key string, files map[string]string) {
		for name, text := range files {
			path := filepath.Join(space.Entry(key), name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	set, err := json.Marshal(settings{Model: "m", Family: "llama", Task: "ner", Trainer: "image"})
	if err != nil {
		t.Fatal(err)
	}
	record := func(key, settings string) string {
		began := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
		b, err := json.Marshal(pipeline.Record{Key: key, Parts: pipeline.Parts{Kind: Kind.Name, Settings: json.RawMessage(settings)}, Started: began, Finished: began.Add(10 * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	entry("torn", map[string]string{"job.json": record("torn", string(set)), trainer.ResultFile: "{"})
	entry("none", map[string]string{"job.json": record("none", string(set))})
	entry("older", map[string]string{"job.json": record("older", `{"epochs": "many"}`), trainer.ResultFile: "{}"})
	entry("sound", map[string]string{"job.json": record("sound", string(set)), trainer.ResultFile: `{"epochs": 2, "total_tokens": {"train": 50}}`})
	entry("examples", map[string]string{"job.json": "{}", build.ExamplesFile: "torn"})
	if err := os.WriteFile(filepath.Join(local, "tokenizer.json"), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}

	x := &experiment.Experiment{Models: []experiment.Model{{Name: "m", Family: "llama", Base: local}}, Tasks: []experiment.Task{{Name: "ner"}}}
	stage := &experiment.Stage{Container: &experiment.Container{}}
	examples := &pipeline.Job{Key: "examples", Kind: &build.Kind}
	for _, config := range []string{"", "{"} { // missing, and torn
		if config != "" {
			if err := os.WriteFile(filepath.Join(local, "config.json"), []byte(config), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		p := &pipeline.Plan{Experiment: x}
		for _, key := range []string{"torn", "none", "new", "sound"} {
			p.Jobs = append(p.Jobs, &pipeline.Job{Name: key, Key: key, Kind: &Kind, Stage: stage, Needs: []*pipeline.Job{examples}, Parts: pipeline.Parts{Settings: set}})
		}
		got, err := Estimates(space, p)
		if err != nil {
			t.Fatalf("config.json %q: %v", config, err)
		}
		for _, key := range []string{"torn", "none", "new"} {
			if e := got[key]; e.Parameters != 0 || e.BaseBytes != 0 || e.Tokens != 0 || e.Seconds != 0 {
				t.Errorf("config.json %q: %s is %+v", config, key, *e)
			}
		}
		if e := got["sound"]; e.Tokens != 100 || e.Seconds != 10 || !e.Measured {
			t.Errorf("config.json %q: the finished one is %+v", config, *e)
		}
	}
}
