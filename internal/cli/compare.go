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
	"taskvec/stages/similarity"
)

// newCompareCommand returns `compare`: any PEFT folders against each other, without an experiment.
func newCompareCommand(e *env) *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:   "compare ADAPTER… --out DIR",
		Short: "Compare any PEFT adapter folders",
		Long: `Compare any PEFT adapter folders with each other, without an experiment. A task's name
is its folder's name. Written into DIR, as CSV and Arrow:

  similarity  task_i,task_j,layer,module,side,measure,value
  projection  source,target,layer,module,measure,value
  spectra     source,target,layer,module,index,s1,s2
  adapters    task,layer,module,measure,value
  report/     the tables, figures and page of an experiment

A folder of a full fine-tuned model stands for its task vector, W − W₀ with W₀ the model
of --base: the leading --rank singular values of each linear module, kept as an adapter
in DIR/vectors; DIR/truncation.csv says what they leave out.

With the model that the adapters were trained on as --base-model, adapters holds what
takes its weights too: amplification factors and intruder dimensions.
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(cmd, "want two adapter folders or more, got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.out == "" {
				return usage(cmd, "no place for the results: give --out DIR")
			}
			if o.rank < 1 {
				return usage(cmd, "--rank must be at least 1, not %d", o.rank)
			}
			return o.run(cmd, e, args)
		},
	}
	cmd.Flags().StringVar(&o.out, "out", "", "`folder` for the results")
	cmd.Flags().StringVar(&o.tunedFrom, "base", "", "`folder` of the model that full fine-tuned ones started from")
	cmd.Flags().StringVar(&o.base, "base-model", "", "`folder` of the model that the adapters were trained on")
	cmd.Flags().BoolVar(&o.signs, "sign-conflict", false, "measure sign_conflict and sign_conflict_ties too, the share of entries with opposite signs: looks at every entry of ΔW")
	cmd.Flags().BoolVar(&o.phi, "phi-grid", false, "write phi too: task_i,task_j,layer,module,side,i,j,value, the overlap of the leading i and j directions")
	cmd.Flags().IntVar(&o.rank, "rank", 32, "singular values kept of a full fine-tuned model's modules")
	return cmd
}

// compareOptions are the flags of compare.
type compareOptions struct {
	out       string
	tunedFrom string // the base of full fine-tunings
	base      string // the base of adapters
	rank      int
	phi       bool
	signs     bool
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

func (o *compareOptions) run(cmd *cobra.Command, e *env, dirs []string) error {
	if _, err := os.Stat(filepath.Join(o.out, "adapter_config.json")); err == nil {
		return usage(cmd, "--out %s is an adapter's folder: give another place for the results", o.out)
	}
	// Hundreds of adapters make much garbage beside the half gigabyte that they take: it is to be
	// collected before it doubles that. A limit that somebody set stays.
	if old := debug.SetMemoryLimit(-1); old == math.MaxInt64 {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(compareMemory))
	}
	dirs, made, err := compare.Vectors(cmd.Context(), dirs, o.tunedFrom, o.out, o.rank, nil)
	if err != nil {
		return err
	}
	in := &report.Input{
		Title:     fmt.Sprintf("comparison of %d adapters", len(dirs)),
		Published: &report.Published{},
		Results:   report.NewResults(),
	}
	measures := similarity.Factored
	if o.signs {
		measures = similarity.Measures
	}
	notes, err := compare.Write(cmd.Context(), dirs, measures, o.base, o.out, nil, func(rows compare.Rows) error {
		in.Adapters = append(in.Adapters, rows.Adapters...)
		return in.Results.Add(rows.Similarity, rows.Projection)
	})
	if err != nil {
		return err
	}
	if o.phi {
		if err := compare.WritePhi(cmd.Context(), dirs, o.out); err != nil {
			return err
		}
	}
	for _, note := range append(made, notes...) {
		fmt.Fprintf(e.stderr, "note: %s\n", note)
	}
	if err := replaceReport(in, filepath.Join(o.out, "report")); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%d adapters compared: %s\nreport: %s\n", len(dirs), o.out, filepath.Join(o.out, "report", "index.html"))
	return nil
}
