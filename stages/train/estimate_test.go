package train

import (
	"path/filepath"
	"testing"

	"taskvec/internal/experiment"
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
		s, err := shapeOf(&m, "")
		if err != nil || s == nil {
			t.Fatalf("%s: %v, %v", c.base, s, err)
		}
		lora := experiment.LoRA{}
		if _, all := s.parameters(c.family); all != c.all {
			t.Errorf("%s has %d parameters, want %d", c.base, all, c.all)
		}
		if got := s.trainable(c.family, 8, lora.Targets(c.family), 2); got != c.trainable {
			t.Errorf("an adapter of %s has %d parameters, want %d", c.base, got, c.trainable)
		}
	}
	if s, err := shapeOf(&experiment.Model{Base: "someone/something", Family: "llama"}, ""); s != nil || err != nil {
		t.Errorf("an unknown model is %v, %v", s, err)
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
