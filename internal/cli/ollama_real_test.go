//go:build real

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/internal/ollama"
	"taskvec/internal/ollama/ollamatest"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/stages/build"
	"taskvec/stages/evaluate"
	"taskvec/stages/summarize"
)

// ran runs a command of taskvec against a server and wants the exit code; it returns both outputs.
func ran(t *testing.T, host string, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var errs bytes.Buffer
	cmd := taskvec(t, args...)
	cmd.Env, cmd.Stderr = append(cmd.Env, "OLLAMA_HOST="+host), &errs
	out, _ := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("taskvec %s: exit %d, want %d\n%s\n%s", strings.Join(args, " "), got, code, out, errs.String())
	}
	return string(out), errs.String()
}

// TestRealOllama runs the whole of configs/ollama.yaml, shortened, against a real server: a teacher, which
// is the quickstart's own base model, writes the summaries, and every adapter is tested on every task.
func TestRealOllama(t *testing.T) {
	server := ollamatest.Start(t)
	workspace := t.TempDir()
	run := []string{"--config", "../../configs/ollama.yaml", "--workspace", workspace, "--progress", "plain"}
	for _, set := range []string{
		"corpus.split={train: 10, validation: 4, test: 4}",
		"stages.base.with.epochs=4", "stages.train.with.epochs=2", "stages.train-classifiers.with.epochs=1",
		"stages.teacher.with.model=teacher", "stages.teacher.with.server.threads=1", "stages.teacher.with.num_ctx=1024",
		"stages.skills.with.server.threads=1", "stages.skills.with.documents=2", "stages.skills.with.num_predict=2048",
		"stages.teacher.retry.limit=0", "stages.skills.retry.limit=0",
	} {
		run = append(run, "--set", set)
	}
	with := func(sets ...string) []string {
		args := slices.Clone(run)
		for _, s := range sets {
			args = append(args, "--set", s)
		}
		return args
	}

	// A model that the server does not have is not fetched.
	_, said := ran(t, server.Host, exitData, with("stages.teacher.with.model=nowhere-teacher")...)
	if !strings.Contains(said, "ollama pull nowhere-teacher") {
		t.Errorf("a missing model: %s", said)
	}

	// The teacher.
	bases, err := filepath.Glob(filepath.Join(workspace, "store", "*", "model", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := ollama.New(server.Host)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bases {
		if config, err := os.ReadFile(b); err != nil {
			t.Fatal(err)
		} else if bytes.Contains(config, []byte("LlamaForCausalLM")) {
			if err := client.CreateFromFolder(context.Background(), "teacher", filepath.Dir(b)); err != nil {
				t.Fatal(err)
			}
		}
	}

	// A document that does not fit the context is an error, as the server would cut it silently.
	_, said = ran(t, server.Host, exitData, append(with("stages.teacher.with.num_ctx=64"), "--stage", "teacher")...)
	if !strings.Contains(said, "raise the context") {
		t.Errorf("a context that is too small: %s", said)
	}
	// A model of another digest than the experiment's.
	wrong := strings.Repeat("0", 64)
	_, said = ran(t, server.Host, exitData, append(with("stages.teacher.with.digest="+wrong), "--stage", "teacher")...)
	if !strings.Contains(said, "the experiment names "+wrong) {
		t.Errorf("another digest: %s", said)
	}

	ran(t, server.Host, exitDone, run...)
	dir := filepath.Join(workspace, "ollama")
	checkSummaries(t, workspace, dir)
	checkSkills(t, dir)

	// What was made on the server is gone.
	response, err := http.Get(server.Host + "/api/tags")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var tags struct{ Models []struct{ Name string } }
	if err := json.NewDecoder(response.Body).Decode(&tags); err != nil {
		t.Fatal(err)
	}
	if len(tags.Models) != 1 || tags.Models[0].Name != "teacher:latest" {
		t.Errorf("the server is left with %+v, want the teacher alone", tags.Models)
	}

	// Other settings of the same questions: nothing is asked again but what is new, though every model is
	// made anew on the server.
	before := files(t, dir, "results")
	ran(t, server.Host, exitDone, with("stages.skills.with.documents=3")...)
	if log := lastLog(t, workspace, "skills"); !strings.Contains(log, " 112 known") {
		t.Errorf("the log of skills says\n%s\nwant 112 known: 7 tasks, 8 adapters, 2 examples", log)
	}
	ran(t, server.Host, exitDone, run...)
	for name, content := range files(t, dir, "results") {
		if before[name] != content {
			t.Errorf("%s differs when the experiment is run again", name)
		}
	}

	// Of a changed set of documents only the new ones are asked for.
	ran(t, server.Host, exitDone, append(with("corpus.split={train: 14, validation: 4, test: 4}"), "--stage", "teacher")...)
	if log := lastLog(t, workspace, "teacher/sum"); !strings.Contains(log, "of 22 documents") || strings.Contains(log, " 0 known") {
		t.Errorf("the log of the teacher says\n%s\nwant some of 22 documents known", log)
	}
}

// lastLog is the log of a job's last attempt.
func lastLog(t *testing.T, workspace, job string) string {
	t.Helper()
	logs, err := pipeline.Workspace{Dir: workspace}.Logs(job)
	if err != nil || len(logs) == 0 {
		t.Fatal(job, logs, err)
	}
	b, err := os.ReadFile(logs[len(logs)-1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkSummaries: they are in the format of summaries from a file, and what task sum was built of.
func checkSummaries(t *testing.T, workspace, dir string) {
	t.Helper()
	file := filepath.Join(dir, "results", build.SummariesFile("sum"))
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	written, err := datasets.ReadSummaries(file, src)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "results", "summarize-sum.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r summarize.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if len(written) != r.Summaries || r.Summaries == 0 || r.Documents != 18 || len(r.Digest) != 64 || r.Options["temperature"] != 0.0 {
		t.Errorf("%d summaries, and the report %+v", len(written), r)
	}
	t.Logf("summaries: %d of %d documents, %d asked again, %d off length, %d cut", r.Summaries, r.Documents, r.Again, len(r.OffLength), len(r.Cut))
	found := 0
	examples, err := filepath.Glob(filepath.Join(workspace, "store", "*", build.ExamplesFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		rows, meta, err := table.Read[table.Example](e)
		if err != nil {
			t.Fatal(err)
		}
		if meta["task"] != "sum" {
			continue
		}
		for _, row := range rows {
			i := slices.IndexFunc(written, func(s datasets.Summary) bool {
				return (&datasets.Document{ID: s.Document, Part: s.Part}).Key() == row.ID
			})
			if i < 0 || written[i].Summary+"\n" != row.Completion || written[i].Share != 0.1 {
				t.Errorf("the target of %s is %q, not what the teacher wrote", row.ID, row.Completion)
			}
			found++
		}
	}
	if found != len(written) {
		t.Errorf("%d examples of %d summaries", found, len(written))
	}
}

// checkSkills: every adapter was tested on every task of its model, and the report shows it. Whether with
// that adapter is TestRealPlantedSkills's to say.
func checkSkills(t *testing.T, dir string) {
	t.Helper()
	rows, meta, err := table.Read[table.Evaluation](filepath.Join(dir, "results", evaluate.EvaluationFile))
	if err != nil {
		t.Fatal(err)
	}
	scores := map[string]int{}
	for _, r := range rows {
		if r.Value < -1 || r.Value > 1 || r.N < 2 {
			t.Errorf("%+v", r)
		}
		if r.Measure == "score" {
			scores[r.Model]++
		}
	}
	if scores["tiny-llama"] != 8*7 || scores["tiny-roberta"] != 3*2 {
		t.Errorf("scores are %v, want 8 × 7 and 3 × 2 (\"none\" among the adapters)", scores)
	}
	if !strings.Contains(meta[evaluate.ScoresMeta], `"every-2-words":"edit_similarity"`) {
		t.Errorf("the metadata is %v", meta)
	}
	got := files(t, dir, "report")
	for _, name := range []string{"tables/evaluation.tex", "figures/skill-tiny-llama.svg", "figures/skill-tiny-roberta.png"} {
		if len(got["/report/"+name]) == 0 {
			t.Errorf("%s is missing or empty", name)
		}
	}
}
