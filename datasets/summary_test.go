package datasets

import (
	"errors"
	"reflect"
	"testing"
)

func TestReadSummaries(t *testing.T) {
	read := func(text string) ([]Summary, error) {
		return ReadSummaries("s.jsonl", []byte(text))
	}
	got, err := read(`{"document": "nw/x", "share": 0.1, "summary": "A \"b\"."}

{"document": "nw/x", "part": 2, "share": 0.5, "summary": "Longer."}
`)
	want := []Summary{{"nw/x", 0, 0.1, `A "b".`}, {"nw/x", 2, 0.5, "Longer."}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v, error %v", got, want, err)
	}
	line := `{"document": "d", "share": 0.1, "summary": "s"}`
	for text, want := range map[string]string{
		line + "\n{": `s.jsonl:2: is no summary, {"document": …, "share": 0.1, "summary": …}: unexpected EOF`,
		`{"document": "d", "share": 0.1, "text": "s"}`: `s.jsonl:1: is no summary, {"document": …, "share": 0.1, "summary": …}: json: unknown field "text"`,
		line + line:                                       "s.jsonl:1: has more than one object: one a line",
		`{"document": "d", "summary": "s"}`:               "s.jsonl:1: needs a document, a summary and a share above 0 and at most 1",
		`{"document": "d", "share": 1.5, "summary": "s"}`: "s.jsonl:1: needs a document, a summary and a share above 0 and at most 1",
		`{"document": "d", "share": 0.1}`:                 "s.jsonl:1: needs a document, a summary and a share above 0 and at most 1",
		`{"share": 0.1, "summary": "s"}`:                  "s.jsonl:1: needs a document, a summary and a share above 0 and at most 1",
		line + "\n\n" + line:                              "s.jsonl:3: the summary of share 0.1 of document d part 0 stands in line 1 already",
	} {
		_, err := read(text)
		var bad *Error
		if !errors.As(err, &bad) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestReadTargets(t *testing.T) {
	got, err := ReadTargets("t.jsonl", []byte(`{"document": "nw/x", "target": "A."}`+"\n"+`{"document": "nw/x", "part": 1, "target": "B."}`))
	want := []Target{{"nw/x", 0, "A."}, {"nw/x", 1, "B."}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v, error %v", got, want, err)
	}
	line := `{"document": "d", "target": "s"}`
	for text, want := range map[string]string{
		`{"document": "d"}`:                            "t.jsonl:1: needs a document and a target",
		`{"document": "d", "part": -1, "target": "s"}`: "t.jsonl:1: needs a document and a target",
		`{"document": "d", "answer": "s"}`:             `t.jsonl:1: is no target, {"document": …, "part": 0, "target": …}: json: unknown field "answer"`,
		line + "\n" + line:                             "t.jsonl:2: the target of document d part 0 stands in line 1 already",
	} {
		_, err := ReadTargets("t.jsonl", []byte(text))
		var bad *Error
		if !errors.As(err, &bad) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// FuzzReadSummaries reads anything: an *Error, or summaries that are whole and unique.
func FuzzReadSummaries(f *testing.F) {
	f.Add([]byte(`{"document": "nw/x", "share": 0.1, "summary": "A."}` + "\n"))
	f.Add([]byte("\n{\"share\": 1e999}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		summaries, err := ReadSummaries("s.jsonl", src)
		var bad *Error
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("%v is no *Error", err)
		}
		seen := map[Summary]bool{}
		for _, s := range summaries {
			key := Summary{Document: s.Document, Part: s.Part, Share: s.Share}
			if s.Document == "" || s.Summary == "" || !(s.Share > 0 && s.Share <= 1) || seen[key] {
				t.Fatalf("%+v of %+v", s, summaries)
			}
			seen[key] = true
		}
	})
}
