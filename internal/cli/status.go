package cli

import "github.com/spf13/cobra"

// newStatusCommand returns `status`: what happened to each job.
func newStatusCommand(e *env) *cobra.Command {
	var o experimentOptions
	cmd := &cobra.Command{
		Use:   "status --config FILE",
		Short: "Show what happened to every job",
		Long:  "Show what happened to every job of an experiment: cached, running, failed, blocked or to run.\n" + exitHelp,
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := o.plan(e, cmd)
			if err != nil {
				return err
			}
			statuses, err := o.space().Status(p)
			if err != nil {
				return err
			}
			return printStatuses(e.stdout, statuses, false)
		},
	}
	o.addFlags(cmd)
	return cmd
}
