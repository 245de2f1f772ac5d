package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newValidateCommand returns `validate`: every error of an experiment file, or "ok".
func newValidateCommand(e *env) *cobra.Command {
	var o experimentOptions
	cmd := &cobra.Command{
		Use:   "validate --config FILE",
		Short: "Check an experiment file: every error with its place, or ok",
		Long:  "Check an experiment file and print every error with its place, or ok.\n" + exitHelp,
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			x, err := o.load(e, cmd)
			if err != nil {
				return err
			}
			for _, w := range x.Warnings {
				fmt.Fprintf(e.stderr, "warning: %s\n", w)
			}
			fmt.Fprintln(e.stdout, "ok")
			return nil
		},
	}
	o.addFlags(cmd)
	return cmd
}
