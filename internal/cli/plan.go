package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"taskvec/internal/pipeline"
)

// newPlanCommand returns `plan`: each job and whether a run would do it.
func newPlanCommand(e *env) *cobra.Command {
	var o experimentOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan --config FILE",
		Short: "Show every job: cached, to run or blocked, and why",
		Long:  "Show every job of an experiment, whether a run would do it, and why.\n" + exitHelp,
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, statuses, err := o.statuses(e, cmd)
			if err != nil {
				return err
			}
			return printStatuses(e.stdout, statuses, asJSON, true)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// statuses reads where each job of the experiment stands.
func (o *experimentOptions) statuses(e *env, cmd *cobra.Command) (*pipeline.Plan, []pipeline.Status, error) {
	p, err := o.plan(e, cmd)
	if err != nil {
		return nil, nil, err
	}
	statuses, err := o.space().Status(p)
	return p, statuses, err
}

// printStatuses prints jobs as a table or as JSON.
func printStatuses(w io.Writer, statuses []pipeline.Status, asJSON, keys bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(statuses)
	}
	counts := map[pipeline.State]int{}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range statuses {
		counts[s.State]++
		if keys {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.State, s.Job, s.Key[:12], s.Why)
		} else {
			fmt.Fprintf(t, "%s\t%s\t%s\n", s.State, s.Job, s.Why)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	summary := fmt.Sprintf("%d jobs", len(statuses))
	for _, state := range []pipeline.State{pipeline.Cached, pipeline.Running, pipeline.ToRun, pipeline.Failed, pipeline.Blocked} {
		if counts[state] > 0 {
			summary += fmt.Sprintf(", %d %s", counts[state], state)
		}
	}
	_, err := fmt.Fprintln(w, summary)
	return err
}
