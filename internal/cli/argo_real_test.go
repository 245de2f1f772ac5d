//go:build real

package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// submitTime is how long a workflow of these tests may take, on a slow machine.
const submitTime = 15 * time.Minute

// part returns what .ci/test-argo says about its cluster.
func part(t *testing.T, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Fatalf("%s is not set: run make test-argo", variable)
	}
	return value
}

// said runs a command and returns what it says; a failure of it is the test's.
func said(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out)
}

// claim makes a new workspace and a claim for it, and returns both. The folder belongs to the pods'
// user.
func claim(t *testing.T, name string) (workspace string) {
	t.Helper()
	workspace = t.TempDir()
	if err := os.Chown(workspace, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	said(t, "../../.ci/cluster", "volume", name, workspace)
	return workspace
}

// compiled compiles an experiment and returns the file.
func compiled(t *testing.T, config string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "compiled.yaml")
	said(t, "env", append([]string{asTaskvec + "=1", os.Args[0], "compile", "--config", config, "--output", out}, args...)...)
	return out
}

// A workflow is one that was submitted.
type workflow struct {
	t    *testing.T
	name string
}

// onClaim is the parameter of a workflow whose workspace is a claim.
func onClaim(name string) string { return "workspace-claim=" + name }

// submit submits a file with parameters.
func submit(t *testing.T, file string, parameters ...string) *workflow {
	t.Helper()
	args := []string{"submit", file, "--output", "name", "--parameter", "image=" + part(t, "TASKVEC_IMAGE")}
	for _, p := range parameters {
		args = append(args, "--parameter", p)
	}
	return &workflow{t, strings.TrimSpace(said(t, "argo", args...))}
}

// node is a pod of a workflow, as Argo knows it.
type node struct {
	ID, DisplayName, TemplateName, Type, Phase, Message string
}

// state returns how a workflow is, and its pods.
func (w *workflow) state() (phase string, pods []node) {
	w.t.Helper()
	var got struct {
		Status struct {
			Phase string
			Nodes map[string]node
		}
	}
	if err := json.Unmarshal([]byte(said(w.t, "argo", "get", w.name, "--output", "json")), &got); err != nil {
		w.t.Fatal(err)
	}
	for _, n := range got.Status.Nodes {
		if n.Type == "Pod" {
			pods = append(pods, n)
		}
	}
	return got.Status.Phase, pods
}

// ends waits until the workflow ends, and wants it to end so.
func (w *workflow) ends(want string) {
	w.t.Helper()
	for until := time.Now().Add(submitTime); ; time.Sleep(2 * time.Second) {
		switch phase, _ := w.state(); {
		case phase == want:
			return
		case phase == "Succeeded" || phase == "Failed" || phase == "Error" || time.Now().After(until):
			get, _ := exec.Command("argo", "get", w.name).CombinedOutput()
			w.t.Fatalf("the workflow is %q, want %s\n%s\n%s", phase, want, get, w.logs())
		}
	}
}

// logs returns what the pods that are still there have said.
func (w *workflow) logs() string {
	out, err := exec.Command("argo", "logs", w.name, "--no-color").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s\nargo logs: %v", out, err)
	}
	return string(out)
}

// says wants a message of a task that failed in its log, and beside the task in Argo.
func (w *workflow) says(task, message string) {
	w.t.Helper()
	if logs := w.logs(); !strings.Contains(logs, message) {
		w.t.Errorf("the logs do not say %q:\n%s", message, logs)
	}
	_, pods := w.state()
	for _, n := range pods {
		if n.DisplayName == task && !strings.Contains(n.Message, message) {
			w.t.Errorf("Argo says of %s %q, want %q", task, n.Message, message)
		}
	}
}

// sameFiles wants the same files with the same bytes.
func sameFiles(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(want) == 0 || len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%s is not the same", path)
		}
	}
}

// TestRealArgo submits workflows to the test cluster.
func TestRealArgo(t *testing.T) {
	t.Run("lint", lintPipelines)
	t.Run("workflows", func(t *testing.T) {
		t.Run("quickstart", submitQuickstart)
		t.Run("killed", submitKilled)
		t.Run("faulty", submitFaulty)
		t.Run("objects", submitObjects)
	})
}

// lintPipelines has Argo's own tool read each compiled pipeline.
func lintPipelines(t *testing.T) {
	pipelines, err := filepath.Glob("../../pipelines/*.yaml")
	if err != nil || len(pipelines) == 0 {
		t.Fatalf("no pipelines: %v", err)
	}
	said(t, "argo", append([]string{"lint", "--offline"}, pipelines...)...)
}

// submitQuickstart submits the quickstart: its results and its report are those of a local run to the
// byte, submitting it again does nothing again, and a local run goes on from there.
func submitQuickstart(t *testing.T) {
	t.Parallel()
	const pipeline, config = "../../pipelines/quickstart.yaml", "../../configs/quickstart.yaml"
	workspace := claim(t, "quickstart")
	submit(t, pipeline, onClaim("quickstart")).ends("Succeeded")
	got := files(t, filepath.Join(workspace, "quickstart"), "report", "results")
	sameFiles(t, got, files(t, quickstart(t, t.TempDir()), "report", "results"))

	before := files(t, workspace, "store", "logs")
	again := submit(t, pipeline, onClaim("quickstart"))
	again.ends("Succeeded")
	sameFiles(t, files(t, workspace, "store", "logs"), before)
	if logs := again.logs(); !strings.Contains(logs, "report is done already (key ") {
		t.Errorf("the report was not done already:\n%s", logs)
	}
	for _, c := range []struct{ command, want string }{
		{"", "all 24 jobs cached: nothing to do"},
		{"status", "24 jobs, 24 cached"},
		{"why train/tiny-llama/ner", "nothing changed since its last run"},
	} {
		args := append(strings.Fields(c.command), "--config", config, "--workspace", workspace)
		if out, err := taskvec(t, args...).Output(); err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("taskvec %s: %v, want %q:\n%s", c.command, err, c.want, out)
		}
	}
}

