package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"taskvec/internal/argo"
)

// TestPipelines keeps pipelines/*.yaml what compile makes of configs/*.yaml (make generate), small
// enough for a cluster that keeps an object and its status in 1 MiB.
func TestPipelines(t *testing.T) {
	const most = 256 << 10
	for _, name := range []string{"quickstart.yaml", "smollm2.yaml", "paper.yaml"} {
		w, err := argo.Compile(filepath.Join("../../configs", name), kinds, argo.Options{Parallelism: defaultPods})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range w.Warnings {
			t.Errorf("%s: %s", name, text)
		}
		file := filepath.Join("../../pipelines", name)
		if *update {
			if err := os.WriteFile(file, w.YAML, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, w.YAML) {
			t.Errorf("%s is not what compile makes of the experiment: make generate", file)
		}
		if len(got) > most {
			t.Errorf("%s has %d bytes, want %d at most", file, len(got), most)
		}
	}
}
