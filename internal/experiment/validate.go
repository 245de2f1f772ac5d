package experiment

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"taskvec/datasets"
	"taskvec/tasks"
)

// name is what experiments, models and stages may be called: the label of RFC 1123 that a folder,
// a job and a Kubernetes object can all bear.
var name = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// maxName keeps NAME-MODEL-TASK within the 63 characters of a Kubernetes label.
const maxName = 40

func (d *decoder) name(path, what, s string) {
	if s == "" {
		return // reported as a missing key
	}
	if !name.MatchString(s) || len(s) > maxName {
		d.failAt(path, "%s %q must be at most %d lower-case letters, digits and inner hyphens", what, s, maxName)
	}
}

// validate reports what is wrong with a decoded experiment beyond the types of its fields.
func (d *decoder) validate(e *Experiment) {
	d.name("experiment", "the experiment's name", e.Name)
	if slices.Contains([]string{"store", "logs", "cache"}, e.Name) {
		d.failAt("experiment", "the workspace has a folder %s of its own: choose another name", e.Name)
	}
	if len(e.Stages) == 0 && d.keys["stages"] != nil {
		d.failAt("stages", "the experiment has no stage: it would do nothing")
	}
	if e.Corpus.Format == "sample" && e.Corpus.Path != "" {
		d.failAt("corpus.path", "the sample corpus is part of taskvec and has no path: remove it, or set format")
	}
	if e.Corpus.Edited && e.Corpus.Format != "ontonotes" {
		d.failAt("corpus.edited", "format %s holds no words that were corrected: remove it", e.Corpus.Format)
	}
	if e.Corpus.Format != "sample" && e.Corpus.Path == "" {
		d.failAt("corpus", "format %s needs a path", e.Corpus.Format)
	}
	if s := e.Corpus.Split; s != (Split{}) && (s.Train == 0 || s.Validation == 0 || s.Test == 0) {
		d.failAt("corpus.split", "a split needs at least one train, one validation and one test document")
	}
	if s := e.Summaries; (s.From == "file") != (s.Path != "") {
		d.failAt("summaries", "summaries from a file need a path, and others have none")
	}
	if l := e.Corpus.Lists; l != (Lists{}) {
		if l.Train == "" || l.Validation == "" || l.Test == "" {
			d.failAt("corpus.lists", "lists need a file for each of train, validation and test")
		}
		if e.Corpus.Split != (Split{}) {
			d.failAt("corpus.lists", "the corpus has lists and a split: keep one")
		}
	}
	// Each step needs what the one before it checks, so that one fault is reported once.
	found := len(d.errs)
	d.validateModels(e)
	d.validateSets(e)
	d.validateTasks(e)
	d.validateStages(e)
	if len(d.errs) > found {
		return
	}
	d.validateCycles(e)
	if len(d.errs) > found || slices.ContainsFunc(e.Stages, func(s Stage) bool { return s.With == nil }) {
		return
	}
	d.validateNeeds(e)
	d.validateKinds(e)
}

func (d *decoder) validateModels(e *Experiment) {
	for _, m := range e.Models {
		p := "models." + m.Name
		d.name(p, "the model's name", m.Name)
		switch a := m.Architecture; {
		case m.Base == "" && a == nil:
			d.failAt(p, "model %s needs a base (a Hub id or folder) or an architecture (to pretrain one)", m.Name)
		case m.Base != "" && a != nil:
			d.failAt(p, "model %s has a base and an architecture: keep one", m.Name)
		case a == nil || a.Hidden < 1 || a.Heads < 1 || a.KVHeads < 1: // bounds are reported already
		case a.Hidden%a.Heads != 0:
			d.failAt(p+".architecture.heads", "hidden (%d) must be a multiple of heads (%d)", a.Hidden, a.Heads)
		case (a.Hidden/a.Heads)%2 != 0:
			d.failAt(p+".architecture.heads", "hidden/heads (%d) must be even: rotary positions turn pairs", a.Hidden/a.Heads)
		case m.Family != "roberta" && a.Heads%a.KVHeads != 0:
			d.failAt(p+".architecture.kv_heads", "heads (%d) must be a multiple of kv_heads (%d)", a.Heads, a.KVHeads)
		}
	}
}

