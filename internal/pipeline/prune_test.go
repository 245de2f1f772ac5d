package pipeline

import (
	"context"
	"errors"
	"testing"
)

// outdated runs a plan and returns the workspace, that plan, and the one that a raised version makes of
// it, which needs none of its results.
func outdated(t *testing.T) (w Workspace, old, now *Plan) {
	t.Helper()
	kinds := arithmetic(nil)
	w = Workspace{Dir: t.TempDir()}
	old = plan(t, chain("a"), kinds)
	if err := (&Runner{Workspace: w, Jobs: 1}).Run(context.Background(), old); err != nil {
		t.Fatal(err)
	}
	kinds[0].Version++
	return w, old, plan(t, chain("a"), kinds)
}

// TestPruneLeavesHeld leaves alone what somebody works on and what that reads, dry or not, and takes it
// afterwards.
func TestPruneLeavesHeld(t *testing.T) {
	w, old, now := outdated(t)
	prune := func(dry bool, want ...string) {
		t.Helper()
		removed, err := w.Prune(context.Background(), now, dry)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, g := range removed {
			names[g.Job] = true
		}
		for _, name := range want {
			if !names[name] {
				t.Errorf("%s is not among %v", name, removed)
			}
		}
		if len(removed) != len(want) {
			t.Errorf("%d removed, want %v", len(removed), want)
		}
	}
	held, _, err := w.acquire(old.Job("total").Key)
	if err != nil || held == nil {
		t.Fatal(err)
	}
	prune(true)
	prune(false)
	// Once lock.yaml says another thing nobody knows what the one who holds the lock reads.
	if err := (&Runner{Workspace: w}).saveLock(now); err != nil {
		t.Fatal(err)
	}
	prune(true, "numbers/a", "doubled/a")
	prune(false, "numbers/a", "doubled/a")
	if !w.Has(old.Job("total").Key) || w.Has(old.Job("doubled/a").Key) {
		t.Error("what is held is removed, or the rest is not")
	}
	if err := held.release(); err != nil {
		t.Fatal(err)
	}
	prune(false, "total")
	prune(false)
}

// TestPruneWaits removes nothing while a runner notes what its plan refers to.
func TestPruneWaits(t *testing.T) {
	w, _, now := outdated(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := w.exclusively(context.Background(), "chain", func() error {
		removed, err := w.Prune(ctx, now, false)
		if !errors.Is(err, context.Canceled) || len(removed) > 0 {
			t.Errorf("removed %v, %v", removed, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := w.Prune(context.Background(), now, false); err != nil || len(removed) != 3 {
		t.Errorf("removed %v, %v", removed, err)
	}
}
