package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A test binary started with killEnv set is a runner of the workspace it names, for the parent to
// kill.
const killEnv = "TASKVEC_TEST_RUNNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killEnv); dir != "" {
		if err := slowRun(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// slowRun runs a chain whose jobs take a while and write several files, and note in a journal
// beside the store that they ended.
func slowRun(dir string) error {
	kinds := arithmetic(func(_ context.Context, w *Work) error {
		for i := range 4 {
			if err := os.WriteFile(filepath.Join(w.Dir, fmt.Sprintf("part-%d", i)), []byte(strings.Repeat(w.Job, 1000)), 0o666); err != nil {
				return err
			}
			time.Sleep(3 * time.Millisecond)
		}
		return nil
	})
	p, err := NewPlan(chain("a", "bb", "ccc", "dddd", "eeeee"), kinds)
	if err != nil {
		return err
	}
	return (&Runner{Workspace: Workspace{Dir: dir}, Jobs: 2, Observe: func(e Event) {
		if e.State == Done {
			f, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
			if err == nil {
				fmt.Fprintln(f, e.Job)
				f.Close()
			}
		}
	}}).Run(context.Background(), p)
}

// TestKill kills a runner with SIGKILL at random moments, again and again, until one comes to its
// end: no finished job is done again, and the store is that of an undisturbed run.
func TestKill(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runner := func(dir string) *exec.Cmd {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), killEnv+"="+dir)
		cmd.Stderr = os.Stderr
		return cmd
	}
	calm := t.TempDir()
	if err := runner(calm).Run(); err != nil {
		t.Fatal(err)
	}
	want, err := digests(filepath.Join(calm, "store"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for {
		cmd := runner(dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		limit := time.Duration(20+rng.IntN(60)) * time.Millisecond
		if kills >= 15 {
			limit = time.Minute
		}
		var err error
		select {
		case err = <-done:
		case <-time.After(limit):
			kills++
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			err = <-done
		}
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("after %d kills: %v", kills, err)
		}
	}
	t.Logf("killed %d times", kills)
	if kills == 0 {
		t.Error("the runner was never killed: the test shows nothing")
	}
	journal, err := os.ReadFile(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, job := range strings.Fields(string(journal)) {
		if seen[job] {
			t.Errorf("%s was finished twice", job)
		}
		seen[job] = true
	}
	got, err := digests(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	for path, digest := range want {
		if filepath.Base(path) != recordFile && got[path] != digest {
			t.Errorf("%s differs from the undisturbed run's", path)
		}
	}
	for path := range got {
		// A lock on its way, or away, is swept by a later run, once it is old enough to be nobody's.
		if _, ok := want[path]; !ok && !strings.HasPrefix(path, lockTemp) && !strings.Contains(path, ".lock.stale-") {
			t.Errorf("%s is left over", path)
		}
	}
}
