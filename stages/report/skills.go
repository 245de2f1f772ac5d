package report

import (
	"fmt"
	"slices"
	"strings"

	"taskvec/internal/experiment"
	"taskvec/internal/stats"
	"taskvec/internal/table"
	"taskvec/stages/evaluate"
)

// skills are the scores of one model: of each adapter, "none" first, on each task. Adapters of one task
// that differ in the seed alone count as one.
type skills struct {
	model    string
	adapters []string
	tasks    []string
	values   map[skill]sum
	n        map[string]int64 // test examples by task
}

// A skill is a measure of an adapter on a task.
type skill struct{ adapter, task, measure string }

// value is the mean of a measure; ok is false when the adapter was not tested on the task.
func (s *skills) value(adapter, task, measure string) (v float64, ok bool) {
	k, ok := s.values[skill{adapter, task, measure}]
	return k.total / float64(max(k.n, 1)), ok
}

// score is the main measure.
func (s *skills) score(adapter, task string) (v float64, ok bool) {
	return s.value(adapter, task, "score")
}

// skillsOf groups the rows of evaluation.arrow by model.
func skillsOf(rows []table.Evaluation) []*skills {
	var out []*skills
	for _, r := range rows {
		i := slices.IndexFunc(out, func(s *skills) bool { return s.model == r.Model })
		if i < 0 {
			i = len(out)
			out = append(out, &skills{model: r.Model, values: map[skill]sum{}, n: map[string]int64{}})
		}
		s, adapter := out[i], experiment.TaskOf(r.Adapter)
		if !slices.Contains(s.adapters, adapter) {
			s.adapters = append(s.adapters, adapter)
		}
		if !slices.Contains(s.tasks, r.Task) {
			s.tasks = append(s.tasks, r.Task)
		}
		k := skill{adapter, r.Task, r.Measure}
		s.values[k] = sum{s.values[k].total + r.Value, s.values[k].n + 1}
		s.n[r.Task] = r.N
	}
	return out
}

// skillTables show how well each adapter does each task, absolutely and of what the task's own adapter
// gains.
func (in *Input) skillTables() []*Table {
	var out []*Table
	for _, s := range skillsOf(in.Evaluation) {
		t := &Table{
			Name:    fileName("skill", s.model),
			Title:   titleOf("skill: how well the adapter of task i (row) does task j (column)", s.model),
			Columns: append([]string{"adapter"}, s.tasks...),
			Notes: []string{
				fmt.Sprintf("Mean score on the test split, 1 being the reference itself: %s. %q is the base model without an adapter; of classifiers, the label most frequent in training.", in.scoredBy(s.tasks), evaluate.None),
			},
		}
		relative := &Table{
			Name:    fileName("transfer", s.model),
			Title:   titleOf("transfer: share of task j's own gain that the adapter of task i brings", s.model),
			Columns: append([]string{"adapter"}, s.tasks...),
			Notes:   []string{fmt.Sprintf("(S(i, j) − S(none, j)) / (S(j, j) − S(none, j)), S the score: 1 on the diagonal, 0 for no help, below 0 for harm. Columns whose own adapter gains less than %g, or no more than chance (the interval of its gain reaches 0), are left empty.", leastGain)},
		}
		gains := &Table{
			Name:    fileName("gain", s.model),
			Title:   titleOf("gain: what the adapter of task i adds to the score of task j", s.model),
			Columns: []string{"adapter", "task", "examples", "gain", "low", "high"},
			Notes:   []string{"S(i, j) − S(none, j), and its 95 % interval by the paired bootstrap over the test examples (of several seeds the mean ends); what another training would give is not in it."},
		}
		for _, a := range s.adapters {
			row, share := []Cell{text(a)}, []Cell{text(a)}
			for _, task := range s.tasks {
				v, ok := s.score(a, task)
				cell, rel := Cell{}, Cell{}
				if ok {
					cell = number(v)
				}
				none, okNone := s.score(evaluate.None, task)
				if own, okOwn := s.score(task, task); ok && okNone && okOwn && own-none >= leastGain && s.beyondChance(task) {
					rel = number((v - none) / (own - none))
				}
				row, share = append(row, cell), append(share, rel)
				low, okLow := s.value(a, task, evaluate.GainLow)
				if high, okHigh := s.value(a, task, evaluate.GainHigh); ok && okNone && okLow && okHigh {
					gains.Rows = append(gains.Rows, []Cell{text(a), text(task), integer(s.n[task]), difference(v - none), difference(low), difference(high)})
				}
			}
			t.Rows = append(t.Rows, row)
			if a != evaluate.None {
				relative.Rows = append(relative.Rows, share)
			}
		}
		out = append(out, t, relative)
		if len(gains.Rows) > 0 {
			out = append(out, gains)
		}
	}
	return out
}

// beyondChance says whether the interval of a task's own gain, where there is one, lies above 0.
func (s *skills) beyondChance(task string) bool {
	low, ok := s.value(task, task, evaluate.GainLow)
	return !ok || low > 0
}

// leastGain is how much an adapter must gain on its own task for shares of it to mean anything.
const leastGain = 0.01

// scoredBy says which measure is the score of which tasks.
func (in *Input) scoredBy(tasks []string) string {
	var measures []string
	by := map[string][]string{}
	for _, t := range tasks {
		m := in.Scores[t]
		if by[m] == nil {
			measures = append(measures, m)
		}
		by[m] = append(by[m], t)
	}
	var parts []string
	for _, m := range measures {
		parts = append(parts, fmt.Sprintf("%s of %s", m, strings.Join(by[m], ", ")))
	}
	return strings.Join(parts, "; ")
}

