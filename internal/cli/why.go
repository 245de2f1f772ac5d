package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"taskvec/internal/pipeline"
)

// newWhyCommand returns `why JOB`: what a job's key is made of and what changed since its last run.
func newWhyCommand(e *env) *cobra.Command {
	return newAboutCommand(e, "why", "Explain a job's key and what changed since its last run",
		"Print what a job's key is made of, whether its result is in the store, and what changed since its last run.",
		func(o *experimentOptions, p *pipeline.Plan, j *pipeline.Job) error { return why(e, o, p, j) })
}

func why(e *env, o *experimentOptions, p *pipeline.Plan, j *pipeline.Job) error {
	statuses, err := o.space().Status(p)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(statuses, func(s pipeline.Status) bool { return s.Job == j.Name })
	fmt.Fprintf(e.stdout, "%s\nkey    %s\nstate  %s: %s\nkind   %s, version %d\n", j.Name, j.Key, statuses[i].State, statuses[i].Why, j.Kind.Name, j.Kind.Version)
	settings := j.Settings()
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(e.stdout, "  %s = %s\n", k, settings[k])
	}
	for _, in := range j.Parts.Inputs {
		fmt.Fprintf(e.stdout, "  input %s %s\n", in.Job, in.Key[:12])
	}
	lock, err := o.space().Lock(p.Experiment.Name)
	if err != nil {
		return err
	}
	old, ok := lock.Jobs[j.Name]
	switch {
	case !ok:
		fmt.Fprintln(e.stdout, "it has not been run in this workspace")
	case old.Key == j.Key:
		fmt.Fprintln(e.stdout, "nothing changed since its last run")
	default:
		fmt.Fprintf(e.stdout, "changed since its last run (key %s then):\n", old.Key[:12])
		for _, c := range pipeline.Changes(old, j) {
			fmt.Fprintf(e.stdout, "  %s\n", c)
		}
	}
	return nil
}
