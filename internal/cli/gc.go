package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newGCCommand returns `gc`: the store without what nothing refers to any longer.
func newGCCommand(e *env) *cobra.Command {
	var o experimentOptions
	var dry bool
	cmd := &cobra.Command{
		Use:   "gc --config FILE",
		Short: "Remove from the store what nothing refers to any longer",
		Long: `Remove from the workspace's store the results that neither the experiment as it stands now
nor the last run of another experiment refers to, and what killed attempts left behind.
Results of earlier settings of this experiment go; the checkpoint of a job that is not done
stays, and so does what somebody is working on, with all that the last run of this experiment
refers to while a job of it runs.
` + exitHelp,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := o.plan(e, cmd)
			if err != nil {
				return err
			}
			removed, err := o.space().Prune(cmd.Context(), p, dry)
			total := int64(0)
			for _, g := range removed {
				total += g.Bytes
				name := g.Job
				if name == "" {
					name = "an unfinished attempt"
				}
				fmt.Fprintf(e.stdout, "%s  %s  %s\n", g.Key[:12], size(g.Bytes), name)
			}
			if err != nil {
				return err
			}
			did := "removed"
			if dry {
				did = "to remove"
			}
			fmt.Fprintf(e.stdout, "%d folders %s, %s\n", len(removed), did, size(total))
			return nil
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "remove nothing, say what would be")
	return cmd
}
