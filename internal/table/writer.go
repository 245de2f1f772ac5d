package table

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
)

// A Writer writes a table in pieces, so that its rows need not be in memory together. The bytes of
// the file do not depend on the pieces, but that the first decides which omitempty columns are empty.
type Writer[T any] struct {
	file    *os.File
	format  format
	cols    []column
	left    []column // omitempty columns that are left out
	started bool
	err     error
}

// A format is what the bytes of a table look like.
type format interface {
	begin(f io.Writer, cols []column) error
	row(row reflect.Value, cols []column) error
	end() error
}

// Create begins a table at path: where that ends in .csv a CSV file of columns named as in Arrow,
// else an Arrow IPC file with meta as the schema's key-value metadata.
func Create[T any](path string, meta map[string]string) (*Writer[T], error) {
	if filepath.Ext(path) == ".csv" {
		return create[T](path, &csvFormat{})
	}
	return create[T](path, &arrowFormat{meta: meta})
}

func create[T any](path string, how format) (*Writer[T], error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &Writer[T]{file: f, format: how}, nil
}

// Write adds rows to the table. After an error it does nothing but return it again.
func (w *Writer[T]) Write(rows []T) error {
	if w.err == nil {
		w.err = w.write(rows)
	}
	return w.err
}

func (w *Writer[T]) write(rows []T) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", w.file.Name(), err)
		}
	}()
	if !w.started {
		w.started = true
		w.cols, w.left = written(rows)
		if err := w.format.begin(w.file, w.cols); err != nil {
			return err
		}
	}
	for i := range rows {
		row := reflect.ValueOf(&rows[i]).Elem()
		for _, c := range w.left {
			if !row.Field(c.field).IsZero() {
				return fmt.Errorf("column %s was left out as empty, but a later row fills it", c.name)
			}
		}
		if err := w.format.row(row, w.cols); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the table. Its error is the first there was; that of Write counts.
func (w *Writer[T]) Close() error {
	err := w.Write(nil) // begins a table of no rows
	if err == nil {
		if err = w.format.end(); err != nil {
			err = fmt.Errorf("write %s: %w", w.file.Name(), err)
		}
	}
	if cerr := w.file.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("write %s: %w", w.file.Name(), cerr)
	}
	w.err = err
	return err
}
