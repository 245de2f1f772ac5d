//go:build real

// Argo's own validation, which is not small: compiling it takes longer than all that taskvec has.

package argo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/expr/argoexpr"
	"github.com/argoproj/argo-workflows/v3/util/expr/env"
	"github.com/argoproj/argo-workflows/v3/util/template"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"taskvec/internal/pipeline"
)

// compiled reads every Workflow of the repository: pipelines/ and what the command's scripts want.
func compiled(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	files, err := filepath.Glob("../../pipelines/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if all[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	scripts, err := filepath.Glob("../cli/testdata/script/compile*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		archive, err := txtar.ParseFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".workflow.yaml") {
				all[script+" "+f.Name] = f.Data
			}
		}
	}
	return all
}

// TestRealValidation has Argo validate every compiled Workflow: as argo lint does, and as the
// controller does once the parameters without a default are given.
func TestRealValidation(t *testing.T) {
	for name, text := range compiled(t) {
		var w wfv1.Workflow
		if err := yaml.UnmarshalStrict(text, &w); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := validate.ValidateWorkflow(nil, nil, &w, nil, validate.ValidateOpts{Lint: true}); err != nil {
			t.Errorf("lint %s: %v", name, err)
		}
		for i, p := range w.Spec.Arguments.Parameters {
			if p.Value == nil {
				w.Spec.Arguments.Parameters[i].Value = wfv1.AnyStringPtr("/runs/data")
			}
		}
		if err := validate.ValidateWorkflow(nil, nil, &w, nil, validate.ValidateOpts{Submit: true}); err != nil {
			t.Errorf("validate %s: %v", name, err)
		}
	}
}

// TestRealRetry evaluates the retry expression of every template as the controller does.
func TestRealRetry(t *testing.T) {
	seen := 0
	for name, text := range compiled(t) {
		var w wfv1.Workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Fatal(err)
		}
		for _, tmpl := range w.Spec.Templates {
			if tmpl.RetryStrategy == nil {
				continue
			}
			seen++
			for _, c := range []struct {
				status, exit string
				want         bool
			}{
				{"Failed", "75", true}, {"Failed", "137", true}, {"Failed", "143", true}, {"Error", "-1", true},
				{"Failed", "1", false}, {"Failed", "2", false}, {"Failed", "3", false}, {"Failed", "4", false}, {"Failed", "-1", true},
			} {
				scope := env.GetFuncMap(map[string]any{"lastRetry.status": c.status, "lastRetry.exitCode": c.exit, "lastRetry.duration": "1", "lastRetry.message": ""})
				if got, err := argoexpr.EvalBool(tmpl.RetryStrategy.Expression, scope); err != nil || got != c.want {
					t.Errorf("%s: %s: %s with exit code %s: %v, %v", name, tmpl.Name, c.status, c.exit, got, err)
				}
			}
		}
	}
	if seen < 3 {
		t.Errorf("%d templates try again", seen)
	}
}

// TestRealSubstitution replaces parameters as the controller does: in the patch of a pod with GPUs,
// and in the failures that the exit handler is given.
func TestRealSubstitution(t *testing.T) {
	replace := func(tmpl *wfv1.Template, values map[string]any) *wfv1.Template {
		t.Helper()
		b, err := yaml.Marshal(tmpl) // a template is replaced as JSON
		if err == nil {
			b, err = yaml.YAMLToJSON(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		replacer, err := template.NewTemplate(string(b))
		if err != nil {
			t.Fatal(err)
		}
		text, err := replacer.Replace(values, true)
		if err != nil {
			t.Fatal(err)
		}
		var out wfv1.Template
		if err := yaml.Unmarshal([]byte(text), &out); err != nil {
			t.Fatal(err)
		}
		return &out
	}
	archive, err := txtar.ParseFile("../cli/testdata/script/compile.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var w wfv1.Workflow
	for _, f := range archive.Files {
		if f.Name == "remote.workflow.yaml" {
			if err := yaml.Unmarshal(f.Data, &w); err != nil {
				t.Fatal(err)
			}
		}
	}
	train := replace(w.GetTemplateByName("train"), map[string]any{
		"workflow.parameters.gpus": "4", "workflow.parameters.gpu-nodes": `{"nvidia.com/gpu.product":"A100"}`,
		"workflow.parameters.trainer-image": "registry/other:2",
	})
	var patch corev1.PodSpec
	if err := yaml.UnmarshalStrict([]byte(train.PodSpecPatch), &patch); err != nil {
		t.Fatalf("%v in %s", err, train.PodSpecPatch)
	}
	gpus := patch.Containers[0].Resources.Limits["nvidia.com/gpu"]
	if patch.NodeSelector["nvidia.com/gpu.product"] != "A100" || gpus.Value() != 4 || patch.Containers[0].Name != "main" {
		t.Errorf("the patch is %s", train.PodSpecPatch)
	}
	if args := strings.Join(train.Container.Args, " "); train.Container.Image != "registry/other:2" || !strings.Contains(args, "--set stages.train.container.image=registry/other:2") {
		t.Errorf("image %s, arguments %s", train.Container.Image, args)
	}
	// As the controller makes them.
	const nodes = `[{"displayName":"train-big-ner","message":"No more retries left"},{"displayName":"train-big-ner(0)","message":"main: Error (exit code 4): \"bad\"\n"}]`
	finish := replace(w.GetTemplateByName(finishName), map[string]any{"workflow.failures": fmt.Sprintf("%q", nodes)})
	p := &pipeline.Plan{Jobs: []*pipeline.Job{{Name: "train/big/ner"}, {Name: "train/big/mine"}}}
	raw := finish.Inputs.GetArtifactByName("failures")
	if raw == nil || raw.Path != finish.Container.Args[len(finish.Container.Args)-1] {
		t.Fatalf("artifact %v, arguments %v", raw, finish.Container.Args)
	}
	file := filepath.Join(t.TempDir(), "failures")
	if err := os.WriteFile(file, []byte(raw.Raw.Data), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Failures(file, p)
	if err != nil || len(got) != 1 || got[0].Job != "train/big/ner" || got[0].Message != "main: Error (exit code 4): \"bad\"\n" {
		t.Errorf("failures %v, %v", got, err)
	}
}
