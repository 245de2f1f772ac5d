package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"taskvec/internal/pipeline"
	"taskvec/internal/table"
)

// taskvec returns the command built once for all tests of the process.
func taskvec(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable() // TestMain lets the test binary be taskvec by that name
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Args[0] = "taskvec"
	cmd.Env = append(os.Environ(), asTaskvec+"=1")
	cmd.Stderr = os.Stderr
	return cmd
}

// quickstart runs the quickstart experiment in a workspace and returns its folder there.
func quickstart(t *testing.T, workspace string, args ...string) string {
	t.Helper()
	args = append([]string{"--config", "../../configs/quickstart.yaml", "--workspace", workspace, "--progress", "plain"}, args...)
	cmd := taskvec(t, args...)
	cmd.Stderr = nil
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, err.(*exec.ExitError).Stderr)
	}
	return filepath.Join(workspace, "quickstart")
}

// files reads every file below the folders by relative path.
func files(t *testing.T, root string, folders ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			out[strings.TrimPrefix(path, root)] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestQuickstart runs the quickstart whole: its files are there, every adapter beats the base model
// on the validation split, and a second run does nothing.
func TestQuickstart(t *testing.T) {
	workspace := t.TempDir()
	dir := quickstart(t, workspace)
	got := files(t, dir, "report", "results")
	for _, want := range []string{
		"/report/index.html", "/report/tables/table1-projection.csv", "/report/tables/table1-projection.md", "/report/tables/table1-projection.tex",
		"/report/tables/table2-entropy.csv", "/report/tables/distance-tiny-llama-grassmann.csv", "/report/figures/pca-tiny-llama-grassmann.svg",
		"/report/figures/pca-tiny-llama-grassmann.png", "/report/figures/heatmap-tiny-llama-grassmann.svg", "/report/figures/loss-tiny-llama.svg",
		"/results/factors.arrow", "/results/similarity.arrow", "/results/projection.arrow", "/results/spectra.arrow", "/results/curves.arrow",
	} {
		if len(got[want]) == 0 {
			t.Errorf("%s is missing or empty", want)
		}
	}
	var adapters []struct {
		Task    string
		Initial float64 `json:"validation_loss_initial"`
		Best    float64 `json:"validation_loss_best"`
	}
	if err := json.Unmarshal([]byte(got["/results/adapters.json"]), &adapters); err != nil {
		t.Fatal(err)
	}
	if len(adapters) != 9 {
		t.Errorf("%d adapters, want 9", len(adapters))
	}
	for _, a := range adapters {
		if a.Best >= a.Initial {
			t.Errorf("%s: validation loss %.3f, of the base model %.3f", a.Task, a.Best, a.Initial)
		}
	}
	curves, _, err := table.Read[table.Curve](filepath.Join(dir, "results", "curves.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	first, last := map[string]float64{}, map[string]float64{}
	for _, c := range curves {
		if c.Kind == "train" {
			if _, ok := first[c.Task]; !ok {
				first[c.Task] = c.Loss
			}
			last[c.Task] = c.Loss
		}
	}
	for task := range first {
		if last[task] >= first[task] {
			t.Errorf("%s: training loss %.3f at the end, %.3f in the first epoch", task, last[task], first[task])
		}
	}
	out, err := taskvec(t, "--config", "../../configs/quickstart.yaml", "--workspace", workspace).Output()
	if err != nil || !strings.Contains(string(out), "all 24 jobs cached: nothing to do") || !strings.Contains(string(out), filepath.Join(dir, "report", "index.html")) {
		t.Errorf("the second run: %v\n%s", err, out)
	}
}

// short makes the quickstart's trainings as short as they can be.
var short = []string{"--set", "corpus.split={train: 12, validation: 3, test: 3}", "--set", "stages.base.with.epochs=1", "--set", "stages.train.with.epochs=2", "--set", "stages.train-classifiers.with.epochs=1"}

// TestKilledRun kills a run with SIGKILL in the middle of a training and runs it again: finished
// jobs are not done again, and the bytes are those of an undisturbed run with another number of
// jobs at once.
func TestKilledRun(t *testing.T) {
	calm := files(t, quickstart(t, t.TempDir(), append(short, "--jobs", "1")...), "report", "results")
	workspace := t.TempDir()
	args := append([]string{"--config", "../../configs/quickstart.yaml", "--workspace", workspace, "--jobs", "2", "--progress", "json"}, short...)
	cmd := taskvec(t, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var done []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e pipeline.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		if e.State == pipeline.Done {
			done = append(done, e.Job)
		}
		// In the middle of a job's steps, after a job of its stage has ended.
		if slices.Contains(done, "train/tiny-llama/ner") && e.State == pipeline.Running && e.Done > 5 {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the run was not killed: %v", err)
	}
	again, err := taskvec(t, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(again))
	for dec.More() {
		var e pipeline.Event
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.State == pipeline.Done && slices.Contains(done, e.Job) {
			t.Errorf("%s was done again", e.Job)
		}
	}
	got := files(t, filepath.Join(workspace, "quickstart"), "report", "results")
	for path, want := range calm {
		if got[path] != want {
			t.Errorf("%s differs from the undisturbed run's", path)
		}
	}
	if len(got) != len(calm) {
		t.Errorf("%d files, the undisturbed run has %d", len(got), len(calm))
	}
}

// TestInterruptedRun sends SIGINT: the run ends with 130 and says how to go on.
func TestInterruptedRun(t *testing.T) {
	cmd := taskvec(t, append([]string{"--config", "../../configs/quickstart.yaml", "--workspace", t.TempDir(), "--progress", "json"}, short...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.WriteTo(&bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if !strings.Contains(stderr.String(), "run the same command to go on") {
		t.Errorf("stderr %q", stderr.String())
	}
}
