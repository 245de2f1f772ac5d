package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
)

// experimentFile are the flags of every command that reads an experiment.
type experimentFile struct {
	config string
	sets   []string
}

func (o *experimentFile) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.config, "config", "", "experiment `file`")
	cmd.Flags().StringArrayVar(&o.sets, "set", nil, "replace a value of the file: `path=value`, such as lora.rank=4 or stages.train.with.epochs=1")
}

// given wants an experiment.
func (o *experimentFile) given(cmd *cobra.Command) error {
	if o.config == "" {
		return usage(cmd, "no experiment: give --config FILE, such as --config configs/quickstart.yaml")
	}
	return nil
}

// notRead makes wrong usage of an error that a file is not there.
func notRead(cmd *cobra.Command, err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return usage(cmd, "%w", err)
	}
	return err
}

// experimentOptions are the flags of every command that reads an experiment in a workspace.
type experimentOptions struct {
	experimentFile
	workspace string
}

func (o *experimentOptions) addFlags(cmd *cobra.Command) {
	o.experimentFile.addFlags(cmd)
	cmd.Flags().StringVar(&o.workspace, "workspace", "runs", "`folder` of the store, the logs and the reports")
}

// load reads the experiment.
func (o *experimentOptions) load(e *env, cmd *cobra.Command) (*experiment.Experiment, error) {
	if err := o.given(cmd); err != nil {
		return nil, err
	}
	x, err := experiment.Load(o.config, o.sets, e.getenv)
	if err != nil {
		return nil, notRead(cmd, err)
	}
	return x, nil
}

// plan reads the experiment and expands it.
func (o *experimentOptions) plan(e *env, cmd *cobra.Command) (*pipeline.Plan, error) {
	x, err := o.load(e, cmd)
	if err != nil {
		return nil, err
	}
	return pipeline.NewPlan(x, kinds)
}

// runner returns what runs jobs of the experiment on this machine.
func (o *experimentOptions) runner(jobs int, observe func(pipeline.Event)) *pipeline.Runner {
	return &pipeline.Runner{
		Workspace: o.space(), Jobs: jobs, Memory: physicalMemory(), GPUs: gpus(), Versions: versions(), Observe: observe,
	}
}

func (o *experimentOptions) space() pipeline.Workspace { return pipeline.Workspace{Dir: o.workspace} }

// shellWord quotes an argument so that a shell reads it as it is.
func shellWord(arg string) string {
	if arg != "" && !strings.ContainsFunc(arg, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=,:@%+", r))
	}) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// runOptions are the flags of the run itself.
type runOptions struct {
	experimentOptions
	jobs     int
	stage    string
	progress string
}

