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
	factors []update
}

// A Weight is a weight of the base model that adapters add to.
type Weight struct {
	Name    string // of the module, full and dotted
	Out, In int
	// Transposed says that the base model stores it as n_in × n_out.
	Transposed bool
}

func (p place) weight() Weight {
	f := p.factors[0]
	return Weight{p.name, int(f.Out), int(f.In), f.transposed}
}

// Weights returns the weights that the adapters of a model add to, by layer and name.
func (l *Layout) Weights(model string) []Weight {
	var all []Weight
	for _, p := range l.modules {
		if p.model == model {
			all = append(all, p.weight())
		}
	}
	return all
}

// An update is one module of one adapter, whose data may still be in the adapter's file.
type update struct {
	table.Factor
	of   *adapter.Adapter // nil when the row holds the data
	b, a adapter.Tensor

	transposed bool // in the base model
}

// A Module is what several tasks of one model changed in one module.
type Module struct {
	Model string
	Weight
	Type  string
	Layer int32
	Tasks []string      // the tasks that changed the module, in the model's order
	Ranks []int         // r of each of them
	Set   *subspace.Set // update i is that of Tasks[i]
	// Untrained are the tasks that have the module, but whose ΔW is zero there: no distance to them is
	// defined.
	Untrained []string
}

// LayOut lays out the factors of adapters, which may be left in their files: they are read when a
// module is looked at. The errors are Lay's.
func LayOut(sources []Source, adapters []*adapter.Adapter) (*Layout, error) {
	var factors []update
	for i, a := range adapters {
		for j, row := range Factors(sources[i], a) {
			m := a.Modules[j]
			factors = append(factors, update{row, a, m.B, m.A, m.Transposed})
		}
	}
	return lay(factors)
}

// Lay lays factors out. Factors given twice, modules of two shapes and tasks of one model without
// a module in common are an *adapter.Error; modules that only some tasks have are noted.
func Lay(rows []table.Factor) (*Layout, error) {
	factors := make([]update, len(rows))
	for i, f := range rows {
		factors[i] = update{Factor: f,
			b: adapter.Tensor{Name: "B", DType: f.DType, Shape: []int{int(f.Out), int(f.Rank)}, Data: f.B},
			a: adapter.Tensor{Name: "A", DType: f.DType, Shape: []int{int(f.Rank), int(f.In)}, Data: f.A}}
	}
	return lay(factors)
}

