package cli

import (
	"github.com/spf13/cobra"
)

// newReportCommand returns `report`: the report and what it needs, nothing else.
func newReportCommand(e *env) *cobra.Command {
	var o experimentOptions
	cmd := &cobra.Command{
		Use:   "report --config FILE",
		Short: "Make the report, and what it still needs, and say where it is",
		Long:  "Make the report of an experiment, and what it still needs, and say where it is.\n" + exitHelp,
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := o.plan(e, cmd)
			if err != nil {
				return err
			}
			stage := ""
			for _, j := range p.Jobs {
				if j.Kind.Publish == "report" {
					stage = j.Stage.Name
				}
			}
			if stage == "" {
				return usage(cmd, "%s has no report stage", o.config)
			}
			if p, err = p.Only(stage); err != nil {
				return err
			}
			view, err := newView(cmd, e, "auto")
			if err != nil {
				return err
			}
			return execute(cmd, e, &o, p, view, defaultJobs())
		},
	}
	o.addFlags(cmd)
	return cmd
}
