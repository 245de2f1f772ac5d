package similarity

import (
	"context"
	"slices"
	"sync"

	"taskvec/internal/subspace"
	"taskvec/stages/collect"
)

// Trims are the least absolute values of the entries that TIES keeps of a task vector, a fifth of all its
// modules' together.
type Trims map[trained]float64

// A trained is a task of a model.
type trained struct{ model, task string }

// TrimsOf returns the trims of every task of a layout, nil where Trimmed is not among the measures: a pass over all
// entries of all modules. The notes of the layout are as after collect.Stream.
func TrimsOf(ctx context.Context, l *collect.Layout, measures []string, progress func(done, total int64, note string)) (Trims, error) {
	if !slices.Contains(measures, Trimmed) {
		return nil, nil
	}
	var mu sync.Mutex
	whole := map[trained]*subspace.Magnitudes{}
	join := func(k trained, m *subspace.Magnitudes) {
		mu.Lock()
		defer mu.Unlock()
		if whole[k] == nil {
			whole[k] = new(subspace.Magnitudes)
		}
		whole[k].Join(m)
	}
	_, err := collect.Each(ctx, l, progress, func(m *collect.Module) (struct{}, error) {
		for i, task := range m.Tasks {
			var one subspace.Magnitudes
			one.Add(m.Set.Update(i))
			join(trained{m.Model, task}, &one)
		}
		for _, task := range m.Untrained {
			var zeros subspace.Magnitudes
			zeros.AddZeros(int64(m.Out) * int64(m.In))
			join(trained{m.Model, task}, &zeros)
		}
		return struct{}{}, nil
	})
	if err != nil {
		return nil, err
	}
	trims := Trims{}
	for k, m := range whole {
		trims[k] = m.Fifth()
	}
	return trims, nil
}

// of returns the trims of the tasks of a module.
func (t Trims) of(m *collect.Module) []float64 {
	least := make([]float64, len(m.Tasks))
	for i, task := range m.Tasks {
		least[i] = t[trained{m.Model, task}]
	}
	return least
}
