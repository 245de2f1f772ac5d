package cli

import (
	"github.com/spf13/cobra"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
)

// newAboutCommand returns a command that tells something of one job of an experiment, NAME JOB.
func newAboutCommand(e *env, name, short, long string, run func(o *experimentOptions, p *pipeline.Plan, j *pipeline.Job) error) *cobra.Command {
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
			j, err := findJob(cmd, p, args[0])
			if err != nil {
				return err
			}
			return run(&o, p, j)
		},
	}
	o.addFlags(cmd)
	return cmd
}

// findJob returns the job of that name.
func findJob(cmd *cobra.Command, p *pipeline.Plan, name string) (*pipeline.Job, error) {
	if j := p.Job(name); j != nil {
		return j, nil
	}
	var names []string
	for _, j := range p.Jobs {
		names = append(names, j.Name)
	}
	return nil, usage(cmd, "%s", experiment.Unknown("job", name, names))
}
