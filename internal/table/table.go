// Package table reads and writes every Arrow file of taskvec: examples, factors, similarity,
// projection, spectra, measures of single adapters and training curves.
//
// A table is a slice of flat Go structs; the struct tags `arrow:"name"` name the columns, so the
// row type is the schema. Files are Arrow IPC files in record batches of a fixed number of rows,
// uncompressed, and the same rows give the same bytes.
//
// It is the only importer of Arrow. It is not a data frame: it does not query, join or aggregate.
package table

import (
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// batchRows is the number of rows of a record batch; it is fixed so that the bytes of a file
// depend on its rows alone.
const batchRows = 1 << 14

// batchBytes closes a record batch early when its strings and blobs outgrow 32-bit offsets.
const batchBytes = 1 << 28

// A column ties a struct field to an Arrow column.
type column struct {
	name      string
	field     int
	kind      arrow.DataType
	omitempty bool
}

// columns derives the columns of row type T from its tags. The tag is `arrow:"name"` or
// `arrow:"name,omitempty"`: a column that is left out of the file when every row holds its zero
// value. A field without a tag, or of an unsupported type, is a programming error and panics.
func columns[T any]() []column {
	t := reflect.TypeFor[T]()
	cols := make([]column, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, opt, _ := strings.Cut(f.Tag.Get("arrow"), ",")
		if name == "" {
			panic(fmt.Sprintf("table: field %s.%s has no arrow tag", t, f.Name))
		}
		c := column{name: name, field: i, omitempty: opt == "omitempty"}
		switch {
		case f.Type.Kind() == reflect.String:
			c.kind = arrow.BinaryTypes.String
		case f.Type.Kind() == reflect.Int32:
			c.kind = arrow.PrimitiveTypes.Int32
		case f.Type.Kind() == reflect.Int64:
			c.kind = arrow.PrimitiveTypes.Int64
		case f.Type.Kind() == reflect.Float64:
			c.kind = arrow.PrimitiveTypes.Float64
		case f.Type == reflect.TypeFor[[]byte]():
			c.kind = arrow.BinaryTypes.Binary
		default:
			panic(fmt.Sprintf("table: field %s.%s has unsupported type %s", t, f.Name, f.Type))
		}
		cols = append(cols, c)
	}
	return cols
}

// written returns the columns of T that rows fill, and apart the empty omitempty ones.
func written[T any](rows []T) (keep, leave []column) {
	for _, c := range columns[T]() {
		if c.omitempty && !slices.ContainsFunc(rows, func(row T) bool { return !reflect.ValueOf(&row).Elem().Field(c.field).IsZero() }) {
			leave = append(leave, c)
		} else {
			keep = append(keep, c)
		}
	}
	return keep, leave
}

// Write writes rows as an Arrow IPC file at path, with meta as the schema's key-value metadata.
func Write[T any](path string, rows []T, meta map[string]string) error {
	w, err := create[T](path, &arrowFormat{meta: meta})
	if err != nil {
		return err
	}
	_ = w.Write(rows) // Close returns its error
	return w.Close()
}

// An arrowFormat writes an Arrow IPC file.
type arrowFormat struct {
	meta    map[string]string
	writer  *ipc.FileWriter
	builder *array.RecordBuilder
	n, size int // rows and bytes of the batch so far
}

func (a *arrowFormat) begin(f io.Writer, cols []column) (err error) {
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = arrow.Field{Name: c.name, Type: c.kind}
	}
	keys := slices.Sorted(maps.Keys(a.meta))
	values := make([]string, len(keys))
	for i, k := range keys {
		values[i] = a.meta[k]
	}
	md := arrow.NewMetadata(keys, values)
	schema := arrow.NewSchema(fields, &md)
	a.writer, err = ipc.NewFileWriter(f, ipc.WithSchema(schema))
	a.builder = array.NewRecordBuilder(memory.DefaultAllocator, schema)
	return err
}

