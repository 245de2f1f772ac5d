//go:build real

package container

import (
	"context"
	"io"
	"os"
	"testing"
	"time"
)

// TestRealStopped stops a container at moments of its start, from before it is made until its process
// works: each time it has ended within its grace and none is left.
func TestRealStopped(t *testing.T) {
	image := os.Getenv("TASKVEC_TRAINER_IMAGE")
	if image == "" {
		t.Fatal("TASKVEC_TRAINER_IMAGE names no image: run make test-real")
	}
	engine, err := Find("podman")
	if err != nil {
		t.Fatal(err)
	}
	s := Spec{Name: "taskvec-test-stopped", Labels: map[string]string{"taskvec.test": t.TempDir()}, Image: image, Grace: 5 * time.Second}
	for _, after := range []time.Duration{time.Millisecond, 50 * time.Millisecond, 150 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond, 1500 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		exit, err := engine.Run(ctx, s, func([]byte) {}, io.Discard)
		cancel()
		left, listErr := engine.list(t.Context(), s.Name, nil)
		if listErr != nil || len(left) > 0 {
			t.Fatalf("stopped after %s: %v is left, %v", after, left, listErr)
		}
		if err == nil && exit != 75 && exit != 137 {
			t.Errorf("stopped after %s: exit code %d, want that of a trainer that is stopped, or killed before it handles signals", after, exit)
		}
		if err != nil && ctx.Err() == nil {
			t.Errorf("stopped after %s: %v", after, err)
		}
	}
}
