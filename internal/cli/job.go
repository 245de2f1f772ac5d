package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"taskvec/internal/pipeline"
)

// progressVariable names the file to which a job of an Argo Workflow writes how far it is.
const progressVariable = "ARGO_PROGRESS_FILE"

// jobOptions are the flags of job.
type jobOptions struct {
	experimentOptions
	inside   bool
	from, to string
}

// newJobCommand returns `job JOB`: one attempt at one job, as a pod makes it.
func newJobCommand(e *env) *cobra.Command {
	var o jobOptions
	cmd := &cobra.Command{
		Use:   "job JOB --config FILE",
		Short: "Do one job whose needs are done, once: what each pod of a workflow does",
		Long: `Do one job of an experiment, once, in the same workspace and with the same store, locks,
logs and records as a run of the whole: a run may continue what jobs did and the other way
round. What the job needs must be done already; a job that is done itself is not done again.

Trying again is left to the caller, by the exit code: 75 says that it may help, also after
SIGTERM, upon which a training saves a checkpoint that the next attempt goes on from.
Progress is written as N/M to the file that $` + progressVariable + ` names, if any.
` + exitHelp,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := runJob(cmd, e, &o, args[0])
			if err != nil {
				noteTermination(e.stderr, err)
			}
			return err
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.inside, "inside", false, "this process stands in the stage's container: start its trainer here")
	cmd.Flags().StringVar(&o.from, "from", "", "`folder` of workspaces whose results count as this one's: where pods share no workspace")
	cmd.Flags().StringVar(&o.to, "to", "", "`folder` to make, a workspace with what came of the job: there once it is whole, not when the job was done already")
	return cmd
}

func runJob(cmd *cobra.Command, e *env, o *jobOptions, name string) error {
	x, err := o.load(e, cmd)
	if err != nil {
		return err
	}
	expanded, err := pipeline.Expand(x, kinds)
	if err != nil {
		return err
	}
	j, err := findJob(cmd, expanded, name)
	if err != nil {
		return err
	}
	if o.to != "" {
		if _, err := os.Lstat(o.to); err == nil {
			return usage(cmd, "--to: %s is there already: name a folder to make", o.to)
		}
	}
	p, err := expanded.Alone(j)
	if err != nil {
		return err
	}
	view := &plainView{w: e.stderr}
	view.start(1)
	progress := &progressFile{log: e.stderr}
	progress.path, _ = e.getenv(progressVariable)
	cached := false
	r := o.runner(1, func(ev pipeline.Event) {
		cached = ev.State == pipeline.Cached
		view.observe(ev)
		progress.observe(ev)
	})
	r.Once = true
	if o.inside {
		// The pod has what the job asks for.
		r.Inside, r.Memory, r.GPUs = true, 0, j.Stage.NeedsGPUs()
	}
	if o.from != "" {
		if err := o.space().Borrow(o.from); err != nil {
			return fmt.Errorf("take the results in %s: %w", o.from, err)
		}
	}
	err = r.Run(cmd.Context(), p)
	// Where the job was done already, so was its handing on, with its log.
	if err == nil && o.to != "" && !cached {
		if err := o.space().Lend(p, o.to); err != nil {
			return fmt.Errorf("hand on what came of %s: %w", name, err)
		}
	}
	var failed *pipeline.RunError
	switch {
	case errors.As(err, &failed):
		explain(e.stderr, failed)
		return err
	case errors.Is(err, errTerminated):
		return &pipeline.TryAgain{Err: fmt.Errorf("%s was stopped; what it saved is kept: run it again to go on", name)}
	case err == nil && cached:
		fmt.Fprintf(e.stdout, "%s is done already (key %s)\n", name, j.Key)
	}
	return err
}

// terminationFile is what Kubernetes gives each container for a word on why it ended, and nothing else has.
const terminationFile = "/dev/termination-log"

// noteTermination tells the cluster why the job failed: Argo shows it beside the task and hands it to the exit
// handler, so that it is known when the pod and its log are gone.
func noteTermination(log io.Writer, err error) {
	var failed *pipeline.RunError
	if errors.As(err, &failed) {
		err = errors.Join(failed.Unwrap()...) // the one job's, whose name is the task's
	}
	f, openErr := os.OpenFile(terminationFile, os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(openErr, fs.ErrNotExist) {
		return
	}
	if openErr == nil {
		_, openErr = fmt.Fprint(f, err)
		openErr = errors.Join(openErr, f.Close())
	}
	if openErr != nil {
		fmt.Fprintf(log, "note: the cluster is not told why: %v\n", openErr)
	}
}

// progressInterval is how often progress is written.
const progressInterval = time.Second

// A progressFile tells Argo how far the job is: N/M.
type progressFile struct {
	path string // "" for none
	log  io.Writer
	last time.Time
}

func (f *progressFile) observe(ev pipeline.Event) {
	if f.path == "" || ev.Total < 1 || ev.Time.Sub(f.last) < progressInterval && ev.Done < ev.Total {
		return
	}
	f.last = ev.Time
	if err := os.WriteFile(f.path, fmt.Appendf(nil, "%d/%d\n", ev.Done, ev.Total), 0o666); err != nil {
		fmt.Fprintf(f.log, "note: progress is not shown: %v\n", err)
		f.path = "" // said once; the job's result does not hang on it
	}
}
