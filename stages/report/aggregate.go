package report

import (
	"fmt"
	"slices"

	"taskvec/internal/table"
)

// A mean is the average of a measure over the layers within each module type, and then over the
// module types: q and v have different random baselines, so each type weighs the same.
type mean struct {
	byModule map[string]*sum
	modules  []string
}

type sum struct {
	total float64
	n     int
}

func (m *mean) add(module string, v float64) {
	if m.byModule == nil {
		m.byModule = map[string]*sum{}
	}
	s := m.byModule[module]
	if s == nil {
		s = &sum{}
		m.byModule[module] = s
		m.modules = append(m.modules, module)
	}
	s.total += v
	s.n++
}

// value returns the average over the module types of the averages over layers.
func (m *mean) value() float64 {
	modules := slices.Sorted(slices.Values(m.modules))
	total := 0.0
	for _, name := range modules {
		s := m.byModule[name]
		total += s.total / float64(s.n)
	}
	return total / float64(len(modules))
}

// A pair is an ordered pair of tasks of a model.
type pair struct{ model, source, target string }

// Results are the tables a report is made of, grouped for it.
type Results struct {
	Models      []string            // in order of first appearance
	Tasks       map[string][]string // model → tasks, in the order of the factors
	distances   map[string]map[pair]*mean
	projections map[string]map[pair]*mean
	pairs       []pair // ordered pairs with a projection, in the order of the table
	paired      map[pair]bool
}

// Aggregate groups the rows of similarity.arrow and projection.arrow by model and pair. Column-side
// measures keep their name, row-side ones are named MEASURE/row.
func Aggregate(similarity []table.Similarity, projection []table.Projection) (*Results, error) {
	r := NewResults()
	return r, r.Add(similarity, projection)
}

// NewResults returns results of no rows.
func NewResults() *Results {
	return &Results{
		Tasks:       map[string][]string{},
		distances:   map[string]map[pair]*mean{},
		projections: map[string]map[pair]*mean{},
		paired:      map[pair]bool{},
	}
}

// Add counts further rows in: see Aggregate.
func (r *Results) Add(similarity []table.Similarity, projection []table.Projection) error {
	for _, s := range similarity {
		r.see(s.Model, s.TaskI)
		r.see(s.Model, s.TaskJ)
		name := s.Measure
		switch s.Side {
		case "column":
		case "row":
			name += "/row"
		default:
			return &table.Error{File: "similarity.arrow", Msg: fmt.Sprintf("side %q of %s and %s: want column or row", s.Side, s.TaskI, s.TaskJ)}
		}
		add(r.distances, name, pair{s.Model, s.TaskI, s.TaskJ}, s.Module, s.Value)
	}
	for _, p := range projection {
		r.see(p.Model, p.Source)
		r.see(p.Model, p.Target)
		k := pair{p.Model, p.Source, p.Target}
		if add(r.projections, p.Measure, k, p.Module, p.Value) && !r.paired[k] {
			r.paired[k] = true
			r.pairs = append(r.pairs, k)
		}
	}
	return nil
}

// add counts a value in and says whether it is the first of its measure and pair.
func add(all map[string]map[pair]*mean, measure string, k pair, module string, v float64) bool {
	if all[measure] == nil {
		all[measure] = map[pair]*mean{}
	}
	m, ok := all[measure][k]
	if !ok {
		m = &mean{}
		all[measure][k] = m
	}
	m.add(module, v)
	return !ok
}

// see notes a model and a task in order of first appearance.
func (r *Results) see(model, task string) {
	tasks, ok := r.Tasks[model]
	if !ok {
		r.Models = append(r.Models, model)
	}
	if !slices.Contains(tasks, task) {
		r.Tasks[model] = append(tasks, task)
	}
}

// Distance returns T̄ of one measure as a symmetric tasks × tasks matrix with a zero diagonal; ok
// is false when a pair lacks it.
func (r *Results) Distance(model, measure string) (m [][]float64, ok bool) {
	tasks := r.Tasks[model]
	m = make([][]float64, len(tasks))
	for i := range m {
		m[i] = make([]float64, len(tasks))
	}
	for i, a := range tasks {
		for j := i + 1; j < len(tasks); j++ {
			v, ok := r.pairDistance(model, measure, a, tasks[j])
			if !ok {
				return nil, false
			}
			m[i][j], m[j][i] = v, v
		}
	}
	return m, true
}

// pairDistance returns T̄ of one measure for two tasks in either order.
func (r *Results) pairDistance(model, measure, a, b string) (float64, bool) {
	v, ok := r.distances[measure][pair{model, a, b}]
	if !ok {
		v, ok = r.distances[measure][pair{model, b, a}]
	}
	if !ok {
		return 0, false
	}
	return v.value(), true
}

// Projection returns the average of one projection measure for an ordered pair.
func (r *Results) Projection(measure string, k pair) (float64, bool) {
	m, ok := r.projections[measure][k]
	if !ok {
		return 0, false
	}
	return m.value(), true
}
