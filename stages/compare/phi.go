package compare

import (
	"context"
	"errors"
	"path/filepath"

	"taskvec/internal/subspace"
	"taskvec/internal/table"
	"taskvec/stages/collect"
	"taskvec/stages/similarity"
)

// WritePhi writes the grid φ(i, j) of every pair of tasks, module and side into out/phi.csv and
// phi.arrow.
func WritePhi(ctx context.Context, dirs []string, out string) (err error) {
	sources, err := collect.Folders(dirs)
	if err != nil {
		return err
	}
	adapters, err := collect.Index(sources)
	if err != nil {
		return err
	}
	defer collect.Close(adapters)
	layout, err := collect.LayOut(sources, adapters)
	if err != nil {
		return err
	}
	var writers []*table.Writer[table.Phi]
	defer func() {
		for _, w := range writers {
			err = errors.Join(err, w.Close())
		}
	}()
	for _, name := range []string{"phi.csv", "phi.arrow"} {
		w, err := table.Create[table.Phi](filepath.Join(out, name), nil)
		if err != nil {
			return err
		}
		writers = append(writers, w)
	}
	one := func(m *collect.Module) ([]table.Phi, error) { return phi(m), nil }
	return collect.Stream(ctx, layout, nil, one, func(rows []table.Phi) error {
		var errs []error
		for _, w := range writers {
			errs = append(errs, w.Write(rows))
		}
		return errors.Join(errs...)
	})
}

// phi returns the rows of one module.
func phi(m *collect.Module) []table.Phi {
	var rows []table.Phi
	for i := range m.Tasks {
		for j := i + 1; j < len(m.Tasks); j++ {
			for side, name := range []string{subspace.Column: similarity.Column, subspace.Row: similarity.Row} {
				grid := m.Set.PhiGrid(subspace.Side(side), i, j)
				for a := range grid.Rows {
					for b, v := range grid.Row(a) {
						rows = append(rows, table.Phi{TaskI: m.Tasks[i], TaskJ: m.Tasks[j], Layer: m.Layer, Module: m.Type, Side: name, I: int32(a + 1), J: int32(b + 1), Value: v})
					}
				}
			}
		}
	}
	return rows
}
