//go:build real

package embedded

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// python runs a script of testdata with the real libraries and decodes the JSON it prints into v.
func python(t *testing.T, v any, script string, args ...string) {
	t.Helper()
	exe := os.Getenv("TASKVEC_PYTHON")
	if exe == "" {
		t.Fatal("TASKVEC_PYTHON names no python with transformers and peft: run make test-real")
	}
	cmd := exec.Command(exe, append([]string{filepath.Join("testdata", script)}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("%s printed %s: %v", script, out, err)
	}
}

// largest is the largest difference between two lists of numbers.
func largest(t *testing.T, a []float32, b []float64) float64 {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d numbers against %d", len(a), len(b))
	}
	worst := 0.0
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i])-b[i]))
	}
	return worst
}

var sentences = []string{"Ama paints the boat. Nuno sees the clock!", "It's 1822:\n\n### Answer:\n naïve café", "the violin  mends   a letter"}

// TestRealTransformers: transformers loads the pretrained folders; its tokenizer gives the same ids
// and its models the same logits.
func TestRealTransformers(t *testing.T) {
	for _, family := range []string{"llama", "roberta"} {
		t.Run(family, func(t *testing.T) {
			dir := base(t, family)
			k, err := readTokenizer(dir)
			if err != nil {
				t.Fatal(err)
			}
			c, err := readConfig(dir)
			if err != nil {
				t.Fatal(err)
			}
			var real struct {
				IDs    [][]int32
				Logits [][]float64
			}
			in, err := json.Marshal(sentences)
			if err != nil {
				t.Fatal(err)
			}
			python(t, &real, "transformers_logits.py", dir, family, string(in))
			for i, s := range sentences {
				ids := append([]int32{c.BOS}, k.Encode(s)...)
				if family == "roberta" {
					ids = append(ids, c.EOS)
				}
				if len(ids) != len(real.IDs[i]) {
					t.Fatalf("%q: ids %v, transformers %v", s, ids, real.IDs[i])
				}
				for j := range ids {
					if ids[j] != real.IDs[i][j] {
						t.Fatalf("%q: ids %v, transformers %v", s, ids, real.IDs[i])
					}
				}
				targets := make([]int32, len(ids)) // all positions
				var logits []float32
				if family == "roberta" {
					m := newRoberta(c)
					if err := readWeights(dir, m.params()); err != nil {
						t.Fatal(err)
					}
					m.predictions(ids, targets)
					logits = m.logits
				} else {
					m := newLlama(c)
					if err := readWeights(dir, m.params()); err != nil {
						t.Fatal(err)
					}
					m.predictions(ids, targets)
					logits = m.logits
				}
				if worst := largest(t, logits, real.Logits[i]); worst > 1e-4 {
					t.Errorf("%q: logits differ by %v", s, worst)
				}
			}
		})
	}
}
