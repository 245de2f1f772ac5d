package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Borrow makes results of other workspaces, which are the folders of dir, results of this one, without
// copying them: a pod has those that its job reads, and no workspace that it shares.
func (w Workspace) Borrow(dir string) error {
	entries, err := filepath.Glob(filepath.Join(dir, "*", "store", "*"))
	if err == nil {
		err = os.MkdirAll(w.store(), 0o777)
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		key := filepath.Base(entry)
		if !entryName.MatchString(key) {
			continue
		}
		place, err := filepath.Abs(entry)
		if err == nil {
			err = os.Symlink(place, w.entry(key))
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// Lend makes dir a workspace with a copy of what came of the jobs of a plan: results, logs, and the
// experiment's folder where one of them publishes. It is there when it is whole.
func (w Workspace) Lend(p *Plan, dir string) error {
	to := Workspace{Dir: filepath.Clean(dir) + ".tmp"}
	if err := os.RemoveAll(to.Dir); err != nil { // of one that was killed
		return err
	}
	copies := map[string]string{}
	for _, j := range p.Jobs {
		copies[w.entry(j.Key)] = to.entry(j.Key)
		logs := filepath.Join("logs", filepath.FromSlash(j.Name))
		copies[filepath.Join(w.Dir, logs)] = filepath.Join(to.Dir, logs)
		if j.Kind.Publish != "" {
			copies[w.Experiment(p.Experiment.Name)] = to.Experiment(p.Experiment.Name)
		}
	}
	for from, place := range copies {
		if err := os.CopyFS(place, os.DirFS(from)); err != nil {
			return fmt.Errorf("copy %s: %w", from, err)
		}
	}
	return os.Rename(to.Dir, dir)
}
