package cli

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"taskvec/internal/argo"
	"taskvec/internal/experiment"
)

// compileOptions are the flags of compile.
type compileOptions struct {
	experimentFile
	out  string
	jobs int64
	// storage is where pods keep what they make.
	storage string
}

// newCompileCommand returns `compile`: the experiment as an Argo Workflow.
func newCompileCommand(e *env) *cobra.Command {
	var o compileOptions
	cmd := &cobra.Command{
		Use:   "compile --config FILE",
		Short: "Write the experiment as an Argo Workflow",
		Long: `Write an experiment as one self-contained Argo Workflow: a template a stage, a task a job,
the experiment inside. It goes to standard output or to the file of -o; then
argo submit FILE. No corpus and no model is read, and the variables that the experiment
names (${VAR}) become parameters. Settings that mean nothing in a cluster are named on
standard error. pipelines/README.md says what the cluster needs.
` + exitHelp,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runCompile(cmd, e, &o) },
	}
	o.addFlags(cmd)
	cmd.Flags().StringVarP(&o.out, "output", "o", "", "`file` to write")
	cmd.Flags().StringVar(&o.storage, "storage", argo.Storages[0], "where results are kept: claim, shared by all pods, or s3, the cluster's artifact repository")
	cmd.Flags().Int64Var(&o.jobs, "jobs", defaultPods, "pods that run at once (Argo takes no parameter for it)")
	return cmd
}

// defaultPods is how many pods of a workflow run at once.
const defaultPods = 16

func runCompile(cmd *cobra.Command, e *env, o *compileOptions) error {
	if o.jobs < 1 {
		return usage(cmd, "--jobs must be at least 1, not %d", o.jobs)
	}
	if !slices.Contains(argo.Storages, o.storage) {
		return usage(cmd, "--storage: %s", experiment.Unknown("storage", o.storage, argo.Storages))
	}
	if err := o.given(cmd); err != nil {
		return err
	}
	w, err := argo.Compile(o.config, kinds, argo.Options{Sets: o.sets, Parallelism: o.jobs, Storage: o.storage, Version: released()})
	if err != nil {
		return notRead(cmd, err)
	}
	for _, text := range w.Warnings {
		fmt.Fprintf(e.stderr, "warning: %s\n", text)
	}
	if o.out == "" {
		_, err = e.stdout.Write(w.YAML)
		return err
	}
	if err := os.WriteFile(o.out, w.YAML, 0o666); err != nil {
		return fmt.Errorf("write the workflow: %w", err)
	}
	return nil
}

// released is the version of taskvec, "" of one that has none.
func released() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return ""
}
