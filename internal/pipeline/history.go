package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A Lock is an experiment's lock.yaml: the key of every job in its last run and what it was made
// of, so that a later run can be compared with it.
type Lock struct {
	Experiment string               `yaml:"experiment"`
	File       string               `yaml:"file"`
	Versions   map[string]string    `yaml:"versions"`
	Jobs       map[string]LockedJob `yaml:"jobs"`
}

// A LockedJob is one job of a lock file.
type LockedJob struct {
	Key   string `yaml:"key"`
	Parts string `yaml:"parts"` // the JSON of Parts
}

// A RunRecord is an experiment's run.json: how its last run ended.
type RunRecord struct {
	Experiment string            `json:"experiment"`
	Finished   time.Time         `json:"finished"`
	States     map[string]State  `json:"states"`
	Errors     map[string]string `json:"errors,omitempty"`
}

// saveLock writes lock.yaml. Jobs of earlier runs that this plan does not hold stay: a run of one
// stage says nothing of the others.
func (r *Runner) saveLock(p *Plan) error {
	dir := r.Workspace.Experiment(p.Experiment.Name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	l, err := r.Workspace.Lock(p.Experiment.Name)
	if err != nil {
		return err
	}
	before, err := yaml.Marshal(l)
	if err != nil {
		return err
	}
	l.Experiment, l.File, l.Versions = p.Experiment.Name, p.Experiment.File, r.Versions
	for _, j := range p.Jobs {
		parts, err := json.Marshal(j.Parts)
		if err != nil {
			return err
		}
		l.Jobs[j.Name] = LockedJob{Key: j.Key, Parts: string(parts)}
	}
	after, err := yaml.Marshal(l)
	if err != nil || slices.Equal(before, after) {
		return err
	}
	return writeAtomic(filepath.Join(dir, "lock.yaml"), after)
}

// Lock reads an experiment's lock file; one that is not there is empty.
func (w Workspace) Lock(experiment string) (*Lock, error) {
	l := &Lock{Jobs: map[string]LockedJob{}}
	path := filepath.Join(w.Experiment(experiment), "lock.yaml")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(b, l); err != nil {
		return nil, fmt.Errorf("read %s: %w (it is made by every run: remove it)", path, err)
	}
	return l, nil
}

// saveRun writes run.json.
func (r *Runner) saveRun(p *Plan) error {
	rec, err := r.Workspace.lastRun(p.Experiment.Name)
	if err != nil {
		return err
	}
	// Jobs of an earlier run that this plan does not hold stay, as in lock.yaml.
	rec.Experiment, rec.Finished = p.Experiment.Name, time.Now().UTC()
	maps.Copy(rec.States, r.stateNames(p))
	for _, j := range p.Jobs {
		delete(rec.Errors, j.Name)
		if e, ok := r.result[j]; ok {
			rec.Errors[j.Name] = e.Err.Error()
		}
	}
	return WriteJSON(filepath.Join(r.Workspace.Experiment(p.Experiment.Name), "run.json"), rec)
}

// lastRun reads an experiment's run.json; one that is not there, or is spoilt, is empty: it only
// tells what happened.
func (w Workspace) lastRun(experiment string) (*RunRecord, error) {
	rec := &RunRecord{}
	b, err := os.ReadFile(filepath.Join(w.Experiment(experiment), "run.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the last run: %w", err)
	}
	if err != nil || json.Unmarshal(b, rec) != nil || rec.States == nil {
		rec = &RunRecord{States: map[string]State{}}
	}
	if rec.Errors == nil {
		rec.Errors = map[string]string{}
	}
	return rec, nil
}

// A Status is where one job of a plan stands in a workspace.
type Status struct {
	Job   string `json:"job"`
	Key   string `json:"key"`
	State State  `json:"state"`
	Why   string `json:"why"`
}

// Status says of every job of the plan whether it is cached, running, to run, failed in the last
// run, or blocked by one that failed.
func (w Workspace) Status(p *Plan) ([]Status, error) {
	lock, err := w.Lock(p.Experiment.Name)
	if err != nil {
		return nil, err
	}
	last, err := w.lastRun(p.Experiment.Name)
	if err != nil {
		return nil, err
	}
	var out []Status
	failed := map[string]bool{}
	for _, j := range p.Jobs {
		s := Status{Job: j.Name, Key: j.Key, State: ToRun}
		locked, ran := lock.Jobs[j.Name]
		owner, stale, lockErr := inspect(w.lock(j.Key))
		switch {
		case w.Has(j.Key):
			s.State, s.Why = Cached, "its result is in the store"
		case lockErr == nil && !stale:
			s.State, s.Why = Running, fmt.Sprintf("process %d on %s is doing it", owner.PID, owner.Host)
		case ran && locked.Key == j.Key && last.States[j.Name] == Failed:
			s.State, s.Why = Failed, last.Errors[j.Name]
			failed[j.Name] = true
		case ran && locked.Key != j.Key:
			s.Why = "changed since the last run: " + strings.Join(firstFew(Changes(locked, j)), "; ")
		case ran:
			s.Why = "not finished in the last run"
		default:
			s.Why = "not run yet"
		}
		if s.State == ToRun {
			for _, n := range j.Needs {
				if failed[n.Name] {
					failed[j.Name] = true
					s.State, s.Why = Blocked, "needs "+n.Name
					break
				}
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// firstFew keeps a list short enough for one line.
func firstFew(s []string) []string {
	if len(s) > 3 {
		return append(slices.Clone(s[:3]), fmt.Sprintf("and %d more", len(s)-3))
	}
	return s
}

// Changes lists what differs between a job of the last run and the same job now: each setting with
// its old and new value, and the inputs whose keys changed.
func Changes(old LockedJob, j *Job) []string {
	var before Parts
	if err := json.Unmarshal([]byte(old.Parts), &before); err != nil {
		return []string{"the last run's record of it cannot be read: " + err.Error()}
	}
	var out []string
	if before.Version != j.Parts.Version {
		out = append(out, fmt.Sprintf("version of %s: %d → %d", j.Kind.Name, before.Version, j.Parts.Version))
	}
	a, b := flatten(before.Settings), flatten(j.Parts.Settings)
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if a[k] != b[k] {
			out = append(out, fmt.Sprintf("%s: %s → %s", k, orNone(a[k]), orNone(b[k])))
		}
	}
	was := map[string]string{}
	for _, in := range before.Inputs {
		was[in.Job] = in.Key
	}
	for _, in := range j.Parts.Inputs {
		switch key, ok := was[in.Job]; {
		case !ok:
			out = append(out, "new input "+in.Job)
		case key != in.Key:
			out = append(out, "changed input "+in.Job)
		}
		delete(was, in.Job)
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		out = append(out, "no longer an input: "+name)
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Settings returns the job's settings as dotted path → JSON value.
func (j *Job) Settings() map[string]string { return flatten(j.Parts.Settings) }

// flatten turns JSON into dotted path → JSON value.
func flatten(raw json.RawMessage) map[string]string {
	out := map[string]string{}
	var walk func(path string, raw json.RawMessage)
	walk = func(path string, raw json.RawMessage) {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) == nil && object != nil {
			for k, v := range object {
				p := k
				if path != "" {
					p = path + "." + k
				}
				walk(p, v)
			}
			return
		}
		out[path] = string(raw)
	}
	walk("", raw)
	return out
}
