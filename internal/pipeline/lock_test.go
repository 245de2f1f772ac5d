package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestSharedWorkspace lets three runners work on one plan: every job is done once.
func TestSharedWorkspace(t *testing.T) {
	var mu sync.Mutex
	times := map[string]int{}
	kinds := arithmetic(func(_ context.Context, w *Work) error {
		mu.Lock()
		times[w.Job]++
		mu.Unlock()
		time.Sleep(time.Millisecond)
		return nil
	})
	w := Workspace{Dir: t.TempDir()}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			p, err := NewPlan(chain("a", "bb", "ccc", "dddd"), kinds)
			if err == nil {
				err = (&Runner{Workspace: w, Jobs: 2}).Run(context.Background(), p)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(times) != 9 {
		t.Errorf("%d jobs done, want 9", len(times))
	}
	for job, n := range times {
		if n != 1 {
			t.Errorf("%s done %d times", job, n)
		}
	}
}

// TestSharedPublishing lets several runners publish the same finished experiment at once.
func TestSharedPublishing(t *testing.T) {
	kinds := arithmetic(nil)
	w := Workspace{Dir: t.TempDir()}
	if err := (&Runner{Workspace: w, Jobs: 1}).Run(context.Background(), plan(t, chain("a"), kinds)); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := os.RemoveAll(filepath.Join(w.Experiment("chain"), "results")); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				p, err := NewPlan(chain("a"), kinds)
				if err == nil {
					err = (&Runner{Workspace: w, Jobs: 1}).Run(context.Background(), p)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if result(t, w) != "2" {
			t.Fatal("the result is not published")
		}
	}
}

func TestLocks(t *testing.T) {
	w := Workspace{Dir: t.TempDir()}
	first, _, err := w.acquire("k")
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	if info, err := os.Stat(w.lock("k")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("others who share the workspace cannot read a lock: %v, %v", info.Mode(), err)
	}
	if first.self.Space == "" && processStart(os.Getpid()) != "alive" {
		t.Error("a system with /proc has no pid namespace")
	}
	second, other, err := w.acquire("k")
	if err != nil || second != nil || other.PID != os.Getpid() {
		t.Fatalf("a held lock is given out: %v %v %v", second, other, err)
	}
	if err := first.release(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	old, recent := time.Now().Add(-2*lockExpiry), time.Now()
	for _, c := range []struct {
		name   string
		owner  owner
		mtime  time.Time
		healed bool
	}{
		{"dead process of this host", owner{Host: host, PID: dead.Process.Pid, Start: "17", Nonce: "x"}, recent, true},
		{"pid used again", owner{Host: host, PID: os.Getpid(), Start: "1", Nonce: "x"}, recent, true},
		{"live process, lock long untouched", owner{Host: host, PID: os.Getpid(), Start: processStart(os.Getpid()), Nonce: "x"}, old, false},
		{"live process of this pid namespace", owner{Host: host, PID: os.Getpid(), Start: processStart(os.Getpid()), Space: processSpace(), Nonce: "x"}, old, false},
		{"dead process of this pid namespace", owner{Host: host, PID: dead.Process.Pid, Start: "17", Space: processSpace(), Nonce: "x"}, recent, true},
		// Of two pods with the host's network: the pid is nobody's here, and the process lives.
		{"another pid namespace of this host, alive", owner{Host: host, PID: dead.Process.Pid, Start: "17", Space: "boot pid:[1]", Nonce: "x"}, recent, false},
		{"another pid namespace of this host, silent", owner{Host: host, PID: os.Getpid(), Start: processStart(os.Getpid()), Space: "boot pid:[1]", Nonce: "x"}, old, true},
		{"other host, silent", owner{Host: "elsewhere", PID: 1, Nonce: "x"}, old, true},
		{"other host, alive", owner{Host: "elsewhere", PID: 1, Nonce: "x"}, recent, false},
	} {
		b, err := json.Marshal(c.owner)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.lock("k"), b, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(w.lock("k"), c.mtime, c.mtime); err != nil {
			t.Fatal(err)
		}
		h, _, err := w.acquire("k")
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if (h != nil) != c.healed {
			t.Errorf("%s: healed is %v, want %v", c.name, h != nil, c.healed)
		}
		if h != nil {
			if err := h.release(); err != nil {
				t.Error(err)
			}
		} else if err := os.Remove(w.lock("k")); err != nil {
			t.Error(err)
		}
	}
	for name, age := range map[string]time.Time{"old": old, "new": recent} {
		path := filepath.Join(w.store(), lockTemp+name)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, age, age); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.store(), lockTemp+"*")); len(left) != 1 || filepath.Base(left[0]) != lockTemp+"new" {
		t.Errorf("sweep leaves %v, want the new one", left)
	}
	for content, age := range map[string]time.Time{"?": recent, "": old} {
		if err := os.WriteFile(w.lock("k"), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(w.lock("k"), age, age); err != nil {
			t.Fatal(err)
		}
		h, _, err := w.acquire("k")
		if err != nil || (h != nil) != (age == old) {
			t.Errorf("a spoilt lock %q: held %v, %v", content, h != nil, err)
		}
		if h != nil {
			if err := h.release(); err != nil {
				t.Error(err)
			}
		} else if err := os.Remove(w.lock("k")); err != nil {
			t.Error(err)
		}
	}
}

// TestLockTryAgain wants a lock that nobody can take nor read, as of one that changes hands again and
// again, to be worth another attempt.
func TestLockTryAgain(t *testing.T) {
	w := Workspace{Dir: t.TempDir()}
	if err := os.MkdirAll(w.store(), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", w.lock("k")); err != nil { // there for who makes it, gone for who reads it
		t.Fatal(err)
	}
	_, _, err := w.acquire("k")
	var again *TryAgain
	if !errors.As(err, &again) {
		t.Errorf("%v, want one to try again", err)
	}
}

// TestExclusivelyStops does not wait for the lock of an experiment once it is told to stop, and takes
// one that is free.
func TestExclusivelyStops(t *testing.T) {
	w := Workspace{Dir: t.TempDir()}
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("stop")
	cancel(stop)
	called := 0
	f := func() error { called++; return nil }
	if err := w.exclusively(ctx, "x", f); err != nil || called != 1 {
		t.Errorf("a free lock: %v, %d calls", err, called)
	}
	lock, _, err := w.acquire("experiment-x")
	if err != nil || lock == nil {
		t.Fatal(err)
	}
	if err := w.exclusively(ctx, "x", f); !errors.Is(err, stop) || called != 1 {
		t.Errorf("a held lock: %v, %d calls", err, called)
	}
	if err := lock.release(); err != nil {
		t.Fatal(err)
	}
}
