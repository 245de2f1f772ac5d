package build

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"taskvec/internal/table"
	"taskvec/tasks"
)

// SGR sequences of a terminal (ECMA-48).
const (
	dim   = "\x1b[2m"
	bold  = "\x1b[1m"
	reset = "\x1b[0m"
)

// Show prints the first n examples of a task as a model sees them, all of them when n is 0. In
// color the prompt is dimmed and the supervised part bold; without color the supervised part is
// marked by a bar at the start of each of its lines.
func Show(w io.Writer, t *tasks.Task, examples []table.Example, n int, color bool) error {
	b := bufio.NewWriter(w)
	if n > 0 && n < len(examples) {
		examples = examples[:n]
	}
	for _, e := range examples {
		fmt.Fprintf(b, "== %s %s %s\n", t.Name, e.Split, e.ID)
		prompt, target := e.Prompt, e.Completion
		if t.Kind == tasks.Classification {
			prompt, target = e.Text+"\n", "unlabelled\n"
			if e.TextPair != "" {
				prompt += e.TextPair + "\n"
			}
			if e.Label >= 0 {
				target = t.Labels[e.Label] + "\n"
			}
		}
		if color {
			fmt.Fprintf(b, "%s%s%s%s%s%s\n", dim, prompt, reset, bold, strings.TrimSuffix(target, "\n"), reset)
		} else {
			b.WriteString(prompt)
			for line := range strings.Lines(target) {
				fmt.Fprintf(b, "│ %s", line)
			}
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}
