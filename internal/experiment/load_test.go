package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// lookup is an environment for tests.
func lookup(name string) (string, bool) {
	if name == "CORPUS" {
		return "/data/corpus", true
	}
	return "", false
}

// TestBad compares every error of each testdata/*.bad.yaml with the .err beside it, which people
// have read. A first line `# --set …` in the file gives flags.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files (%v)", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var sets []string
			first, _, _ := strings.Cut(string(src), "\n")
			if flags, ok := strings.CutPrefix(first, "# --set "); ok {
				sets = strings.Split(flags, " --set ")
			}
			_, err = Parse(filepath.Base(file), src, sets, lookup)
			var errs Errors
			if !errors.As(err, &errs) {
				t.Fatalf("got %v, want Errors", err)
			}
			golden := strings.TrimSuffix(file, ".bad.yaml") + ".err"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, rerr := os.ReadFile(golden)
			if rerr != nil {
				t.Fatal(rerr)
			}
			if got := err.Error() + "\n"; got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

const small = `experiment: small
corpus: {format: conll2012, path: "${CORPUS}/train"}
models:
  b: {family: llama, architecture: {hidden: 16, heads: 2, kv_heads: 1}}
  a: {family: roberta, architecture: {hidden: 16, heads: 2}}
stages:
  - {name: examples, uses: build, with: {tasks: [ner, sum, has-person]}}
  - {name: base, uses: pretrain, matrix: {model: [b, a]}}
  - name: train
    uses: train
    needs: [examples, base]
    runner: embedded
    matrix:
      model: [b, a]
      task: [ner, has-person, sum]
      exclude: [{model: b, task: has-person}, {model: a, task: ner}, {model: a, task: sum}]
    retry: {limit: 2, backoff: 1m}
    memory: 3Gi
    timeout: 12h
    with: {epochs: 3}
`

// TestLoad checks values, defaults, order, variables and cells of a small experiment.
func TestLoad(t *testing.T) {
	e, err := Parse("small.yaml", []byte(small), []string{"stages.train.with.learning_rate=0.5", "lora.rank=4", "seed=7"}, lookup)
	if err != nil {
		t.Fatal(err)
	}
	if e.Corpus.Path != "/data/corpus/train" {
		t.Errorf("corpus path %q", e.Corpus.Path)
	}
	if e.Seed != 7 || e.LoRA.Rank != 4 || e.LoRA.Alpha != 16 || e.LoRA.Dropout != 0.05 {
		t.Errorf("seed %d, lora %+v", e.Seed, e.LoRA)
	}
	if e.Models[0].Name != "b" || e.Models[1].Name != "a" {
		t.Errorf("models out of order: %+v", e.Models)
	}
	if got := e.Model("b").Architecture; got.Vocabulary != 1024 || got.Hidden != 16 {
		t.Errorf("architecture %+v", got)
	}
	s := e.Stage("train")
	want := []map[string]string{{"model": "b", "task": "ner"}, {"model": "b", "task": "sum"}, {"model": "a", "task": "has-person"}}
	if got := s.Cells(); !reflect.DeepEqual(got, want) {
		t.Errorf("cells %v, want %v", got, want)
	}
	w := s.With.(*TrainWith)
	if w.Epochs != 3 || w.LearningRate != 0.5 || w.Schedule != "constant" || w.MaxLength != 4096 {
		t.Errorf("with %+v", w)
	}
	if s.Memory != 3<<30 || time.Duration(s.Timeout) != 12*time.Hour || s.Retry.Limit != 2 || time.Duration(s.Retry.Backoff) != time.Minute || s.Retry.Factor != 2 {
		t.Errorf("stage %+v", s)
	}
	if got := len(e.Stage("examples").Cells()); got != 3 {
		t.Errorf("examples has %d cells, want one a task", got)
	}
	if got := e.LoRA.Targets("roberta"); !reflect.DeepEqual(got, []string{"query", "value"}) {
		t.Errorf("targets %v", got)
	}
}

// TestQuantity holds quantities against the Kubernetes meaning of their units.
func TestQuantity(t *testing.T) {
	for text, want := range map[string]Quantity{"1": 1, "512Mi": 512 << 20, "40Gi": 40 << 30, "2G": 2e9, "3k": 3000} {
		if got, err := ParseQuantity(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1Gi", "1.5Gi", "4Q", "Gi", "99999999999Ti"} {
		if q, err := ParseQuantity(text); err == nil {
			t.Errorf("%s reads as %d", text, q)
		}
	}
	if got := Quantity(40 << 30).String(); got != "40Gi" {
		t.Errorf("40Gi prints as %s", got)
	}
}

// FuzzParse looks for panics and for errors without a place.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small), "lora.rank=4")
	f.Add([]byte("a: &x [*x]"), "a.b")
	f.Add([]byte("experiment: x\nmodels: {<<: {a: b}}\nstages: [{with: }]"), "stages.0.with.tasks=[a]")
	f.Fuzz(func(t *testing.T, src []byte, set string) {
		_, err := Parse("f.yaml", src, []string{set}, lookup)
		var errs Errors
		if err != nil && !errors.As(err, &errs) {
			t.Fatalf("an error that is no Errors: %v", err)
		}
		for _, d := range errs {
			if d.File == "" || d.Msg == "" || d.File == "f.yaml" && d.Line < 1 {
				t.Fatalf("a diagnostic without a place: %+v", d)
			}
		}
	})
}
