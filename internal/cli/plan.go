package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"taskvec/internal/pipeline"
	"taskvec/stages/train"
)

// newPlanCommand returns `plan`: each job and whether a run would do it.
func newPlanCommand(e *env) *cobra.Command {
	var o experimentOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan --config FILE",
		Short: "Show every job: cached, to run or blocked, and why; and what each training takes",
		Long: `Show every job of an experiment, whether a run would do it, and why; and of each training
its trainable parameters, the tokens it trains on, the memory of base model, adapter and
optimiser, and its time as trainings of the same model in the workspace took it. What is
marked ~ is guessed: tokens from words where the model's tokenizer is not there yet, time
from a figure for the trainer. What is not known yet is "?".
` + exitHelp,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, statuses, err := o.statuses(e, cmd)
			if err != nil {
				return err
			}
			estimates, err := train.Estimates(o.space(), p)
			if err != nil {
				return err
			}
			if asJSON {
				return printPlanJSON(e.stdout, statuses, estimates)
			}
			if err := printStatuses(e.stdout, statuses, true); err != nil {
				return err
			}
			return printEstimates(e.stdout, statuses, estimates)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printPlanJSON prints each job and what its training takes.
func printPlanJSON(w io.Writer, statuses []pipeline.Status, estimates map[string]*train.Estimate) error {
	type planned struct {
		pipeline.Status
		Training *train.Estimate `json:"training,omitempty"`
	}
	jobs := make([]planned, len(statuses))
	for i, s := range statuses {
		jobs[i] = planned{s, estimates[s.Job]}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(jobs)
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

// printEstimates prints what each training takes, and the time of those to come.
func printEstimates(w io.Writer, statuses []pipeline.Status, estimates map[string]*train.Estimate) error {
	if len(estimates) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\ntraining\tparameters\ttokens\tmemory\ttime\n")
	todo, unknown := 0.0, 0
	for _, s := range statuses {
		x := estimates[s.Job]
		if x == nil {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Job, number(x.Parameters), about(number(x.Tokens), x.Counted), memory(x.Bytes()), took(x.Seconds, x.Measured))
		switch {
		case s.State == pipeline.Cached:
		case x.Seconds == 0:
			unknown++
		default:
			todo += x.Seconds
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if todo == 0 && unknown == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "trainings to come, one after another: %s", took(todo, false))
	if err == nil && unknown > 0 && todo > 0 {
		_, err = fmt.Fprintf(w, ", and %d whose time is not known", unknown)
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

// number prints a count, "?" when it is not known.
func number(n int64) string {
	switch f := float64(n); {
	case n == 0:
		return "?"
	case n < 1e4:
		return fmt.Sprint(n)
	case n < 1e6:
		return fmt.Sprintf("%.1fk", f/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1fM", f/1e6)
	default:
		return fmt.Sprintf("%.2fG", f/1e9)
	}
}

// memory prints bytes, "?" when they are not known.
func memory(n int64) string {
	if n == 0 {
		return "?"
	}
	return size(n)
}

// size prints bytes.
func size(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// took prints a time, "?" when it is not known.
func took(seconds float64, measured bool) string {
	if seconds == 0 {
		return "?"
	}
	return about(roundDuration(time.Duration(seconds*float64(time.Second))).String(), measured)
}

// about marks what is known but roughly.
func about(text string, known bool) string {
	if known || text == "?" {
		return text
	}
	return "~" + text
}

// printStatuses prints jobs as a table.
func printStatuses(w io.Writer, statuses []pipeline.Status, keys bool) error {
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
