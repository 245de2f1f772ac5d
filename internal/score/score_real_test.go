//go:build real

package score

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/sample"
)

// TestRealScores compares with rouge-score on the sample corpus's summaries and with scikit-learn on
// drawn labels.
func TestRealScores(t *testing.T) {
	python := os.Getenv("TASKVEC_SCORES_PYTHON")
	if python == "" {
		t.Fatal("TASKVEC_SCORES_PYTHON names no python with rouge-score and scikit-learn: run make test-real")
	}
	src, err := fs.ReadFile(sample.Files(), sample.Summaries)
	if err != nil {
		t.Fatal(err)
	}
	summaries, err := datasets.ReadSummaries(sample.Summaries, src)
	if err != nil {
		t.Fatal(err)
	}
	var asked struct {
		Texts  [][2]string `json:"texts"`
		Labels [][2][]int  `json:"labels"`
	}
	for i, s := range summaries {
		asked.Texts = append(asked.Texts, [2]string{s.Summary, summaries[(i+1)%len(summaries)].Summary},
			[2]string{s.Summary, s.Summary[:len(s.Summary)/2] + "Ünrelated wörds, and the ferry's 2nd-hand engine."})
	}
	asked.Texts = append(asked.Texts, [2]string{"", "a"}, [2]string{"a", ""}, [2]string{"?!", "?!"}, [2]string{"one", "One."})
	rng := rand.New(rand.NewPCG(1, 2))
	for labels := 2; labels < 5; labels++ {
		for range 10 {
			var pair [2][]int
			for range 40 {
				r := rng.IntN(labels)
				a := r
				if rng.IntN(2) == 0 {
					a = rng.IntN(labels)
				}
				pair[0], pair[1] = append(pair[0], r), append(pair[1], a)
			}
			asked.Labels = append(asked.Labels, pair)
		}
	}
	in, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, filepath.Join("testdata", "scores.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Texts  [][3]float64 `json:"texts"`
		Labels [][3]float64 `json:"labels"`
	}
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	check := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	for i, p := range asked.Texts {
		check("ROUGE-1", RougeN(1, p[0], p[1]), want.Texts[i][0])
		check("ROUGE-2", RougeN(2, p[0], p[1]), want.Texts[i][1])
		check("ROUGE-L", RougeL(p[0], p[1]), want.Texts[i][2])
	}
	for i, p := range asked.Labels {
		check("accuracy", Accuracy(p[0], p[1]), want.Labels[i][0])
		check("macro F1", MacroF1(p[0], p[1]), want.Labels[i][1])
		check("Matthews", Matthews(p[0], p[1]), want.Labels[i][2])
	}
	t.Logf("%d pairs of texts and %d lists of labels agree", len(asked.Texts), len(asked.Labels))
}
