package datasets

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/fstest"
)

// FuzzRead reads anything, packed or not, whole and in pieces: problems with places, and documents
// that are the same when they are written and read again.
func FuzzRead(f *testing.F) {
	files := []string{"testdata/standard.gold_conll"}
	for _, pattern := range []string{"testdata/bad/*.conll", "testdata/dialects/*"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) == 0 {
			f.Fatalf("%d files %s, error %v", len(some), pattern, err)
		}
		files = append(files, some...)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src, false, uint16(len(src)))
		f.Add(pack(src), true, uint16(100))
	}
	f.Fuzz(func(t *testing.T, src []byte, zip bool, size uint16) {
		name := "f.conll"
		if zip {
			name += packed
		}
		c := conllCorpus("corpus", fstest.MapFS{name: {Data: src}}, []string{name})
		docs, problems, err := c.wholeFile(name).Read()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			if p.File != "corpus/"+name || p.Line < 0 || p.Message == "" {
				t.Fatalf("problem without a place: %+v", p)
			}
		}
		var inPieces []*Document
		var theirs []Problem
		c.pieces(name, int(size)+1, func(u Unit, err error) bool {
			if err != nil {
				t.Fatal(err)
			}
			d, p, err := u.Read()
			if err != nil {
				t.Fatal(err)
			}
			inPieces, theirs = append(inPieces, d...), append(theirs, p...)
			return true
		})
		if !reflect.DeepEqual(inPieces, docs) || !reflect.DeepEqual(theirs, problems) {
			t.Fatalf("whole\n%+v %v\nin pieces\n%+v %v", docs, problems, inPieces, theirs)
		}
		for _, d := range docs {
			d.Line, d.File = 0, "f"
			for i := range d.Sentences {
				if tree := d.Sentences[i].Tree; tree != nil && !wellFormed(tree, len(d.Sentences[i].Tokens)) {
					t.Fatalf("malformed tree %v", tree)
				}
				stripFunctions(d.Sentences[i].Tree)
			}
		}
		if len(docs) == 0 {
			return
		}
		var b bytes.Buffer
		if err := WriteCoNLL(&b, docs...); err != nil {
			t.Fatal(err)
		}
		again, err := ReadCoNLL("f", b.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		for _, d := range again {
			d.Line = 0
		}
		if !reflect.DeepEqual(again, docs) {
			t.Fatalf("reads\n%+v\nthen\n%+v", docs, again)
		}
	})
}

// stripFunctions cuts labels down to what the layout keeps.
func stripFunctions(tree Tree) {
	for i := range tree {
		tree[i].Label = tree[i].Category()
	}
}

// wellFormed checks what Tree promises.
func wellFormed(tree Tree, tokens int) bool {
	for i, n := range tree {
		if i == 0 && (n.Parent != -1 || n.Span != (Span{0, tokens}) || n.Next != len(tree)) {
			return false
		}
		if n.Len() < 1 || n.Next <= i || n.Next > len(tree) || i > 0 && (n.Parent < 0 || n.Parent >= i || !tree[n.Parent].Contains(n.Span)) {
			return false
		}
	}
	return true
}
