package table

import (
	"encoding/csv"
	"fmt"
	"os"
	"reflect"
	"strconv"
)

// WriteCSV writes rows as a CSV file at path: a header of column names (the arrow tags), then a
// line a row, floats in the shortest form that reads back to the same float64.
func WriteCSV[T any](path string, rows []T) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = cerr
		}
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	w := csv.NewWriter(f)
	cols := written(rows)
	line := make([]string, len(cols))
	for j, c := range cols {
		line[j] = c.name
	}
	if err := w.Write(line); err != nil {
		return err
	}
	for i := range rows {
		v := reflect.ValueOf(&rows[i]).Elem()
		for j, c := range cols {
			line[j] = text(v.Field(c.field))
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// text formats one field for CSV.
func text(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	panic(fmt.Sprintf("table: a column of %s has no CSV form", v.Type()))
}
