package train

import (
	"errors"
	"io"
	"strings"
	"testing"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/trainer"
)

// TestContainerName gives each job of each workspace a container of its own.
func TestContainerName(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct{ job, key, store string }{
		{"train/m/ner", "aa", "/a/store"}, {"train/m/ner", "aa", "/b/store"}, {"train/m/ner", "bb", "/a/store"}, {"train/m/srl", "aa", "/a/store"},
	} {
		name := containerName(&pipeline.Work{Job: c.job, Key: c.key}, c.store)
		if seen[name] || !strings.HasPrefix(name, "taskvec-train-m-") || strings.ContainsAny(name, "/ ") {
			t.Errorf("%+v is named %s", c, name)
		}
		seen[name] = true
	}
}

// TestOutcome turns exit codes into what the runner does about them.
func TestOutcome(t *testing.T) {
	said := &tail{w: io.Discard}
	for _, text := range []string{"loading\nbad data: exam", "ple x is empty\n", "\n"} {
		if _, err := said.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := outcome(trainer.ExitDone, ""); err != nil {
		t.Error(err)
	}
	var bad *trainer.BadData
	if err := outcome(trainer.ExitBadData, said.last); !errors.As(err, &bad) || bad.Msg != "example x is empty" {
		t.Errorf("bad data: %v", err)
	}
	var again *pipeline.TryAgain
	for _, code := range []int{75, 137, 143} {
		if err := outcome(code, "stopped"); !errors.As(err, &again) {
			t.Errorf("%d: %v", code, err)
		}
	}
	if err := outcome(1, "a bug"); err == nil || errors.As(err, &bad) || errors.As(err, &again) || err.Error() != "the trainer failed with exit code 1: a bug" {
		t.Errorf("got %v", err)
	}
}

// TestBeside records the image of the pod that the trainer runs in, by its name.
func TestBeside(t *testing.T) {
	w := &pipeline.Work{Log: io.Discard, Versions: map[string]string{}, Container: &experiment.Container{Image: "registry/trainer@sha256:ab", Command: []string{"true"}}}
	if exit, err := beside(t.Context(), w, t.TempDir(), trainer.Spec{}, func([]byte) {}, io.Discard); err != nil || exit != 0 {
		t.Fatalf("exit %d, %v", exit, err)
	}
	if got := w.Versions["image"]; got != w.Container.Image {
		t.Errorf("the image is recorded as %q", got)
	}
}
