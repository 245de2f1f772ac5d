package cli

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"taskvec/stages/compare"
	"taskvec/stages/report"
)

// newCompareCommand returns `compare`: any PEFT folders against each other, without an experiment.
func newCompareCommand(e *env) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "compare ADAPTER… --out DIR",
		Short: "Compare any PEFT adapter folders",
		Long: `Compare any PEFT adapter folders with each other, without an experiment. A task's name
is its folder's name. Written into DIR, as CSV and Arrow:

  similarity  task_i,task_j,layer,module,side,measure,value
  projection  source,target,layer,module,measure,value
  spectra     source,target,layer,module,index,s1,s2
  report/     the tables, figures and page of an experiment
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(cmd, "want two adapter folders or more, got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage(cmd, "no place for the results: give --out DIR")
			}
			return runCompare(cmd, e, args, out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`folder` for the results")
	return cmd
}

// replaceReport writes a report beside the place of an older one and then puts it there, so that
// nothing of the older one stays.
func replaceReport(in *report.Input, dir string) error {
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := in.Write(fresh); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(fresh, dir)
}

// compareMemory is how much memory a comparison tries to keep to, in bytes.
const compareMemory = 3 << 29

func runCompare(cmd *cobra.Command, e *env, dirs []string, out string) error {
	if _, err := os.Stat(filepath.Join(out, "adapter_config.json")); err == nil {
		return usage(cmd, "--out %s is an adapter's folder: give another place for the results", out)
	}
	// Hundreds of adapters make much garbage beside the half gigabyte that they take: it is to be
	// collected before it doubles that. A limit that somebody set stays.
	if old := debug.SetMemoryLimit(-1); old == math.MaxInt64 {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(compareMemory))
	}
	results := report.NewResults()
	notes, err := compare.Write(cmd.Context(), dirs, out, nil, results.Add)
	if err != nil {
		return err
	}
	for _, note := range notes {
		fmt.Fprintf(e.stderr, "note: %s\n", note)
	}
	in := &report.Input{
		Title:     fmt.Sprintf("comparison of %d adapters", len(dirs)),
		Published: &report.Published{},
		Results:   results,
	}
	if err := replaceReport(in, filepath.Join(out, "report")); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%d adapters compared: %s\nreport: %s\n", len(dirs), out, filepath.Join(out, "report", "index.html"))
	return nil
}