// validateTasks checks the experiment's own tasks.
func (d *decoder) validateTasks(e *Experiment) {
	for _, t := range e.Tasks {
		p := "tasks." + t.Name
		d.name(p, "the task's name", t.Name)
		switch {
		case tasks.Lookup(t.Name) != nil:
			d.fail(d.keys[p], "task %s is in the catalogue already: choose another name", t.Name)
		case (t.Target == nil) == (t.Targets == ""):
			d.failAt(p, "task %s needs a target (a rule) or targets (a file): one of them", t.Name)
		case t.Target != nil:
			if _, err := tasks.Declare(t.Name, t.Family, t.Prompt, *t.Target); err != nil {
				d.failAt(p+".target", "%v", err)
			}
		}
	}
}

func (d *decoder) validateStages(e *Experiment) {
	var models, stages []string
	for _, m := range e.Models {
		models = append(models, m.Name)
	}
	for i, s := range e.Stages {
		p := fmt.Sprintf("stages[%d]", i)
		d.name(p+".name", "the stage's name", s.Name)
		if s.Name != "" && slices.Contains(stages, s.Name) {
			d.failAt(p+".name", "a stage named %q stands above already", s.Name)
		}
		stages = append(stages, s.Name)
		for _, axis := range s.Matrix.Axes {
			if axis.Name == seedAxis {
				d.seeds(&e.Stages[i], p, axis.Values)
				continue
			}
			known, what := models, "model"
			if axis.Name == "task" {
				known, what = e.TaskNames(), "task"
			}
			d.values(p+".matrix."+axis.Name, what, axis.Values, known)
		}
		switch w := s.With.(type) {
		case *BuildWith:
			d.values(p+".with.tasks", "task", w.Tasks, e.TaskNames())
		case *SummarizeWith:
			d.values(p+".with.tasks", "summary task", w.Tasks, summaryTasks())
		}
		for j, x := range s.Matrix.Exclude {
			d.exclusion(&e.Stages[i], fmt.Sprintf("%s.matrix.exclude[%d]", p, j), x)
		}
	}
	for i, s := range e.Stages {
		for j, need := range s.Needs {
			p := fmt.Sprintf("stages[%d].needs[%d]", i, j)
			switch {
			case need == s.Name:
				d.failAt(p, "stage %s needs itself", s.Name)
			case !slices.Contains(stages, need):
				d.failAt(p, "%s", Unknown("stage", need, stages))
			case slices.Contains(s.Needs[:j], need):
				d.failAt(p, "%s is named twice", need)
			}
		}
	}
}

// values checks the values of an axis: known, not empty, none twice.
func (d *decoder) values(path, what string, values, known []string) {
	if n := d.at[path]; len(values) == 0 && n != nil && n.Kind == yaml.SequenceNode {
		d.failAt(path, "names no %s", what)
	}
	for i, v := range values {
		p := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case what == "task" && !slices.Contains(known, v) && datasets.KnownSet(v) != nil:
			d.failAt(p, "task %s is a classification set: say where its files lie, sets: {%s: {path: …}}", v, v)
		case !slices.Contains(known, v):
			d.failAt(p, "%s", Unknown(what, v, known))
		case slices.Contains(values[:i], v):
			d.failAt(p, "%s %s is named twice", what, v)
		}
	}
}

// exclusion checks that an entry of exclude names cells the matrix has.
func (d *decoder) exclusion(s *Stage, path string, x map[string]string) {
	if len(x) == 0 {
		d.failAt(path, "an exclusion must name a value of an axis")
	}
	for _, k := range slices.Sorted(maps.Keys(x)) {
		i := slices.IndexFunc(s.Matrix.Axes, func(a Axis) bool { return a.Name == k })
		if i < 0 {
			var axes []string
			for _, a := range s.Matrix.Axes {
				axes = append(axes, a.Name)
			}
			d.fail(d.keys[join(path, k)], "%s", Unknown("axis", k, axes))
		} else if axis := s.Matrix.Axes[i]; !slices.Contains(axis.Values, x[k]) {
			d.failAt(join(path, k), "excludes nothing: %s", Unknown(k, x[k], axis.Values))
		}
	}
}

// validateCycles reports the first circle of needs.
func (d *decoder) validateCycles(e *Experiment) {
	const (
		open = 1
		done = 2
	)
	state := map[string]int{}
	var trail []string
	var visit func(name string) bool
	visit = func(name string) bool {
		switch state[name] {
		case done:
			return true
		case open:
			circle := append(slices.Clone(trail[slices.Index(trail, name):]), name)
			i := slices.IndexFunc(e.Stages, func(s Stage) bool { return s.Name == name })
			d.failAt(fmt.Sprintf("stages[%d].needs", i), "stages need each other in a circle: %s", strings.Join(circle, " → "))
			return false
		}
		state[name] = open
		trail = append(trail, name)
		for _, need := range e.Stage(name).Needs {
			if !visit(need) {
				return false
			}
		}
		trail = trail[:len(trail)-1]
		state[name] = done
		return true
	}
	for _, s := range e.Stages {
		if !visit(s.Name) {
			return
		}
	}
}

