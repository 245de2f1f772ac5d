package pipeline

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"taskvec/internal/experiment"
)

// alone runs one job of chain by itself, as a pod does, and returns the last thing that happened.
func alone(t *testing.T, w Workspace, kinds []Kind, name string) (State, error) {
	t.Helper()
	p, err := Expand(chain("a", "bb"), kinds)
	if err != nil {
		t.Fatal(err)
	}
	one, err := p.Alone(p.Job(name))
	if err != nil {
		t.Fatal(err)
	}
	var last State
	r := &Runner{Workspace: w, Once: true, Observe: func(e Event) { last = e.State }}
	return last, r.Run(context.Background(), one)
}

// TestAlone runs the jobs of an experiment one by one, each by a runner of its own: what is
// published, cached and recorded is what a run of the whole leaves, and each continues the other.
func TestAlone(t *testing.T) {
	kinds := arithmetic(nil)
	w := Workspace{Dir: t.TempDir()}
	if _, err := alone(t, w, kinds, "total"); err == nil || !strings.Contains(err.Error(), "job total needs numbers/a, whose result is not in "+w.store()) {
		t.Errorf("without what it needs: %v", err)
	}
	for _, name := range []string{"numbers/a", "numbers/bb", "doubled/a", "doubled/bb", "total"} {
		if _, err := alone(t, w, kinds, name); err != nil {
			t.Fatal(err)
		}
	}
	if result(t, w) != "6" {
		t.Errorf("total %s, want 6", result(t, w))
	}
	whole := plan(t, chain("a", "bb"), kinds)
	statuses, err := w.Status(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statuses {
		if s.State != Cached {
			t.Errorf("%s is %s", s.Job, s.State)
		}
	}
	lock, err := w.Lock("chain")
	if err != nil || len(lock.Jobs) != 5 || lock.Jobs["total"].Key != whole.Job("total").Key {
		t.Errorf("lock.yaml holds %d jobs, %v", len(lock.Jobs), err)
	}
	var states []State
	r := &Runner{Workspace: w, Jobs: 2, Observe: func(e Event) { states = append(states, e.State) }}
	if err := r.Run(context.Background(), whole); err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if s != Cached {
			t.Errorf("a run of the whole reports %s", s)
		}
	}
	// The other way round: a workspace that a run filled.
	if last, err := alone(t, w, kinds, "doubled/bb"); err != nil || last != Cached {
		t.Errorf("a job that is done: %s, %v", last, err)
	}
}

// TestAloneReadsLittle computes no keys that the job does not hang on: what they need may not be at
// hand.
func TestAloneReadsLittle(t *testing.T) {
	kinds := arithmetic(nil)
	kinds[1].Resolve = func(*experiment.Experiment, *experiment.Stage, Cell) (any, map[string]string, error) {
		return nil, nil, errors.New("no base model here")
	}
	if _, err := alone(t, Workspace{Dir: t.TempDir()}, kinds, "numbers/a"); err != nil {
		t.Error(err)
	}
}

// TestOnce makes one attempt where the caller tries again.
func TestOnce(t *testing.T) {
	var attempts atomic.Int32
	kinds := arithmetic(func(context.Context, *Work) error {
		attempts.Add(1)
		return &TryAgain{errors.New("pre-empted")}
	})
	e := chain("a")
	e.Stages[1].Retry.Limit = 3
	err := (&Runner{Workspace: Workspace{Dir: t.TempDir()}, Jobs: 1, Once: true}).Run(context.Background(), plan(t, e, kinds))
	var again *TryAgain
	if !errors.As(err, &again) || attempts.Load() != 1 {
		t.Errorf("%d attempts, %v", attempts.Load(), err)
	}
}