// evaluationTable has every measure of each task without an adapter and with its own.
func (in *Input) evaluationTable() *Table {
	t := &Table{
		Name:    "evaluation",
		Title:   "Each task by every measure, without and with its own adapter",
		Columns: []string{"model", "task", "examples", "measure", "without", "with", "gain"},
		Notes:   []string{"Means over the test examples. An answer is stopped after twice the reference's tokens and 32, or at num_predict; cut is the share of those that were. Examples whose reference does not fit into that, or with the prompt into the context, are left out; left_out is their share of the test examples."},
	}
	for _, s := range skillsOf(in.Evaluation) {
		for _, task := range s.tasks {
			var measures []string
			for _, r := range in.Evaluation {
				if r.Model == s.model && r.Task == task && r.Measure != "score" && r.Measure != evaluate.GainLow && r.Measure != evaluate.GainHigh && !slices.Contains(measures, r.Measure) {
					measures = append(measures, r.Measure)
				}
			}
			for _, m := range measures {
				row := []Cell{text(s.model), text(task), integer(s.n[task]), text(m), {}, {}, {}}
				none, okNone := s.value(evaluate.None, task, m)
				own, okOwn := s.value(task, task, m)
				if okNone {
					row[4] = number(none)
				}
				if okOwn {
					row[5] = number(own)
				}
				if okNone && okOwn {
					row[6] = difference(own - none)
				}
				t.Rows = append(t.Rows, row)
			}
		}
	}
	return t
}

// predictors are what may say beforehand how well the adapter of task i does task j: the larger, the
// better.
func (in *Input) predictors(model string) []predictor {
	var out []predictor
	for _, d := range distances {
		m, ok := in.Results.Distance(model, d.measure)
		if !ok {
			continue
		}
		names := in.Results.Tasks[model]
		out = append(out, predictor{"nearness by " + d.title, func(i, j string) (float64, bool) {
			a, b := slices.Index(names, i), slices.Index(names, j)
			if a < 0 || b < 0 {
				return 0, false
			}
			return -m[a][b], true
		}})
	}
	return append(out, predictor{"E_core, task j's share in task i's space", func(i, j string) (float64, bool) {
		return in.Results.Projection("e_core", pair{model, i, j})
	}})
}

type predictor struct {
	name  string
	value func(i, j string) (float64, bool)
}

// predictionTable tests whether what adapters have in common predicts what they can do for each other.
func (in *Input) predictionTable() (*Table, error) {
	t := &Table{
		Name:    "skill-prediction",
		Title:   "Does nearness in weights predict transfer?",
		Columns: []string{"model", "predictor", "tasks", "r", "p", "p adjusted", "permutations", "ranked"},
		Notes: []string{
			"r: rank correlation of the predictor with the score S(i, j) over all ordered pairs of different tasks, ranked within each task j (which of the other adapters does j better), so that easy and hard tasks count alike: 1 when the order is the same for every task. p: the share of permutations of the tasks for which r is at least as large, all of them up to 20 000, else 9999 drawn ones. p adjusted holds the false discovery rate of this table (Benjamini and Hochberg). Three tasks have six permutations: p cannot be small. ranked: the tasks j that count; where the predictor or the score is the same for all other adapters there is no order.",
		},
	}
	var p []float64
	for _, s := range skillsOf(in.Evaluation) {
		for _, by := range in.predictors(s.model) {
			names, x, y := s.pairs(by)
			r, ranked, ok, err := stats.MantelRanks(x, y, uint64(in.Seed))
			if err != nil {
				return nil, fmt.Errorf("test whether %s predicts transfer of %s: %w", by.name, s.model, err)
			}
			if ok {
				t.Rows = append(t.Rows, []Cell{text(s.model), text(by.name), integer(int64(len(names))), number(r.R), pValue(r.P), {}, integer(int64(r.Permutations)), integer(int64(ranked))})
				p = append(p, r.P)
			}
		}
	}
	for i, v := range stats.BenjaminiHochberg(p) {
		t.Rows[i][5] = pValue(v)
	}
	return t, nil
}

// pairs are the tasks for all ordered pairs of which there is a prediction and a score, and these as
// matrices, row i the adapter.
func (s *skills) pairs(p predictor) (names []string, predicted, scored [][]float64) {
	full := func(names []string) bool {
		for _, i := range names {
			for _, j := range names {
				_, okX := p.value(i, j)
				_, okY := s.score(i, j)
				if i != j && (!okX || !okY) {
					return false
				}
			}
		}
		return true
	}
	for _, task := range s.tasks {
		if slices.Contains(s.adapters, task) && full(append(slices.Clone(names), task)) {
			names = append(names, task)
		}
	}
	for _, i := range names {
		x, y := make([]float64, len(names)), make([]float64, len(names))
		for k, j := range names {
			if i != j {
				x[k], _ = p.value(i, j)
				y[k], _ = s.score(i, j)
			}
		}
		predicted, scored = append(predicted, x), append(scored, y)
	}
	return names, predicted, scored
}

// skillFigures are the heat maps of the skill tables.
func (in *Input) skillFigures() ([]*Figure, error) {
	var out []*Figure
	for _, s := range skillsOf(in.Evaluation) {
		h := heat{
			name: fileName("skill", s.model), title: titleOf("skill: how well the adapter of task i (row) does task j", s.model),
			rows: s.adapters, columns: s.tasks, lo: 0, hi: 1, high: true,
			note: "Dark is good: 1 is the reference itself. Grey was not tested. The table of this name says which measures these are.",
		}
		for _, a := range s.adapters {
			row := make([]float64, len(s.tasks))
			for j, task := range s.tasks {
				v, ok := s.score(a, task)
				if !ok {
					v = untested
				}
				row[j] = v
			}
			h.values = append(h.values, row)
		}
		f, err := h.draw()
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