// inputKinds says what each kind of stage reads: every kind named must be among its needs (any
// says that one of them is enough), directly or through others.
var inputKinds = map[string]struct {
	kinds []string
	any   bool
	why   string
}{
	"train":      {kinds: []string{"build"}, why: "the examples to train on"},
	"collect":    {kinds: []string{"train"}, why: "the adapters to collect"},
	"similarity": {kinds: []string{"collect"}, why: "the factors to compare"},
	"projection": {kinds: []string{"collect"}, why: "the factors to project"},
	"evaluate":   {kinds: []string{"train"}, why: "the adapters to test"},
	"report":     {kinds: []string{"similarity", "projection"}, any: true, why: "the results to show"},
}

// single are the kinds of which an experiment has at most one stage, since each fills a fixed
// place of the workspace.
var single = []string{"summarize", "collect", "similarity", "projection", "evaluate", "report"}

// validateNeeds checks that each stage needs what its kind reads and that every cell finds a cell
// in each stage it needs.
func (d *decoder) validateNeeds(e *Experiment) {
	first := map[string]string{}
	for i, s := range e.Stages {
		p := fmt.Sprintf("stages[%d]", i)
		if other, ok := first[s.Uses]; ok && slices.Contains(single, s.Uses) {
			d.failAt(p+".uses", "stage %s is a %s stage already: an experiment has one", other, s.Uses)
		}
		first[s.Uses] = s.Name
		if len(s.Matrix.Exclude) > 0 && len(s.Cells()) == 0 {
			d.failAt(p+".matrix", "every cell is excluded: stage %s has no job", s.Name)
		}
		if in, ok := inputKinds[s.Uses]; ok {
			var missing []string
			for _, kind := range in.kinds {
				if !slices.ContainsFunc(s.Needs, func(n string) bool { return e.Stage(n).Uses == kind }) {
					missing = append(missing, kind)
				}
			}
			if len(missing) > 0 && (!in.any || len(missing) == len(in.kinds)) {
				d.failAt(p+".needs", "%s stage needs a %s stage: %s", withArticle(s.Uses), strings.Join(missing, " or "), in.why)
			}
		}
		for _, need := range s.Needs {
			d.validateCells(e, &s, p, e.Stage(need))
		}
	}
}

// validateCells checks that every cell of s finds a cell of the stage it needs. A value that the
// needed stage does not have at all is reported once, where it stands.
func (d *decoder) validateCells(e *Experiment, s *Stage, p string, need *Stage) {
	cells := need.Cells()
	found := func(c map[string]string) bool {
		// A ready-made model needs no pretraining, one that is here no fetching.
		if m := e.Model(c["model"]); m != nil && (need.Uses == "pretrain" && m.Architecture == nil || need.Uses == "fetch" && !m.Remote()) {
			return true
		}
		if need.Uses == "summarize" { // validateSummaries has seen to it
			return true
		}
		return slices.ContainsFunc(cells, func(o map[string]string) bool { return Agree(c, o) })
	}
	missing := map[string]bool{}
	for _, axis := range s.Matrix.Axes {
		for i, v := range axis.Values {
			if !found(map[string]string{axis.Name: v}) {
				missing[axis.Name+" "+v] = true
				d.failAt(fmt.Sprintf("%s.matrix.%s[%d]", p, axis.Name, i), "stage %s needs %s %s from stage %s, which does not have it", s.Name, axis.Name, v, need.Name)
			}
		}
	}
	for _, c := range s.Cells() {
		if !found(c) && !missing["model "+c["model"]] && !missing["task "+c["task"]] {
			d.failAt(p+".matrix", "stage %s has no job for %s, which stage %s needs: exclude it here too", need.Name, describe(c), s.Name)
		}
	}
}

// withArticle is the name of a kind of stage after "a" or "an".
func withArticle(kind string) string {
	if strings.IndexByte("aeiou", kind[0]) >= 0 {
		return "an " + kind
	}
	return "a " + kind
}

// describe names a cell for messages.
func describe(c map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, k+" "+c[k])
	}
	return strings.Join(parts, ", ")
}

