package experiment

import (
	"slices"
	"strconv"
	"strings"

	"taskvec/datasets"
	"taskvec/tasks"
)

// validateSets checks the experiment's classification sets.
func (d *decoder) validateSets(e *Experiment) {
	for _, s := range e.Sets {
		p := "sets." + s.Name
		known := datasets.KnownSet(s.Name)
		if known == nil {
			d.name(p, "the set's name", s.Name)
		}
		switch {
		case tasks.Lookup(s.Name) != nil:
			d.fail(d.keys[p], "%s is a task of the catalogue: choose another name for the set", s.Name)
		case slices.ContainsFunc(e.Tasks, func(t Task) bool { return t.Name == s.Name }):
			d.fail(d.keys[p], "%s is a task of this experiment: choose another name for the set", s.Name)
		case known != nil:
			for _, given := range []struct {
				key string
				set bool
			}{{"text", s.Text != ""}, {"pair", s.Pair != ""}, {"label", s.Label != ""}, {"labels", s.Labels != nil}} {
				if given.set {
					d.fail(d.keys[join(p, given.key)], "set %s has its columns and labels built in: remove %s, or give a set of your own another name", s.Name, given.key)
				}
			}
		case s.Text == "" || s.Label == "" || s.Labels == nil:
			d.failAt(p, "set %s needs the columns text and label, and labels: only %s have theirs built in", s.Name, strings.Join(datasets.KnownSets(), ", "))
		default:
			d.validateColumns(&s, p)
		}
		if n := s.Split; n != (SetSplit{}) && (n.Train == 0 || n.Validation == 0 || n.Test == 0) {
			d.failAt(p+".split", "a split needs at least one train, one validation and one test row")
		}
	}
}

// validateColumns checks the columns and labels of a set of the user's own.
func (d *decoder) validateColumns(s *Set, p string) {
	columns := []string{s.Text, s.Pair, s.Label}
	for i, key := range []string{"text", "pair", "label"} {
		if columns[i] != "" && slices.Contains(columns[:i], columns[i]) {
			d.failAt(join(p, key), "%s is the column %q already: one column has one use", []string{"text", "pair"}[slices.Index(columns, columns[i])], columns[i])
		}
	}
	if len(s.Labels) < 2 {
		d.failAt(p+".labels", "a set needs at least two labels")
	}
	for i, label := range s.Labels {
		switch at := join(p, "labels") + "[" + strconv.Itoa(i) + "]"; {
		case strings.TrimSpace(label) == "" || strings.TrimSpace(label) != label:
			d.failAt(at, "a label needs a name without spaces around it")
		case slices.Contains(s.Labels[:i], label):
			d.failAt(at, "label %s is named twice", label)
		}
	}
}
