//go:build real

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/sample"
	"taskvec/internal/ollama"
	"taskvec/internal/ollama/ollamatest"
	"taskvec/internal/table"
	"taskvec/stages/evaluate"
)

// planted is an experiment of which the skills are known beforehand: the answer of each task is the same
// for every document, and nothing that the base model ever writes. Tasks a and b have the same prompt; the
// answer of c is that of a, to another prompt.
//
// The base model is one wide layer, and all of its modules are adapted, so that it is learnt for sure in
// seconds. The answer's newline stands nowhere in the text that the base model was trained on, and adapters
// leave the output layer alone: a narrow one cannot tell tokens apart that it has not seen. Adapters of
// q_proj and v_proj learn it slower: in these epochs the validation loss comes to 1.7 instead of 0.04 (0.26
// with rank 32 in twice the epochs).
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
// a server that answers by the base model, or by another adapter, cannot have. On a base model that the server has
// already they are the same.
func TestRealPlantedSkills(t *testing.T) {
	server := ollamatest.Start(t)
	workspace := t.TempDir()
	run := []string{"--config", plantedConfig(t), "--workspace", workspace, "--progress", "plain"}
	ran(t, server.Host, exitDone, run...)
	checkPlanted(t, filepath.Join(workspace, "planted"))
	checkFrom(t, server, workspace, run)
}

// checkPlanted: who does which task is as planted.
func checkPlanted(t *testing.T, dir string) {
	t.Helper()
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

// checkFrom runs the evaluation again with the server's own model for the base, which is the same model in
// another file's place, and with models that cannot be the base.
func checkFrom(t *testing.T, server *ollamatest.Server, workspace string, run []string) {
	t.Helper()
	ctx := context.Background()
	client, err := ollama.New(server.Host)
	if err != nil {
		t.Fatal(err)
	}
	// serve makes a model of the server of the base model in a workspace.
	serve := func(name, workspace string) {
		t.Helper()
		folders, err := filepath.Glob(filepath.Join(workspace, "store", "*", "model"))
		if err != nil || len(folders) != 1 {
			t.Fatal(folders, err)
		}
		if err := client.CreateFromFolder(ctx, name, folders[0]); err != nil {
			t.Fatal(err)
		}
	}
	from := func(settings string) []string {
		return append(slices.Clone(run), "--set", "stages.skills.with.from={wide: {model: "+settings+"}}")
	}

	serve("own", workspace)
	own, err := client.Model(ctx, "own")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(workspace, "planted")
	sent := files(t, dir, "results")
	// The answers are kept by the model's digest, which is that of the model that was sent.
	if err := os.RemoveAll(filepath.Join(workspace, "cache", "answers")); err != nil {
		t.Fatal(err)
	}
	ran(t, server.Host, exitDone, from("own, digest: "+own.Digest)...)
	if log := lastLog(t, workspace, "skills"); !strings.Contains(log, "model wide is own of the server") || strings.Contains(log, "\n0 answers asked for") {
		t.Errorf("the log of skills says\n%s", log)
	}
	got := files(t, dir, "results")
	for _, name := range []string{evaluate.AnswersFile, evaluate.EvaluationFile} {
		if name = "/results/" + name; got[name] == "" || got[name] != sent[name] {
			t.Errorf("%s differs when the base model is the server's own", name)
		}
	}
	var report evaluate.Report
	if err := json.Unmarshal([]byte(got["/results/"+evaluate.ReportFile]), &report); err != nil {
		t.Fatal(err)
	}
	if f := report.From["wide"]; f != (evaluate.ServerModel{Model: "own", Digest: own.Digest, Quantization: "F16"}) {
		t.Errorf("the report says of the base model %+v, and its digest is %s", f, own.Digest)
	}
	if again, err := client.Model(ctx, "own"); err != nil || again.Digest != own.Digest {
		t.Errorf("the server's own model was touched: %+v %v", again, err)
	}

	// Models that are not the base: one of an adapter, one of another width, two of other tokenizers.
	adapters, err := filepath.Glob(filepath.Join(workspace, "store", "*", "out", "adapter"))
	if err != nil || len(adapters) != 3 {
		t.Fatal(adapters, err)
	}
	ran(t, server.Host, exitDone, "export", "ollama", adapters[0], "--name", "adapted", "--from", "own")
	for name, set := range map[string]string{
		"narrow": "models.wide.architecture.hidden=256", "fewer-words": "models.wide.architecture.vocabulary=320", "other-words": "corpus.split.train=12",
	} {
		other := t.TempDir()
		ran(t, server.Host, exitDone, "--config", run[1], "--workspace", other, "--stage", "base", "--set", set, "--set", "stages.base.with.epochs=1")
		serve(name, other)
	}
	for settings, words := range map[string]string{
		"nowhere": "`ollama pull nowhere`",
		"own, digest: " + strings.Repeat("0", 64): "has the digest " + own.Digest,
		"adapted":     "has an adapter already",
		"narrow":      "its embedding_length is 256, not 512",
		"fewer-words": "its vocab_size is 320, not ",
		"other-words": "the server's tokenizer is not the model's",
	} {
		_, said := ran(t, server.Host, exitData, from(settings)...)
		if !strings.Contains(said, words) {
			t.Errorf("the base model %s: %s\nwant %s", settings, said, words)
		}
	}
}
