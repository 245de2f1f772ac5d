// Package compare analyses PEFT folders as they are, without an experiment: what the stages
// collect, similarity and projection do, in one pass over the modules.
package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"taskvec/internal/adapter"
	"taskvec/internal/heap"
	"taskvec/internal/subspace"
	"taskvec/internal/table"
	"taskvec/stages/collect"
	"taskvec/stages/projection"
	"taskvec/stages/similarity"
)

// options are the projection's: all pairs, p = 3, negative entries as their absolute value. Its null
// is simulated when that of the Grassmann distance is asked for.
var options = projection.Options{P: 3, Sign: subspace.Abs}

// seed is of the simulated nulls: an experiment's default.
const seed = 1234

// A Module is every number of one module.
type Module struct {
	Similarity *similarity.Values
	Projection *projection.Values
	Adapters   []table.Adapter
}

// Adapters compares the adapters in the PEFT folders dirs, two or more, by these measures of
// similarity and all of projection, for every pair; a task's name is its folder's. It hands the numbers to
// next module by module, by layer and name, and reads an adapter's factors only for that: the memory
// it takes is that of a few modules. base is the folder of the model that the adapters were trained on, "" for
// no measures that need it. progress, which may be nil, is told after each module. The notes are what is
// odd or left out, for people to read.
func Adapters(ctx context.Context, dirs, measures []string, base string, progress func(done, total int64, note string), next func(*Module) error) (notes []string, err error) {
	if len(dirs) < 2 {
		return nil, errors.New("a comparison takes two adapters or more")
	}
	defer heap.Room(32 << 20)()
	sources, err := collect.Folders(dirs)
	if err != nil {
		return nil, err
	}
	adapters, err := collect.Index(sources)
	if err != nil {
		return nil, err
	}
	defer collect.Close(adapters)
	for _, a := range adapters {
		for _, w := range a.Warnings {
			notes = append(notes, w.String())
		}
	}
	notes = append(notes, baseNotes(adapters)...)
	layout, err := collect.LayOut(sources, adapters)
	if err != nil {
		return nil, err
	}
	bases := &similarity.Bases{}
	defer bases.Close()
	if base != "" {
		if err := bases.Open(layout, "", base); err != nil {
			return nil, err
		}
	}
	trims, err := similarity.TrimsOf(ctx, layout, measures, progress)
	if err != nil {
		return nil, err
	}
	o := options
	o.Nulls, o.Seed = slices.Contains(measures, similarity.Z), seed
	one := func(m *collect.Module) (*Module, error) {
		values, err := similarity.Of(m, measures, trims, seed)
		if err != nil {
			return nil, err
		}
		of, err := bases.Adapters(m, seed)
		if err != nil {
			return nil, err
		}
		return &Module{values, projection.Of(m, o), of}, nil
	}
	if err := collect.Stream(ctx, layout, progress, one, next); err != nil {
		return nil, err
	}
	return append(notes, layout.Notes...), nil
}

// baseNotes says so when adapters name different base models.
func baseNotes(adapters []*adapter.Adapter) []string {
	var notes []string
	for _, a := range adapters[1:] {
		if first := adapters[0]; a.Config.BaseModel != first.Config.BaseModel {
			notes = append(notes, fmt.Sprintf("%s was trained on %q, %s on %q: distances between adapters of different models mean little",
				a.Dir, a.Config.BaseModel, first.Dir, first.Config.BaseModel))
		}
	}
	return notes
}
