package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"taskvec/internal/adapter"
)

// newDoctorCommand returns `doctor ADAPTER…`: what is wrong with PEFT folders.
func newDoctorCommand(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor ADAPTER…",
		Short: "Check PEFT adapter folders, and whether they can be compared",
		Long: `Check PEFT adapter folders: every fault of each, and, where there are several, whether
they can be compared with the first. An error makes the exit code 4; warnings and notes
do not. With --json: a list of {adapter, modules, worst, findings [{severity, file,
tensor, message, advice}]}, severity being error, warning or note,
and worst the severest of them, or ok.
` + exitHelp,
		Args: atLeastOne,
		RunE: func(_ *cobra.Command, args []string) error {
			return runDoctor(e, args, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// A jsonFinding is a finding as JSON shows it.
type jsonFinding struct {
	Severity string `json:"severity"`
	File     string `json:"file"`
	Tensor   string `json:"tensor,omitempty"`
	Message  string `json:"message"`
	Advice   string `json:"advice"`
}

// A jsonDiagnosis is a diagnosis as JSON shows it.
type jsonDiagnosis struct {
	Adapter  string        `json:"adapter"`
	Modules  int           `json:"modules"`
	Worst    string        `json:"worst"`
	Findings []jsonFinding `json:"findings"`
}

func runDoctor(e *env, dirs []string, asJSON bool) error {
	all, err := adapter.Diagnose(dirs...)
	if err != nil {
		return err
	}
	faulty := 0
	var out []jsonDiagnosis
	for _, d := range all {
		if d.Worst() == adapter.Fault {
			faulty++
		}
		j := jsonDiagnosis{Adapter: d.Dir, Worst: d.Worst().String(), Findings: []jsonFinding{}}
		if len(d.Findings) == 0 {
			j.Worst = "ok"
		}
		if d.Adapter != nil {
			j.Modules = len(d.Adapter.Modules)
		}
		for _, f := range d.Findings {
			j.Findings = append(j.Findings, jsonFinding{f.Severity.String(), f.Error.File, f.Error.Tensor, f.Error.Msg, f.Advice})
		}
		out = append(out, j)
	}
	if asJSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			return err
		}
	} else {
		for _, j := range out {
			printDiagnosis(e.stdout, j)
		}
	}
	if faulty == 0 {
		return nil
	}
	return &sick{faulty, len(all)}
}

// printDiagnosis prints a diagnosis for people: a line a finding and what to do under it.
func printDiagnosis(w io.Writer, d jsonDiagnosis) {
	fmt.Fprintf(w, "%s: %s, %d modules\n", d.Adapter, d.Worst, d.Modules)
	for _, f := range d.Findings {
		where := filepath.Base(f.File)
		if f.Tensor != "" {
			where += " " + f.Tensor
		}
		fmt.Fprintf(w, "  %-8s %s: %s\n           → %s\n", f.Severity, where, f.Message, f.Advice)
	}
}

// A sick error says that adapters have faults; it is bad input data.
type sick struct{ faulty, of int }

func (s *sick) Error() string { return fmt.Sprintf("%d of %d adapters have errors", s.faulty, s.of) }
