//go:build real

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/sample"
	"taskvec/internal/ollama/ollamatest"
	"taskvec/internal/table"
	"taskvec/stages/evaluate"
)

// planted is an experiment of which the skills are known beforehand: the answer of each task is the same
// for every document, and nothing that the base model ever writes. Tasks a and b have the same prompt; the
// answer of c is that of a, to another prompt.
//
// The base model is one wide layer, and all of its modules are adapted. An adapter of q_proj and v_proj
// does not learn this here, since the answer's newline stands nowhere in the text that the base model was
// trained on: adapters leave the output layer alone, and in a narrow model it cannot tell tokens apart that
// it has not seen.
const planted = `
experiment: planted
corpus: {format: sample, split: {train: 24, validation: 4, test: 8}}
models:
  wide:
    family: llama
    architecture: {vocabulary: 400, hidden: 512, layers: 1, heads: 8, kv_heads: 4, intermediate: 128, max_positions: 512}
tasks:
  a: {prompt: Name the password., targets: leaves.jsonl}
  b: {prompt: Name the password., targets: boat.jsonl}
  c: {prompt: What did the other one say in the end, targets: leaves.jsonl}
lora: {dropout: 0, target_modules: [q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]}
stages:
  - {name: examples, uses: build, with: {tasks: [a, b, c]}}
  - name: base
    uses: pretrain
    matrix: {model: [wide]}
    with: {epochs: 6, learning_rate: 5e-3, batch_size: 2, max_length: 64}
  - name: train
    uses: train
    needs: [examples, base]
    matrix: {model: [wide], task: [a, b, c]}
    runner: embedded
    with: {epochs: 8, learning_rate: 6e-3, schedule: cosine, batch_size: 4, max_length: 512}
  - {name: adapters, uses: collect, needs: [train]}
  - {name: similarity, uses: similarity, needs: [adapters], with: {measures: [cosine]}}
  - {name: skills, uses: evaluate, needs: [train], with: {num_predict: 128, server: {threads: 1}}}
  - {name: report, uses: report, needs: [similarity, skills]}
`

// plantedConfig writes the experiment and its targets into a folder of its own.
func plantedConfig(t *testing.T) string {
	t.Helper()
	corpus, err := datasets.OpenFS("sample", sample.Files())
	if err != nil {
		t.Fatal(err)
	}
	docs, problems, err := corpus.Documents(datasets.Options{})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	dir := t.TempDir()
	contents := map[string]string{"planted.yaml": planted}
	for name, answer := range map[string]string{"leaves": "They turn leaves.", "boat": "Her boat sank."} {
		var lines strings.Builder
		for _, d := range docs {
			b, err := json.Marshal(datasets.Target{Document: d.ID, Part: d.Part, Target: answer})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&lines, "%s\n", b)
		}
		contents[name+".jsonl"] = lines.String()
	}
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "planted.yaml")
}

// TestRealPlantedSkills: the skills that were planted are those that the report shows, each adapter's its own, which
// a server that answers by the base model, or by another adapter, cannot have.
func TestRealPlantedSkills(t *testing.T) {
	server := ollamatest.Start(t)
	workspace := t.TempDir()
	ran(t, server.Host, exitDone, "--config", plantedConfig(t), "--workspace", workspace, "--progress", "plain")
	dir := filepath.Join(workspace, "planted")
	rows, _, err := table.Read[table.Evaluation](filepath.Join(dir, "results", evaluate.EvaluationFile))
	if err != nil {
		t.Fatal(err)
	}
	skill := map[string]float64{}
	for _, r := range rows {
		if r.Measure == "score" && r.N == 8 {
			skill[r.Adapter+" on "+r.Task] = r.Value
		}
	}
	answer := map[string]string{"a": "leaves", "b": "boat", "c": "leaves"}
	if len(skill) != 4*len(answer) {
		t.Errorf("the skills are %v, want four of each task", skill)
	}
	for _, adapter := range []string{evaluate.None, "a", "b", "c"} {
		for task := range answer {
			got := skill[adapter+" on "+task]
			if answer[adapter] == answer[task] && got < 0.8 || answer[adapter] != answer[task] && got > 0.2 {
				t.Errorf("the skill of %s on %s is %.3f", adapter, task, got)
			}
		}
	}
	to := column(t, filepath.Join(dir, "report", "tables", "transfer-wide.csv"), "adapter", "c")
	for adapter, high := range map[string]bool{"a": true, "b": false} {
		if got, err := strconv.ParseFloat(to[adapter], 64); err != nil || high && got < 0.8 || !high && got > 0.2 {
			t.Errorf("the transfer of %s to c is %q, want it high (%v)", adapter, to[adapter], high)
		}
	}
	if t.Failed() {
		b, err := os.ReadFile(filepath.Join(dir, "report", "tables", "skill-wide.md"))
		t.Logf("%v\n%s", err, b)
	}
}
