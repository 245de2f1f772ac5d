//go:build real

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// few makes the short quickstart one of nine jobs.
var few = slices.Concat(short, []string{
	"--set", "stages.examples.with.tasks=[ner, every-2-words]", "--set", "stages.base.matrix.model=[tiny-llama]", "--set", "stages.train.matrix.task=[ner]",
	"--set", "stages.train-classifiers.matrix={model: [tiny-llama], task: [every-2-words]}",
})

// forgetful is an experiment with a set of labelled texts among the objects.
const forgetful = `experiment: forgetful
corpus: {format: sample, split: {train: 12, validation: 4, test: 4}}
models:
  tiny: {family: roberta, architecture: {vocabulary: 300, hidden: 16, layers: 2, heads: 2, intermediate: 16, max_positions: 66}}
sets:
  mine: {path: ../runs/data/sets/mine.csv, text: remark, label: mood, labels: [calm, cross]}
stages:
  - {name: examples, uses: build, with: {tasks: [has-person, mine]}}
`

// submitObjects submits workflows that keep results in an object store, configured as pipelines/README.md
// says: the quickstart's results and report are those of a local run to the byte, and submitting it again
// does nothing again. Bad data among the objects fail their job with its message, which stays when the pods
// are gone, and once they are mended the same workflow goes on.
func submitObjects(t *testing.T) {
	t.Parallel()
	artifacts(t)
	bucket := part(t, "TASKVEC_S3_BUCKET")

	home := t.TempDir()
	config, data := filepath.Join(home, "configs", "forgetful.yaml"), filepath.Join(bucket, "taskvec", "forgetful", "data", "sets", "mine.csv")
	write(t, config, forgetful)
	mended := "remark,mood\n"
	for i := range 20 {
		mended += fmt.Sprintf("all is well %d,calm\nleave me alone %d,cross\n", i, i)
	}
	write(t, data, strings.Replace(mended, "cross", "angry", 1))
	faulty := submit(t, compiled(t, config, "--storage", "s3"))

	const quick = "../../configs/quickstart.yaml"
	file := compiled(t, quick, slices.Concat(few, []string{"--storage", "s3"})...)
	first := submit(t, file)

	faulty.ends("Failed")
	const message = `/runs/data/sets/mine.csv:3: label "angry" is none of`
	faulty.says("examples-mine", message)
	workspace := unpack(t, filepath.Join(bucket, "taskvec", "forgetful"))
	write(t, filepath.Join(home, "runs", "data", "sets", "mine.csv"), mended)
	if out := status(t, "--config", config, "--workspace", workspace); !strings.Contains(out, message) || !strings.Contains(out, "2 jobs, 1 cached") {
		t.Errorf("status does not tell of the failure:\n%s", out)
	}
	write(t, data, mended)
	said(t, "argo", "retry", faulty.name)
	faulty.ends("Succeeded")
	workspace = unpack(t, filepath.Join(bucket, "taskvec", "forgetful"))
	if out := status(t, "--config", config, "--workspace", workspace); !strings.Contains(out, "2 jobs, 2 cached") {
		t.Errorf("the retried workflow left:\n%s", out)
	}

	local := quickstart(t, t.TempDir(), few...)
	first.ends("Succeeded")
	objects := filepath.Join(bucket, "taskvec", "quickstart")
	before := files(t, objects, "jobs")
	workspace = unpack(t, objects)
	sameFiles(t, files(t, filepath.Join(workspace, "quickstart"), "report", "results"), files(t, local, "report", "results"))
	out, err := taskvec(t, slices.Concat(few, []string{"--config", quick, "--workspace", workspace})...).Output()
	if err != nil || !strings.Contains(string(out), "all 9 jobs cached: nothing to do") {
		t.Errorf("a run at home does not go on: %v\n%s", err, out)
	}

	again := submit(t, file)
	again.ends("Succeeded")
	sameFiles(t, files(t, objects, "jobs"), before)
	if logs := again.logs(); !strings.Contains(logs, "report is done already (key ") {
		t.Errorf("the report was not done already:\n%s", logs)
	}
}

// repository matches what pipelines/README.md has users tell their cluster of their object store.
var repository = regexp.MustCompile(`(?s)apiVersion: v1\nkind: ConfigMap\n.*?\nEOF`)

// artifacts tells the test cluster of its object store, as pipelines/README.md says.
func artifacts(t *testing.T) {
	t.Helper()
	readme, err := os.ReadFile("../../pipelines/README.md")
	if err != nil {
		t.Fatal(err)
	}
	said(t, "kubectl", "create", "secret", "generic", "taskvec-s3", "--from-literal=accesskey=taskvec", "--from-literal=secretkey=taskvec")
	text := strings.TrimSuffix(repository.FindString(string(readme)), "EOF")
	for _, here := range [][2]string{{"endpoint: s3.amazonaws.com", "endpoint: " + part(t, "TASKVEC_S3")}, {"insecure: false", "insecure: true"}} {
		if !strings.Contains(text, here[0]) {
			t.Fatalf("pipelines/README.md does not say %q:\n%s", here[0], text)
		}
		text = strings.Replace(text, here[0], here[1], 1)
	}
	apply := exec.Command("kubectl", "apply", "-f", "-")
	apply.Stdin = strings.NewReader(text)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", apply, err, out)
	}
}

// unpack makes a workspace of an experiment's objects, as pipelines/README.md says.
func unpack(t *testing.T, objects string) (workspace string) {
	t.Helper()
	workspace = t.TempDir()
	said(t, "sh", "-ec", `for o in "$0"/jobs/*.tgz; do tar xzf "$o" --strip-components 1 -C "$1"; done; tar xzf "$0/workflow.tgz" -C "$1"`, objects, workspace)
	return workspace
}

// status returns what status says.
func status(t *testing.T, args ...string) string {
	t.Helper()
	out, err := taskvec(t, append([]string{"status"}, args...)...).Output()
	if err != nil {
		t.Fatalf("status: %v\n%s", err, out)
	}
	return string(out)
}

// write writes a file, and makes its folder.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
