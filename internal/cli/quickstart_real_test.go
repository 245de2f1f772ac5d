//go:build real

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/pipeline"
)

// TestRealQuickstartAdapters runs a short quickstart and loads each of its adapters, and each
// step-0 adapter, with the PEFT library on its base model.
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
}
