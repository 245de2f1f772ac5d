package similarity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"taskvec/internal/adapter"
	"taskvec/internal/pipeline"
	"taskvec/internal/subspace"
	"taskvec/internal/table"
	"taskvec/stages/collect"
	"taskvec/stages/pretrain"
)

// The measures of one adapter at one module, as in adapters.arrow. The last two take the base model.
const (
	Norm          = "norm"           // ‖ΔW‖_F
	Rank          = "rank"           // k
	RankMissing   = "rank_missing"   // r − k: the directions that the training did not use
	StableRank    = "stable_rank"    // ‖ΔW‖_F²/‖ΔW‖₂², in [1, k]
	EffectiveRank = "effective_rank" // exp(−Σ p·ln p), p = S/ΣS, in [1, k]
	Amplification = "amplification"  // ‖ΔW‖_F/‖UᵀW₀V‖_F (arXiv 2106.09685, section 7.3)
	Intruders     = "intruders"      // of W₀+ΔW's 10 leading left singular vectors, those unlike W₀'s, all or 64 (arXiv 2410.21228)
)

// AdapterMeasures are all of them in the order of the rows.
var AdapterMeasures = []string{Norm, Rank, RankMissing, StableRank, EffectiveRank, Amplification, Intruders}

// Bases are base models at hand, by the adapters' model. Nil is none.
type Bases struct {
	of map[string]*adapter.Checkpoint
	mu sync.Mutex // weights are large: one is worked on at a time
}

// Open adds the base model of a model of the layout, in a Hugging Face folder. A folder without the
// weights that the adapters add to is an *adapter.Error.
func (b *Bases) Open(l *collect.Layout, model, dir string) error {
	c, err := adapter.OpenCheckpoint(dir)
	if err != nil {
		return err
	}
	for _, w := range l.Weights(model) {
		if _, err := c.Find(w.Name, w.Out, w.In, w.Transposed); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	if b.of == nil {
		b.of = map[string]*adapter.Checkpoint{}
	}
	b.of[model] = c
	return nil
}

// Close closes the files.
func (b *Bases) Close() error {
	var errs []error
	for _, c := range b.of {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// basePath begins the name under which resolve gives the place of a model's base from outside.
const basePath = "base/"

// basesOf opens the base models of a layout, those of the jobs among the inputs and those from
// outside. What W₀ is needed for is left out where the experiment names none or its folder lacks the
// adapters' weights: the log says so. A folder that cannot be read is an error, since another run of
// the same job may read it, and their results stand under one key.
func basesOf(w *pipeline.Work, l *collect.Layout) (*Bases, error) {
	b := &Bases{}
	jobs := append(w.InputsOf("pretrain"), w.InputsOf("fetch")...)
	for _, model := range l.Models {
		dir := w.Path(basePath + model)
		for _, in := range jobs {
			if in.Cell["model"] == model {
				dir = filepath.Join(in.Dir, pretrain.ModelDir)
			}
		}
		err := errors.New("no base model is at hand")
		if dir != "" {
			if _, err = os.Stat(dir); err == nil {
				err = b.Open(l, model, dir)
			}
			var unfit *adapter.Error
			if err != nil && !errors.As(err, &unfit) {
				return nil, errors.Join(fmt.Errorf("read the base model of %s: %w", model, err), b.Close())
			}
		}
		if err != nil {
			fmt.Fprintf(w.Log, "%s: %s and %s are left out: %v\n", model, Amplification, Intruders, err)
		}
	}
	return b, nil
}

// Adapters returns the measures of each adapter at one module, those of the base model where it is at hand; seed is
// of its decomposition. An adapter that changed nothing here has the norm and the rank 0 and no other measure.
func (b *Bases) Adapters(m *collect.Module, seed int64) ([]table.Adapter, error) {
	var base *subspace.Base
	if b != nil && b.of[m.Model] != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		w, err := b.of[m.Model].Matrix(m.Name, m.Out, m.In, m.Transposed)
		if err != nil {
			return nil, fmt.Errorf("read the base model's %s: %w", m.Name, err)
		}
		if base, err = subspace.NewBase(w, uint64(seed)); err != nil {
			return nil, fmt.Errorf("decompose the base model's %s: %w", m.Name, err)
		}
	}
	var rows []table.Adapter
	for i, task := range m.Tasks {
		d := m.Set.Update(i)
		values := []float64{d.Norm(), float64(d.Rank()), float64(m.Ranks[i] - d.Rank()), subspace.StableRank(d.S), subspace.EffectiveRank(d.S)}
		if base != nil {
			amplification, err := base.Amplification(d)
			if err != nil {
				return nil, fmt.Errorf("compare %s with the base model at %s: %w", task, m.Name, err)
			}
			intruders, err := base.Intruders(d)
			if err != nil {
				return nil, fmt.Errorf("compare %s with the base model at %s: %w", task, m.Name, err)
			}
			values = append(values, amplification, float64(intruders))
		}
		for k, v := range values {
			rows = append(rows, table.Adapter{Model: m.Model, Task: task, Layer: m.Layer, Module: m.Type, Measure: AdapterMeasures[k], Value: v})
		}
	}
	for _, task := range m.Untrained {
		for _, measure := range []string{Norm, Rank} {
			rows = append(rows, table.Adapter{Model: m.Model, Task: task, Layer: m.Layer, Module: m.Type, Measure: measure})
		}
	}
	return rows, nil
}
