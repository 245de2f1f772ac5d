package experiment

import (
	"fmt"
	"slices"
	"strings"

	"taskvec/tasks"
)

// FromOllama is the source of summaries that a summarize stage writes.
const FromOllama = "ollama"

// summaryTasks are the tasks that need reference summaries.
func summaryTasks() []string {
	return slices.DeleteFunc(tasks.Names(), func(name string) bool { return tasks.Lookup(name).SummaryShare == 0 })
}

// validateSummaries checks that a build stage needs the stage that writes its summaries, and no other
// way round.
func (d *decoder) validateSummaries(e *Experiment, s *Stage, p string) {
	i := slices.IndexFunc(s.Needs, func(n string) bool { return e.Stage(n).Uses == "summarize" })
	if e.Summaries.From != FromOllama {
		if i >= 0 {
			d.failAt(fmt.Sprintf("%s.needs[%d]", p, i), "stage %s writes summaries, and the experiment takes them from elsewhere: set summaries: {from: ollama}, or remove the need", s.Needs[i])
		}
		return
	}
	for j, task := range s.With.(*BuildWith).Tasks {
		at := fmt.Sprintf("%s.with.tasks[%d]", p, j)
		switch {
		case !slices.Contains(summaryTasks(), task):
		case i < 0:
			d.failAt(at, "summaries are from ollama: stage %s needs a summarize stage for task %s", s.Name, task)
		case !slices.Contains(e.Stage(s.Needs[i]).With.(*SummarizeWith).Tasks, task):
			d.failAt(at, "summaries are from ollama, and stage %s writes none for task %s: add it to its tasks", s.Needs[i], task)
		}
	}
}

// validateSummarize checks the settings of a summarize stage.
func (d *decoder) validateSummarize(e *Experiment, w *SummarizeWith, p string) {
	if e.Summaries.From != FromOllama {
		d.failAt(p+".uses", "nothing reads what a summarize stage writes: set summaries: {from: ollama}, or remove the stage")
	}
	if w.Prompt != "" && !strings.Contains(w.Prompt, "{document}") {
		d.failAt(p+".with.prompt", "the prompt holds no {document}: the model would not see what to summarize")
	}
	d.validateDigest(w.Model, w.Digest, p+".with")
}
