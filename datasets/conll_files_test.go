package datasets

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// pack is a file packed by gzip.
func pack(src []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(src); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestPacked reads packed files as those that are not, and skeletons where no words stand beside.
func TestPacked(t *testing.T) {
	c := open(t, fstest.MapFS{
		"train/a.gold_conll.gz":    {Data: pack(file("nw/a").Data)},
		"train/a.gold_skel":        file("nw/a"),
		"train/b.v4_gold_skel.gz":  {Data: pack(file("nw/b").Data)},
		"train/b.v4_auto_skel":     file("nw/b"),
		"train/b.auto_conll.gz":    file("nw/b"),
		"test/b.gold_conll":        file("nw/c"),
		"test/words.gold_conll.xz": {},
	})
	docs, problems, err := c.Documents(Options{})
	if err != nil || len(problems) > 0 || list(docs) != "nw/c/0 test, nw/a/0 train, nw/b/0 train" {
		t.Errorf("%s, problems %v, error %v", list(docs), problems, err)
	}
}

// TestPackedBad reads a packed file as far as it goes, and goes on with the others.
func TestPackedBad(t *testing.T) {
	var src []byte
	for i := range 3000 {
		src = append(src, file(fmt.Sprintf("nw/%x", i*i*2654435761)).Data...)
	}
	whole := pack(src)
	c := open(t, fstest.MapFS{
		"a.conll.gz": {Data: []byte("#begin document (nw/x); part 0\n")},
		"b.conll.gz": {Data: whole[:len(whole)/2]},
		"c.conll":    file("nw/c"),
		"d.conll.gz": {},
	})
	n, err := Count(c)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range n.Problems {
		got = append(got, p.Err().Error())
	}
	if n.Documents < 1000 || n.Documents > 2000 || len(got) != 6 {
		t.Errorf("%d documents, problems\n%s", n.Documents, strings.Join(got, "\n"))
	}
	for _, want := range []string{
		"corpus/a.conll.gz: cannot be unpacked to its end: gzip: invalid header",
		"corpus/b.conll.gz: cannot be unpacked to its end: unexpected EOF",
		"corpus/d.conll.gz: cannot be unpacked to its end: unexpected EOF",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no problem %s in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// TestMissingFile says which file cannot be opened, long or short.
func TestMissingFile(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int64{"long.conll": longFile + 1, "short.conll": 1} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		c, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := Count(c); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) {
			t.Errorf("a file of %d bytes that is gone gives %v", size, err)
		}
	}
}

// TestPieces reads any file in pieces of any size as it reads it whole.
func TestPieces(t *testing.T) {
	line := rapid.SampledFrom([]string{
		"#begin document (nw/a); part 0", "#begin document (nw/b); part 1", "#end document", "#end document ", "", "#end", "x",
		"nw/a 0 0 Rain NN (TOP(NP*)) - - - - * -", "nw/a 0 0 Rain NN (TOP(NP*)) - - - - * * (1)", "# begin document own", "0\tRain\t(1)", "# end document",
	})
	documents := rapid.SampledFrom([]string{
		"#begin document (nw/a); part 0\nnw/a 0 0 Rain NN (TOP(NP*)) - - - - * (2)\n\n#end document\n", "# begin document own\r\n0\tRain\t(1)\r\n# end document\r\n",
	})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.OneOf(line, documents), 0, 30).Draw(t, "lines"), "\n")
		size := rapid.IntRange(1, 200).Draw(t, "size")
		name := rapid.SampledFrom([]string{"f.conll", "f.conll.gz"}).Draw(t, "name")
		data := []byte(text)
		if strings.HasSuffix(name, packed) {
			data = pack(data)
		}
		c := conllCorpus("corpus", fstest.MapFS{name: {Data: data}}, []string{name})
		wantDocs, wantProblems, err := c.wholeFile(name).Read()
		if err != nil {
			t.Fatal(err)
		}
		var docs []*Document
		var problems []Problem
		var units []Unit
		c.pieces(name, size, func(u Unit, err error) bool {
			if err != nil {
				t.Fatal(err)
			}
			units = append(units, u)
			return true
		})
		for _, u := range units { // as late as when other pieces are read already
			d, p, err := u.Read()
			if err != nil {
				t.Fatal(err)
			}
			docs, problems = append(docs, d...), append(problems, p...)
		}
		if !reflect.DeepEqual(docs, wantDocs) || !reflect.DeepEqual(problems, wantProblems) {
			t.Fatalf("in %d pieces of %q\n%v\nwhole\n%v", len(units), text, problems, wantProblems)
		}
		if whole := strings.Count(text, "\n#end document\n#begin document"); size == 1 && whole > 0 && len(units) < 2 {
			t.Fatalf("%d pieces of %q", len(units), text)
		}
	})
}
