package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"taskvec/internal/experiment"
)

// keyFormat is part of every key; it is raised when keys themselves change meaning.
const keyFormat = 1

// A Job is one instance of a stage: the stage and one cell of its matrix.
type Job struct {
	Name  string // stage/axis values, such as train/tiny-llama/ner
	Stage *experiment.Stage
	Kind  *Kind
	Cell  Cell
	Needs []*Job // the jobs it reads directly, in the order of the plan
	Parts Parts
	Key   string

	paths map[string]string
	gpus  []int // given to it while it runs
}

// Parts are all that determines a job's result; the key is the SHA-256 of their JSON.
type Parts struct {
	Format   int             `json:"format"`
	Kind     string          `json:"kind"`
	Version  int             `json:"version"`
	Cell     Cell            `json:"cell,omitempty"`
	Settings json.RawMessage `json:"settings"`
	Inputs   []InputKey      `json:"inputs,omitempty"`
}

// An InputKey is the key of a job that another reads. The job's name is there for people.
type InputKey struct {
	Job string `json:"job"`
	Key string `json:"key"`
}

// A Plan is every job of an experiment, each after the jobs it needs.
type Plan struct {
	Experiment *experiment.Experiment
	Jobs       []*Job

	whole *Plan // the plan this is a part of, nil when it is whole
}

// NewPlan expands the experiment's stages into jobs and computes their keys. kinds are the kinds
// of stage by name.
func NewPlan(e *experiment.Experiment, kinds []Kind) (*Plan, error) {
	p, err := Expand(e, kinds)
	if err == nil {
		err = p.resolve(p.Jobs)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Expand turns the experiment's stages into jobs that have no keys yet: it reads none of the files
// that the experiment names.
func Expand(e *experiment.Experiment, kinds []Kind) (*Plan, error) {
	p := &Plan{Experiment: e}
	byStage := map[string][]*Job{}
	for _, s := range ordered(e) {
		i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == s.Uses })
		if i < 0 {
			return nil, fmt.Errorf("stage %s: no kind of stage %q in this build", s.Name, s.Uses)
		}
		for _, c := range s.Cells() {
			j := &Job{Name: jobName(s, c), Stage: s, Kind: &kinds[i], Cell: c}
			for _, need := range s.Needs {
				for _, n := range byStage[need] {
					if experiment.Agree(c, n.Cell) {
						j.Needs = append(j.Needs, n)
					}
				}
			}
			byStage[s.Name] = append(byStage[s.Name], j)
			p.Jobs = append(p.Jobs, j)
		}
	}
	return p, nil
}

// resolve computes the keys of jobs, each of which stands after those it needs.
func (p *Plan) resolve(jobs []*Job) error {
	for _, j := range jobs {
		if err := j.resolve(p.Experiment); err != nil {
			return fmt.Errorf("job %s: %w", j.Name, err)
		}
	}
	return nil
}

// Alone returns the plan of one job of an expanded plan; a run of it wants what the job needs in
// the store. Keys are computed as far as it takes: building examples needs no base model at hand.
func (p *Plan) Alone(j *Job) (*Plan, error) {
	jobs := append(j.Ancestors(), j)
	if j.Kind.Publish != "" {
		jobs = p.Jobs // what none of them publishes is removed from the folder
	}
	if err := p.resolve(jobs); err != nil {
		return nil, err
	}
	return &Plan{Experiment: p.Experiment, Jobs: []*Job{j}, whole: p}, nil
}

// ordered returns the stages so that each follows those it needs, in the order of the file
// otherwise.
func ordered(e *experiment.Experiment) []*experiment.Stage {
	var out []*experiment.Stage
	placed := map[string]bool{}
	for len(out) < len(e.Stages) {
		for i := range e.Stages {
			s := &e.Stages[i]
			if !placed[s.Name] && !slices.ContainsFunc(s.Needs, func(n string) bool { return !placed[n] }) {
				placed[s.Name] = true
				out = append(out, s)
				break
			}
		}
	}
	return out
}

// jobName is the stage's name and the values of its axes.
func jobName(s *experiment.Stage, c Cell) string {
	parts := []string{s.Name}
	for _, a := range s.AllAxes() {
		parts = append(parts, c[a.Name])
	}
	return strings.Join(parts, "/")
}

// resolve asks the kind for the job's settings and computes the key.
func (j *Job) resolve(e *experiment.Experiment) error {
	settings, paths, err := j.Kind.Resolve(e, j.Stage, j.Cell)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	j.paths = paths
	j.Parts = Parts{Format: keyFormat, Kind: j.Kind.Name, Version: j.Kind.Version, Cell: j.Cell, Settings: raw}
	hashed := j.Parts
	hashed.Inputs = nil
	for _, n := range j.Needs {
		j.Parts.Inputs = append(j.Parts.Inputs, InputKey{Job: n.Name, Key: n.Key})
		// The stage's name is a label of this file: renaming a stage is no reason to work again.
		hashed.Inputs = append(hashed.Inputs, InputKey{Key: n.Key})
	}
	b, err := json.Marshal(hashed)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	sum := sha256.Sum256(b)
	j.Key = hex.EncodeToString(sum[:])
	return nil
}

// Job returns the job of that name, or nil.
func (p *Plan) Job(name string) *Job {
	for _, j := range p.Jobs {
		if j.Name == name {
			return j
		}
	}
	return nil
}

// Only returns the plan of one stage: its jobs and all they need.
func (p *Plan) Only(stage string) (*Plan, error) {
	if p.Experiment.Stage(stage) == nil {
		var names []string
		for _, s := range p.Experiment.Stages {
			names = append(names, s.Name)
		}
		return nil, fmt.Errorf("no stage %q: the experiment has %s", stage, strings.Join(names, ", "))
	}
	keep := map[*Job]bool{}
	for _, j := range p.Jobs {
		if j.Stage.Name == stage {
			keep[j] = true
			for _, a := range j.Ancestors() {
				keep[a] = true
			}
		}
	}
	only := &Plan{Experiment: p.Experiment, whole: p}
	for _, j := range p.Jobs {
		if keep[j] {
			only.Jobs = append(only.Jobs, j)
		}
	}
	return only, nil
}

// Ancestors returns the jobs that j needs, directly or through others, each once, needed ones
// before those that need them.
func (j *Job) Ancestors() []*Job {
	var out []*Job
	seen := map[*Job]bool{}
	var visit func(*Job)
	visit = func(k *Job) {
		for _, n := range k.Needs {
			if !seen[n] {
				seen[n] = true
				visit(n)
				out = append(out, n)
			}
		}
	}
	visit(j)
	return out
}
