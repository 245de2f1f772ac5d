package experiment

import (
	"path/filepath"
	"slices"
	"strings"
)

// axisNames are the axes a matrix can have. Several seeds of one task say how far apart two trainings
// of the same task are.
var axisNames = []string{"model", "task", seedAxis}

const seedAxis = "seed"

// seedMark stands between a task and its seed in a label.
const seedMark = "#"

// Label names what a cell trains: its task, and its seed where the matrix has several: ner#1235.
func Label(cell map[string]string) string {
	if seed, ok := cell[seedAxis]; ok {
		return cell["task"] + seedMark + seed
	}
	return cell["task"]
}

// TaskOf is the task of a label.
func TaskOf(label string) string {
	task, _, _ := strings.Cut(label, seedMark)
	return task
}

// AllAxes returns the axes of the stage's cells: those of its matrix, and for a build or summarize
// stage its tasks, each of which is a job.
func (s *Stage) AllAxes() []Axis {
	axes := slices.Clone(s.Matrix.Axes)
	switch w := s.With.(type) {
	case *BuildWith:
		axes = append(axes, Axis{Name: "task", Values: w.Tasks})
	case *SummarizeWith:
		axes = append(axes, Axis{Name: "task", Values: w.Tasks})
	}
	return axes
}

// Cells returns the stage's cells in order, the last axis moving fastest, without the excluded
// ones. A stage without axes has one empty cell.
func (s *Stage) Cells() []map[string]string {
	cells := []map[string]string{{}}
	for _, axis := range s.AllAxes() {
		var next []map[string]string
		for _, c := range cells {
			for _, v := range axis.Values {
				n := map[string]string{axis.Name: v}
				for k, old := range c {
					n[k] = old
				}
				next = append(next, n)
			}
		}
		cells = next
	}
	return slices.DeleteFunc(cells, func(c map[string]string) bool {
		return slices.ContainsFunc(s.Matrix.Exclude, func(x map[string]string) bool { return len(x) > 0 && Agree(x, c) })
	})
}

// Agree says whether two cells have the same value on every axis they share. A job reads the jobs
// of a stage it needs whose cells agree with its own.
func Agree(a, b map[string]string) bool {
	for k, v := range a {
		if w, ok := b[k]; ok && v != w {
			return false
		}
	}
	return true
}

// Stage returns the stage of that name, or nil.
func (e *Experiment) Stage(name string) *Stage {
	for i := range e.Stages {
		if e.Stages[i].Name == name {
			return &e.Stages[i]
		}
	}
	return nil
}

// Resolve returns where a path of the file lies: relative ones start at the file's folder.
func (e *Experiment) Resolve(path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(e.File), path)
}

// A Path is a path that the file names: the key where it stands and the path as it is written.
type Path struct{ Key, Path string }

// Paths returns every path that the file names, of files and folders it does not write.
func (e *Experiment) Paths() []Path {
	all := []Path{
		{"corpus.path", e.Corpus.Path},
		{"corpus.lists.train", e.Corpus.Lists.Train}, {"corpus.lists.validation", e.Corpus.Lists.Validation}, {"corpus.lists.test", e.Corpus.Lists.Test},
		{"summaries.path", e.Summaries.Path},
	}
	for _, m := range e.Models {
		if m.Local() {
			all = append(all, Path{"models." + m.Name + ".base", m.Base})
		}
	}
	for _, s := range e.Sets {
		all = append(all, Path{"sets." + s.Name + ".path", s.Path})
	}
	for _, t := range e.Tasks {
		all = append(all, Path{"tasks." + t.Name + ".targets", t.Targets})
	}
	for _, s := range e.Stages {
		if w, ok := s.With.(*ReportWith); ok {
			all = append(all, Path{"stages." + s.Name + ".with.published", w.Published})
		}
	}
	return slices.DeleteFunc(all, func(p Path) bool { return p.Path == "" })
}

// Targets returns the module types an adapter of this family changes.
func (l *LoRA) Targets(family string) []string {
	switch {
	case len(l.TargetModules) > 0:
		return slices.Sorted(slices.Values(l.TargetModules))
	case family == "roberta":
		return []string{"query", "value"}
	}
	return []string{"q_proj", "v_proj"}
}

// Labels returns the labels under which a task is trained, in the order of the file; its name when no
// stage trains it.
func (e *Experiment) Labels(task string) []string {
	var labels []string
	for i := range e.Stages {
		if s := &e.Stages[i]; s.Uses == "train" {
			for _, c := range s.Cells() {
				if l := Label(c); c["task"] == task && !slices.Contains(labels, l) {
					labels = append(labels, l)
				}
			}
		}
	}
	if labels == nil {
		return []string{task}
	}
	return labels
}
