//go:build real

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/ollama"
	"taskvec/internal/ollama/ollamatest"
	"taskvec/internal/pipeline"
)

// TestRealQuickstartAdapters runs a short quickstart and loads each of its adapters, and each
// step-0 adapter, with the PEFT library on its base model; one is served by Ollama.
func TestRealQuickstartAdapters(t *testing.T) {
	python := os.Getenv("TASKVEC_PYTHON")
	if python == "" {
		t.Fatal("TASKVEC_PYTHON names no python with peft: run make test-real")
	}
	workspace := t.TempDir()
	out, err := taskvec(t, append([]string{"--config", "../../configs/quickstart.yaml", "--workspace", workspace, "--progress", "json"}, short...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	type item struct {
		Job     string `json:"job"`
		Adapter string `json:"adapter"`
		Base    string `json:"base"`
	}
	var items []item
	bases := map[string]string{}
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
		case parts[0] == "base":
			bases[parts[1]] = filepath.Join(entry, "model")
		case strings.HasPrefix(parts[0], "train"):
			for _, folder := range []string{"adapter", "init"} {
				items = append(items, item{e.Job + " " + folder, filepath.Join(entry, "out", folder), bases[parts[1]]})
			}
		}
	}
	if len(items) != 18 {
		t.Fatalf("%d adapters, want 9 and their 9 starts", len(items))
	}
	b, err := json.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(python, filepath.Join("testdata", "load_adapters.py"), string(b))
	cmd.Stderr = &stderr
	loaded, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	var real map[string]struct {
		Modules int
		Missing []string
		ZeroB   bool `json:"zero_b"`
	}
	if err := json.Unmarshal(loaded, &real); err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		r := real[i.Job]
		if r.Modules != 8 || len(r.Missing) > 0 || r.ZeroB != strings.HasSuffix(i.Job, "init") {
			t.Errorf("%s: PEFT loads %+v, want 8 modules (4 layers), B zero at the start alone", i.Job, r)
		}
	}
	for _, i := range items {
		switch i.Job {
		case "train/tiny-llama/ner adapter":
			t.Run("export", func(t *testing.T) { exportToOllama(t, i.Adapter, i.Base) })
		case "train-classifiers/tiny-roberta/has-person adapter":
			if _, code := exported(t, "gguf", i.Adapter, "--base", i.Base, "-o", filepath.Join(t.TempDir(), "x.gguf")); code != exitData {
				t.Errorf("a RoBERTa adapter as GGUF: exit code %d, want %d", code, exitData)
			}
		}
	}
}

// exported runs `export` and returns what it prints and its exit code.
func exported(t *testing.T, args ...string) (string, int) {
	t.Helper()
	out, err := taskvec(t, append([]string{"export"}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

// exportToOllama has a real server serve an adapter, on the base model's folder and then on the model that
// was made of it: both are the same model.
func exportToOllama(t *testing.T, folder, base string) {
	s := ollamatest.Start(t)
	out, code := exported(t, "ollama", folder, "--base", base, "--name", "ner:v1", "--host", s.Host)
	want := "made ner-base:v1 of " + base + "\nmade ner:v1 of ner-base:v1 and " + folder + "\nto run it: OLLAMA_HOST=" + s.Host + " ollama run ner:v1\n"
	if code != 0 || out != want {
		t.Fatalf("exit code %d, printed %s; want %s", code, out, want)
	}
	if _, code := exported(t, "ollama", folder, "--from", "ner-base:v1", "--name", "again", "--host", s.Host); code != 0 {
		t.Fatalf("from a model of the server: exit code %d", code)
	}
	c, err := ollama.New(s.Host)
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Model(t.Context(), "ner:v1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Model(t.Context(), "again")
	if err != nil || first.Digest != again.Digest {
		t.Errorf("of the folder %+v, of the server's model %+v, %v", first, again, err)
	}
	if _, code := exported(t, "ollama", folder, "--from", "absent", "--name", "x", "--host", s.Host); code != exitData {
		t.Errorf("from a model that is not there: exit code %d, want %d", code, exitData)
	}
}
