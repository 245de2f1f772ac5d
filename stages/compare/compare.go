// Package compare analyses PEFT folders as they are, without an experiment: what the stages
// collect, similarity and projection do, in one pass over the modules.
package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"taskvec/internal/adapter"
	"taskvec/internal/subspace"
	"taskvec/internal/table"
	"taskvec/stages/collect"
	"taskvec/stages/projection"
	"taskvec/stages/similarity"
)

// Results are the rows of one comparison, each table ordered as its stage orders it.
type Results struct {
	Similarity []table.Similarity
	Projection []table.Projection
	Spectra    []table.Spectrum
	Notes      []string // what is odd or left out, for people to read
}

// options are the projection's: all pairs, p = 3, negative entries as their absolute value.
var options = projection.Options{P: 3, Sign: subspace.Abs}

// seed is of the simulated nulls: an experiment's default.
const seed = 1234

// Adapters compares the adapters in the PEFT folders dirs, two or more, with every measure for
// every pair; a task's name is its folder's. progress, which may be nil, is told after each module.
func Adapters(ctx context.Context, dirs []string, progress func(done, total int64, note string)) (*Results, error) {
	return adaptersBy(ctx, dirs, similarity.Measures, progress)
}

// adaptersBy is Adapters with a choice of the similarity's measures.
func adaptersBy(ctx context.Context, dirs, measures []string, progress func(done, total int64, note string)) (*Results, error) {
	if len(dirs) < 2 {
		return nil, errors.New("a comparison takes two adapters or more")
	}
	sources, err := collect.Folders(dirs)
	if err != nil {
		return nil, err
	}
	adapters, err := collect.Index(sources)
	if err != nil {
		return nil, err
	}
	defer collect.Close(adapters)
	r := &Results{}
	for _, a := range adapters {
		for _, w := range a.Warnings {
			r.Notes = append(r.Notes, w.String())
		}
	}
	r.Notes = append(r.Notes, baseNotes(adapters)...)
	layout, err := collect.LayOut(sources, adapters)
	if err != nil {
		return nil, err
	}
	r.Notes = append(r.Notes, layout.Notes...)
	modules, err := collect.Each(ctx, layout, progress, func(m *collect.Module) (*Results, error) {
		rows, err := similarity.Rows(m, measures, seed)
		if err != nil {
			return nil, err
		}
		one := &Results{Similarity: rows}
		one.Projection, one.Spectra = projection.Rows(m, options)
		return one, nil
	})
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		r.Similarity = append(r.Similarity, m.Similarity...)
		r.Projection = append(r.Projection, m.Projection...)
		r.Spectra = append(r.Spectra, m.Spectra...)
	}
	return r, nil
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

// Write writes the rows into dir, which is made: similarity, projection and spectra, each as
// Arrow and as CSV.
func (r *Results) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(
		write(filepath.Join(dir, similarity.File), r.Similarity, nil),
		write(filepath.Join(dir, projection.File), r.Projection, options.Metadata()),
		write(filepath.Join(dir, projection.SpectraFile), r.Spectra, nil))
}

func write[T any](path string, rows []T, meta map[string]string) error {
	if err := table.Write(path, rows, meta); err != nil {
		return err
	}
	return table.WriteCSV(strings.TrimSuffix(path, ".arrow")+".csv", rows)
}
