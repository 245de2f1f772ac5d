package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"taskvec/internal/argo"
	"taskvec/internal/pipeline"
)

// newFinishCommand returns the hidden `finish`: the exit handler of a workflow.
func newFinishCommand(e *env) *cobra.Command {
	var o experimentOptions
	var end pipeline.WorkflowEnd
	var failures string
	cmd := &cobra.Command{
		Use:   "finish --config FILE --workflow NAME --status STATUS",
		Short: "Note in the workspace how a workflow ended",
		Long: `Note in the workspace how a workflow of the experiment ended, for status to show: what the
exit handler of a compiled workflow does.
` + exitHelp,
		Hidden: true,
		Args:   exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			x, err := o.load(e, cmd)
			if err != nil {
				return err
			}
			p, err := pipeline.Expand(x, kinds)
			if err != nil {
				return err
			}
			if end.Failures, err = argo.Failures(failures, p); err != nil {
				fmt.Fprintf(e.stderr, "note: the jobs that failed are not noted: %v\n", err)
			}
			end.Finished = time.Now().UTC()
			if err := o.space().SaveWorkflow(x.Name, &end); err != nil {
				return fmt.Errorf("note the end of workflow %s: %w", end.Workflow, err)
			}
			printWorkflow(e.stdout, &end)
			return nil
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&end.Workflow, "workflow", "", "`name` of the workflow")
	cmd.Flags().StringVar(&end.Status, "status", "", "Succeeded, Failed or Error")
	cmd.Flags().StringVar(&failures, "failures", "", "`file` of the nodes that failed, as Argo lists them")
	return cmd
}
