package notation

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"taskvec/datasets"
)

func read(t testing.TB, file string) []byte {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// TestParse reads a document with every feature; its CoNLL-2012 rows are written by hand.
func TestParse(t *testing.T) {
	s, err := Parse("nw_0901.txt", read(t, "testdata/nw_0901.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Title != "A kite over Orvale" || s.Summary != "A girl's kite, lost last week, came home." || s.Document.Split != datasets.Validation {
		t.Errorf("title %q, summary %q, split %s", s.Title, s.Summary, s.Document.Split)
	}
	if len(s.Warnings) > 0 {
		t.Errorf("warnings %v", s.Warnings)
	}
	if got := s.Document.Sentences[0].Tree[6].Label; got != "PP-LOC-CLR" {
		t.Errorf("label %s, want function tags kept", got)
	}
	var b bytes.Buffer
	if err := datasets.WriteCoNLL(&b, s.Document); err != nil {
		t.Fatal(err)
	}
	got, want := strings.Split(b.String(), "\n"), strings.Split(string(read(t, "testdata/nw_0901.gold_conll")), "\n")
	for i := range min(len(got), len(want)) {
		if g := strings.Join(strings.Fields(got[i]), " "); g != want[i] {
			t.Errorf("line %d:\n%s\nwant\n%s", i+1, g, want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}

// TestBad reads files full of faults; the .err beside each is everything that must be reported.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Parse(filepath.Base(file), read(t, file))
			if err == nil {
				t.Fatal("no error")
			}
			got, want := strings.Split(err.Error(), "\n"), strings.Split(strings.TrimSuffix(string(read(t, strings.TrimSuffix(file, ".txt")+".err")), "\n"), "\n")
			for i := range max(len(got), len(want)) {
				switch {
				case i >= len(got):
					t.Errorf("missing:\n%s", want[i])
				case i >= len(want):
					t.Errorf("not expected:\n%s", got[i])
				case got[i] != want[i]:
					t.Errorf("got\n%s\nwant\n%s", got[i], want[i])
				}
			}
		})
	}
}

// TestWarnings finds a main verb without a predicate line, pronouns in no chain and names that
// are entities elsewhere, and nothing in the auxiliaries, the expletive it and the rest.
func TestWarnings(t *testing.T) {
	src := strings.ReplaceAll(string(read(t, "testdata/nw_0901.txt")), "(S (NP-SBJ (PRP It)) (VP (VBZ rains)) (. .))\np: rain.01@rains", `
(SQ (VBZ Has) (NP-SBJ (NNP Ana)) (VP (VBN seen) (NP (PRP it)) (PP (IN in) (NP (NNP Orvale)))) (. ?))
n: FAC="Orvale"
p: see.01@seen ARG0="Ana" ARG1="it"

(S (NP-SBJ (PRP It)) (VP (MD could) (VP (VB be) (VP (VBG raining) (PP (VBG following) (NP (JJ boring) (VBG coming) (NN news)))))) (. .))

(S (NP-SBJ (PRP He)) (VP (VBZ is) (ADJP-PRD (JJ late))) (. .))`)
	s, err := Parse("nw_0901.txt", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range s.Warnings {
		got = append(got, w.Error())
	}
	want := []string{
		`nw_0901.txt:39:28: "Ana" is no entity here but PERSON elsewhere`,
		`nw_0901.txt:39:58: pronoun it is in no chain`,
		`nw_0901.txt:40:4: "Orvale" is FAC here and GPE above`,
		`nw_0901.txt:43:58: verb raining has no p: line`,
		`nw_0901.txt:45:17: pronoun He is in no chain`,
		`nw_0901.txt:45:31: verb is has no p: line`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzParse reads anything: errors with places, or a document that its CoNLL-2012 file gives back.
func FuzzParse(f *testing.F) {
	f.Add(read(f, "testdata/nw_0901.txt"))
	f.Add(read(f, "testdata/bad/nw_0911.txt"))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := Parse("nw_0901.txt", src)
		if err != nil {
			if len(err.(Errors)) == 0 {
				t.Fatal("an error without a diagnostic")
			}
			return
		}
		var b bytes.Buffer
		if err := datasets.WriteCoNLL(&b, s.Document); err != nil {
			t.Fatal(err)
		}
		docs, err := datasets.ReadCoNLL("nw_0901.txt", b.Bytes())
		if err != nil || len(docs) != 1 {
			t.Fatalf("%d documents, %v, in\n%s", len(docs), err, b.String())
		}
		for i := range s.Document.Sentences {
			for j := range s.Document.Sentences[i].Tree {
				n := &s.Document.Sentences[i].Tree[j]
				n.Label = n.Category()
			}
		}
		docs[0].Line, docs[0].Split = s.Document.Line, s.Document.Split
		if !reflect.DeepEqual(docs[0], s.Document) {
			t.Fatalf("comes back as\n%+v\nfrom\n%+v\nthrough\n%s", docs[0], s.Document, b.String())
		}
	})
}
