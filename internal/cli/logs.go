package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"taskvec/internal/pipeline"
)

// newLogsCommand returns `logs JOB`: the log of a job's last attempt.
func newLogsCommand(e *env) *cobra.Command {
	const short = "Print the log of a job's last attempt"
	return newAboutCommand(e, "logs", short, short+".", func(o *experimentOptions, _ *pipeline.Plan, j *pipeline.Job) error {
		logs, err := o.space().Logs(j.Name)
		if err != nil {
			return err
		}
		if len(logs) == 0 {
			return fmt.Errorf("%s has no log in %s: it has not run there (run it, or name the workspace with --workspace)", j.Name, o.workspace)
		}
		b, err := os.ReadFile(logs[len(logs)-1])
		if err != nil {
			return err
		}
		_, err = e.stdout.Write(b)
		return err
	})
}