func lay(factors []update) (*Layout, error) {
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
				return nil, f.fault("is given twice")
			}
			if g.In != f.In || g.Out != f.Out {
				return nil, f.fault(fmt.Sprintf("is %d × %d, but %d × %d in %s: they are adapters of different base models", f.Out, f.In, g.Out, g.In, g.Task))
			}
		}
		p.factors = append(p.factors, f)
	}
	for _, p := range places {
		tasks := l.Tasks[p.model]
		slices.SortFunc(p.factors, func(a, b update) int {
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
			if !slices.ContainsFunc(p.factors, func(f update) bool { return f.Task == a }) {
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

func (f update) fault(msg string) *adapter.Error {
	return &adapter.Error{File: label(f.Model, f.Task), Tensor: f.Name, Msg: msg}
}

// Each decomposes the modules of a layout, several at a time, and returns what f makes of each: see
// Stream.
func Each[T any](ctx context.Context, l *Layout, progress func(done, total int64, note string), f func(*Module) (T, error)) ([]T, error) {
	results := make([]T, 0, len(l.modules))
	err := Stream(ctx, l, progress, f, func(v T) error {
		results = append(results, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// Stream decomposes the modules of a layout, several at a time, and hands what f makes of each to
// next, one call at a time, by model, layer and module name whatever the number of threads. The set of a
// module is good until f returns. progress, which may be nil, is told after each module, one call at a time.
// A task is left out of the modules in which it changed nothing, whose distances and shares are undefined, and the
// layout's notes say so in the end; a task that changed nothing at all is an error. The error is that of the first module
// that fails.
func Stream[T any](ctx context.Context, l *Layout, progress func(done, total int64, note string), f func(*Module) (T, error), next func(T) error) error {
	workers := l.workers()
	workshops := sync.Pool{New: func() any { return new(workshop) }}
	out := ordered[T]{next: next, waiting: map[int]result[T]{}}
	out.moved.L = &out.mu
	var reporting sync.Mutex
	done := int64(0)
	untrained := make([][]string, len(l.modules))
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i := range l.modules {
		// Results that wait for an earlier module are few.
		if out.wait(i - 2*workers); running.Err() != nil {
			break
		}
		g.Go(func() error {
			w := workshops.Get().(*workshop)
			defer workshops.Put(w)
			m, err := w.decompose(l.modules[i])
			var v T
			if err == nil {
				untrained[i] = m.Untrained
				v, err = f(m)
			}
			if progress != nil {
				reporting.Lock()
				done++
				progress(done, int64(len(l.modules)), "modules")
				reporting.Unlock()
			}
			return cmp.Or(out.put(i, result[T]{v, err}), err)
		})
	}
	// Modules start in order, so the first that fails is among those that ran: always the same.
	if err := g.Wait(); err != nil {
		return cmp.Or(out.err, err)
	}
	return cmp.Or(ctx.Err(), l.leftOut(untrained))
}

// leftOut notes where ΔW is zero, given the tasks that changed nothing in each module. Two tasks of a model that
// changed no module in common are an error, as is one that changed nothing.
func (l *Layout) leftOut(untrained [][]string) error {
	for _, model := range l.Models {
		tasks := l.Tasks[model]
		zero, all := make([]int, len(tasks)), make([]int, len(tasks))
		common := map[[2]string]bool{}
		for i, p := range l.modules {
			if p.model != model {
				continue
			}
			var trained []string
			for _, f := range p.factors {
				k := slices.Index(tasks, f.Task)
				if all[k]++; slices.Contains(untrained[i], f.Task) {
					zero[k]++
					continue
				}
				for _, other := range trained {
					common[[2]string{other, f.Task}] = true
				}
				trained = append(trained, f.Task)
			}
		}
		for k, task := range tasks {
			if zero[k] == 0 {
				continue
			}
			if zero[k] == all[k] {
				return &adapter.Error{File: label(model, task), Msg: "ΔW is zero in every module: the adapter was not trained, and no distance to it is defined: train it, or leave it out"}
			}
			for _, other := range tasks {
				if pair := [2]string{other, task}; other != task && !common[pair] && !common[[2]string{task, other}] {
					return &adapter.Error{File: label(model, task), Msg: fmt.Sprintf("changed no module that %s changed, so the two cannot be compared", label(model, other))}
				}
			}
			note := fmt.Sprintf("%s: ΔW is zero in %d of %d modules, which were not trained; they are left out", label(model, task), zero[k], all[k])
			if !slices.Contains(l.Notes, note) { // modules are gone through once or several times
				l.Notes = append(l.Notes, note)
			}
		}
	}
	return nil
}

// Spread calls f for consecutive ranges of 0 to n-1, several at a time where there are many: it is for the pairs of a
// module, which are more than modules with hundreds of tasks. The error is that of the first range that fails.
func Spread(n int, f func(from, to int) error) error {
	const some = 4096
	if n <= some {
		return f(0, n)
	}
	errs := make([]error, (n+some-1)/some)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range errs {
		g.Go(func() error {
			errs[i] = f(i*some, min(n, (i+1)*some))
			return nil
		})
	}
	_ = g.Wait()
	return cmp.Or(errs...)
}

// memory is about how many bytes the sets that are worked on at a time may take.
const memory = 3 << 28

// workers returns how many modules to work on at a time: as many as there are processors, and fewer
// where the largest would take too much memory.
func (l *Layout) workers() int {
	largest := 0
	for _, p := range l.modules {
		ranks := 0
		for _, f := range p.factors {
			ranks += int(f.Rank)
		}
		largest = max(largest, 8*ranks*(int(p.factors[0].Out)+int(p.factors[0].In)+2*ranks))
	}
	return min(runtime.GOMAXPROCS(0), max(1, memory/max(1, largest)))
}

// A workshop is what decomposing modules one after the other takes.
type workshop struct {
	builder subspace.Builder
	raw     []byte
}

// decompose decomposes the updates of all tasks at one place. The set is good until the next.
func (w *workshop) decompose(p place) (*Module, error) {
	m := &Module{Model: p.model, Weight: p.weight(), Type: p.factors[0].Module, Layer: p.layer}
	ranks := 0
	for _, f := range p.factors {
		if f.of == nil { // else it was checked with its adapter
			if err := cmp.Or(f.b.Valid(), f.a.Valid()); err != nil {
				return nil, f.fault(err.Error())
			}
		}
		ranks += int(f.Rank)
	}
	w.builder.Start(int(p.factors[0].Out), int(p.factors[0].In), ranks)
	for _, f := range p.factors {
		trained, err := w.add(f)
		if err != nil {
			return nil, err
		}
		if !trained {
			m.Untrained = append(m.Untrained, f.Task)
			continue
		}
		m.Tasks, m.Ranks = append(m.Tasks, f.Task), append(m.Ranks, int(f.Rank))
	}
	m.Set = w.builder.Set()
	return m, nil
}

// add decomposes one update; trained is false when it is zero, and then it is not in the set.
func (w *workshop) add(f update) (trained bool, err error) {
	if math.IsNaN(f.Scale) || math.IsInf(f.Scale, 0) {
		return false, f.fault(fmt.Sprintf("has scale %v", f.Scale))
	}
	bt, a := w.builder.Factors(int(f.Rank))
	if err := w.fill(f, f.b, bt, adapter.Tensor.Transpose); err != nil {
		return false, err
	}
	if err := w.fill(f, f.a, a, adapter.Tensor.Decode); err != nil {
		return false, err
	}
	d, err := w.builder.Add(f.Scale)
	if err != nil {
		return false, cmp.Or(w.finite(f), error(f.fault(err.Error())))
	}
	if d.Rank() == 0 {
		w.builder.Drop()
	}
	return d.Rank() > 0, nil
}

// fill decodes one of the tensors of a factor into m.
func (w *workshop) fill(f update, t adapter.Tensor, m subspace.Matrix, decode func(adapter.Tensor, []float64) error) error {
	t, err := w.read(f, t)
	if err != nil {
		return err
	}
	if err := decode(t, m.Data); err != nil {
		return f.fault(err.Error())
	}
	return nil
}

// read returns a tensor of a factor with its data, which is good until the next call.
func (w *workshop) read(f update, t adapter.Tensor) (adapter.Tensor, error) {
	if f.of == nil {
		return t, nil
	}
	t, err := f.of.Read(t, w.raw)
	w.raw = t.Data
	return t, err
}

// finite returns what is to be said of a factor of an adapter in its file that holds NaN or Inf.
func (w *workshop) finite(f update) error {
	if f.of == nil {
		return nil
	}
	for _, t := range []adapter.Tensor{f.a, f.b} {
		t, err := w.read(f, t)
		if err == nil {
			err = f.of.Finite(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
