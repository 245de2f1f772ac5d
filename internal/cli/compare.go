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
	var out, base string
	var rank int
	var phi bool
	cmd := &cobra.Command{
		Use:   "compare ADAPTER… --out DIR",
		Short: "Compare any PEFT adapter folders",
		Long: `Compare any PEFT adapter folders with each other, without an experiment. A task's name
is its folder's name. Written into DIR, as CSV and Arrow:

  similarity  task_i,task_j,layer,module,side,measure,value
  projection  source,target,layer,module,measure,value
  spectra     source,target,layer,module,index,s1,s2
  report/     the tables, figures and page of an experiment

A folder of a full fine-tuned model stands for its task vector, W − W₀ with W₀ the model
of --base: the leading --rank singular values of each linear module, kept as an adapter
in DIR/vectors; DIR/truncation.csv says what they leave out.
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
			if rank < 1 {
				return usage(cmd, "--rank must be at least 1, not %d", rank)
			}
			return runCompare(cmd, e, args, out, base, rank, phi)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`folder` for the results")
	cmd.Flags().StringVar(&base, "base", "", "`folder` of the model that full fine-tuned ones started from")
	cmd.Flags().BoolVar(&phi, "phi-grid", false, "write phi too: task_i,task_j,layer,module,side,i,j,value, the overlap of the leading i and j directions")
	cmd.Flags().IntVar(&rank, "rank", 32, "singular values kept of a full fine-tuned model's modules")
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

func runCompare(cmd *cobra.Command, e *env, dirs []string, out, base string, rank int, phi bool) error {
	if _, err := os.Stat(filepath.Join(out, "adapter_config.json")); err == nil {
		return usage(cmd, "--out %s is an adapter's folder: give another place for the results", out)
	}
	// Hundreds of adapters make much garbage beside the half gigabyte that they take: it is to be
	// collected before it doubles that. A limit that somebody set stays.
	if old := debug.SetMemoryLimit(-1); old == math.MaxInt64 {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(compareMemory))
	}
	dirs, made, err := compare.Vectors(cmd.Context(), dirs, base, out, rank, nil)
	if err != nil {
		return err
	}
	results := report.NewResults()
	notes, err := compare.Write(cmd.Context(), dirs, out, nil, results.Add)
	if err != nil {
		return err
	}
	if phi {
		if err := compare.WritePhi(cmd.Context(), dirs, out); err != nil {
			return err
		}
	}
	for _, note := range append(made, notes...) {
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
