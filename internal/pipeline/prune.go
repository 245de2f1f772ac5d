package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// Garbage is a folder of the store that nothing refers to: a result, or what an attempt left behind.
type Garbage struct {
	Job   string // "" when unknown
	Key   string
	Bytes int64
}

// The folders of the store: results, and attempts at them.
var (
	entryName   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	attemptName = regexp.MustCompile(`^tmp-([0-9a-f]{64})-`)
)

// Prune removes from the store the results that neither a job of the plan nor another experiment's
// lock.yaml refers to, and what attempts left at those or at jobs that are done since; the checkpoint
// of a job that is still to be done stays. What somebody is working on is left alone: also all that an
// earlier plan of this experiment refers to while a job of it runs, which reads its results. It returns
// what it removed; a dry one removes nothing and returns what it would.
func (w Workspace) Prune(ctx context.Context, p *Plan, dry bool) (out []Garbage, err error) {
	if dry {
		return w.prune(p, true)
	}
	err = w.exclusively(ctx, p.Experiment.Name, func() error {
		out, err = w.prune(p, false)
		return err
	})
	return out, err
}

func (w Workspace) prune(p *Plan, dry bool) ([]Garbage, error) {
	keep := map[string]bool{}
	for _, j := range p.Jobs {
		keep[j.Key] = true
	}
	experiments, err := filepath.Glob(filepath.Join(w.Dir, "*", "lock.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range experiments {
		name := filepath.Base(filepath.Dir(file))
		l, err := w.Lock(name)
		if err != nil {
			return nil, err
		}
		if name == p.Experiment.Name {
			working, err := w.working(l)
			if err != nil {
				return nil, err
			}
			if !working {
				continue
			}
		}
		for _, j := range l.Jobs {
			keep[j.Key] = true
		}
	}
	folders, err := os.ReadDir(w.store())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []Garbage
	for _, d := range folders {
		name := d.Name()
		var key string
		if m := attemptName.FindStringSubmatch(name); m != nil && (!keep[m[1]] || w.Has(m[1])) {
			key = m[1]
		} else if entryName.MatchString(name) && !keep[name] {
			key = name
		} else {
			continue
		}
		g, err := w.discard(name, key, dry)
		if err != nil {
			return out, fmt.Errorf("remove %s: %w", filepath.Join(w.store(), name), err)
		}
		if g != nil {
			out = append(out, *g)
		}
	}
	return out, nil
}

// working says whether somebody works on a job of a lock.yaml.
func (w Workspace) working(l *Lock) (bool, error) {
	for _, j := range l.Jobs {
		_, stale, err := inspect(w.lock(j.Key))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if err == nil && !stale {
			return true, nil
		}
	}
	return false, nil
}

// discard removes a folder of the store, unless somebody holds the lock of its key.
func (w Workspace) discard(name, key string, dry bool) (*Garbage, error) {
	path := filepath.Join(w.store(), name)
	g := &Garbage{Key: key}
	if r, err := w.Record(name); err == nil {
		g.Job = r.Job
	}
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			g.Bytes += info.Size()
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // its runner has just finished
	}
	if err != nil {
		return nil, err
	}
	if dry {
		if _, stale, err := inspect(w.lock(key)); err == nil && !stale {
			return nil, nil
		}
		return g, nil
	}
	lock, _, err := w.acquire(key)
	if err != nil || lock == nil {
		return nil, err
	}
	// Renamed first, so that no one ever sees half a result.
	aside := w.scratch(key, lock.self.Nonce)
	err = os.Rename(path, aside)
	if err == nil {
		err = os.RemoveAll(aside)
	}
	return g, errors.Join(err, lock.release())
}