// submitKilled kills the pod of a training in the middle, once with time to save a checkpoint, as where a
// node is drained, and once without: the next pod goes on, and the adapter is that of a local run in a
// container to the byte.
func submitKilled(t *testing.T) {
	t.Parallel()
	file := contained(t)
	workspace := claim(t, "killed")
	w := submit(t, compiled(t, file), onClaim("killed"))
	const task = "first-10pct-words"
	logs := filepath.Join(workspace, "logs", "train", "tiny-llama", task)
	for attempt, kill := range [][]string{
		{"delete", "pod", "--wait=false"},
		{"exec", "--container=main"},
	} {
		log := filepath.Join(logs, fmt.Sprintf("attempt-%d.log", attempt+1))
		w.trains(log, 20)
		args := append(kill, w.running("train-tiny-llama-"+task))
		if kill[0] == "exec" {
			args = append(args, "--", "sh", "-c", "kill -KILL -1")
		}
		if out, err := exec.Command("kubectl", args...).CombinedOutput(); err != nil && kill[0] != "exec" {
			t.Fatalf("kubectl %v: %v\n%s", args, err, out)
		}
	}
	w.ends("Succeeded")
	for attempt := 2; attempt <= 3; attempt++ {
		log, err := os.ReadFile(filepath.Join(logs, fmt.Sprintf("attempt-%d.log", attempt)))
		if err != nil || !strings.Contains(string(log), "resumed from step") {
			t.Errorf("attempt %d did not go on from a checkpoint: %v\n%s", attempt, err, log)
		}
	}
	calm := t.TempDir()
	removeContainers(t, calm)
	if err := follow(t, file, calm, nil); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, files(t, filepath.Join(workspace, "contained"), "results"), files(t, filepath.Join(calm, "contained"), "results"))
}

// step matches a step in what a trainer writes.
var step = regexp.MustCompile(`"step": ?([0-9]+)`)

// trains waits until a training's log tells of that many steps.
func (w *workflow) trains(log string, steps int) {
	w.t.Helper()
	for until := time.Now().Add(submitTime); ; time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(log)
		if len(step.FindAll(text, -1)) >= steps {
			return
		}
		if time.Now().After(until) {
			w.t.Fatalf("%s: %v: no %d steps:\n%s", log, err, steps, w.logs())
		}
	}
}

// running returns the pod of a task that runs.
func (w *workflow) running(task string) string {
	w.t.Helper()
	_, pods := w.state()
	for _, n := range pods {
		if strings.HasPrefix(n.DisplayName, task) && n.Phase == "Running" {
			i := strings.LastIndex(n.ID, "-")
			return w.name + "-" + n.TemplateName + n.ID[i:]
		}
	}
	w.t.Fatalf("no pod of %s runs: %+v", task, pods)
	return ""
}

// faultyExperiment has a set of labelled texts with a label that it does not name.
const faultyExperiment = `experiment: faulty
corpus: {format: sample, split: {train: 12, validation: 4, test: 4}}
models:
  tiny: {family: roberta, architecture: {vocabulary: 300, hidden: 16, layers: 2, heads: 2, intermediate: 16, max_positions: 66}}
sets:
  mine: {path: mine.csv, text: remark, label: mood, labels: [calm, cross]}
stages:
  - {name: examples, uses: build, with: {tasks: [has-person, mine]}}
  - {name: base, uses: pretrain, matrix: {model: [tiny]}, with: {epochs: 1, max_length: 64}}
  - name: train
    uses: train
    needs: [examples, base]
    matrix: {model: [tiny], task: [has-person, mine]}
    runner: embedded
    with: {epochs: 1, learning_rate: 1e-3, max_length: 64}
  - {name: adapters, uses: collect, needs: [train]}
`

// submitFaulty submits an experiment with bad data: the workflow fails with the job's message, and what
// does not need that job is done.
func submitFaulty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "faulty.yaml")
	for path, text := range map[string]string{
		file:                           faultyExperiment,
		filepath.Join(dir, "mine.csv"): "remark,mood\nall is well,calm\nleave me alone,angry\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	workspace := claim(t, "faulty")
	w := submit(t, compiled(t, file), onClaim("faulty"))
	w.ends("Failed")
	const message = `label "angry" is none of`
	w.says("examples-mine", message)
	got := map[string]string{}
	_, pods := w.state()
	for _, n := range pods {
		got[strings.TrimPrefix(n.DisplayName, w.name)] = n.Phase
	}
	want := map[string]string{
		"examples-has-person": "Succeeded", "examples-mine": "Failed", "base-tiny": "Succeeded", "train-tiny-has-person": "Succeeded", ".onExit": "Succeeded",
	}
	if !maps.Equal(got, want) {
		t.Errorf("the pods ended as %v, want %v", got, want)
	}
	out, err := taskvec(t, "status", "--config", file, "--workspace", workspace).Output()
	if err != nil || !strings.Contains(string(out), message) {
		t.Errorf("status: %v, want %q:\n%s", err, message, out)
	}
}
