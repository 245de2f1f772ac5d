// Package pipeline turns an experiment into jobs and runs them: stages × matrix → jobs, keys, the
// content-addressed store, locks, and the local runner with its slots, retries and timeouts.
//
// It knows jobs, not adapters: what a kind of stage does is the stage's package's, and what stands
// in the experiment file is package experiment's.
package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"taskvec/internal/experiment"
)

// A Cell is one combination of a stage's matrix: axis name → value, such as model → tiny-llama.
// A stage without a matrix has one empty cell.
type Cell map[string]string

// A Kind is one kind of stage: what `uses:` names.
type Kind struct {
	Name string
	// Version is raised whenever the same settings and inputs give another result.
	Version int
	// Resolve returns the settings of one job: a struct that JSON can encode and that holds
	// everything besides the inputs' results that determines this job's result. They are hashed
	// into the job's key and are all that Run is given. For files from outside, settings hold
	// the digest of their bytes and paths where they lie; paths are not hashed, and neither is
	// what else stands there that says how a job is done and not what comes of it, such as the
	// address of a server.
	Resolve func(e *experiment.Experiment, s *experiment.Stage, c Cell) (settings any, paths map[string]string, err error)
	// Publish is the folder of the experiment, results or report, that shows the job's outputs;
	// "" for none.
	Publish string
	// Run does the job: reads w.Inputs, writes into w.Dir.
	Run func(ctx context.Context, w *Work) error
}

// Work is one job while it runs: all that a stage is given.
type Work struct {
	Job    string  // name, such as train/tiny-llama/ner
	Key    string  // "" outside of a runner
	Cell   Cell    // the job's cell
	Inputs []Input // the finished jobs it needs, directly or through others, in the order of the plan
	Dir    string  // the folder to write results into; it becomes the store entry as a whole
	Log    io.Writer
	GPUs   []int // indices of this machine's GPUs that the job has to itself
	// Cache is a folder of the workspace, which all jobs share, for what takes long to get again and is
	// the same whenever it is got. It may not be there yet.
	Cache string
	// Container is where the job's own process is to run, nil for in this one. It says nothing
	// about the result.
	Container *experiment.Container
	// Inside says that this process stands in that container already.
	Inside bool
	// Versions say what makes the result and are recorded with it; a stage adds its own.
	Versions map[string]string

	settings json.RawMessage
	paths    map[string]string
	progress func(done, total int64, note string)
}

// An Input is one finished job that another reads.
type Input struct {
	Job  string
	Uses string
	Cell Cell
	Dir  string
}

// Settings decodes the job's settings, as Resolve returned them, into v.
func (w *Work) Settings(v any) error {
	if err := json.Unmarshal(w.settings, v); err != nil {
		return fmt.Errorf("job %s: decode settings: %w", w.Job, err)
	}
	return nil
}

// Path returns where the file or folder that Resolve named lies, "" when it named none.
func (w *Work) Path(name string) string { return w.paths[name] }

// Progress reports that done of total units are finished; note says what is going on.
func (w *Work) Progress(done, total int64, note string) {
	if w.progress != nil {
		w.progress(done, total, note)
	}
}

// InputsOf returns the inputs of one kind of stage.
func (w *Work) InputsOf(uses string) []Input {
	var in []Input
	for _, i := range w.Inputs {
		if i.Uses == uses {
			in = append(in, i)
		}
	}
	return in
}

// CheckpointDir is the folder in which a job may keep what lets its next attempt go on; it
// survives a killed attempt and is removed when the job is done.
func (w *Work) CheckpointDir() string { return filepath.Join(w.Dir, checkpoint) }

const checkpoint = "checkpoint"

// NewWork returns the work of one job outside a runner, as tests and trainers' own tools need it.
func NewWork(job string, cell Cell, dir string, settings any, paths map[string]string, inputs []Input, log io.Writer) (*Work, error) {
	raw, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("job %s: encode settings: %w", job, err)
	}
	return &Work{Job: job, Cell: cell, Inputs: inputs, Dir: dir, Log: log, Versions: map[string]string{}, settings: raw, paths: paths}, nil
}
