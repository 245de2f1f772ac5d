package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers are the packages from the top down: a package may import those of lower layers, and those
// of its own layer only as sameLayer says.
var layers = [][]string{
	{"taskvec/stages"},
	{"taskvec/internal/cli"},
	{"taskvec/stages/compare"},
	{"taskvec/stages/build", "taskvec/stages/fetch", "taskvec/stages/pretrain", "taskvec/stages/train", "taskvec/stages/train/embedded",
		"taskvec/stages/collect", "taskvec/stages/similarity", "taskvec/stages/projection", "taskvec/stages/evaluate", "taskvec/stages/report", "taskvec/stages/summarize"},
	{"taskvec/internal/answers"},
	{"taskvec/internal/ollama", "taskvec/internal/argo"},
	{"taskvec/internal/pipeline", "taskvec/internal/container"},
	{"taskvec/internal/experiment"},
	{"taskvec/tasks", "taskvec/internal/adapter", "taskvec/internal/table", "taskvec/internal/trainer"},
	{"taskvec/datasets/sample/notation"},
	{"taskvec/datasets/sample", "taskvec/datasets/ontonotes"},
	{"taskvec/datasets", "taskvec/internal/score", "taskvec/internal/subspace", "taskvec/internal/stats", "taskvec/internal/tokenizer"},
	{"taskvec/internal/heap"},
}

// sameLayer are the imports within a layer.
var sameLayer = map[string][]string{
	// Stages name the files of those they read.
	"taskvec/stages/train":    {"taskvec/stages/train/embedded", "taskvec/stages/build", "taskvec/stages/pretrain"},
	"taskvec/stages/fetch":    {"taskvec/stages/pretrain"},
	"taskvec/stages/pretrain": {"taskvec/stages/build", "taskvec/stages/train/embedded"},
	"taskvec/stages/report":   {"taskvec/stages/build", "taskvec/stages/evaluate"},
	// Adapters are tested on the examples and base models that they were trained with.
	"taskvec/stages/evaluate": {"taskvec/stages/train/embedded", "taskvec/stages/build", "taskvec/stages/pretrain"},
	// Summaries are written of the documents that examples are built of.
	"taskvec/stages/summarize": {"taskvec/stages/build"},
	// The two comparing stages go by the layout of factors that the collecting one makes.
	"taskvec/stages/similarity": {"taskvec/stages/collect", "taskvec/stages/pretrain"},
	"taskvec/stages/projection": {"taskvec/stages/collect"},
}

// only are packages of others that a single one of ours imports.
var only = map[string]string{
	"github.com/apache/arrow-go/":  "taskvec/internal/table",
	"github.com/ollama/ollama/api": "taskvec/internal/ollama",
	"github.com/argoproj/":         "taskvec/internal/argo",
	"k8s.io/":                      "taskvec/internal/argo",
}

// TestLayers holds the architecture: imports go down only.
func TestLayers(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Name", "taskvec/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	layer := map[string]int{}
	for i, packages := range layers {
		for _, p := range packages {
			layer[p] = i
		}
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	count := 0
	for {
		var p struct {
			ImportPath, Name string
			Imports          []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		count++
		own, ok := layer[p.ImportPath]
		if !ok {
			t.Errorf("package %s has no layer: give it one", p.ImportPath)
			continue
		}
		if strings.HasPrefix(p.ImportPath, "taskvec/stages") && (p.Name == "main") != (p.ImportPath == "taskvec/stages") {
			t.Errorf("%s: stages is the only main package below stages", p.ImportPath)
		}
		for _, imp := range p.Imports {
			for prefix, owner := range only {
				if strings.HasPrefix(imp, prefix) && p.ImportPath != owner {
					t.Errorf("%s imports %s: only %s may", p.ImportPath, imp, owner)
				}
			}
			if below, ours := layer[imp]; ours && below <= own && !slices.Contains(sameLayer[p.ImportPath], imp) {
				t.Errorf("%s imports %s: imports go down only", p.ImportPath, imp)
			}
		}
	}
	if count < 10 {
		t.Errorf("only %d packages listed", count)
	}
}
