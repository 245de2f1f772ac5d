package cli

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/ontonotes"
	"taskvec/datasets/sample"
)

// setFolders are the folders of the sets that configs/paper.yaml names, and those in testdata of the same formats:
// WNLI has the columns of RTE.
var setFolders = map[string]string{
	"RTE": "rte", "SST-2": "sst2", "CoLA": "cola", "MRPC": "mrpc", "MNLI": "mnli", "QNLI": "qnli", "QQP": "qqp", "WNLI": "rte",
	"snli_1.0": "snli", "aclImdb": "aclImdb", "yelp_review_polarity_csv": "yelp_polarity",
}

// paperData makes what the published experiment reads, small: a release of OntoNotes in which our own corpus
// stands, its summaries, and the classification sets.
func paperData(t *testing.T) (variables []string) {
	t.Helper()
	release, sets := t.TempDir(), t.TempDir()
	corpus, err := datasets.OpenFS("data", sample.Files())
	if err != nil {
		t.Fatal(err)
	}
	docs, problems, err := corpus.Documents(datasets.Options{})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	for _, d := range docs {
		stem := filepath.Join(release, "data/files/data/english/annotations", filepath.FromSlash(d.ID))
		if err := os.MkdirAll(filepath.Dir(stem), 0o777); err != nil {
			t.Fatal(err)
		}
		for layer, text := range ontonotes.WriteLayers(d) {
			if err := os.WriteFile(stem+"."+layer, text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	text, err := fs.ReadFile(sample.Files(), sample.Summaries)
	if err != nil {
		t.Fatal(err)
	}
	summaries := filepath.Join(sets, "summaries.jsonl")
	if err := os.WriteFile(summaries, text, 0o666); err != nil {
		t.Fatal(err)
	}
	for name, folder := range setFolders {
		from, err := filepath.Abs(filepath.Join("../../datasets/testdata/sets", folder))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, filepath.Join(sets, name)); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"ONTONOTES=" + release, "SUMMARIES=" + summaries, "SETS=" + sets}
}

// TestPaper: the published experiment validates and plans, and its examples are built, on small data of the
// same formats.
func TestPaper(t *testing.T) {
	variables := paperData(t)
	workspace := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		cmd := taskvec(t, append(args, "--config", "../../configs/paper.yaml")...)
		cmd.Env = append(cmd.Env, variables...)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, said.String())
		}
		return string(out)
	}
	if out := run("validate"); out != "ok\n" {
		t.Errorf("validate says %q", out)
	}
	var jobs []struct {
		Job      string
		Training *struct {
			Parameters int64 `json:"trainable_parameters"`
			Base       int64 `json:"base_bytes"`
			Seconds    float64
		}
	}
	if err := json.Unmarshal([]byte(run("plan", "--json", "--workspace", workspace)), &jobs); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, j := range jobs {
		stage, cell, _ := strings.Cut(j.Job, "/")
		count[stage]++
		if (stage == "train" || stage == "classify") != (j.Training != nil) {
			t.Errorf("%s: an estimate of its training is %v", j.Job, j.Training)
		}
		if x := j.Training; x != nil && strings.HasPrefix(cell, "mistral") && (x.Parameters != 3407872 || x.Base != 2*7241732096 || x.Seconds != 0) {
			t.Errorf("%s: estimate %+v", j.Job, x)
		}
	}
	// Four language models on 17 tasks, RoBERTa on 15.
	want := map[string]int{"models": 5, "examples": 17, "labelled": 15, "train": 68, "classify": 15, "adapters": 1, "similarity": 1, "projection": 1, "report": 1}
	for stage, n := range want {
		if count[stage] != n {
			t.Errorf("stage %s has %d jobs, want %d", stage, count[stage], n)
		}
	}
	if len(jobs) != 124 {
		t.Errorf("%d jobs, want 124", len(jobs))
	}
	small := []string{"--workspace", workspace, "--progress", "plain", "--set", "corpus.genres=[bc,nw]",
		"--set", "corpus.split.train=14", "--set", "corpus.split.validation=4", "--set", "corpus.split.test=4"}
	for _, stage := range []string{"examples", "labelled"} {
		if out := run(append([]string{"--stage", stage}, small...)...); !strings.Contains(out, " jobs done, ") {
			t.Errorf("stage %s: %s", stage, out)
		}
	}
}
