package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"taskvec/internal/experiment"
)

// chain is an experiment of three kinds of stage: numbers (one job a task), doubled (each doubles
// its number) and total (adds them up), so that every result can be worked out by hand.
func chain(tasks ...string) *experiment.Experiment {
	return &experiment.Experiment{Name: "chain", Seed: 3, Stages: []experiment.Stage{
		{Name: "total", Uses: "total", Needs: []string{"doubled"}}, // out of order on purpose
		{Name: "numbers", Uses: "number", Matrix: experiment.Matrix{Axes: []experiment.Axis{{Name: "task", Values: tasks}}}},
		{Name: "doubled", Uses: "double", Needs: []string{"numbers"}, Matrix: experiment.Matrix{Axes: []experiment.Axis{{Name: "task", Values: tasks}}}},
	}}
}

// arithmetic are the kinds of chain; before is called by every job as it starts.
func arithmetic(before func(ctx context.Context, w *Work) error) []Kind {
	resolve := func(e *experiment.Experiment, _ *experiment.Stage, c Cell) (any, map[string]string, error) {
		return map[string]any{"seed": e.Seed, "length": len(c["task"])}, nil, nil
	}
	step := func(value func(w *Work) (int, error)) func(context.Context, *Work) error {
		return func(ctx context.Context, w *Work) error {
			if before != nil {
				if err := before(ctx, w); err != nil {
					return err
				}
			}
			v, err := value(w)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(w.Dir, "value"), fmt.Append(nil, v), 0o666)
		}
	}
	read := func(in Input) (int, error) {
		var v int
		b, err := os.ReadFile(filepath.Join(in.Dir, "value"))
		if err == nil {
			_, err = fmt.Sscan(string(b), &v)
		}
		return v, err
	}
	return []Kind{
		{Name: "number", Version: 1, Resolve: resolve, Run: step(func(w *Work) (int, error) {
			var s struct{ Length int }
			return s.Length, errors.Join(w.Settings(&s))
		})},
		{Name: "double", Version: 1, Resolve: resolve, Run: step(func(w *Work) (int, error) {
			v, err := read(w.InputsOf("number")[0])
			return 2 * v, err
		})},
		{Name: "total", Version: 1, Publish: "results", Resolve: resolve, Run: step(func(w *Work) (int, error) {
			total := 0
			for _, in := range w.InputsOf("double") {
				v, err := read(in)
				if err != nil {
					return 0, err
				}
				total += v
			}
			return total, nil
		})},
	}
}

