//go:build real

package ollamatest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// An Answer is what Ollama's engine makes of a text: its tokens, and the logits of the one after the last.
type Answer struct {
	Tokens []int32   `json:"tokens"`
	Logits []float32 `json:"logits"`
}

// Logits runs the server's own engine over texts, on the very files that the server holds for a model.
func (s *Server) Logits(t testing.TB, model string, texts []string) []Answer {
	t.Helper()
	exe := os.Getenv("TASKVEC_OLLAMA_LOGITS")
	if exe == "" {
		t.Fatal("TASKVEC_OLLAMA_LOGITS names no program: run make test-real")
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, s.Blobs(t, model)...)
	var log bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("logits of %s: %v\n%s", model, err, log.Bytes())
	}
	var answers []Answer
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}
