//go:build real

package evaluate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/adapter"
	"taskvec/internal/answers"
	"taskvec/internal/experiment"
	"taskvec/internal/ollama"
	"taskvec/internal/ollama/ollamatest"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/tasks"
)

// TestRealSentencePiece: a model of Mistral's kind, with a SentencePiece tokenizer and scaled positions, which
// cannot be sent to a server, is tested on the server's own: the tokens are counted alike, and the answers
// are those of transformers and PEFT, with the adapter and without.
func TestRealSentencePiece(t *testing.T) {
	python := os.Getenv("TASKVEC_PYTHON")
	if python == "" {
		t.Fatal("TASKVEC_PYTHON names no python with peft and gguf: run make test-real")
	}
	own := &task{name: "ner", kind: tasks.Causal}
	var prompts []string
	for i, document := range []string{
		"One rainy evening Astrid read a page about fish soup.", "The boat — über café №5 — left in 1822.\nShe sails  again, and it's 3.14159.", "日本語 \U0001F642",
	} {
		prompt := fmt.Sprintf("In the following document, keep only 1 every %d words\n\n### Document:\n%s\n\n### Answer:\n", i+1, document)
		prompts = append(prompts, prompt)
		own.rows = append(own.rows, table.Example{ID: fmt.Sprint(i), Prompt: prompt, Completion: "soup"})
	}
	in, err := json.Marshal(prompts)
	if err != nil {
		t.Fatal(err)
	}
	const tokens = 8
	out := t.TempDir()
	cmd := exec.Command(python, filepath.Join("testdata", "spm_model.py"), out, fmt.Sprint(tokens), string(in))
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("spm_model.py: %v", err)
	}
	var want map[string][]string
	if err := json.Unmarshal(printed, &want); err != nil {
		t.Fatalf("spm_model.py printed %s: %v", printed, err)
	}

	client, err := ollama.New(ollamatest.Start(t).Host)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CreateFromGGUF(t.Context(), "own", filepath.Join(out, "model.gguf")); err != nil {
		t.Fatal(err)
	}
	evaluated := func(set *settings) (*evaluation, error) {
		set.NumPredict, set.NumCtx = tokens, 512
		e := &evaluation{
			work:  &pipeline.Work{Dir: t.TempDir(), Log: io.Discard},
			set:   set,
			asker: &answers.Asker{Client: client, Folder: t.TempDir(), Server: experiment.Server{Concurrency: 1, Threads: 1}},
		}
		m := &tested{name: "mistral", base: filepath.Join(out, "model"), adapters: []trained{{label: "adapter", own: own, dir: out}}, tasks: []*task{own}}
		if err := e.find(t.Context(), m); err != nil {
			return e, err
		}
		return e, e.generate(t.Context(), m)
	}
	// The folder alone cannot be sent.
	var bad *adapter.Error
	if _, err := evaluated(&settings{}); !errors.As(err, &bad) || !strings.Contains(bad.Msg, "name the server's own model") {
		t.Errorf("without a model of the server: %v", err)
	}
	e, err := evaluated(&settings{From: map[string]experiment.ServerModel{"mistral": {Model: "own"}}})
	if err != nil {
		t.Fatal(err)
	}
	if f := e.report.From["mistral"]; f.Model != "own" || len(f.Digest) != 64 {
		t.Errorf("the report says of the base model %+v", f)
	}
	if len(e.answers) != 2*len(prompts) {
		t.Fatalf("%d answers, want %d of each of two", len(e.answers), len(prompts))
	}
	for _, a := range e.answers {
		var i int
		if _, err := fmt.Sscan(a.ID, &i); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(a.Answer); got == "" || got != strings.TrimSpace(want[a.Adapter][i]) {
			t.Errorf("%s writes %q after prompt %d, with transformers %q", a.Adapter, got, i, want[a.Adapter][i])
		}
	}
	for i := range prompts {
		if want[None][i] == want["adapter"][i] {
			t.Errorf("the adapter changes nothing after prompt %d", i)
		}
	}
}
