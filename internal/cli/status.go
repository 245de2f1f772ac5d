package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"taskvec/internal/pipeline"
)

// newStatusCommand returns `status`: what happened to each job.
func newStatusCommand(e *env) *cobra.Command {
	var o experimentOptions
	cmd := &cobra.Command{
		Use:   "status --config FILE",
		Short: "Show what happened to every job",
		Long:  "Show what happened to every job of an experiment: cached, running, failed, blocked or to run; and how\nits last workflow in a cluster ended, if there was one.\n" + exitHelp,
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, statuses, err := o.statuses(e, cmd)
			if err != nil {
				return err
			}
			if err := printStatuses(e.stdout, statuses, false); err != nil {
				return err
			}
			end, err := o.space().LastWorkflow(p.Experiment.Name)
			if err != nil || end == nil {
				return err
			}
			printWorkflow(e.stdout, end)
			return nil
		},
	}
	o.addFlags(cmd)
	return cmd
}

// printWorkflow says how a workflow ended: a line, and one for each job that failed.
func printWorkflow(w io.Writer, end *pipeline.WorkflowEnd) {
	fmt.Fprintf(w, "workflow %s: %s at %s\n", end.Workflow, end.Status, end.Finished.Format(time.RFC3339))
	for _, f := range end.Failures {
		fmt.Fprintf(w, "  %s: %s\n", f.Job, f.Message)
	}
}
