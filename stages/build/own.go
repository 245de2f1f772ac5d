package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"taskvec/datasets"
	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/tasks"
)

// targetsPath is the name under which Resolve gives the place of a task's supplied targets.
const targetsPath = "targets"

// An ownTask is what determines a task declared in the experiment.
type ownTask struct {
	Family  tasks.Family `json:"family"`
	Prompt  string       `json:"prompt"`
	Target  *tasks.Rule  `json:"target,omitempty"`
	Targets string       `json:"targets,omitempty"` // SHA-256 of the file of targets
}

// resolveOwn resolves a declared task and adds the place of its targets to paths.
func resolveOwn(e *experiment.Experiment, t *experiment.Task, paths map[string]string) (*ownTask, error) {
	own := &ownTask{Family: t.Family, Prompt: t.Prompt, Target: t.Target}
	if t.Targets == "" {
		return own, nil
	}
	file := e.Resolve(t.Targets)
	digest, err := pipeline.FileDigest(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &datasets.Error{File: file, Msg: fmt.Sprintf("there is no such file: it is to hold the targets of task %s", t.Name)}
	}
	if err != nil {
		return nil, fmt.Errorf("read the targets of task %s: %w", t.Name, err)
	}
	own.Targets = digest
	paths[targetsPath] = file
	return own, nil
}

// task makes the task; file is where supplied targets lie.
func (o *ownTask) task(name, file string) (*tasks.Task, error) {
	if o.Target != nil {
		return tasks.Declare(name, o.Family, o.Prompt, *o.Target)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the targets of task %s: %w", name, err)
	}
	list, err := datasets.ReadTargets(file, src)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", name, err)
	}
	targets := map[string]string{}
	for _, t := range list {
		targets[(&datasets.Document{ID: t.Document, Part: t.Part}).Key()] = t.Target
	}
	return tasks.DeclareTargets(name, o.Family, o.Prompt, targets), nil
}
