package datasets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// file is a CoNLL-2012 file of documents without sentences.
func file(documents ...string) *fstest.MapFile {
	var b strings.Builder
	for _, d := range documents {
		id, part, ok := strings.Cut(d, " ")
		if !ok {
			part = "0"
		}
		fmt.Fprintf(&b, "#begin document (%s); part %s\n#end document\n", id, part)
	}
	return &fstest.MapFile{Data: []byte(b.String())}
}

func open(t *testing.T, fsys fstest.MapFS) *Corpus {
	c, err := OpenFS("corpus", fsys)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// list names documents, with their splits.
func list(docs []*Document) string {
	var out []string
	for _, d := range docs {
		out = append(out, strings.TrimSpace(d.Key()+" "+string(d.Split)))
	}
	return strings.Join(out, ", ")
}

// TestDocuments reads a folder in its order with the splits of its folders.
func TestDocuments(t *testing.T) {
	c := open(t, fstest.MapFS{
		"b/test/nw/x.gold_conll":           file("nw/x"),
		"b/development/y.v4_gold_conll":    file("bn/y 0", "bn/y 2"),
		"a/train/english/z.conll":          file("nw/z"),
		"a/train/english/z.v4_auto_conll":  file("nw/z"),
		"a/train/english/z.gold_skel":      file("nw/z"),
		"test/train/w.gold_conll":          file("wb/w"), // the innermost folder counts
		"loose.gold_conll":                 file("wb/loose"),
		"a/train/english/deeper/README.md": {},
	})
	for genres, want := range map[string]string{
		"":      "nw/z/0 train, bn/y/0 validation, bn/y/2 validation, nw/x/0 test, wb/loose/0, wb/w/0 train",
		"nw":    "nw/z/0 train, nw/x/0 test",
		"wb bn": "bn/y/0 validation, bn/y/2 validation, wb/loose/0, wb/w/0 train",
	} {
		docs, _, err := c.Documents(Options{Genres: strings.Fields(genres)})
		if err != nil || list(docs) != want {
			t.Errorf("genres %q: %s, want %s, error %v", genres, list(docs), want, err)
		}
	}
	docs, _, err := c.Documents(Options{Split: SplitCounts{Train: 2, Validation: 1, Test: 2}, Seed: 1})
	if err != nil || len(docs) < 5 || strings.Contains(list(docs), "0,") {
		t.Errorf("drawn %s, error %v", list(docs), err)
	}
}

// TestOpen opens folders and single files of the disk.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	path := filepath.Join("train", "nw", "x.gold_conll")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file("nw/x").Data, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("odd name", file("nw/odd").Data, 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                         "nw/x/0 train in " + dir + "/train/nw/x.gold_conll",
		".":                         "nw/x/0 train in train/nw/x.gold_conll",
		"train/nw/x.gold_conll":     "nw/x/0 in train/nw/x.gold_conll",
		"odd name":                  "nw/odd/0 in odd name",
		filepath.Join(dir, "train"): "nw/x/0 in " + dir + "/train/nw/x.gold_conll",
	} {
		c, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		docs, _, err := c.Documents(Options{})
		if err != nil || len(docs) != 1 || list(docs)+" in "+docs[0].File != want {
			t.Errorf("%s: %s, want %s, error %v", path, list(docs), want, err)
		}
	}
	if _, err := Open("nowhere"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder gives %v", err)
	}
}

