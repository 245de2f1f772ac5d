package datasets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
)

// A Summary is a reference summary of one document: one line of a summaries.jsonl.
type Summary struct {
	Document string  `json:"document"` // the document's id
	Share    float64 `json:"share"`    // length aimed at, as a share of the document's words: 0.1 or 0.5
	Summary  string  `json:"summary"`
}

// ReadSummaries reads a JSONL file of summaries. A line that is no summary, and a second summary
// of the same document and share, is an *Error.
func ReadSummaries(fsys fs.FS, name string) ([]Summary, error) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read summaries: %w", err)
	}
	type key struct {
		document string
		share    float64
	}
	first := map[key]int{}
	var out []Summary
	number := 0
	for line := range bytes.Lines(src) {
		number++
		fail := func(format string, args ...any) ([]Summary, error) {
			return nil, &Error{File: name, Line: number, Msg: fmt.Sprintf(format, args...)}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var s Summary
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&s); err != nil {
			return fail(`is no summary, {"document": …, "share": 0.1, "summary": …}: %v`, err)
		}
		if d.More() {
			return fail("has more than one object: one a line")
		}
		if s.Document == "" || s.Summary == "" || s.Share <= 0 || s.Share > 1 {
			return fail("needs a document, a summary and a share above 0 and at most 1")
		}
		k := key{s.Document, s.Share}
		if first[k] > 0 {
			return fail("document %s has a summary of share %g in line %d already", s.Document, s.Share, first[k])
		}
		first[k] = number
		out = append(out, s)
	}
	return out, nil
}
