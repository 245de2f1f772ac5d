package report

import (
	"fmt"

	"gonum.org/v1/gonum/stat"

	"taskvec/internal/experiment"
	"taskvec/stages/evaluate"
)

// drivenBySize is the correlation of raw L_1 with the source's size from which on a report warns.
const drivenBySize = 0.8

// warningsTable lists what a reader is to know before the numbers.
func (in *Input) warningsTable() *Table {
	t := &Table{Name: "warnings", Title: "Warnings", Columns: []string{"model", "about", "warning"}}
	add := func(model, about, warning string) {
		if warning != "" {
			t.Rows = append(t.Rows, []Cell{text(model), text(about), text(warning)})
		}
	}
	for _, model := range in.Results.Models {
		add(model, "row spaces", in.startWarning(model))
		add(model, "raw L_1", in.sizeWarning(model))
		for _, task := range in.Results.Tasks[model] {
			untrained, deficient := in.training(model, task)
			add(model, task, untrained)
			add(model, task, deficient)
		}
	}
	for _, s := range skillsOf(in.Evaluation) {
		add(s.model, "skill", s.floorWarning())
	}
	return in.finish(t)
}

// floor is the score below which a model cannot be said to do a task.
const floor = 0.05

// floorWarning says so when no adapter of a model does any task, "" otherwise.
func (s *skills) floorWarning() string {
	best, tested := 0.0, false
	for _, a := range s.adapters {
		for _, task := range s.tasks {
			if v, ok := s.score(a, task); ok && a != evaluate.None {
				best, tested = max(best, v), true
			}
		}
	}
	if !tested || best >= floor {
		return ""
	}
	return fmt.Sprintf("no adapter scores more than %.3f on any task: the model cannot do them, and the order of its skills, shares of gains and correlations with them are chance.", best)
}

// sizeWarning says so when raw L_1 follows the size of the source adapter, "" otherwise.
func (in *Input) sizeWarning(model string) string {
	sizes, counts := map[string]float64{}, map[string]float64{}
	for _, r := range in.Adapters {
		if r.Model == model && r.Measure == "norm" {
			sizes[experiment.TaskOf(r.Task)] += r.Value
			counts[experiment.TaskOf(r.Task)]++
		}
	}
	var size, l1 []float64
	for _, k := range in.Results.pairs {
		if v, ok := in.Results.Projection("l1", k); ok && k.model == model && counts[k.source] > 0 {
			size, l1 = append(size, sizes[k.source]/counts[k.source]), append(l1, v)
		}
	}
	if len(size) < 3 {
		return ""
	}
	if r := stat.Correlation(size, l1, nil); r > drivenBySize { // NaN where nothing varies
		return fmt.Sprintf("over the pairs its correlation with the size of the source adapter is %.2f: it ranks how much the source was changed more than what the two share. Read REC, E_core or the z of L_1.", r)
	}
	return ""
}

// training says in how many modules a task's adapter has no ΔW, and in how many one of a rank below r; "" where it
// has none.
func (in *Input) training(model, task string) (untrained, deficient string) {
	modules, zero, below := 0, 0, 0
	for _, r := range in.Adapters {
		if r.Model != model || experiment.TaskOf(r.Task) != task {
			continue
		}
		switch {
		case r.Measure == "norm":
			modules++
			if r.Value == 0 {
				zero++
			}
		case r.Measure == "rank_missing" && r.Value > 0:
			below++
		}
	}
	if zero > 0 {
		untrained = fmt.Sprintf("ΔW is zero in %d of %d modules: they were not trained, and are left out. Check layers_to_transform and the optimiser.", zero, modules)
	}
	if below > 0 {
		deficient = fmt.Sprintf("the rank of ΔW is below r in %d of %d modules: distances to adapters of full rank count the missing angles as right angles. A smaller r would do, or the training was too short.", below, modules)
	}
	return untrained, deficient
}
