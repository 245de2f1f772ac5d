package report

import (
	"fmt"
	"maps"
	"slices"

	"taskvec/internal/experiment"
	"taskvec/internal/table"
)

// averages are those of measures of pairs: over the layers within each module type, and then over
// the module types: q and v have different random baselines, so each type weighs the same. Sums are kept by
// the number of the pair, since 500 tasks have a quarter of a million.
type averages struct {
	number map[pair]int
	sums   map[string]map[string][]sum       // measure → module type → by pair
	layers map[string]map[string][][]float64 // likewise the values of the measures shown with an interval
	last   pair
	at     int // number of last
}

type sum struct {
	total float64
	n     int32
}

func newAverages() averages {
	return averages{number: map[pair]int{}, sums: map[string]map[string][]sum{}, layers: map[string]map[string][][]float64{}}
}

// add counts a value in. It reports whether the pair is new.
func (a *averages) add(measure string, k pair, module string, v float64) (fresh bool) {
	if k != a.last || len(a.number) == 0 { // rows of one pair follow each other
		at, ok := a.number[k]
		if !ok {
			fresh, at = true, len(a.number)
			a.number[k] = at
		}
		a.last, a.at = k, at
	}
	byModule := a.sums[measure]
	if byModule == nil {
		byModule = map[string][]sum{}
		a.sums[measure] = byModule
	}
	sums := byModule[module]
	if len(sums) <= a.at {
		sums = append(sums, make([]sum, a.at+1-len(sums))...)
		byModule[module] = sums
	}
	sums[a.at].total += v
	sums[a.at].n++
	if a.at < maxBootstrapped && slices.Contains(bootstrapped, measure) {
		a.keep(measure, module, v)
	}
	return fresh
}

// value returns the average of a measure of a pair; ok is false when there is none.
func (a *averages) value(measure string, k pair) (v float64, ok bool) {
	at, ok := a.number[k]
	if !ok {
		return 0, false
	}
	total, types := 0.0, 0
	for _, module := range a.modules(measure) {
		if v, ok := a.ofModule(measure, module, at); ok {
			total += v
			types++
		}
	}
	return total / float64(types), types > 0
}

// modules are the module types that have a measure, sorted.
func (a *averages) modules(measure string) []string {
	return slices.Sorted(maps.Keys(a.sums[measure]))
}

// ofModule returns the average over the layers of one module type, of the pair with a number.
func (a *averages) ofModule(measure, module string, at int) (v float64, ok bool) {
	sums := a.sums[measure][module]
	if at >= len(sums) || sums[at].n == 0 {
		return 0, false
	}
	return sums[at].total / float64(sums[at].n), true
}

// A pair is an ordered pair of tasks of a model.
type pair struct{ model, source, target string }

// Results are the tables a report is made of, grouped for it.
type Results struct {
	Models      []string            // in order of first appearance
	Tasks       map[string][]string // model → tasks, in the order of the factors
	distances   averages
	projections averages
	pairs       []pair             // ordered pairs with a projection, in the order of the table
	seen        map[[2]string]bool // model and task
	// The distances and projections between trainings of one task that differ in the seed alone.
	noise noise
}

// Aggregate groups the rows of similarity.arrow and projection.arrow by model and pair. Column-side
// measures keep their name, row-side ones are named MEASURE/row. A pair of tasks that were trained
// with several seeds is averaged over these.
func Aggregate(similarity []table.Similarity, projection []table.Projection) (*Results, error) {
	r := NewResults()
	return r, r.Add(similarity, projection)
}

// NewResults returns results of no rows.
func NewResults() *Results {
	return &Results{
		Tasks:       map[string][]string{},
		distances:   newAverages(),
		projections: newAverages(),
		seen:        map[[2]string]bool{},
		noise:       newNoise(),
	}
}

