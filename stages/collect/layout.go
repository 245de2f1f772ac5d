package collect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"taskvec/internal/adapter"
	"taskvec/internal/pipeline"
	"taskvec/internal/subspace"
	"taskvec/internal/table"
)

// A Layout is factors laid out for comparison: models, their tasks, and module by module what the
// tasks changed there.
type Layout struct {
	Models []string            // in order of first appearance
	Tasks  map[string][]string // by model, in order of first appearance
	Notes  []string            // what is left out, for people to read

	modules []place
}

// A place is one module of one model and the factors of the tasks that have it, in the tasks' order.
type place struct {
	model   string
	name    string
	layer   int32
	factors []table.Factor
}

// A Module is what several tasks of one model changed in one module.
type Module struct {
	Model string
	Name  string // full dotted name
	Type  string
	Layer int32
	Tasks []string      // the tasks that have the module, in the model's order
	Set   *subspace.Set // update i is that of Tasks[i]
}

// Lay lays factors out. Factors given twice, modules of two shapes and tasks of one model without
// a module in common are an *adapter.Error; modules that only some tasks have are noted.
func Lay(factors []table.Factor) (*Layout, error) {
	l := &Layout{Tasks: map[string][]string{}}
	type id struct{ model, name string }
	places := map[id]*place{}
	for _, f := range factors {
		if !slices.Contains(l.Models, f.Model) {
			l.Models = append(l.Models, f.Model)
		}
		if !slices.Contains(l.Tasks[f.Model], f.Task) {
			l.Tasks[f.Model] = append(l.Tasks[f.Model], f.Task)
		}
		p := places[id{f.Model, f.Name}]
		if p == nil {
			p = &place{model: f.Model, name: f.Name, layer: f.Layer}
			places[id{f.Model, f.Name}] = p
		}
		for _, g := range p.factors {
			if g.Task == f.Task {
				return nil, fault(f, "is given twice")
			}
			if g.In != f.In || g.Out != f.Out {
				return nil, fault(f, fmt.Sprintf("is %d × %d, but %d × %d in %s: they are adapters of different base models", f.Out, f.In, g.Out, g.In, g.Task))
			}
		}
		p.factors = append(p.factors, f)
	}
	for _, p := range places {
		tasks := l.Tasks[p.model]
		slices.SortFunc(p.factors, func(a, b table.Factor) int {
			return cmp.Compare(slices.Index(tasks, a.Task), slices.Index(tasks, b.Task))
		})
		l.modules = append(l.modules, *p)
	}
	slices.SortFunc(l.modules, func(a, b place) int {
		return cmp.Or(cmp.Compare(slices.Index(l.Models, a.model), slices.Index(l.Models, b.model)), cmp.Compare(a.layer, b.layer), cmp.Compare(a.name, b.name))
	})
	for _, model := range l.Models {
		if err := l.check(model); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// check notes the modules of a model that only some tasks have; two tasks without any module in
// common are an error.
func (l *Layout) check(model string) error {
	tasks := l.Tasks[model]
	common := map[[2]string]bool{}
	missing := map[string]int{} // "k_proj … task, task" → modules
	for _, p := range l.modules {
		if p.model != model {
			continue
		}
		var without []string
		for _, a := range tasks {
			if !slices.ContainsFunc(p.factors, func(f table.Factor) bool { return f.Task == a }) {
				without = append(without, a)
				continue
			}
			for _, f := range p.factors {
				common[[2]string{a, f.Task}] = true
			}
		}
		if len(without) > 0 {
			missing[fmt.Sprintf("%s modules that %s did not adapt", p.factors[0].Module, strings.Join(without, ", "))]++
		}
	}
	for i, a := range tasks {
		for _, b := range tasks[i+1:] {
			if !common[[2]string{a, b}] {
				return &adapter.Error{File: label(model, b), Msg: fmt.Sprintf("has no module in common with %s, so the two cannot be compared", label(model, a))}
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(missing)) {
		l.Notes = append(l.Notes, strings.TrimSpace(fmt.Sprintf("%s left out where they are missing: %d %s", model, missing[what], what)))
	}
	return nil
}

// label names an adapter in messages.
func label(model, task string) string { return strings.TrimPrefix(model+"/"+task, "/") }

func fault(f table.Factor, msg string) *adapter.Error {
	return &adapter.Error{File: label(f.Model, f.Task), Tensor: f.Name, Msg: msg}
}

// Each decomposes the modules of a layout, several at a time, and returns what f makes of each, by
// model, layer and module name whatever the number of threads. progress, which may be nil, is told
// after each module, one call at a time. A module in which a task changed nothing is an error: its distances and
// shares are undefined.
func Each[T any](ctx context.Context, l *Layout, progress func(done, total int64, note string), f func(*Module) (T, error)) ([]T, error) {
	results := make([]T, len(l.modules))
	errs := make([]error, len(l.modules))
	var reporting sync.Mutex
	done := int64(0)
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range l.modules {
		if running.Err() != nil {
			break
		}
		g.Go(func() error {
			m, err := l.modules[i].decompose()
			if err == nil {
				results[i], err = f(m)
			}
			errs[i] = err
			if progress != nil {
				reporting.Lock()
				defer reporting.Unlock()
				done++
				progress(done, int64(len(l.modules)), "modules")
			}
			return err
		})
	}
	if err := g.Wait(); err != nil || ctx.Err() != nil {
		// Modules start in order, so the first that fails is among those that ran: always the same.
		return nil, cmp.Or(cmp.Or(errs...), ctx.Err())
	}
	return results, nil
}

// decompose decomposes the updates of all tasks at one place.
func (p place) decompose() (*Module, error) {
	m := &Module{Model: p.model, Name: p.name, Type: p.factors[0].Module, Layer: p.layer}
	var updates []*subspace.Decomposition
	for _, f := range p.factors {
		b, err := decode(f, "B", f.B, f.Out, f.Rank)
		if err != nil {
			return nil, err
		}
		a, err := decode(f, "A", f.A, f.Rank, f.In)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(f.Scale) || math.IsInf(f.Scale, 0) {
			return nil, fault(f, fmt.Sprintf("has scale %v", f.Scale))
		}
		d, err := subspace.Decompose(f.Scale, b, a)
		if err != nil {
			return nil, fault(f, err.Error())
		}
		if d.Rank() == 0 {
			return nil, fault(f, "ΔW is zero: the adapter was not trained here, and no distance to it is defined")
		}
		updates = append(updates, d)
		m.Tasks = append(m.Tasks, f.Task)
	}
	set, err := subspace.NewSet(updates)
	if err != nil {
		return nil, fmt.Errorf("compare the updates of %s: %w", p.name, err)
	}
	m.Set = set
	return m, nil
}

func decode(f table.Factor, half string, data []byte, rows, cols int32) (subspace.Matrix, error) {
	t := adapter.Tensor{Name: half, DType: f.DType, Shape: []int{int(rows), int(cols)}, Data: data}
	v, err := t.Float64s()
	if err != nil {
		return subspace.Matrix{}, fault(f, err.Error())
	}
	return subspace.Matrix{Rows: int(rows), Cols: int(cols), Data: v}, nil
}

// Read reads and lays out the factors that the collect stage among a job's inputs gathered; what
// is left out goes to the job's log.
func Read(w *pipeline.Work) (*Layout, error) {
	inputs := w.InputsOf(Kind.Name)
	if len(inputs) != 1 {
		return nil, fmt.Errorf("job %s has %d collect stages among its inputs, want one", w.Job, len(inputs))
	}
	factors, _, err := table.Read[table.Factor](filepath.Join(inputs[0].Dir, FactorsFile))
	if err != nil {
		return nil, fmt.Errorf("read the factors of %s: %w", inputs[0].Job, err)
	}
	l, err := Lay(factors)
	if err != nil {
		return nil, err
	}
	for _, note := range l.Notes {
		fmt.Fprintln(w.Log, note)
	}
	return l, nil
}
