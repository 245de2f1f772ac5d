//go:build real

package embedded

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"taskvec/internal/adapter"
	"taskvec/internal/ollama"
	"taskvec/internal/ollama/ollamatest"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/internal/tokenizer"
	"taskvec/internal/trainer"
)

// trained runs the quickstart as far as its adapters of the Llama layout, in few epochs, and returns the
// folder of the base model, those of the adapters by task, and the prompts of the test split by task.
func trained(t *testing.T) (model string, adapters map[string]string, prompts map[string][]string) {
	t.Helper()
	workspace := t.TempDir()
	cmd := exec.Command("go", "run", "taskvec/stages", "--config", "../../../configs/quickstart.yaml", "--workspace", workspace, "--stage", "train", "--progress", "json",
		"--set", "stages.base.with.epochs=2", "--set", "stages.train.with.epochs=3")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	adapters, prompts = map[string]string{}, map[string][]string{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for dec.More() {
		var e pipeline.Event
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.State != pipeline.Done {
			continue
		}
		entry := filepath.Join(workspace, "store", e.Key)
		switch parts := strings.Split(e.Job, "/"); {
		case e.Job == "base/tiny-llama":
			model = filepath.Join(entry, "model")
		case parts[0] == "train":
			adapters[parts[2]] = filepath.Join(entry, filepath.FromSlash(trainer.AdapterDir))
		case parts[0] == "examples":
			rows, _, err := table.Read[table.Example](filepath.Join(entry, "examples.arrow"))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				if r.Split == "test" && r.Prompt != "" {
					prompts[parts[1]] = append(prompts[parts[1]], r.Prompt)
				}
			}
		}
	}
	if model == "" || len(adapters) != 7 {
		t.Fatalf("the quickstart gave the base model %q and %d adapters, want 7", model, len(adapters))
	}
	return model, adapters, prompts
}

// adapted loads the base model with an adapter on it; "" is none.
func adapted(t *testing.T, model, folder string) *llama {
	t.Helper()
	c, err := readConfig(model)
	if err != nil {
		t.Fatal(err)
	}
	m := newLlama(c)
	if err := readWeights(model, m.params()); err != nil {
		t.Fatal(err)
	}
	if folder == "" {
		return m
	}
	a, err := adapter.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	linears := map[string]*linear{}
	for _, l := range m.linears() {
		linears[strings.TrimSuffix(l.w.name, ".weight")] = l
	}
	for _, module := range a.Modules {
		l := linears[module.Name]
		l.lora = newLoRA(module.Name, l, module.Rank, a.Config.Alpha, 0, rand.New(rand.NewPCG(0, 0)))
		for dst, src := range map[*param]adapter.Tensor{l.lora.a: module.A, l.lora.b: module.B} {
			w, err := src.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			copy(dst.w, w)
		}
	}
	return m
}

// next returns the log-probabilities of the token after the given ones.
func (m *llama) next(tokens []int32) []float64 {
	targets := slices.Repeat([]int32{-1}, len(tokens))
	targets[len(tokens)-1] = 0
	m.predictions(tokens, targets)
	return logProbabilities(m.logits)
}

func logProbabilities(logits []float32) []float64 {
	largest, sum := float64(slices.Max(logits)), 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x) - largest)
	}
	out := make([]float64, len(logits))
	for i, x := range logits {
		out[i] = float64(x) - largest - math.Log(sum)
	}
	return out
}

