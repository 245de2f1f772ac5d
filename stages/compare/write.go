package compare

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"taskvec/internal/table"
)

// Rows are some rows of each table but the spectra.
type Rows struct {
	Similarity []table.Similarity
	Projection []table.Projection
	Adapters   []table.Adapter
}

// Write compares adapters by these measures, as Adapters does, and writes the rows into the folder
// out, which is made: similarity, projection, spectra and adapters, each as Arrow and as CSV. It hands all but
// the spectra piece by piece to see as well. Rows are never all in memory. On an error, the files of an earlier
// comparison are left as they were.
func Write(ctx context.Context, dirs, measures []string, base, out string, progress func(done, total int64, note string),
	see func(Rows) error) (notes []string, err error) {
	seen := output{write: func(m *Module) error {
		return errors.Join(
			inPieces(m.Similarity.Pairs(), m.Similarity.Rows, func(rows []table.Similarity) error { return see(Rows{Similarity: rows}) }),
			inPieces(m.Projection.Pairs(), m.Projection.Rows, func(rows []table.Projection) error { return see(Rows{Projection: rows}) }),
			see(Rows{Adapters: m.Adapters}))
	}, end: func(bool) error { return nil }}
	outputs := []output{seen}
	defer func() {
		for _, o := range outputs {
			err = errors.Join(err, o.end(err == nil))
		}
	}()
	return Adapters(ctx, dirs, measures, base, progress, func(m *Module) error {
		if len(outputs) == 1 { // not before the adapters are known to be good
			files, err := create(out)
			if err != nil {
				return err
			}
			outputs = append(outputs, files...)
		}
		var g errgroup.Group
		for _, o := range outputs {
			g.Go(func() error { return o.write(m) })
		}
		return g.Wait()
	})
}

// An output takes the numbers of one module after the other. The end keeps what was written, or not.
type output struct {
	write func(*Module) error
	end   func(keep bool) error
}

// create begins the files of a comparison.
func create(out string) ([]output, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	var files []output
	var errs []error
	add := func(o output, err error) { files, errs = append(files, o), append(errs, err) }
	for _, ext := range []string{".arrow", ".csv"} {
		add(file(out, "similarity"+ext, nil, func(m *Module) (int, appendRows[table.Similarity]) { return m.Similarity.Pairs(), m.Similarity.Rows }))
		add(file(out, "projection"+ext, options.Metadata(), func(m *Module) (int, appendRows[table.Projection]) { return m.Projection.Pairs(), m.Projection.Rows }))
		add(file(out, "adapters"+ext, nil, func(m *Module) (int, appendRows[table.Adapter]) {
			return len(m.Adapters), func(dst []table.Adapter, from, to int) []table.Adapter { return append(dst, m.Adapters[from:to]...) }
		}))
		add(file(out, "spectra"+ext, nil, func(m *Module) (int, appendRows[table.Spectrum]) { return m.Projection.Pairs(), m.Projection.Spectra }))
	}
	return files, errors.Join(errs...)
}

// appendRows appends the rows of the pairs, or the rows, number from to to-1 to dst.
type appendRows[T any] func(dst []T, from, to int) []T

// file begins one file, under a name that it keeps until its end.
func file[T any](out, name string, meta map[string]string, of func(*Module) (pairs int, of appendRows[T])) (output, error) {
	unfinished, path := filepath.Join(out, "unfinished-"+name), filepath.Join(out, name)
	w, err := table.Create[T](unfinished, meta)
	if err != nil {
		return output{}, err
	}
	return output{
		write: func(m *Module) error {
			pairs, rows := of(m)
			return inPieces(pairs, rows, w.Write)
		},
		end: func(keep bool) error {
			if err := w.Close(); err != nil || !keep {
				return errors.Join(err, os.Remove(unfinished))
			}
			return os.Rename(unfinished, path)
		},
	}, nil
}

// piece is how many pairs become rows at a time.
const piece = 256

// inPieces makes rows of the pairs and hands them on.
func inPieces[T any](pairs int, of appendRows[T], next func([]T) error) error {
	var buf []T
	for from := 0; from < pairs; from += piece {
		buf = of(buf[:0], from, min(from+piece, pairs))
		if err := next(buf); err != nil {
			return err
		}
	}
	return nil
}