func plan(t *testing.T, e *experiment.Experiment, kinds []Kind) *Plan {
	t.Helper()
	p, err := NewPlan(e, kinds)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func result(t *testing.T, w Workspace) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.Experiment("chain"), "results", "value"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPlan(t *testing.T) {
	kinds := arithmetic(nil)
	p := plan(t, chain("a", "bb"), kinds)
	var names []string
	for _, j := range p.Jobs {
		names = append(names, j.Name)
	}
	if want := []string{"numbers/a", "numbers/bb", "doubled/a", "doubled/bb", "total"}; !reflect.DeepEqual(names, want) {
		t.Fatalf("jobs %v, want %v", names, want)
	}
	if needs := p.Job("doubled/bb").Needs; len(needs) != 1 || needs[0].Name != "numbers/bb" {
		t.Errorf("doubled/bb needs %v, want numbers/bb alone", needs)
	}
	var above []string
	for _, a := range p.Job("total").Ancestors() {
		above = append(above, a.Name)
	}
	if want := []string{"numbers/a", "doubled/a", "numbers/bb", "doubled/bb"}; !reflect.DeepEqual(above, want) {
		t.Errorf("total reads %v, want %v", above, want)
	}
	only, err := p.Only("doubled")
	if err != nil || len(only.Jobs) != 4 {
		t.Errorf("Only(doubled): %v, %v", only, err)
	}
	if _, err := p.Only("dobled"); err == nil {
		t.Error("Only of an unknown stage succeeds")
	}
}

// TestKeys says what changes which keys.
func TestKeys(t *testing.T) {
	kinds := arithmetic(nil)
	base := plan(t, chain("a", "bb"), kinds)
	changed := func(edit func(*experiment.Experiment, []Kind)) []string {
		e, k := chain("a", "bb"), slices.Clone(kinds)
		edit(e, k)
		var out []string
		for i, j := range plan(t, e, k).Jobs {
			if i >= len(base.Jobs) || base.Jobs[i].Key != j.Key {
				out = append(out, j.Name)
			}
		}
		return out
	}
	for _, c := range []struct {
		name string
		edit func(*experiment.Experiment, []Kind)
		want []string
	}{
		{"nothing", func(*experiment.Experiment, []Kind) {}, nil},
		{"a label", func(e *experiment.Experiment, _ []Kind) {
			e.Stages[1].Name = "figures"
			e.Stages[2].Needs[0] = "figures"
		}, nil},
		{"what bears on no result", func(e *experiment.Experiment, _ []Kind) { e.Stages[1].Retry.Limit = 9; e.Stages[1].Memory = 1 }, nil},
		{"the seed", func(e *experiment.Experiment, _ []Kind) { e.Seed++ }, []string{"numbers/a", "numbers/bb", "doubled/a", "doubled/bb", "total"}},
		{"one version", func(_ *experiment.Experiment, k []Kind) { k[1].Version++ }, []string{"doubled/a", "doubled/bb", "total"}},
		{"one task", func(e *experiment.Experiment, _ []Kind) {
			e.Stages[1].Matrix.Axes[0].Values[1] = "cc"
			e.Stages[2].Matrix.Axes[0].Values[1] = "cc"
		}, []string{"numbers/cc", "doubled/cc", "total"}},
	} {
		if got := changed(c.edit); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s changes %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRunTwice(t *testing.T) {
	var runs atomic.Int32
	kinds := arithmetic(func(context.Context, *Work) error { runs.Add(1); return nil })
	w := Workspace{Dir: t.TempDir()}
	var states []State
	r := &Runner{Workspace: w, Jobs: 2, Observe: func(e Event) { states = append(states, e.State) }}
	p := plan(t, chain("a", "bb", "ccc"), kinds)
	if err := r.Run(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	if got := result(t, w); got != "12" || runs.Load() != 7 {
		t.Fatalf("result %s after %d jobs, want 12 after 7", got, runs.Load())
	}
	rec, err := w.Record(p.Job("total").Key)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := FileDigest(filepath.Join(w.entry(rec.Key), "value"))
	if err != nil || rec.Outputs["value"] != digest || len(rec.Outputs) != 1 || rec.Job != "total" {
		t.Errorf("record %+v, digest %s, %v", rec, digest, err)
	}
	states = nil
	if err := r.Run(context.Background(), p); err != nil || runs.Load() != 7 {
		t.Fatalf("the second run: %v, %d jobs", err, runs.Load())
	}
	for _, s := range states {
		if s != Cached {
			t.Errorf("the second run reports %s", s)
		}
	}
	// A published file that somebody spoils is put right again.
	if err := os.WriteFile(filepath.Join(w.Experiment("chain"), "results", "value"), []byte("99"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.Experiment("chain"), "results", "stray"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(context.Background(), p); err != nil || result(t, w) != "12" {
		t.Errorf("after spoiling: %v, %s", err, result(t, w))
	}
	if _, err := os.Stat(filepath.Join(w.Experiment("chain"), "results", "stray")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a file that belongs to no job stays in results")
	}
}

// TestPartKeepsResults runs one stage of an experiment that is done: the results of the others stay
// published, and a spoilt store entry is made anew.
func TestPartKeepsResults(t *testing.T) {
	kinds := arithmetic(nil)
	w := Workspace{Dir: t.TempDir()}
	p := plan(t, chain("a", "bb"), kinds)
	r := &Runner{Workspace: w, Jobs: 2}
	if err := r.Run(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	only, err := p.Only("numbers")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(context.Background(), only); err != nil || result(t, w) != "6" {
		t.Errorf("after a part: %v", err)
	}
	last, err := w.lastRun("chain")
	if err != nil || last.States["total"] == "" {
		t.Errorf("the part's run forgets the others: %v, %v", last, err)
	}
	if err := os.Remove(filepath.Join(w.entry(p.Job("total").Key), recordFile)); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(context.Background(), p); err != nil || result(t, w) != "6" {
		t.Errorf("after a spoilt entry: %v", err)
	}
}

// TestCheckpointSurvives: what a killed attempt kept is there for the next, and nothing else is.
func TestCheckpointSurvives(t *testing.T) {
	attempt := 0
	kinds := arithmetic(func(_ context.Context, w *Work) error {
		if w.Job != "numbers/a" {
			return nil
		}
		attempt++
		left, err := os.ReadDir(w.Dir)
		if err != nil {
			return err
		}
		if attempt == 1 {
			if len(left) != 0 {
				t.Errorf("the first attempt finds %v", left)
			}
			return errors.Join(os.Mkdir(w.CheckpointDir(), 0o777), os.WriteFile(filepath.Join(w.CheckpointDir(), "state"), []byte("7"), 0o666),
				os.WriteFile(filepath.Join(w.Dir, "half"), nil, 0o666), errors.New("killed"))
		}
		b, err := os.ReadFile(filepath.Join(w.CheckpointDir(), "state"))
		if len(left) != 1 || string(b) != "7" {
			t.Errorf("the second attempt finds %v and the state %q", left, b)
		}
		return err
	})
	w := Workspace{Dir: t.TempDir()}
	p := plan(t, chain("a"), kinds)
	r := &Runner{Workspace: w, Jobs: 1}
	if err := r.Run(context.Background(), p); err == nil {
		t.Fatal("the first attempt succeeds")
	}
	if err := r.Run(context.Background(), p); err != nil || attempt != 2 {
		t.Fatalf("%d attempts, %v", attempt, err)
	}
	if _, err := os.Stat(filepath.Join(w.entry(p.Jobs[0].Key), checkpoint)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the checkpoint is part of the result")
	}
}

func TestFailure(t *testing.T) {
	fault := errors.New("no such number")
	kinds := arithmetic(func(_ context.Context, w *Work) error {
		if w.Job == "numbers/bb" {
			fmt.Fprintln(w.Log, "looking for bb")
			return fault
		}
		return nil
	})
	w := Workspace{Dir: t.TempDir()}
	p := plan(t, chain("a", "bb"), kinds)
	r := &Runner{Workspace: w, Jobs: 1}
	err := r.Run(context.Background(), p)
	var failed *RunError
	if !errors.As(err, &failed) || !errors.Is(err, fault) || len(failed.Failed) != 1 {
		t.Fatalf("got %v", err)
	}
	if !slices.Equal(failed.Blocked, []string{"doubled/bb", "total"}) {
		t.Errorf("blocked %v", failed.Blocked)
	}
	if !w.Has(p.Job("doubled/a").Key) {
		t.Error("a job that needs nothing failed was not done")
	}
	log, err := os.ReadFile(failed.Failed[0].Log)
	if err != nil || string(log) != "looking for bb\nerror: no such number\n" {
		t.Errorf("log %q, %v", log, err)
	}
	statuses, err := w.Status(p)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]State{"numbers/a": Cached, "numbers/bb": Failed, "doubled/a": Cached, "doubled/bb": Blocked, "total": Blocked}
	for _, s := range statuses {
		if s.State != want[s.Job] {
			t.Errorf("%s is %s (%s), want %s", s.Job, s.State, s.Why, want[s.Job])
		}
	}
}

func TestPanicIsAFailure(t *testing.T) {
	kinds := arithmetic(func(_ context.Context, w *Work) error {
		if w.Job == "numbers/a" {
			panic("index out of range")
		}
		return nil
	})
	err := (&Runner{Workspace: Workspace{Dir: t.TempDir()}, Jobs: 1}).Run(context.Background(), plan(t, chain("a"), kinds))
	var failed *RunError
	if !errors.As(err, &failed) || !strings.Contains(failed.Failed[0].Err.Error(), "index out of range") {
		t.Fatalf("got %v", err)
	}
}

func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name     string
		err      error
		limit    int
		attempts int32
		ok       bool
	}{
		{"passing fault, enough attempts", &TryAgain{errors.New("server down")}, 3, 3, true},
		{"passing fault, too few", &TryAgain{errors.New("server down")}, 1, 2, false},
		{"lasting fault", errors.New("bad file"), 5, 1, false},
	} {
		var attempts atomic.Int32
		kinds := arithmetic(func(_ context.Context, w *Work) error {
			if w.Job == "numbers/a" && attempts.Add(1) < 3 {
				return c.err
			}
			return nil
		})
		e := chain("a")
		for i := range e.Stages {
			e.Stages[i].Retry = experiment.Retry{Limit: c.limit, Backoff: 1, Factor: 2}
		}
		w := Workspace{Dir: t.TempDir()}
		err := (&Runner{Workspace: w, Jobs: 1}).Run(context.Background(), plan(t, e, kinds))
		if attempts.Load() != c.attempts || (err == nil) != c.ok {
			t.Errorf("%s: %d attempts, %v", c.name, attempts.Load(), err)
		}
		logs, lerr := w.Logs("numbers/a")
		if lerr != nil || int32(len(logs)) != c.attempts {
			t.Errorf("%s: logs %v, %v", c.name, logs, lerr)
		}
	}
}

func TestTimeout(t *testing.T) {
	kinds := arithmetic(func(ctx context.Context, _ *Work) error {
		<-ctx.Done()
		return nil // even a job that takes its end for success
	})
	e := chain("a")
	e.Stages[1].Timeout = experiment.Duration(time.Millisecond)
	w := Workspace{Dir: t.TempDir()}
	p := plan(t, e, kinds)
	err := (&Runner{Workspace: w, Jobs: 1}).Run(context.Background(), p)
	if err == nil || !strings.Contains(err.(*RunError).Failed[0].Err.Error(), "timeout of 1ms") || w.Has(p.Jobs[0].Key) {
		t.Fatalf("got %v", err)
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	interrupted := errors.New("interrupted")
	kinds := arithmetic(func(ctx context.Context, w *Work) error {
		if w.Job == "doubled/a" {
			cancel(interrupted)
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	w := Workspace{Dir: t.TempDir()}
	p := plan(t, chain("a"), kinds)
	if err := (&Runner{Workspace: w, Jobs: 1}).Run(ctx, p); !errors.Is(err, interrupted) {
		t.Fatalf("got %v", err)
	}
	if !w.Has(p.Job("numbers/a").Key) || w.Has(p.Job("doubled/a").Key) {
		t.Error("finished work is not kept, or unfinished work is")
	}
	if locks, _ := filepath.Glob(filepath.Join(w.store(), "*.lock")); len(locks) != 0 {
		t.Errorf("locks left: %v", locks)
	}
}

func TestMemorySlots(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	kinds := arithmetic(func(context.Context, *Work) error {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		mu.Lock()
		running--
		mu.Unlock()
		return nil
	})
	for memory, want := range map[int64]int{100: 3, 60: 2, 30: 1} {
		most = 0
		e := chain("a", "bb", "ccc")
		e.Stages[1].Memory, e.Stages[2].Memory = 30, 30
		if err := (&Runner{Workspace: Workspace{Dir: t.TempDir()}, Jobs: 3, Memory: memory}).Run(context.Background(), plan(t, e, kinds)); err != nil {
			t.Fatal(err)
		}
		if most > want {
			t.Errorf("%d bytes: %d jobs of 30 at once, want at most %d", memory, most, want)
		}
	}
	e := chain("a")
	e.Stages[1].Memory = 1000
	if err := (&Runner{Workspace: Workspace{Dir: t.TempDir()}, Jobs: 1, Memory: 10}).Run(context.Background(), plan(t, e, kinds)); err == nil {
		t.Error("a job larger than the machine is accepted")
	}
}

func TestChanges(t *testing.T) {
	kinds := arithmetic(nil)
	old := plan(t, chain("a", "bb"), kinds)
	lock := func(j *Job) LockedJob {
		b, err := json.Marshal(j.Parts)
		if err != nil {
			t.Fatal(err)
		}
		return LockedJob{Key: j.Key, Parts: string(b)}
	}
	e := chain("a", "ccc")
	e.Seed = 4
	kinds[2].Version = 2
	now := plan(t, e, kinds)
	if got, want := Changes(lock(old.Job("numbers/a")), now.Job("numbers/a")), []string{"seed: 3 → 4"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	got := Changes(lock(old.Job("total")), now.Job("total"))
	want := []string{"version of total: 1 → 2", "seed: 3 → 4", "changed input doubled/a", "new input doubled/ccc", "no longer an input: doubled/bb"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
