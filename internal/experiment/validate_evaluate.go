package experiment

import (
	"maps"
	"regexp"
	"slices"
)

// validateEvaluate checks the settings of an evaluate stage. trained are the models that train each task.
func (d *decoder) validateEvaluate(e *Experiment, s *Stage, w *EvaluateWith, trained map[string][]string, p string) {
	known := slices.Sorted(maps.Keys(trained))
	d.values(p+".with.adapters", "trained task", w.Adapters, known)
	d.values(p+".with.tasks", "trained task", w.Tasks, known)
	var models []string // that it tests
	for _, need := range s.Needs {
		if t := e.Stage(need); t.Uses == "train" {
			for _, c := range t.Cells() {
				models = append(models, c["model"])
			}
		}
	}
	slices.Sort(models)
	models = slices.Compact(models)
	for _, f := range w.From {
		at := p + ".with.from." + f.Name
		switch {
		case !slices.Contains(models, f.Name):
			d.fail(d.keys[at], "%s", Unknown("tested model", f.Name, models))
		case e.Model(f.Name).Family == "roberta":
			d.fail(d.keys[at], "model %s is a classifier, which no Ollama server runs: remove it here", f.Name)
		default:
			d.validateDigest(f.Model, f.Digest, at)
		}
	}
}

// modelDigest is the SHA-256 of a model.
var modelDigest = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)

// validateDigest checks what the settings at path say of a server's model.
func (d *decoder) validateDigest(model, digest, path string) {
	switch {
	case model == "":
		d.failAt(path+".model", "name a model of the server")
	case digest == "":
		d.warnAt(path+".model", "model %s has no digest: when the name moves to another model, what is finished is not done again", model)
	case !modelDigest.MatchString(digest):
		d.failAt(path+".digest", "a digest is 64 digits of 0-9 and a-f: ollama list shows the first 12 of them, the server's /api/tags all")
	}
}
