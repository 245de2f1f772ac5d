//go:build real

package cli

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRealNamespaces has a job done in another pid namespace under this host's name, as in a pod with
// the host's network: its lock is not taken for that of a process which is gone.
func TestRealNamespaces(t *testing.T) {
	workspace := t.TempDir()
	progress := filepath.Join(workspace, "progress")
	args := []string{"job", "base/tiny-llama", "--config", "../../configs/quickstart.yaml", "--workspace", workspace, "--set", "stages.base.with.epochs=500"}
	other := taskvec(t, args...)
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	other.Args = append([]string{unshare, "--pid", "--fork", "--mount-proc", "--kill-child", other.Path}, args...)
	other.Path = unshare
	other.Env = append(other.Env, progressVariable+"="+progress)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		other.Process.Kill()
		other.Wait()
	})
	for range 600 {
		if _, err := os.Stat(progress); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	cmd := taskvec(t, args...)
	cmd.Stderr = nil
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "waiting  base/tiny-llama  process 1 on ") {
		t.Errorf("the lock of a live process: %q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if cmd.Wait(); cmd.ProcessState.ExitCode() != exitTryAgain {
		t.Errorf("exit code %d", cmd.ProcessState.ExitCode())
	}
}
