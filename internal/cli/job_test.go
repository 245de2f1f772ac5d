package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTerminatedJob sends SIGTERM to a job, as a cluster does that wants the node back: the exit code
// says that a further attempt may help, and nothing keeps that attempt from starting.
func TestTerminatedJob(t *testing.T) {
	workspace := t.TempDir()
	progress := filepath.Join(workspace, "progress")
	cmd := taskvec(t, "job", "base/tiny-llama", "--config", "../../configs/quickstart.yaml", "--workspace", workspace, "--set", "stages.base.with.epochs=500")
	cmd.Env = append(cmd.Env, progressVariable+"="+progress)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if _, err := os.Stat(progress); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitTryAgain || !strings.Contains(stderr.String(), "base/tiny-llama was stopped; what it saved is kept") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
	if text, err := os.ReadFile(progress); err != nil || !strings.Contains(string(text), "/") {
		t.Errorf("progress %q, %v", text, err)
	}
	if locks, err := filepath.Glob(filepath.Join(workspace, "store", "*.lock")); err != nil || len(locks) > 0 {
		t.Errorf("locks left: %v, %v", locks, err)
	}
}
