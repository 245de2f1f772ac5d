//go:build real

package container

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestRealAdopt takes over a container that runs, and one that has ended well, and begins anew after one that did not.
func TestRealAdopt(t *testing.T) {
	image := os.Getenv("TASKVEC_TRAINER_IMAGE")
	if image == "" {
		t.Fatal("TASKVEC_TRAINER_IMAGE names no image: run make test-real")
	}
	engine, err := Find("podman")
	if err != nil {
		t.Fatal(err)
	}
	s := &Spec{Name: "taskvec-test-adopt", Labels: map[string]string{"taskvec.test": t.TempDir()}}
	for script, want := range map[string]string{"sleep 60": "running", "exit 0": "exited", "exit 7": ""} {
		out, err := exec.Command("podman", "run", "--detach", "--network", "none", "--name", s.Name, "--label", "taskvec.test="+s.Labels["taskvec.test"],
			"--entrypoint", "sh", image, "-c", script).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if want != "running" {
			if out, err := exec.Command("podman", "wait", s.Name).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		var log strings.Builder
		id, err := engine.adopt(t.Context(), s, &log)
		if err != nil || (id != "") != (want != "") || want != "" && !strings.Contains(log.String(), "("+want+")") {
			t.Errorf("%s: adopted %q, %v, said %q; want %q", script, id, err, log.String(), want)
		}
		if id != "" {
			if out, err := exec.Command("podman", "rm", "--force", "--time", "0", id).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
}