// TestBadCorpora names the file, the line and what is wrong.
func TestBadCorpora(t *testing.T) {
	for want, c := range map[string]struct {
		files   fstest.MapFS
		options Options
	}{
		"corpus: holds no CoNLL-2012 file: their names end in conll, such as cnn_0001.gold_conll, or in skel": {files: fstest.MapFS{"a.txt": {}}},
		"corpus/b.conll:3: document nw/x part 1 stands at corpus/a.conll:1 already: give each document once": {
			files: fstest.MapFS{"a.conll": file("nw/x 1"), "b.conll": file("nw/x 2", "nw/x 1")},
		},
		"corpus/b.conll:1: expected `#begin document (ID); part N`, not \"x\"":       {files: fstest.MapFS{"a.conll": file("nw/x"), "b.conll": {Data: []byte("x\n")}}},
		"corpus/b.conll: holds no document: expected `#begin document (ID); part N`": {files: fstest.MapFS{"a.conll": file("nw/x"), "b.conll": {}}},
		"corpus: holds no document of the genres bn, mz":                             {files: fstest.MapFS{"a.conll": file("nw/x")}, options: Options{Genres: []string{"bn", "mz"}}},
		"corpus: the split draws 3 documents (train 1, validation 1, test 1) and there are 2: lower its counts or name more genres": {
			files: fstest.MapFS{"a.conll": file("nw/x 1", "nw/x 2", "nw/y")}, options: Options{Split: SplitCounts{1, 1, 1}},
		},
	} {
		corpus, err := OpenFS("corpus", c.files)
		if err == nil {
			var problems []Problem
			_, problems, err = corpus.Documents(c.options)
			if err == nil && len(problems) == 1 {
				err = problems[0].Err()
			}
		}
		var bad *Error
		if !errors.As(err, &bad) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestDigest depends on every byte and name of the corpus and on nothing else.
func TestDigest(t *testing.T) {
	digest := func(fsys fstest.MapFS) string {
		d, err := open(t, fsys).Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	base := digest(fstest.MapFS{"a.conll": {Data: []byte("xy")}, "b.conll": {Data: []byte("z")}})
	// printf 'a.conll\0002\000xyb.conll\0001\000z' | sha256sum
	if want := "8972c858b8734b7bc72cc695952bd78dec00f608a6fee93aab0ff72aadde0a98"; base != want {
		t.Errorf("digest %s, want %s", base, want)
	}
	if digest(fstest.MapFS{"a.conll": {Data: []byte("xy")}, "b.conll": {Data: []byte("z")}, "c.txt": {Data: []byte("z")}}) != base {
		t.Error("a file that is not part of the corpus changes the digest")
	}
	for _, other := range []fstest.MapFS{
		{"a.conll": {Data: []byte("x")}, "b.conll": {Data: []byte("yz")}},
		{"a.conll": {Data: []byte("xy")}, "c.conll": {Data: []byte("z")}},
		{"a.conll": {Data: []byte("xy")}},
	} {
		if digest(other) == base {
			t.Errorf("%v has the same digest", other)
		}
	}
}

// TestDraw checks the draw's promises on random corpora.
func TestDraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var docs []*Document
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`nw/[a-z]{1,4}`), 3, 20, rapid.ID).Draw(t, "ids")
		for _, id := range ids {
			for part := range rapid.IntRange(1, 3).Draw(t, "parts") {
				docs = append(docs, &Document{ID: id, Part: part})
			}
		}
		n := SplitCounts{Train: rapid.IntRange(1, len(ids)-2).Draw(t, "train"), Validation: 1, Test: 1}
		seed := rapid.Int64().Draw(t, "seed")
		drawn, err := Draw(docs, n, seed)
		if err != nil {
			t.Fatal(err)
		}
		split := map[string]Split{}
		perSplit := map[Split]int{}
		for _, d := range drawn {
			if s, ok := split[d.ID]; ok && s != d.Split {
				t.Fatalf("parts of %s are in %s and %s", d.ID, s, d.Split)
			} else if !ok {
				split[d.ID] = d.Split
				perSplit[d.Split]++
			}
		}
		if want := map[Split]int{Train: n.Train, Validation: 1, Test: 1}; fmt.Sprint(perSplit) != fmt.Sprint(want) {
			t.Fatalf("drew %v, want %v", perSplit, want)
		}
		if !slices.IsSortedFunc(drawn, func(a, b *Document) int { return slices.Index(docs, a) - slices.Index(docs, b) }) {
			t.Fatal("the order changed")
		}
		before := list(drawn)
		slices.Reverse(docs)
		again, err := Draw(docs, n, seed)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(again)
		if list(again) != before {
			t.Fatalf("drew %s, and %s in another order of files", before, list(again))
		}
	})
}

// TestDrawSeeds draws differently for different seeds: each of ten documents is drawn about as
// often as the others.
func TestDrawSeeds(t *testing.T) {
	var docs []*Document
	for i := range 10 {
		docs = append(docs, &Document{ID: fmt.Sprintf("nw/%d", i)})
	}
	tests := map[string]int{}
	for seed := range 1000 {
		drawn, err := Draw(docs, SplitCounts{1, 1, 1}, int64(seed))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range drawn {
			if d.Split == Test {
				tests[d.ID]++
			}
		}
	}
	// 100 of each are expected, and 60 to 140 are within four standard deviations of that.
	for _, d := range docs {
		if n := tests[d.ID]; n < 60 || n > 140 {
			t.Errorf("%s is the test document of %d of 1000 draws", d.ID, n)
		}
	}
}
