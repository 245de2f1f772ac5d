package table

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// ParquetColumns returns the names of the columns of a Parquet file in their order; a column
// within another goes by its dotted path. A file that is no Parquet is an *Error.
func ParquetColumns(path string) (names []string, err error) {
	err = withParquet(path, func(r *file.Reader) error {
		columns := r.MetaData().Schema
		for i := range columns.NumColumns() {
			names = append(names, columns.Column(i).Path())
		}
		return nil
	})
	return names, err
}

// ReadParquet calls each for every row of a Parquet file, counted from 1, with the columns asked
// for by index as text: null is empty, numbers are decimal, truth values true or false. A list, a
// type without a plain text form and a malformed file are an *Error.
func ReadParquet(path string, columns []int, each func(row int, fields []string) error) error {
	return withParquet(path, func(r *file.Reader) error {
		row := 0
		for g := range r.NumRowGroups() {
			group := r.RowGroup(g)
			n := int(group.NumRows())
			texts := make([][]string, len(columns))
			for j, c := range columns {
				chunk, err := group.Column(c)
				if err != nil {
					return &Error{File: path, Msg: err.Error()}
				}
				if texts[j], err = chunkTexts(chunk, r.MetaData().Schema.Column(c), n); err != nil {
					return &Error{File: path, Msg: err.Error()}
				}
			}
			for i := range n {
				row++
				fields := make([]string, len(columns))
				for j := range columns {
					fields[j] = texts[j][i]
				}
				if err := each(row, fields); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// withParquet opens a Parquet file for do.
func withParquet(path string, do func(*file.Reader) error) (err error) {
	defer func() {
		// The Parquet library panics on some malformed files: bad input must be an error.
		if p := recover(); p != nil {
			err = &Error{File: path, Msg: fmt.Sprint(p)}
		}
	}()
	r, err := file.OpenParquetFile(path, false)
	var missing *fs.PathError
	if errors.As(err, &missing) {
		return err
	}
	if err != nil {
		return &Error{File: path, Msg: fmt.Sprintf("is not Parquet: %v", err)}
	}
	defer r.Close()
	return do(r)
}

// chunkTexts reads n rows of one column as text.
func chunkTexts(chunk file.ColumnChunkReader, c *schema.Column, n int) (texts []string, err error) {
	if c.MaxRepetitionLevel() > 0 {
		return nil, fmt.Errorf("column %q is a list, not one value", c.Path())
	}
	switch r := chunk.(type) {
	case *file.ByteArrayColumnChunkReader:
		texts, err = batchTexts(r, c, n, func(v parquet.ByteArray) string { return string(v) })
	case *file.Int32ColumnChunkReader:
		texts, err = batchTexts(r, c, n, func(v int32) string { return strconv.FormatInt(int64(v), 10) })
	case *file.Int64ColumnChunkReader:
		texts, err = batchTexts(r, c, n, func(v int64) string { return strconv.FormatInt(v, 10) })
	case *file.Float32ColumnChunkReader:
		texts, err = batchTexts(r, c, n, func(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) })
	case *file.Float64ColumnChunkReader:
		texts, err = batchTexts(r, c, n, func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) })
	case *file.BooleanColumnChunkReader:
		texts, err = batchTexts(r, c, n, strconv.FormatBool)
	default:
		return nil, fmt.Errorf("column %q is of type %s, which has no text form here", c.Path(), c.PhysicalType())
	}
	if err != nil {
		return nil, fmt.Errorf("column %q: %w", c.Path(), err)
	}
	return texts, nil
}

// parquetBatch is the number of values read at once.
const parquetBatch = 1 << 12

// batchTexts reads n values of one column, nulls as "".
func batchTexts[T any](r interface {
	ReadBatch(size int64, values []T, definitions, repetitions []int16) (total int64, read int, err error)
}, c *schema.Column, n int, text func(T) string) ([]string, error) {
	var texts []string
	values, definitions := make([]T, parquetBatch), make([]int16, parquetBatch)
	for len(texts) < n {
		total, read, err := r.ReadBatch(parquetBatch, values, definitions, nil)
		if err != nil {
			return nil, err
		}
		if total == 0 {
			return nil, fmt.Errorf("ends after %d of %d rows", len(texts), n)
		}
		next := 0
		for i := range int(total) {
			if c.MaxDefinitionLevel() > 0 && definitions[i] < c.MaxDefinitionLevel() {
				texts = append(texts, "")
				continue
			}
			if next == read {
				return nil, fmt.Errorf("lacks values for row %d", len(texts)+1)
			}
			s := text(values[next])
			if !utf8.ValidString(s) {
				return nil, fmt.Errorf("row %d is not UTF-8", len(texts)+1)
			}
			texts = append(texts, s)
			next++
		}
	}
	if len(texts) != n {
		return nil, fmt.Errorf("has %d rows where the file has %d", len(texts), n)
	}
	return texts, nil
}
