//go:build real

package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"taskvec/internal/container"
	"taskvec/internal/trainer"
)

// TestRealConformance runs the suite on the trainer's image, any that TASKVEC_TRAINER_IMAGE names, and loads
// what both trainers wrote with the PEFT library.
func TestRealConformance(t *testing.T) {
	image := os.Getenv("TASKVEC_TRAINER_IMAGE")
	if image == "" {
		t.Fatal("TASKVEC_TRAINER_IMAGE names no image: run make test-real, or make conformance IMAGE=…")
	}
	engine, err := container.Find("auto")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.ImageID(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	start := func(t *testing.T, dir string, spec trainer.Spec, step func(trainer.Progress, func(syscall.Signal))) (int, string) {
		t.Helper()
		return startImage(t, engine, image, dir, spec, step)
	}
	done := conform(t, []string{"llama", "mistral", "roberta"}, start)
	if !t.Failed() {
		loads(t, done)
	}
}

// TestRealConformanceEmbedded loads what the embedded trainer wrote with the PEFT library.
func TestRealConformanceEmbedded(t *testing.T) {
	loads(t, conform(t, []string{"llama", "roberta"}, startEmbedded))
}

// startImage is the starter of an image.
func startImage(t *testing.T, engine *container.Engine, image, dir string, spec trainer.Spec, step func(trainer.Progress, func(syscall.Signal))) (int, string) {
	t.Helper()
	sum := sha256.Sum256([]byte(dir))
	s := container.Spec{Name: "taskvec-conformance-" + hex.EncodeToString(sum[:6]), Labels: map[string]string{"taskvec.test": dir}, Image: image, Grace: grace}
	if err := show(&s, dir, spec); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	send := func(signal syscall.Signal) {
		if signal == syscall.SIGTERM {
			stop()
		} else if out, err := exec.Command(engine.Name, "kill", s.Name).CombinedOutput(); err != nil {
			t.Errorf("kill: %v: %s", err, out)
		}
	}
	said := &tail{w: io.Discard}
	exit, err := engine.Run(ctx, s, func(line []byte) {
		var p trainer.Progress
		if json.Unmarshal(line, &p) == nil && p.Total > 0 {
			step(p, send)
		}
	}, said)
	if err != nil {
		t.Fatal(err)
	}
	return exit, said.last
}

// loads has the PEFT library load each training's adapters: it takes every tensor, and finds the validation
// losses that the trainer recorded.
func loads(t *testing.T, done map[string]trainer.Spec) {
	python := os.Getenv("TASKVEC_PYTHON")
	if python == "" {
		t.Fatal("TASKVEC_PYTHON names no python with peft: run make test-real")
	}
	type job struct {
		Model    string `json:"model"`
		Family   string `json:"family"`
		Examples string `json:"examples"`
		Adapter  string `json:"adapter"`
		Init     string `json:"init"`
	}
	dirs := slices.Sorted(maps.Keys(done))
	var jobs []job
	for _, dir := range dirs {
		s := done[dir]
		jobs = append(jobs, job{s.Model.Path, s.Model.Family, s.Examples, filepath.Join(dir, filepath.FromSlash(trainer.AdapterDir)), filepath.Join(dir, filepath.FromSlash(trainer.InitDir))})
	}
	b, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, filepath.Join("testdata", "peft_validation.py"), string(b))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	type loaded struct {
		Loss    float64
		Modules int
		Unused  []string
	}
	var real []struct{ Init, Adapter loaded }
	if err := json.Unmarshal(out, &real); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, dir := range dirs {
		r, err := trainer.ReadResult(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			loaded
			want float64
		}{{"init", real[i].Init, r.InitialLoss}, {"adapter", real[i].Adapter, r.ValidationLosses[r.BestEpoch-1]}} {
			if math.Abs(c.Loss-c.want) > 1e-4 || c.Modules != 2*layers || len(c.Unused) > 0 {
				t.Errorf("%s %s: PEFT's loss is %v and the trainer's %v; %d modules; not taken: %v", done[dir].Model.Name, c.name, c.Loss, c.want, c.Modules, c.Unused)
			}
		}
	}
}
