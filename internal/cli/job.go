package cli

import (
	"github.com/spf13/cobra"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
)

// newJobCommand returns a command about one job of an experiment, NAME JOB.
func newJobCommand(e *env, name, short, long string, run func(o *experimentOptions, p *pipeline.Plan, j *pipeline.Job) error) *cobra.Command {
	var o experimentOptions
	cmd := &cobra.Command{
		Use:   name + " JOB --config FILE",
		Short: short,
		Long:  long + "\n" + exitHelp,
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := o.plan(e, cmd)
			if err != nil {
				return err
			}
			if j := p.Job(args[0]); j != nil {
				return run(&o, p, j)
			}
			var names []string
			for _, j := range p.Jobs {
				names = append(names, j.Name)
			}
			return usage(cmd, "%s", experiment.Unknown("job", args[0], names))
		},
	}
	o.addFlags(cmd)
	return cmd
}