func (a *arrowFormat) row(row reflect.Value, cols []column) error {
	for j, c := range cols {
		a.size += appendValue(a.builder.Field(j), row.Field(c.field))
	}
	if a.n++; a.n == batchRows || a.size >= batchBytes {
		return a.flush()
	}
	return nil
}

func (a *arrowFormat) flush() error {
	rec := a.builder.NewRecordBatch()
	defer rec.Release()
	a.n, a.size = 0, 0
	return a.writer.Write(rec)
}

func (a *arrowFormat) end() error {
	defer a.builder.Release()
	if a.n > 0 {
		if err := a.flush(); err != nil {
			return err
		}
	}
	return a.writer.Close()
}

// appendValue appends v to the builder of its column and returns its size in bytes.
func appendValue(b array.Builder, v reflect.Value) int {
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(v.String())
		return v.Len()
	case *array.BinaryBuilder:
		b.Append(v.Bytes())
		return v.Len()
	case *array.Int32Builder:
		b.Append(int32(v.Int()))
	case *array.Int64Builder:
		b.Append(v.Int())
	case *array.Float64Builder:
		b.Append(v.Float())
	}
	return 8
}

// Read reads the Arrow IPC file at path into rows of T and returns them with the schema's
// metadata. A missing column (unless omitempty), a column of another type or a null is an
// *Error; further columns are ignored.
func Read[T any](path string) (rows []T, meta map[string]string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	defer func() {
		// The Arrow library panics on some malformed files: bad input must be an error.
		if p := recover(); p != nil {
			err = &Error{File: path, Msg: fmt.Sprint(p)}
		}
	}()
	r, err := ipc.NewFileReader(f)
	if err != nil {
		return nil, nil, &Error{File: path, Msg: err.Error()}
	}
	defer r.Close()
	schema := r.Schema()
	meta = map[string]string{}
	md := schema.Metadata()
	for i, k := range md.Keys() {
		meta[k] = md.Values()[i]
	}
	cols := columns[T]()
	at := make([]int, len(cols))
	for j, c := range cols {
		idx := schema.FieldIndices(c.name)
		if len(idx) == 0 && c.omitempty {
			at[j] = -1
			continue
		}
		if len(idx) != 1 {
			return nil, nil, &Error{File: path, Msg: fmt.Sprintf("has %d columns named %q, want one", len(idx), c.name)}
		}
		if got := schema.Field(idx[0]).Type; !arrow.TypeEqual(got, c.kind) {
			return nil, nil, &Error{File: path, Msg: fmt.Sprintf("column %q is %s, want %s", c.name, got, c.kind)}
		}
		at[j] = idx[0]
	}
	for i := range r.NumRecords() {
		rec, err := r.RecordBatch(i)
		if err != nil {
			return nil, nil, &Error{File: path, Msg: err.Error()}
		}
		start := len(rows)
		rows = append(rows, make([]T, rec.NumRows())...)
		for j, c := range cols {
			if at[j] < 0 {
				continue
			}
			col := rec.Column(at[j])
			if col.NullN() > 0 {
				return nil, nil, &Error{File: path, Msg: fmt.Sprintf("column %q has nulls", c.name)}
			}
			for k := start; k < len(rows); k++ {
				setValue(reflect.ValueOf(&rows[k]).Elem().Field(c.field), col, k-start)
			}
		}
	}
	return rows, meta, nil
}

// setValue copies element i of an Arrow column into a struct field.
func setValue(dst reflect.Value, col arrow.Array, i int) {
	switch col := col.(type) {
	case *array.String:
		dst.SetString(strings.Clone(col.Value(i)))
	case *array.Binary:
		dst.SetBytes(append([]byte(nil), col.Value(i)...))
	case *array.Int32:
		dst.SetInt(int64(col.Value(i)))
	case *array.Int64:
		dst.SetInt(col.Value(i))
	case *array.Float64:
		dst.SetFloat(col.Value(i))
	}
}

// An Error is a table file that cannot be read as what it should be: bad input data.
type Error struct {
	File string
	Msg  string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.File, e.Msg) }