// top returns the n likeliest tokens, the likeliest first.
func top(p []float64, n int) []int {
	ids := make([]int, len(p))
	for i := range ids {
		ids[i] = i
	}
	slices.SortStableFunc(ids, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	return ids[:n]
}

// furthest is the largest difference between our log-probabilities of our 20 likeliest tokens and those of
// Ollama's engine, over the texts.
func furthest(t *testing.T, m *llama, k *tokenizer.Tokenizer, texts []string, answers []ollamatest.Answer) float64 {
	t.Helper()
	worst := 0.0
	for i, text := range texts {
		tokens := append([]int32{m.c.BOS}, k.Encode(text)...)
		if !slices.Equal(tokens, answers[i].Tokens) {
			t.Fatalf("%q is %v, in Ollama %v", text, tokens, answers[i].Tokens)
		}
		ours, theirs := m.next(tokens), logProbabilities(answers[i].Logits)
		for _, id := range top(ours, 20) {
			worst = max(worst, math.Abs(ours[id]-theirs[id]))
		}
	}
	return worst
}

// greedy continues a text by our own forward pass, and returns how near the likeliest token and the next
// came to each other.
func (m *llama) greedy(k *tokenizer.Tokenizer, text string, n int) (string, float64) {
	tokens := append([]int32{m.c.BOS}, k.Encode(text)...)
	start, gap := len(tokens), math.Inf(1)
	for range n {
		p := m.next(tokens)
		best := top(p, 2)
		gap = min(gap, p[best[0]]-p[best[1]])
		if int32(best[0]) == m.c.EOS {
			break
		}
		tokens = append(tokens, int32(best[0]))
	}
	return k.Decode(tokens[start:]), gap
}

// TestRealOllamaParity: with each adapter of the quickstart, served by a real Ollama server, the next
// token's log-probabilities and the greedy continuations are those of our own forward pass, on the same
// tokens. With Ollama's own import of the same adapter they are not.
func TestRealOllamaParity(t *testing.T) {
	model, adapters, prompts := trained(t)
	s := ollamatest.Start(t)
	client, err := ollama.New(s.Host)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := client.CreateFromFolder(ctx, "base", model); err != nil {
		t.Fatal(err)
	}
	k, err := readTokenizer(model)
	if err != nil {
		t.Fatal(err)
	}

	// The tokens of every prompt of the test split, by the server's own count.
	var all []string
	for _, task := range slices.Sorted(maps.Keys(prompts)) {
		for _, prompt := range prompts[task] {
			all = append(all, prompt)
			r, err := client.Generate(ctx, ollama.Request{Model: "base", Prompt: prompt, Context: 2048, Predict: 1})
			if err != nil {
				t.Fatal(err)
			}
			if want := 1 + len(k.Encode(prompt)); r.PromptTokens != want {
				t.Errorf("Ollama reads %d tokens, we %d: %q", r.PromptTokens, want, prompt)
			}
		}
	}
	t.Logf("all %d prompts are the same tokens", len(all))
	// The server's own import of the folder reads others.
	s.ImportModel(t, "base-imported", model)
	same, begun := 0, 0
	for i, a := range s.Logits(t, "base-imported", all) {
		if tokens := k.Encode(all[i]); slices.Equal(a.Tokens, tokens) {
			same++
		} else if a.Tokens[0] != tokens[0] {
			begun++
		}
	}
	t.Logf("Ollama's own import of the base model reads %d of %d prompts as the same tokens, and begins %d with a start token", same, len(all), begun)
	if same > len(all)/2 || begun > 0 {
		t.Errorf("the faults of Ollama's own import of the base model are mended, it seems: then drop this and the words about them in docs/ollama.md")
	}

	// Closer than the 0.01 that f16 is asked for: it also has to tell what the import spoils.
	const close, tokens = 2e-3, 8
	for _, task := range slices.Sorted(maps.Keys(adapters)) {
		t.Run(task, func(t *testing.T) {
			slices.SortStableFunc(prompts[task], func(a, b string) int { return cmp.Compare(len(a), len(b)) })
			some := prompts[task][:2]
			m, base := adapted(t, model, adapters[task]), adapted(t, model, "")
			bare := s.Logits(t, "base", some)
			if worst := furthest(t, base, k, some, bare); worst > close {
				t.Errorf("without an adapter, log-probabilities differ by %v", worst)
			}

			file := filepath.Join(t.TempDir(), "adapter.gguf")
			if err := adapter.ExportGGUF(adapters[task], model, file); err != nil {
				t.Fatal(err)
			}
			if err := client.CreateWithAdapter(ctx, task, "base", file); err != nil {
				t.Fatal(err)
			}
			exported := furthest(t, m, k, some, s.Logits(t, task, some))
			if exported > close {
				t.Errorf("log-probabilities differ by %v, want at most %v", exported, close)
			}
			for _, prompt := range some {
				want, gap := m.greedy(k, prompt, tokens)
				r, err := client.Generate(ctx, ollama.Request{Model: task, Prompt: prompt, Context: 2048, Predict: tokens})
				if err != nil {
					t.Fatal(err)
				}
				if r.Text != want && gap > 2*close {
					t.Errorf("after %q Ollama writes %q, we %q, where no two tokens came nearer than %v", prompt, r.Text, want, gap)
				}
			}

			// The server's own import of the PEFT folder.
			theirs := task + "-imported"
			s.ImportAdapter(t, theirs, "base", adapters[task])
			imported := furthest(t, m, k, some, s.Logits(t, theirs, some))
			if imported <= close {
				t.Errorf("with Ollama's own import, log-probabilities differ by %v only: its fault is mended, so drop this and the words about it in docs/ollama.md", imported)
			}
			t.Logf("largest difference of log-probabilities: exported %.2g, imported by Ollama %.2g, no adapter at all %.2g", exported, imported, furthest(t, m, k, some, bare))
		})
	}
}
