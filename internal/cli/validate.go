package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"taskvec/internal/argo"
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
			// A run at home does not mind what a workflow cannot hold. Files that pods would not find are
			// left to compile.
			var unfit *argo.Unfit
			if _, err := argo.Compile(o.config, kinds, argo.Options{Sets: o.sets, Parallelism: defaultPods}); errors.As(err, &unfit) {
				for _, problem := range unfit.Problems {
					fmt.Fprintf(e.stderr, "warning: as a workflow: %v\n", problem)
				}
			} else if err != nil {
				return err
			}
			fmt.Fprintln(e.stdout, "ok")
			return nil
		},
	}
	o.addFlags(cmd)
	return cmd
}
