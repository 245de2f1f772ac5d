package datasets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// A Summary is a reference summary of one document: one line of a summaries.jsonl.
type Summary struct {
	Document string  `json:"document"` // the document's id
	Part     int     `json:"part,omitempty"`
	Share    float64 `json:"share"` // length aimed at, as a share of the document's words: 0.1 or 0.5
	Summary  string  `json:"summary"`
}

// ReadSummaries reads the lines of a summaries.jsonl; name stands for it in errors. A line that is no summary, and a second summary
// of the same document and share, is an *Error.
func ReadSummaries(name string, src []byte) ([]Summary, error) {
	return readLines(name, src, `summary, {"document": …, "share": 0.1, "summary": …}`, func(s *Summary) (string, error) {
		if s.Document == "" || s.Summary == "" || s.Part < 0 || s.Share <= 0 || s.Share > 1 {
			return "", errors.New("needs a document, a summary and a share above 0 and at most 1")
		}
		return fmt.Sprintf("summary of share %g of document %s part %d", s.Share, s.Document, s.Part), nil
	})
}

// A Target is the answer of a task of a user's own for one document: one line of a JSONL file.
type Target struct {
	Document string `json:"document"` // the document's id
	Part     int    `json:"part"`
	Target   string `json:"target"`
}

// ReadTargets reads the lines of a JSONL file of targets; name stands for it in errors. A line that is no target, and a second target of the
// same document, is an *Error.
func ReadTargets(name string, src []byte) ([]Target, error) {
	return readLines(name, src, `target, {"document": …, "part": 0, "target": …}`, func(t *Target) (string, error) {
		if t.Document == "" || t.Target == "" || t.Part < 0 {
			return "", errors.New("needs a document and a target")
		}
		return fmt.Sprintf("target of document %s part %d", t.Document, t.Part), nil
	})
}

// readLines reads a JSONL file strictly, empty lines left out. check says what is wrong with a
// value and what it is, which no two lines may be.
func readLines[T any](name string, src []byte, what string, check func(*T) (string, error)) ([]T, error) {
	first := map[string]int{}
	var out []T
	number := 0
	for line := range bytes.Lines(src) {
		number++
		fail := func(format string, args ...any) ([]T, error) {
			return nil, &Error{File: name, Line: number, Msg: fmt.Sprintf(format, args...)}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var v T
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			return fail("is no %s: %v", what, err)
		}
		if d.More() {
			return fail("has more than one object: one a line")
		}
		key, err := check(&v)
		if err != nil {
			return fail("%v", err)
		}
		if first[key] > 0 {
			return fail("the %s stands in line %d already", key, first[key])
		}
		first[key] = number
		out = append(out, v)
	}
	return out, nil
}