// Add counts further rows in: see Aggregate.
func (r *Results) Add(similarity []table.Similarity, projection []table.Projection) error {
	for _, s := range similarity {
		i, j := experiment.TaskOf(s.TaskI), experiment.TaskOf(s.TaskJ)
		r.see(s.Model, i)
		r.see(s.Model, j)
		name := s.Measure
		switch s.Side {
		case "column":
		case "row":
			name += "/row"
		default:
			return &table.Error{File: "similarity.arrow", Msg: fmt.Sprintf("side %q of %s and %s: want column or row", s.Side, s.TaskI, s.TaskJ)}
		}
		switch _, reversed := r.distances.number[pair{s.Model, j, i}]; {
		case i == j:
			r.noise.distances.add(name, pair{s.Model, s.TaskI, s.TaskJ}, s.Module, s.Value)
		case reversed: // with other seeds
			r.distances.add(name, pair{s.Model, j, i}, s.Module, s.Value)
		default:
			r.distances.add(name, pair{s.Model, i, j}, s.Module, s.Value)
		}
	}
	for _, p := range projection {
		k := pair{p.Model, experiment.TaskOf(p.Source), experiment.TaskOf(p.Target)}
		r.see(p.Model, k.source)
		r.see(p.Model, k.target)
		if k.source == k.target {
			r.noise.projections.add(p.Measure, pair{p.Model, p.Source, p.Target}, p.Module, p.Value)
			continue
		}
		if r.projections.add(p.Measure, k, p.Module, p.Value) {
			r.pairs = append(r.pairs, k)
		}
	}
	return nil
}

// see notes a model and a task in order of first appearance.
func (r *Results) see(model, task string) {
	if r.seen[[2]string{model, task}] {
		return
	}
	r.seen[[2]string{model, task}] = true
	if _, ok := r.Tasks[model]; !ok {
		r.Models = append(r.Models, model)
	}
	r.Tasks[model] = append(r.Tasks[model], task)
}

// Distance returns T̄ of one measure as a symmetric tasks × tasks matrix with a zero diagonal; ok
// is false when a pair lacks it.
func (r *Results) Distance(model, measure string) (m [][]float64, ok bool) {
	return r.matrix(model, func(a, b string) (float64, bool) { return r.pairDistance(model, measure, a, b) })
}

// distanceOf is Distance of one module type alone.
func (r *Results) distanceOf(model, measure, module string) (m [][]float64, ok bool) {
	return r.matrix(model, func(a, b string) (float64, bool) {
		at, ok := r.distances.number[pair{model, a, b}]
		if !ok {
			at, ok = r.distances.number[pair{model, b, a}]
		}
		if !ok {
			return 0, false
		}
		return r.distances.ofModule(measure, module, at)
	})
}

// moduleTypes are those of which a model has a measure for some pair, sorted.
func (r *Results) moduleTypes(model, measure string) []string {
	return slices.DeleteFunc(r.distances.modules(measure), func(module string) bool {
		for k, at := range r.distances.number {
			if _, ok := r.distances.ofModule(measure, module, at); ok && k.model == model {
				return false
			}
		}
		return true
	})
}

// matrix fills a symmetric matrix of the tasks of a model; ok is false when a pair has no value.
func (r *Results) matrix(model string, of func(a, b string) (float64, bool)) (m [][]float64, ok bool) {
	tasks := r.Tasks[model]
	m = make([][]float64, len(tasks))
	for i := range m {
		m[i] = make([]float64, len(tasks))
	}
	for i, a := range tasks {
		for j := i + 1; j < len(tasks); j++ {
			v, ok := of(a, tasks[j])
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
	v, ok := r.distances.value(measure, pair{model, a, b})
	if !ok {
		v, ok = r.distances.value(measure, pair{model, b, a})
	}
	return v, ok
}

// Projection returns the average of one projection measure for an ordered pair.
func (r *Results) Projection(measure string, k pair) (float64, bool) {
	return r.projections.value(measure, k)
}
