package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"taskvec/internal/table"
	"taskvec/internal/trainer"
	"taskvec/stages/train/embedded"
)

// classify tests the classifiers of a model. An adapter is tested on every task that has the very
// labels its head tells apart, if the trainer that trained it is embedded here; a trainer in a
// container leaves what it says of its own task, or is untested. "none" gives every example the label that is most
// frequent in training.
func (e *evaluation) classify(ctx context.Context, m *tested) error {
	for _, t := range m.tasks {
		e.labelled(m.name, None, t, slices.Repeat([]int{frequent(t.train)}, len(t.rows)))
	}
	for _, a := range m.adapters {
		for _, t := range m.tasks {
			var labels []int
			var err error
			file := t.examples
			switch {
			case !slices.Equal(a.own.labels, t.labels):
			case slices.Contains(e.set.Embedded, m.name):
				labels, err = embedded.Classify(ctx, a.dir, m.base, t.examples)
			case t == a.own:
				file = filepath.Join(a.dir, filepath.FromSlash(trainer.PredictionsFile))
				labels, err = trainer.ReadPredictions(a.dir, len(t.labels), t.test)
				if errors.Is(err, fs.ErrNotExist) {
					e.report.Untested = append(e.report.Untested, m.name+" "+a.label)
					fmt.Fprintf(e.work.Log, "%s, adapter %s: not tested, as the trainer's image left no %s\n", m.name, a.label, trainer.PredictionsFile)
					err = nil
				}
			}
			var bad *trainer.BadData
			if errors.As(err, &bad) {
				err = &table.Error{File: file, Msg: bad.Msg}
			}
			if err != nil {
				return fmt.Errorf("adapter %s on %s: %w", a.label, t.name, err)
			}
			if labels == nil {
				e.add(len(t.rows), "")
				continue
			}
			e.labelled(m.name, a.label, t, labels[:len(t.rows)])
		}
	}
	return nil
}

// frequent is the label that most examples have, the first of several.
func frequent(rows []table.Example) int {
	counts := map[int32]int{}
	best := int32(0)
	for _, r := range rows {
		counts[r.Label]++
	}
	for label, n := range counts {
		if n > counts[best] || n == counts[best] && label < best {
			best = label
		}
	}
	return int(best)
}

// labelled scores the labels that an adapter gave a task's test examples.
func (e *evaluation) labelled(model, adapter string, t *task, labels []int) {
	reference := make([]int, len(t.rows))
	for i, r := range t.rows {
		reference[i] = int(r.Label)
		e.answers = append(e.answers, table.Answer{Model: model, Adapter: adapter, Task: t.name, ID: r.ID, Reference: t.labels[r.Label], Answer: t.labels[labels[i]]})
	}
	var values []float64
	for _, m := range measuresOf(t) {
		values = append(values, m.labels(reference, labels))
	}
	e.score(model, adapter, t, len(t.rows), values)
	if adapter != None {
		main, most := measuresOf(t)[0].labels, frequent(t.train)
		e.gain(model, adapter, t, len(t.rows), func(sample []int) float64 {
			r, l := make([]int, len(sample)), make([]int, len(sample))
			for k, i := range sample {
				r[k], l[k] = reference[i], labels[i]
			}
			return main(r, l) - main(r, slices.Repeat([]int{most}, len(sample)))
		})
	}
	e.add(len(t.rows), adapter+" on "+t.name)
}
