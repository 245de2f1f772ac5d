//go:build real

package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"taskvec/internal/adapter"
	"taskvec/internal/ollama/ollamatest"
	"taskvec/internal/pipeline"
	"taskvec/stages/train/embedded"
)

// tiny makes a model's folder of the family, of so wide layers.
func tiny(t *testing.T, family string, hidden int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), family)
	var texts []string
	for range 8 {
		texts = append(texts, "Ama paints the boat. Nuno sees the clock in the harbour, and it is 1822.", "The violin mends a letter; nobody carries the bridge.")
	}
	_, err := embedded.Pretrain(context.Background(), dir, embedded.Pretraining{
		Config: embedded.Config{Family: family, Vocab: 300, Hidden: hidden, Layers: 2, Heads: 4, KVHeads: 2, Intermediate: 2 * hidden, MaxPositions: 160, NormEps: 1e-5, RopeTheta: 10000, Tied: true},
		Epochs: 2, LearningRate: 1e-2, BatchSize: 4, MaxLength: 64, Clip: 1, Seed: 7,
	}, texts[:12], texts[12:], nil, io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// drawn writes an adapter of drawn numbers for the modules of two layers, out × in, and returns its folder.
func drawn(t *testing.T, modules map[string][2]int) string {
	t.Helper()
	const r = 4
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	numbers := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		return v
	}
	var tensors []adapter.Tensor
	for _, layer := range []string{"0", "1"} {
		for module, shape := range modules {
			name := "base_model.model.model.layers." + layer + "." + module
			tensors = append(tensors, adapter.Float32Tensor(name+".lora_A.weight", []int{r, shape[1]}, numbers(r*shape[1])),
				adapter.Float32Tensor(name+".lora_B.weight", []int{shape[0], r}, numbers(shape[0]*r)))
		}
	}
	if err := adapter.WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(`{"peft_type": "LORA", "r": 4, "lora_alpha": 8}`), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// attention are the attention's modules of a model with 4 heads, 2 of them for keys and values.
func attention(hidden int) map[string][2]int {
	return map[string][2]int{
		"self_attn.q_proj": {hidden, hidden}, "self_attn.k_proj": {hidden / 2, hidden}, "self_attn.v_proj": {hidden / 2, hidden}, "self_attn.o_proj": {hidden, hidden},
	}
}

// exported writes an adapter's GGUF file.
func exported(t *testing.T, folder, base string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "adapter.gguf")
	if err := adapter.ExportGGUF(folder, base, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// isBad wants an *Error with the words.
func isBad(t *testing.T, err error, words string) {
	t.Helper()
	var bad *Error
	var again *pipeline.TryAgain
	if !errors.As(err, &bad) || errors.As(err, &again) || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v: want an *Error of one line that says %q", err, words)
	}
}

// TestRealServer goes through what a real server does and refuses.
func TestRealServer(t *testing.T) {
	s := ollamatest.Start(t)
	c, err := New(s.Host)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()

	_, err = c.Model(ctx, "absent")
	isBad(t, err, "type `ollama pull absent`")
	_, err = c.Generate(ctx, Request{Model: "absent", Prompt: "x", Context: 64, Predict: 1})
	isBad(t, err, "type `ollama pull absent`")
	isBad(t, c.Delete(ctx, "absent"), "type `ollama pull absent`")
	// Were it not asked for first, the server would try to download it.
	isBad(t, c.CreateWithAdapter(ctx, "x", "absent", "x.gguf"), "type `ollama pull absent`")

	base := tiny(t, "llama", 64)
	for _, name := range []string{"tiny", "copies/tiny:v1"} {
		if err := c.CreateFromFolder(ctx, name, base); err != nil {
			t.Fatal(err)
		}
	}
	m, err := c.Model(ctx, "tiny")
	if err != nil {
		t.Fatal(err)
	}
	if m.Family != "llama" || m.Architecture != "llama" || m.Context != 160 || len(m.Digest) != 64 {
		t.Errorf("the model is %+v", m)
	}
	if layout, err := adapter.ReadLayout(base); err != nil || m.Layout != layout {
		t.Errorf("the layout on the server is %+v, in the folder %+v, %v", m.Layout, layout, err)
	}
	copied, err := c.Model(ctx, "copies/tiny:v1")
	if err != nil || copied.Digest != m.Digest {
		t.Errorf("the same model again is %+v, %v: want the digest %s", copied, err, m.Digest)
	}

	r := Request{Model: "tiny", Prompt: "Ama paints", Seed: 1, Context: 64, Predict: 8}
	first, err := c.Generate(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if first.Text == "" || first.PromptTokens < 3 || first.OutputTokens < 1 || first.OutputTokens > 8 || first.DoneReason != DoneStop && first.DoneReason != DoneLength {
		t.Errorf("the answer is %+v", first)
	}
	for range 3 {
		if again, err := c.Generate(ctx, r); err != nil || *again != *first {
			t.Errorf("the same request again gives %+v, %v; want %+v", again, err, first)
		}
	}
	r.Prompt = strings.Repeat("Ama paints the boat. ", 40)
	_, err = c.Generate(ctx, r)
	isBad(t, err, "raise the context")
	// The prompt fits, the answer with it does not.
	r.Prompt, r.Context = "Ama paints", first.PromptTokens+2
	_, err = c.Generate(ctx, r)
	isBad(t, err, "raise the context")

	isBad(t, c.CreateFromGGUF(ctx, "broken", filepath.Join(base, "config.json")), "GGUF")
	file := exported(t, drawn(t, attention(64)), base)
	if err := c.CreateWithAdapter(ctx, "adapted", "tiny", file); err != nil {
		t.Fatal(err)
	}
	if a, err := c.Model(ctx, "adapted"); err != nil || a.Digest == m.Digest {
		t.Errorf("the model with the adapter is %+v, %v", a, err)
	}

	if err := c.CreateFromFolder(ctx, "wide", tiny(t, "llama", 96)); err != nil {
		t.Fatal(err)
	}
	isBad(t, c.CreateWithAdapter(ctx, "mixed", "wide", file), "trained on another base model")
	_, err = c.Model(ctx, "mixed")
	isBad(t, err, "is not on the server")

	var bad *adapter.Error
	if err := c.CreateFromFolder(ctx, "roberta", tiny(t, "roberta", 64)); !errors.As(err, &bad) || !strings.Contains(err.Error(), `model_type is "roberta"`) {
		t.Errorf("a RoBERTa model: %v", err)
	}

	if err := c.Delete(ctx, "adapted"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Model(ctx, "adapted")
	isBad(t, err, "is not on the server")
}

// TestRealRepeat: a model whose layers add nothing and whose embeddings are drawn writes the last token again
// and again. The server gives it up without a count; the prompt's is there all the same.
func TestRealRepeat(t *testing.T) {
	s := ollamatest.Start(t)
	c, err := New(s.Host)
	if err != nil {
		t.Fatal(err)
	}
	folder := tiny(t, "llama", 64)
	file := filepath.Join(folder, "model.safetensors")
	tensors, meta, err := adapter.ReadSafetensors(file)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for i, w := range tensors {
		values, err := w.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		for j := range values {
			switch {
			case strings.Contains(w.Name, "embed_tokens"):
				values[j] = float32(2*rng.IntN(2) - 1) // rows of one length, nearly orthogonal
			case strings.Contains(w.Name, "o_proj"), strings.Contains(w.Name, "down_proj"):
				values[j] = 0
			}
		}
		tensors[i] = adapter.Float32Tensor(w.Name, w.Shape, values)
	}
	if err := adapter.WriteSafetensors(file, tensors, meta); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := c.CreateFromFolder(ctx, "parrot", folder); err != nil {
		t.Fatal(err)
	}
	r, err := c.Generate(ctx, Request{Model: "parrot", Prompt: "boat", Context: 256, Predict: 100})
	if err != nil {
		t.Fatal(err)
	}
	short, err := c.Generate(ctx, Request{Model: "parrot", Prompt: "boat", Context: 256, Predict: 5})
	if err != nil {
		t.Fatal(err)
	}
	if r.DoneReason != DoneRepeat || r.PromptTokens != short.PromptTokens || r.PromptTokens < 2 || r.OutputTokens != 0 || len(r.Text) < 20 || !strings.HasPrefix(r.Text, short.Text) {
		t.Errorf("the answer is %+v, and of 5 tokens %+v", r, short)
	}
	if short.DoneReason != DoneLength || short.OutputTokens != 5 {
		t.Errorf("the answer of 5 tokens is %+v", short)
	}
}

// TestRealImport measures what the server makes of an adapter: of our file ΔW itself, and of the PEFT
// folder, which it imports by permuting A instead of B, another matrix for q and k. When that is mended
// upstream this test says so.
func TestRealImport(t *testing.T) {
	python := os.Getenv("TASKVEC_PYTHON")
	if python == "" {
		t.Fatal("TASKVEC_PYTHON names no python with gguf: run make test-real")
	}
	s := ollamatest.Start(t)
	c, err := New(s.Host)
	if err != nil {
		t.Fatal(err)
	}
	base, folder := tiny(t, "llama", 64), drawn(t, attention(64))
	ctx := context.Background()
	if err := c.CreateFromFolder(ctx, "tiny", base); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateWithAdapter(ctx, "ours", "tiny", exported(t, folder, base)); err != nil {
		t.Fatal(err)
	}
	s.ImportAdapter(t, "theirs", "tiny", folder)
	for name, want := range map[string]map[string]float64{
		"ours":   {"attn_q": 0, "attn_k": 0, "attn_v": 0, "attn_output": 0},
		"theirs": {"attn_q": 1.414, "attn_k": 1.414, "attn_v": 0, "attn_output": 0},
	} {
		cmd := exec.Command(python, filepath.Join("testdata", "import_error.py"), s.Blobs(t, name)[1], folder, "4", "2")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("import_error.py: %v", err)
		}
		var got map[string]float64
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("import_error.py printed %s: %v", out, err)
		}
		t.Logf("relative error of ΔW, %s: %s", name, out)
		for kind, e := range want {
			near := 1e-3 // the server stores f16
			if e > 0 {
				near = 0.15
			}
			if d := got[kind] - e; len(got) != len(want) || d > near || d < -near {
				t.Errorf("%s: the relative error of ΔW of %s is %v, want about %v", name, kind, got[kind], e)
			}
		}
	}
}

// TestRealFolders: models that transformers saved, of three ways to cut text into words, have on a real
// server the tokens and the logits that transformers gives.
func TestRealFolders(t *testing.T) {
	python := os.Getenv("TASKVEC_PYTHON")
	if python == "" {
		t.Fatal("TASKVEC_PYTHON names no python with transformers: run make test-real")
	}
	texts := []string{
		"Ama paints the boat, and it's 1822:\n\n### Answer:\n", "naïve café №5 — “quoted” (twice)", "the violin  mends   a letter\tor 3.14159 of it",
		"We'll see; WE'LL SEE!\r\n\r\n  indented\n", "$100,000 < 2^17 + x_1 == y~z",
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	cmd := exec.Command(python, filepath.Join("testdata", "hf_models.py"), out, string(in))
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("hf_models.py: %v", err)
	}
	var real map[string]struct {
		IDs    [][]int32
		Logits [][]float64
	}
	if err := json.Unmarshal(printed, &real); err != nil {
		t.Fatalf("hf_models.py printed %s: %v", printed, err)
	}
	s := ollamatest.Start(t)
	c, err := New(s.Host)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gpt2", "smollm", "llama3"} {
		if err := c.CreateFromFolder(context.Background(), name, filepath.Join(out, name)); err != nil {
			t.Fatal(err)
		}
		for i, a := range s.Logits(t, name, texts) {
			if !slices.Equal(a.Tokens, real[name].IDs[i]) {
				t.Errorf("%s: %q is %v, of transformers %v", name, texts[i], a.Tokens, real[name].IDs[i])
				continue
			}
			worst, size := 0.0, 0.0
			for j, want := range real[name].Logits[i] {
				worst, size = max(worst, math.Abs(float64(a.Logits[j])-want)), max(size, math.Abs(want))
			}
			if !(worst < 0.01*size) { // f16 through three layers of drawn weights; a wrong angle or head is as large as the logits
				t.Errorf("%s: %q: logits of up to %v differ by %v", name, texts[i], size, worst)
			}
		}
	}
}
