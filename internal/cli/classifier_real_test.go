//go:build real

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"taskvec/internal/table"
	"taskvec/internal/trainer"
	"taskvec/stages/evaluate"
)

// classifierExperiment trains a tiny classifier in the trainer's image.
const classifierExperiment = `experiment: classified
corpus: {format: sample}
models:
  tiny-roberta:
    family: roberta
    architecture: {vocabulary: 600, hidden: 32, layers: 2, heads: 4, intermediate: 64, max_positions: 258}
stages:
  - {name: examples, uses: build, with: {tasks: [has-question]}}
  - {name: base, uses: pretrain, matrix: {model: [tiny-roberta]}, with: {epochs: 2}}
  - name: train
    uses: train
    needs: [examples, base]
    matrix: {model: [tiny-roberta], task: [has-question]}
    runner: container
    container: {image: %q, memory: 4Gi}
    with: {epochs: 6, learning_rate: 1e-2, batch_size: 8, max_length: 256}
  - {name: skills, uses: evaluate, needs: [train]}
`

// TestRealClassifier: what the trainer in the container says of the test examples (PyTorch, PEFT) is what
// the embedded forward pass says with the adapter and head that it saved.
func TestRealClassifier(t *testing.T) {
	image := os.Getenv("TASKVEC_TRAINER_IMAGE")
	if image == "" {
		t.Fatal("TASKVEC_TRAINER_IMAGE names no image: run make test-real")
	}
	file := filepath.Join(t.TempDir(), "classified.yaml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(classifierExperiment, image)), 0o666); err != nil {
		t.Fatal(err)
	}
	workspace := t.TempDir()
	removeContainers(t, workspace)
	if err := follow(t, file, workspace, nil); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(workspace, "store", "*", filepath.FromSlash(trainer.PredictionsFile)))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	rows, _, err := table.Read[table.Answer](filepath.Join(workspace, "classified", "results", evaluate.AnswersFile))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	count := map[string]int{}
	for _, r := range rows {
		if r.Adapter == "has-question" {
			got = append(got, r.Answer)
			count[r.Answer]++
		}
	}
	if len(got) < 20 {
		t.Fatalf("%d labels", len(got))
	}
	want, err := trainer.ReadPredictions(filepath.Dir(filepath.Dir(found[0])), 2, len(got))
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if got[i] != []string{"no", "yes"}[w] {
			t.Errorf("test example %d: %s here, %d by the container's trainer", i, got[i], w)
		}
	}
	if len(count) < 2 {
		t.Errorf("all labels are the same, %v: that proves little", count)
	}
	t.Logf("%d labels compared: %v", len(got), count)
}