// newRootCommand returns the command with all its subcommands; without one it runs the experiment.
func newRootCommand(e *env) *cobra.Command {
	var o runOptions
	root := &cobra.Command{
		Use:   "taskvec --config FILE",
		Short: "How much do two tasks share? From a corpus to adapters, distances, tables and figures",
		Long: `taskvec fine-tunes one LoRA adapter a task on the same base model and compares what the
adapters changed: the distance between their subspaces and how much of one task
lies in the space of another.

Without a subcommand it runs the experiment of --config; only what is not yet in
the workspace's store is done.
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(cmd, "unknown command %q%s", args[0], suggestions(cmd, args[0]))
			}
			return nil
		},
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return runExperiment(cmd, e, &o) },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%w", err) })
	o.addFlags(root)
	root.Flags().IntVar(&o.jobs, "jobs", defaultJobs(), "jobs that run at once")
	root.Flags().StringVar(&o.stage, "stage", "", "run only the stage of this `name` and what it needs")
	root.Flags().StringVar(&o.progress, "progress", "auto", "how to show progress: auto, plain or json")
	root.AddCommand(
		newValidateCommand(e), newPlanCommand(e), newStatusCommand(e), newLogsCommand(e), newWhyCommand(e),
		newCompareCommand(e), newCorpusCommand(e), newDoctorCommand(e), newExamplesCommand(e), newExportCommand(e), newReportCommand(e),
		newCompileCommand(e), newJobCommand(e), newInstallCommand(e), newFinishCommand(e), newGCCommand(e),
	)
	return root
}

// defaultJobs is a job for each processor.
func defaultJobs() int { return runtime.NumCPU() }

// suggestions returns a did-you-mean for an unknown subcommand.
func suggestions(cmd *cobra.Command, arg string) string {
	if s := cmd.SuggestionsFor(arg); len(s) > 0 {
		return fmt.Sprintf("; did you mean %q?", s[0])
	}
	return ""
}

// runExperiment runs the experiment and says where its report is.
func runExperiment(cmd *cobra.Command, e *env, o *runOptions) error {
	if o.jobs < 1 {
		return usage(cmd, "--jobs must be at least 1, not %d", o.jobs)
	}
	view, err := newView(cmd, e, o.progress)
	if err != nil {
		return err
	}
	p, err := o.plan(e, cmd)
	if err != nil {
		return err
	}
	if o.stage != "" {
		if p, err = p.Only(o.stage); err != nil {
			return usage(cmd, "--stage: %w", err)
		}
	}
	return execute(cmd, e, &o.experimentOptions, p, view, o.jobs)
}

// execute runs a plan, shows what happens, and prints the outcome.
func execute(cmd *cobra.Command, e *env, o *experimentOptions, p *pipeline.Plan, view view, jobs int) error {
	counts := map[pipeline.State]int{}
	r := o.runner(jobs, func(ev pipeline.Event) {
		counts[ev.State]++
		view.observe(ev)
	})
	start := time.Now()
	view.start(len(p.Jobs))
	err := r.Run(cmd.Context(), p)
	view.close()
	var failed *pipeline.RunError
	if errors.As(err, &failed) {
		explain(e.stderr, failed)
		words := make([]string, len(e.args))
		for i, arg := range e.args {
			words[i] = shellWord(arg)
		}
		fmt.Fprintf(e.stderr, "\nto go on where it stopped: %s %s\n\n", program(), strings.Join(words, " "))
		return err
	}
	if err != nil {
		return err
	}
	if !view.summarises() {
		return nil
	}
	if done := counts[pipeline.Done]; done == 0 {
		fmt.Fprintf(e.stdout, "all %d jobs cached: nothing to do\n", len(p.Jobs))
	} else {
		fmt.Fprintf(e.stdout, "%d jobs done, %d cached, in %s\n", done, counts[pipeline.Cached], roundDuration(time.Since(start)))
	}
	for _, j := range p.Jobs {
		if j.Kind.Publish == "report" {
			fmt.Fprintf(e.stdout, "report: %s\n", filepath.Join(o.space().Experiment(p.Experiment.Name), "report", "index.html"))
		}
	}
	return nil
}

// logTail is how many lines of a failed job's log are shown.
const logTail = 15

// explain shows of each failed job its error and the end of its log.
func explain(w io.Writer, failed *pipeline.RunError) {
	for _, f := range failed.Failed {
		fmt.Fprintf(w, "\n%s failed: %v\n", f.Job, f.Err)
		if f.Log == "" {
			continue
		}
		b, err := os.ReadFile(f.Log)
		if err != nil {
			fmt.Fprintf(w, "  its log cannot be read: %v\n", err)
			continue
		}
		lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
		if len(lines) > logTail {
			lines = lines[len(lines)-logTail:]
		}
		fmt.Fprintf(w, "  the end of %s:\n", f.Log)
		for _, l := range lines {
			fmt.Fprintf(w, "  | %s\n", l)
		}
	}
}

// versions says what made a result.
func versions() map[string]string {
	v := map[string]string{"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v["taskvec"] = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v["revision"] = s.Value
			}
		}
	}
	return v
}

// physicalMemory returns the bytes of memory of this machine, 0 when unknown.
func physicalMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}

// gpus counts the NVIDIA devices of this machine.
func gpus() int {
	devices, err := filepath.Glob("/dev/nvidia[0-9]*")
	if err != nil {
		return 0
	}
	return len(devices)
}

// roundDuration shortens a duration for people.
func roundDuration(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond)
	case d < time.Minute:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
