package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"taskvec/internal/experiment"
	"taskvec/internal/table"
	"taskvec/stages/build"
	"taskvec/tasks"
)

// newExamplesCommand returns `examples`: built examples with the supervised part marked.
func newExamplesCommand(e *env) *cobra.Command {
	var o experimentOptions
	var task string
	var n int
	cmd := &cobra.Command{
		Use:   "examples --config FILE",
		Short: "Show built examples, the supervised part marked",
		Long: `Build the examples of an experiment's tasks and show the first ones of each as a model
sees them. What is supervised is bold on a terminal and marked by a bar elsewhere.
After them stands what was built: rows, words, the supervised share, documents
skipped and why, inputs that repeat within and across splits; and how many tokens they
are to the models trained on the task whose folder with tokenizer.json is at hand.
` + exitHelp,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			x, err := o.load(e, cmd)
			if err != nil {
				return err
			}
			names, err := builtTasks(cmd, x, task)
			if err != nil {
				return err
			}
			if n < 0 {
				return usage(cmd, "--n must be at least 0, not %d", n)
			}
			return showExamples(e, x, names, n)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&task, "task", "", "only this `task`")
	cmd.Flags().IntVar(&n, "n", 1, "examples a task; 0 for all")
	return cmd
}

// builtTasks returns the tasks the experiment builds, or only the one asked for.
func builtTasks(cmd *cobra.Command, x *experiment.Experiment, only string) ([]string, error) {
	var names []string
	for _, s := range x.Stages {
		if b, ok := s.With.(*experiment.BuildWith); ok {
			names = append(names, b.Tasks...)
		}
	}
	if only == "" {
		return names, nil
	}
	for _, name := range names {
		if name == only {
			return []string{only}, nil
		}
	}
	return nil, usage(cmd, "--task: %s", experiment.Unknown("task of this experiment", only, names))
}

func showExamples(e *env, x *experiment.Experiment, names []string, n int) error {
	return build.Preview(x, names, func(t *tasks.Task, rows []table.Example, r *build.Report) error {
		if err := build.Show(e.stdout, t, rows, n, e.color); err != nil {
			return err
		}
		audit := r.String()
		counts, err := build.CountTokens(x, t.Name, rows)
		if err != nil {
			return err
		}
		for _, c := range counts {
			audit += "\n  " + c.String()
		}
		_, err = fmt.Fprintf(e.stdout, "%s\n\n", audit)
		return err
	})
}
