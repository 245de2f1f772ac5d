package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
)

// newLogsCommand returns `logs JOB`: the log of a job's last attempt.
func newLogsCommand(e *env) *cobra.Command {
	var o experimentOptions
	cmd := &cobra.Command{
		Use:   "logs JOB --config FILE",
		Short: "Print the log of a job's last attempt",
		Long:  "Print the log of a job's last attempt.\n" + exitHelp,
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
			logs, err := o.space().Logs(j.Name)
			if err != nil {
				return err
			}
			if len(logs) == 0 {
				return fmt.Errorf("%s has no log in %s: it has not run there", j.Name, o.workspace)
			}
			b, err := os.ReadFile(logs[len(logs)-1])
			if err != nil {
				return err
			}
			_, err = e.stdout.Write(b)
			return err
		},
	}
	o.addFlags(cmd)
	return cmd
}

// findJob looks a job up by name; an unknown one is wrong usage.
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
