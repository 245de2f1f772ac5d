package datasets

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// A Sheet is one file of rows with columns, before anybody knows what the columns mean.
type Sheet struct {
	File string
	// Columns are the names of the columns. Those of a TSV or CSV file are its first line, which
	// in a file without a header is its first row.
	Columns []string
	// Named says that Columns are names for certain: JSONL and Parquet.
	Named bool
	// Read calls each for every row in order, the first line of TSV and CSV among them, with the
	// fields of the columns asked for by index. Bad input is an *Error; an error of each ends it.
	Read func(columns []int, each func(Record) error) error
}

// A Record is one row of a sheet.
type Record struct {
	Line   int      // where it begins in the file, from 1; the row's number in Parquet
	File   string   // the file below the sheet's folder, where each row is a file of its own
	Fields []string // of the columns asked for, in their order; nil when there is a Problem
	// Problem says why the row cannot be taken apart though the rows behind it can.
	Problem string
}

// TextFormats are the endings of the files ReadSheet reads.
var TextFormats = []string{".tsv", ".csv", ".jsonl", ".json", ".txt"}

// byteOrderMark begins some files of Windows programs.
const byteOrderMark = "\ufeff"

// ReadSheet takes a text file apart by the ending of its name: .tsv and .txt are fields between
// tabs without any quoting, .csv is RFC 4180, .jsonl and .json one flat object a line.
func ReadSheet(file string, src []byte) (*Sheet, error) {
	text := strings.TrimPrefix(string(src), byteOrderMark)
	if strings.TrimSpace(text) == "" {
		return nil, &Error{File: file, Msg: "is empty"}
	}
	if !utf8.ValidString(text) {
		line := 1
		for l := range strings.Lines(text) {
			if !utf8.ValidString(l) {
				break
			}
			line++
		}
		return nil, &Error{File: file, Line: line, Msg: "is not UTF-8"}
	}
	switch ext := filepath.Ext(file); ext {
	case ".tsv", ".txt":
		return readTSV(file, text), nil
	case ".csv":
		return readCSV(file, text)
	case ".jsonl", ".json":
		return readJSONL(file, text)
	default:
		return nil, &Error{File: file, Msg: fmt.Sprintf("no reader for %q: want %s", ext, strings.Join(TextFormats, ", "))}
	}
}

// wrongFields says that a row has not as many fields as the first.
func wrongFields(got, want int) string {
	return fmt.Sprintf("has %d fields where the first line has %d", got, want)
}

// readTSV reads fields between tabs. A quotation mark is a character like any other.
func readTSV(file, text string) *Sheet {
	s := &Sheet{File: file}
	lines := func(each func(line int, fields []string) error) error {
		number := 0
		var fields []string
		for line := range strings.Lines(text) {
			number++
			line = strings.TrimRight(line, "\r\n")
			if line == "" {
				continue
			}
			fields = fields[:0]
			for field := range strings.SplitSeq(line, "\t") {
				fields = append(fields, field)
			}
			if err := each(number, fields); err != nil {
				return err
			}
		}
		return nil
	}
	s.Read = func(columns []int, each func(Record) error) error {
		return lines(func(line int, fields []string) error {
			return each(record(line, fields, len(s.Columns), columns))
		})
	}
	first := errors.New("first line")
	_ = lines(func(_ int, fields []string) error {
		s.Columns = append(s.Columns, fields...)
		return first
	})
	return s
}

// record picks the columns asked for.
func record(line int, fields []string, want int, columns []int) Record {
	if len(fields) != want {
		return Record{Line: line, Problem: wrongFields(len(fields), want)}
	}
	r := Record{Line: line, Fields: make([]string, len(columns))}
	for i, c := range columns {
		r.Fields[i] = fields[c]
	}
	return r
}

// readCSV reads RFC 4180.
func readCSV(file, text string) (*Sheet, error) {
	s := &Sheet{File: file}
	reader := func() *csv.Reader {
		r := csv.NewReader(strings.NewReader(text))
		r.FieldsPerRecord = -1
		r.ReuseRecord = true
		return r
	}
	bad := func(err error) error {
		var p *csv.ParseError
		if !errors.As(err, &p) {
			return fmt.Errorf("read %s: %w", file, err)
		}
		return &Error{File: file, Line: p.StartLine, Msg: fmt.Sprintf("is not CSV: %v in line %d, column %d", p.Err, p.Line, p.Column)}
	}
	s.Read = func(columns []int, each func(Record) error) error {
		r := reader()
		for {
			fields, err := r.Read()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return bad(err)
			}
			line, _ := r.FieldPos(0)
			if err := each(record(line, fields, len(s.Columns), columns)); err != nil {
				return err
			}
		}
	}
	var err error
	if s.Columns, err = reader().Read(); err != nil {
		return nil, bad(err)
	}
	return s, nil
}

// readJSONL reads a flat object a line. The keys of the first are the columns.
func readJSONL(file, text string) (*Sheet, error) {
	s := &Sheet{File: file, Named: true}
	// objects calls each for every line that is not empty.
	objects := func(each func(line int, text string) error) error {
		number := 0
		for line := range strings.Lines(text) {
			number++
			if strings.TrimSpace(line) == "" {
				continue
			}
			if err := each(number, line); err != nil {
				return err
			}
		}
		return nil
	}
	s.Read = func(columns []int, each func(Record) error) error {
		return objects(func(number int, line string) error {
			var object map[string]json.RawMessage
			if err := json.Unmarshal([]byte(strings.TrimSpace(line)), &object); err != nil || object == nil {
				return notObject(file, number, err)
			}
			r := Record{Line: number, Fields: make([]string, len(columns))}
			for i, c := range columns {
				value, ok := object[s.Columns[c]]
				if !ok {
					return &Error{File: file, Line: number, Msg: fmt.Sprintf("has no key %q, which the first line has", s.Columns[c])}
				}
				field, err := scalar(value)
				if err != nil {
					return &Error{File: file, Line: number, Msg: fmt.Sprintf("%q is %v", s.Columns[c], err)}
				}
				r.Fields[i] = field
			}
			return each(r)
		})
	}
	first := errors.New("first line")
	err := objects(func(number int, line string) error {
		keys, err := objectKeys(line)
		if err != nil {
			return notObject(file, number, err)
		}
		s.Columns = keys
		return first
	})
	if err != first {
		return nil, err
	}
	return s, nil
}

func notObject(file string, line int, err error) error {
	if err == nil {
		return &Error{File: file, Line: line, Msg: "is no JSON object"}
	}
	return &Error{File: file, Line: line, Msg: fmt.Sprintf("is no JSON object: %v", err)}
}

// objectKeys returns the keys of a JSON object in their order.
func objectKeys(line string) ([]string, error) {
	d := json.NewDecoder(strings.NewReader(line))
	open, err := d.Token()
	if err != nil {
		return nil, err
	}
	if open != json.Delim('{') {
		return nil, fmt.Errorf("it begins with %v", open)
	}
	var keys []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key.(string)) // the decoder takes nothing else for a key
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// scalar is a JSON value as text: null is empty, a number stands as it is written.
func scalar(value json.RawMessage) (string, error) {
	value = bytes.TrimSpace(value)
	switch value[0] {
	case '"':
		var s string
		err := json.Unmarshal(value, &s)
		return s, err
	case '[':
		return "", errors.New("a list, not one value")
	case '{':
		return "", errors.New("an object, not one value")
	case 'n':
		return "", nil
	}
	return string(value), nil
}
