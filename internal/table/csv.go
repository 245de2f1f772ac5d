package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
)

// A csvFormat writes CSV: a header of column names, then a line a row, floats in the shortest form
// that reads back to the same float64. Its bytes are package csv's, in a fraction of the time.
type csvFormat struct {
	file io.Writer
	buf  []byte
}

// csvBuffer is how many bytes are written at a time.
const csvBuffer = 1 << 16

func (c *csvFormat) begin(f io.Writer, cols []column) error {
	c.file = f
	for j, col := range cols {
		if j > 0 {
			c.buf = append(c.buf, ',')
		}
		c.text(col.name)
	}
	c.buf = append(c.buf, '\n')
	return nil
}

func (c *csvFormat) row(row reflect.Value, cols []column) error {
	for j, col := range cols {
		if j > 0 {
			c.buf = append(c.buf, ',')
		}
		switch v := row.Field(col.field); v.Kind() {
		case reflect.String:
			c.text(v.String())
		case reflect.Int32, reflect.Int64:
			c.buf = strconv.AppendInt(c.buf, v.Int(), 10)
		case reflect.Float64:
			c.buf = strconv.AppendFloat(c.buf, v.Float(), 'g', -1, 64)
		default:
			panic(fmt.Sprintf("table: a column of %s has no CSV form", v.Type()))
		}
	}
	c.buf = append(c.buf, '\n')
	if len(c.buf) < csvBuffer {
		return nil
	}
	return c.end()
}

// text appends a string, in quotes where its characters or a blank at its start may need them.
func (c *csvFormat) text(s string) {
	for i := range len(s) {
		b := s[i]
		plain := b > ' ' && b < 0x7f && b != ',' && b != '"' && b != '\\' || b == ' ' && i > 0
		if !plain {
			var quoted strings.Builder
			w := csv.NewWriter(&quoted)
			_ = w.Write([]string{s}) // to memory: cannot fail
			w.Flush()
			c.buf = append(c.buf, strings.TrimSuffix(quoted.String(), "\n")...)
			return
		}
	}
	c.buf = append(c.buf, s...)
}

func (c *csvFormat) end() error {
	_, err := c.file.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}
