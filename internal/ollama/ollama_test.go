package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"taskvec/internal/pipeline"
)

func TestNew(t *testing.T) {
	t.Setenv("OLLAMA_HOST", "")
	for host, want := range map[string]string{
		"":                           "http://127.0.0.1:11434",
		"gpu1":                       "http://gpu1:11434",
		"gpu1:1234":                  "http://gpu1:1234",
		"http://gpu1":                "http://gpu1",
		"https://ollama.lab.example": "https://ollama.lab.example",
		"[::1]":                      "http://[::1]:11434",
	} {
		c, err := New(host)
		if err != nil || c.Host() != want {
			t.Errorf("New(%q) is %v, %v; want %s", host, c, err, want)
		}
	}
	for _, host := range []string{"http://", "ftp://gpu1", "gpu1:port", ":1234"} {
		if _, err := New(host); err == nil {
			t.Errorf("New(%q) is accepted", host)
		}
	}
	t.Setenv("OLLAMA_HOST", "gpu2:99")
	if c, err := New(""); err != nil || c.Host() != "http://gpu2:99" {
		t.Errorf("with OLLAMA_HOST: %v, %v", c, err)
	}
}

// TestDown: a port that nobody listens on is worth another try, and the error says what to type.
func TestDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	c, err := New(host)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, modelErr := c.Model(ctx, "tiny")
	_, generateErr := c.Generate(ctx, Request{Model: "tiny", Prompt: "x", Context: 64, Predict: 1})
	for _, err := range []error{modelErr, generateErr, c.CreateWithAdapter(ctx, "a", "tiny", "x.gguf"), c.Delete(ctx, "tiny")} {
		var again *pipeline.TryAgain
		if !errors.As(err, &again) || !strings.Contains(err.Error(), "http://"+host) || !strings.Contains(err.Error(), "ollama serve") {
			t.Errorf("%v: want a TryAgain that names %s and `ollama serve`", err, host)
		}
	}
}

// TestCanceled: a request that was given up is neither bad data nor worth another try.
func TestCanceled(t *testing.T) {
	c, err := New("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = c.Model(ctx, "tiny")
	var again *pipeline.TryAgain
	if !errors.Is(err, context.Canceled) || errors.As(err, &again) {
		t.Errorf("%v: want context.Canceled alone", err)
	}
}

// TestOptions: every option of the API that bears on what is written is sent, whatever it is; those left
// are how the server runs the model.
func TestOptions(t *testing.T) {
	running := []string{"num_batch", "num_gpu", "main_gpu", "low_vram", "f16_kv", "logits_all", "vocab_only", "use_mmap", "use_mlock", "num_thread", "mirostat_tau", "mirostat_eta"}
	all := api.DefaultOptions()
	// Values that are not left out of the JSON.
	all.MinP, all.NumKeep, all.Seed, all.PresencePenalty, all.FrequencyPenalty, all.Mirostat, all.Stop = 1, 1, 1, 1, 1, 1, []string{"x"}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]any
	if err := json.Unmarshal(b, &known); err != nil {
		t.Fatal(err)
	}
	sent := Request{}.Options()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if _, ok := sent[name]; !ok && !slices.Contains(running, name) {
			t.Errorf("option %s is left to the server", name)
		}
	}
	for name := range sent {
		if _, ok := known[name]; !ok {
			t.Errorf("option %s is none of the API", name)
		}
	}
}

func TestBadRequests(t *testing.T) {
	c, err := New("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Request{{Model: "m", Prompt: "x", Predict: 1}, {Model: "m", Prompt: "x", Context: 9}, {Model: "m", Context: 9, Predict: 1}} {
		var bad *Error
		if _, err := c.Generate(context.Background(), r); !errors.As(err, &bad) {
			t.Errorf("%+v: %v, want an *Error", r, err)
		}
	}
}

// TestBrokenOff: a server that ends its answer in the middle, or before it began, is worth another try.
func TestBrokenOff(t *testing.T) {
	var body string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/blobs/"):
		case r.URL.Path == "/api/generate" && strings.HasPrefix(body, `{"status"`):
			// Created, and never loaded.
		default:
			fmt.Fprint(w, body)
		}
	}))
	defer s.Close()
	c, err := New(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(file, []byte("GGUF"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, body = range []string{"", `{"response": "a`, `{"status": "writing manifest"}`, `{"status": "success"}`} {
		_, generated := c.Generate(t.Context(), Request{Model: "tiny", Prompt: "x", Context: 64, Predict: 1})
		for doing, err := range map[string]error{"generate": generated, "load": c.load(t.Context(), "tiny"), "create": c.CreateFromGGUF(t.Context(), "tiny", file)} {
			var again *pipeline.TryAgain
			if !errors.As(err, &again) {
				t.Errorf("%s, %q: %v, want a TryAgain", doing, body, err)
			}
		}
	}
}
