package experiment

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"taskvec/tasks"
)

// linears are the module types of a family that an adapter can change.
func linears(family string) []string {
	if family == "roberta" {
		return []string{"query", "key", "value", "dense"}
	}
	return []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
}

// validateTrain checks a train stage.
func (d *decoder) validateTrain(e *Experiment, s *Stage, p string) {
	d.axes(s, p, "model", "task")
	d.validateRunner(s, p)
	for i, target := range e.LoRA.TargetModules {
		if slices.Contains(e.LoRA.TargetModules[:i], target) {
			d.failAt(fmt.Sprintf("lora.target_modules[%d]", i), "%s is named twice", target)
		}
	}
	needs := func(kind string) bool {
		return slices.ContainsFunc(s.Needs, func(n string) bool { return e.Stage(n).Uses == kind })
	}
	for _, c := range s.Cells() {
		m, task := e.Model(c["model"]), e.Task(c["task"])
		if m == nil || task == nil {
			continue
		}
		classifier := m.Family == "roberta"
		if classifier != (task.Kind == tasks.Classification) {
			d.failAt(d.valuePath(s, p, "task", task.Name), "task %s is %s and model %s is of family %s: exclude {model: %s, task: %s}",
				task.Name, task.Kind, m.Name, m.Family, m.Name, task.Name)
		}
		for i, target := range e.LoRA.TargetModules {
			if known := linears(m.Family); !slices.Contains(known, target) {
				d.failAt(fmt.Sprintf("lora.target_modules[%d]", i), "model %s: %s", m.Name, Unknown("module", target, known))
			}
		}
		switch {
		case m.Architecture == nil && s.Runner == "embedded":
			d.failAt("models."+m.Name, "the embedded runner trains models pretrained here: give model %s an architecture, or set runner: container", m.Name)
		case m.Architecture != nil && !needs("pretrain"):
			d.failAt(p+".needs", "model %s is pretrained here: stage %s needs a pretrain stage", m.Name, s.Name)
		case m.Remote() && !needs("fetch"):
			d.failAt(p+".needs", "model %s comes from the Hub: stage %s needs a fetch stage (or give base a folder, as ./models/%s)", m.Name, s.Name, m.Name)
		}
	}
}

// byDigest is the end of an image's name that always means the same image, or its whole id.
var byDigest = regexp.MustCompile(`(@sha256:|^sha256:|^)[0-9a-f]{64}$`)

// validateRunner checks where the jobs of a train stage run.
func (d *decoder) validateRunner(s *Stage, p string) {
	w := s.With.(*TrainWith)
	switch s.Runner {
	case "":
		d.failAt(p, "stage %s needs a runner: embedded or container", s.Name)
	case "container":
		if s.Container == nil {
			d.failAt(p, "stage %s needs a container: {image: …}", s.Name)
			return
		}
		if s.Memory != 0 {
			d.failAt(p+".memory", "a container's memory is set in container.memory")
		}
		if !byDigest.MatchString(s.Container.Image) {
			d.warnAt(p+".container.image", "image %s is not named by digest (NAME@sha256:…): when the name moves to another image, finished jobs are not done again", s.Container.Image)
		}
	case "embedded":
		if s.Container != nil {
			d.failAt(p+".container", "the embedded runner has no container: remove it, or set runner: container")
		}
		for _, only := range []struct {
			key string
			set bool
		}{
			{"optimizer", w.Optimizer != "adamw"}, {"dtype", w.DType == "bfloat16"}, {"gradient_checkpointing", w.GradientCheckpointing},
			{"quantization", w.Quantization != "none"}, {"group_by_length", w.GroupByLength},
		} {
			if only.set {
				d.failAt(p+".with."+only.key, "the embedded trainer has no %s: remove it, or set runner: container", only.key)
			}
		}
	}
}

// seeds checks the axis seed of a train stage's matrix.
func (d *decoder) seeds(s *Stage, p string, values []string) {
	if s.Uses != "train" {
		d.failAt(p+".matrix.seed", "only train stages have seeds")
		return
	}
	for i, v := range values {
		at := fmt.Sprintf("%s.matrix.seed[%d]", p, i)
		if _, err := strconv.ParseInt(v, 10, 64); err != nil {
			d.failAt(at, "seed %q is no whole number", v)
		} else if slices.Contains(values[:i], v) {
			d.failAt(at, "seed %s is named twice", v)
		}
	}
	if w, ok := s.With.(*TrainWith); ok && (w.InitSeed != nil || w.DataSeed != nil) {
		d.failAt(p+".with", "the matrix has seeds: remove init_seed and data_seed")
	}
}
