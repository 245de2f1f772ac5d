package ontonotes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"taskvec/datasets"
	"taskvec/datasets/sample"
)

// release is a folder of the release with the layers of documents, or their .onf files.
func release(docs []*datasets.Document, onf bool) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, d := range docs {
		stem := "data/files/data/english/annotations/" + d.ID
		if onf {
			fsys[stem+".onf"] = &fstest.MapFile{Data: WriteONF(d)}
			continue
		}
		for layer, text := range WriteLayers(d) {
			fsys[stem+"."+layer] = &fstest.MapFile{Data: text}
		}
	}
	return fsys
}

func read(t *testing.T, fsys fstest.MapFS, o Options) []*datasets.Document {
	c, err := OpenFS("release", fsys, o)
	if err != nil {
		t.Fatal(err)
	}
	docs, problems, err := c.Documents(datasets.Options{})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v %v", err, problems)
	}
	return docs
}

// compared is what is the same of a document in all forms: not where it was read, how its chains are
// numbered, nor what CoNLL-2012 drops or only it holds (function tags; lemmas of words that are no
// predicate).
func compared(d *datasets.Document, functionTags bool) string {
	c := *d
	c.File, c.Line, c.Split = "", 0, ""
	c.Chains = nil
	for i, chain := range d.Chains {
		c.Chains = append(c.Chains, datasets.Chain{ID: i, Mentions: chain.Mentions})
	}
	c.Sentences = nil
	for _, s := range d.Sentences {
		s.Tokens = append([]datasets.Token(nil), s.Tokens...)
		predicates := map[int]bool{}
		for _, f := range s.Frames {
			predicates[f.Token] = true
		}
		for k := range s.Tokens {
			if !predicates[k] && s.Tokens[k].Sense == "" {
				s.Tokens[k].Lemma = ""
			}
		}
		s.Tree = append(datasets.Tree(nil), s.Tree...)
		for i := range s.Tree {
			if !functionTags {
				s.Tree[i].Label = s.Tree[i].Category()
			}
		}
		c.Sentences = append(c.Sentences, s)
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestForms writes the sample corpus as layers, as .onf and as CoNLL-2012 and reads the same
// annotation from each.
func TestForms(t *testing.T) {
	c, err := datasets.OpenFS("sample", sample.Files())
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := c.Documents(datasets.Options{})
	if err != nil || len(want) < 48 {
		t.Fatalf("%d documents, %v", len(want), err)
	}
	byID := map[string]*datasets.Document{}
	for _, d := range want {
		byID[d.ID] = d
	}
	for name, got := range map[string][]*datasets.Document{"layers": read(t, release(want, false), Options{}), "onf": read(t, release(want, true), Options{})} {
		if len(got) != len(want) {
			t.Fatalf("%s: %d documents, want %d", name, len(got), len(want))
		}
		for _, d := range got {
			if a, b := compared(d, false), compared(byID[d.ID], false); a != b {
				t.Errorf("%s: %s is\n%s\nwant\n%s", name, d.ID, a, b)
			}
		}
	}
}

// TestRelease reads testdata/release, documents written by hand with traces, EDITED, CODE, chains of
// traces, split arguments, appositions and two parts, from their layers and from .onf, and compares
// them with the CoNLL-2012 written by hand beside them.
func TestRelease(t *testing.T) {
	want, err := os.ReadFile("testdata/release.gold_conll")
	if err != nil {
		t.Fatal(err)
	}
	expected, err := datasets.ReadCoNLL("testdata/release.gold_conll", want)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"layers", "onf"} {
		fsys := fstest.MapFS{}
		err := filepath.WalkDir("testdata/release", func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || (filepath.Ext(path) == ".onf") != (form == "onf") {
				return err
			}
			b, err := os.ReadFile(path)
			fsys[filepath.ToSlash(strings.TrimPrefix(path, "testdata/release"+string(filepath.Separator)))] = &fstest.MapFile{Data: b}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, fsys, Options{})
		if len(got) != len(expected) {
			t.Fatalf("%s: %d documents, want %d", form, len(got), len(expected))
		}
		for i, d := range got {
			if a, b := compared(d, false), compared(expected[i], false); a != b {
				t.Errorf("%s: %s part %d is\n%s\nwant\n%s", form, d.ID, d.Part, a, b)
			}
		}
		tags := ""
		for _, n := range got[0].Sentences[0].Tree {
			tags += n.Label + " "
		}
		if want := "TOP S NP-SBJ-1 NP SBAR WHNP-2 S NP-SBJ VP VP VP "; !strings.HasPrefix(tags, want) {
			t.Errorf("%s: the first tree has %s, want %s", form, tags, want)
		}
	}
}

// TestEdited keeps what a speaker corrected when asked.
func TestEdited(t *testing.T) {
	fsys := fstest.MapFS{"bc/x.parse": {Data: []byte("(TOP (S (EDITED (NP (PRP I)) (, ,)) (NP-SBJ (PRP we)) (VP (VBD left)) (. .)))")}}
	for edited, want := range map[bool]string{false: "we left.", true: "I, we left."} {
		if got := read(t, fsys, Options{Edited: edited}); got[0].Text() != want {
			t.Errorf("edited %v: %q, want %q", edited, got[0].Text(), want)
		}
	}
}

// TestOpen finds documents: English ones where languages stand side by side, .onf only where there are
// no layers.
func TestOpen(t *testing.T) {
	tree := []byte("(TOP (NP (NN rain)))")
	c, err := OpenFS("r", fstest.MapFS{
		"data/english/annotations/nw/a.parse": {Data: tree}, "data/english/annotations/nw/a.onf": {Data: []byte("nonsense")},
		"data/chinese/annotations/nw/b.parse": {Data: tree}, "data/english/annotations/nw/c.name": {Data: []byte("x")}, "README": {},
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	docs, problems, err := c.Documents(datasets.Options{})
	if err != nil || len(problems) > 0 || len(docs) != 1 || docs[0].ID != "nw/a" || docs[0].Genre() != "nw" {
		t.Errorf("%v %v %v", docs, problems, err)
	}
	if _, err := OpenFS("r", fstest.MapFS{"a.name": {}}, Options{}); err == nil || err.Error() != "r: holds no document of OntoNotes: they are files such as bn/cnn/00/cnn_0001.parse or .onf" {
		t.Errorf("got %v", err)
	}
}

// TestBad compares the problem of each malformed document of testdata/bad with the .err beside it;
// its layers are one file, each under a line == LAYER.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fsys := fstest.MapFS{}
		for _, section := range bytes.Split(src, []byte("== "))[1:] {
			layer, text, _ := bytes.Cut(section, []byte("\n"))
			fsys["x."+string(layer)] = &fstest.MapFile{Data: text}
		}
		c, err := OpenFS("bad", fsys, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = c.Documents(datasets.Options{})
		want, rerr := os.ReadFile(strings.TrimSuffix(file, ".txt") + ".err")
		if rerr != nil {
			t.Error(rerr)
		}
		if fmt.Sprintln(err) != string(want) {
			t.Errorf("%s:\ngot  %v\nwant %s", file, err, want)
		}
	}
}

// fuzz reads anything as a layer: problems, or documents whose spans lie in their sentences.
func fuzz(f *testing.F, layer string) {
	const parse = "(TOP (S (NP (NN rain)) (VP (VBD fell) (NP (-NONE- *T*-1)))))\n"
	b, err := os.ReadFile("testdata/release/data/files/data/english/annotations/bc/ours/00/talk_0001." + layer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, text []byte) {
		fsys := fstest.MapFS{"x." + layer: {Data: text}}
		if layer != parseLayer && layer != onfLayer {
			fsys["x.parse"] = &fstest.MapFile{Data: []byte(parse)}
		}
		c, err := OpenFS("fuzz", fsys, Options{})
		if err != nil {
			t.Fatal(err)
		}
		docs, _, err := c.Documents(datasets.Options{})
		if err != nil {
			return
		}
		for _, d := range docs {
			for i := range d.Sentences {
				s := &d.Sentences[i]
				inside := func(span datasets.Span) {
					if span.Start < 0 || span.End > len(s.Tokens) || span.Len() < 1 {
						t.Fatalf("span %v of %d tokens", span, len(s.Tokens))
					}
				}
				for j, n := range s.Tree {
					inside(n.Span)
					if n.Next <= j || n.Next > len(s.Tree) || n.Parent >= j {
						t.Fatalf("node %d: %+v of %d", j, n, len(s.Tree))
					}
				}
				for _, e := range s.Entities {
					inside(e.Span)
				}
				for _, frame := range s.Frames {
					for _, a := range frame.Arguments {
						inside(a.Span)
					}
				}
			}
			for _, chain := range d.Chains {
				for _, m := range chain.Mentions {
					if m.End > len(d.Sentences[m.Sentence].Tokens) {
						t.Fatalf("mention %v", m)
					}
				}
			}
		}
	})
}

func FuzzParse(f *testing.F) { fuzz(f, parseLayer) }
func FuzzName(f *testing.F)  { fuzz(f, nameLayer) }
func FuzzCoref(f *testing.F) { fuzz(f, corefLayer) }
func FuzzProp(f *testing.F)  { fuzz(f, propLayer) }
func FuzzONF(f *testing.F)   { fuzz(f, onfLayer) }

// BenchmarkRead reads the sample corpus as layers.
func BenchmarkRead(b *testing.B) {
	c, err := datasets.OpenFS("sample", sample.Files())
	if err != nil {
		b.Fatal(err)
	}
	docs, _, err := c.Documents(datasets.Options{})
	if err != nil {
		b.Fatal(err)
	}
	fsys := release(docs, false)
	size := 0
	for _, f := range fsys {
		size += len(f.Data)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		c, err := OpenFS("release", fsys, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if got, problems, err := c.Documents(datasets.Options{}); err != nil || len(problems) > 0 || len(got) != len(docs) {
			b.Fatal(err, problems)
		}
	}
}