// validateKinds checks what is particular to a kind of stage.
func (d *decoder) validateKinds(e *Experiment) {
	trained := map[string][]string{} // task → models
	done := map[string]bool{}        // cells
	for i := range e.Stages {
		s, p := &e.Stages[i], fmt.Sprintf("stages[%d]", i)
		if s.Uses != "train" {
			continue
		}
		d.validateTrain(e, s, p)
		for _, c := range s.Cells() {
			if whole := describe(c); done[whole] {
				d.failAt(d.valuePath(s, p, "task", c["task"]), "%s is trained by another stage already", whole)
			} else {
				done[whole] = true
			}
			trained[c["task"]] = append(trained[c["task"]], c["model"])
		}
	}
	for i := range e.Stages {
		s, p := &e.Stages[i], fmt.Sprintf("stages[%d]", i)
		switch w := s.With.(type) {
		case *PretrainWith:
			d.axes(s, p, "model")
			for _, c := range s.Cells() {
				if m := e.Model(c["model"]); m != nil && m.Architecture == nil {
					d.failAt(p+".matrix.model", "model %s has no architecture to pretrain", m.Name)
				} else if m != nil && w.MaxLength > m.Architecture.MaxPositions {
					d.failAt(p+".with.max_length", "max_length %d is above the %d positions of model %s", w.MaxLength, m.Architecture.MaxPositions, m.Name)
				}
			}
		case *FetchWith:
			d.axes(s, p, "model")
			for j, c := range s.Cells() {
				switch m := e.Model(c["model"]); {
				case m == nil:
				case !m.Remote():
					d.failAt(fmt.Sprintf("%s.matrix.model[%d]", p, j), "model %s does not come from the Hub: there is nothing to fetch", m.Name)
				case m.Revision == "":
					d.failAt("models."+m.Name, "model %s needs a revision: the commit of the Hub's repository, so that it is always the same model", m.Name)
				}
			}
		case *BuildWith:
			d.validateSummaries(e, s, p)
		case *SummarizeWith:
			d.validateSummarize(e, w, p)
		case *EvaluateWith:
			d.validateEvaluate(e, s, w, trained, p)
		case *ProjectionWith:
			for j, pair := range w.Pairs {
				pp := fmt.Sprintf("%s.with.pairs[%d]", p, j)
				if len(pair) != 2 || pair[0] == pair[1] {
					d.failAt(pp, "a pair is two different tasks: [source, target]")
					continue
				}
				known := true
				for k, task := range pair {
					if trained[task] == nil {
						known = false
						d.failAt(fmt.Sprintf("%s[%d]", pp, k), "%s", Unknown("trained task", task, slices.Sorted(maps.Keys(trained))))
					}
				}
				if known && !slices.ContainsFunc(trained[pair[0]], func(m string) bool { return slices.Contains(trained[pair[1]], m) }) {
					d.failAt(pp, "no model is trained on both %s and %s", pair[0], pair[1])
				}
			}
		}
		if w, ok := s.With.(*ReportWith); ok && w.Published != "" {
			if _, err := os.Stat(e.Resolve(w.Published)); err != nil {
				d.failAt(p+".with.published", "published values: %v (paths begin at this file; without any, leave it out)", err)
			}
		}
		if s.Uses != "train" && (s.Runner != "" || s.Container != nil) {
			d.failAt(p+".runner", "only train stages have a runner")
		}
		if s.Uses != "train" && s.Uses != "pretrain" && s.Uses != "fetch" && s.Uses != "build" && s.Uses != "summarize" && len(s.Matrix.Axes) > 0 {
			d.failAt(p+".matrix", "%s stage is one job: it has no matrix", withArticle(s.Uses))
		}
		if (s.Uses == "build" || s.Uses == "summarize") && len(s.Matrix.Axes) > 0 {
			d.failAt(p+".matrix", "a %s stage has a job for each of its tasks: it has no matrix", s.Uses)
		}
	}
}

// axes checks that the stage's matrix has exactly these axes.
func (d *decoder) axes(s *Stage, p string, want ...string) {
	var have []string
	for _, a := range s.Matrix.Axes {
		if a.Name != seedAxis || s.Uses != "train" {
			have = append(have, a.Name)
		}
	}
	slices.Sort(have)
	if !slices.Equal(have, want) {
		d.failAt(p+".matrix", "a %s stage needs a matrix of %s", s.Uses, strings.Join(want, " and "))
	}
}

// valuePath is the path of a value of an axis of the stage at p.
func (d *decoder) valuePath(s *Stage, p, axis, value string) string {
	for _, a := range s.Matrix.Axes {
		if a.Name == axis {
			return fmt.Sprintf("%s.matrix.%s[%d]", p, axis, slices.Index(a.Values, value))
		}
	}
	return p + ".matrix"
}
