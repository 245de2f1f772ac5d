//go:build real

package ollamatest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Blobs returns the GGUF files that the server runs a model from: the model's, and the adapter's where it
// has one.
func (s *Server) Blobs(t testing.TB, model string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Models, "manifests", "registry.ollama.ai", "library", model, "latest"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Layers []struct {
			MediaType string `json:"mediaType"`
			Digest    string `json:"digest"`
		} `json:"layers"`
	}
	if err := json.Unmarshal(b, &manifest); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, kind := range []string{"model", "adapter"} {
		for _, l := range manifest.Layers {
			if l.MediaType == "application/vnd.ollama.image."+kind {
				out = append(out, filepath.Join(s.Models, "blobs", strings.Replace(l.Digest, ":", "-", 1)))
			}
		}
	}
	return out
}

// ImportAdapter has the server itself import the PEFT folder of an adapter, in the way of `ollama create`.
func (s *Server) ImportAdapter(t testing.TB, name, from, folder string) {
	t.Helper()
	s.create(t, map[string]any{"model": name, "from": from, "adapters": s.upload(t, folder, "adapter_config.json", "adapter_model.safetensors"), "stream": false})
}

// ImportModel has the server itself import the Hugging Face folder of a model.
func (s *Server) ImportModel(t testing.TB, name, folder string) {
	t.Helper()
	s.create(t, map[string]any{"model": name, "files": s.upload(t, folder, "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"), "stream": false})
}

func (s *Server) upload(t testing.TB, folder string, names ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = fmt.Sprintf("sha256:%x", sha256.Sum256(b))
		s.post(t, "/api/blobs/"+files[name], b)
	}
	return files
}

func (s *Server) create(t testing.TB, request map[string]any) {
	t.Helper()
	b, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	s.post(t, "/api/create", b)
}

func (s *Server) post(t testing.TB, path string, body []byte) {
	t.Helper()
	r, err := http.Post(s.Host+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s: %s %s %v", path, r.Status, text, err)
	}
}
