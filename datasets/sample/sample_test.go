package sample

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/sample/notation"
)

var update = flag.Bool("update", false, "write data anew from source")

// sources returns the source files.
func sources(t *testing.T) []string {
	files, err := filepath.Glob("source/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in source: %v", err)
	}
	return files
}

func parse(t *testing.T, file string) (*notation.Source, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return notation.Parse(filepath.ToSlash(file), src)
}

// TestSource reads every source file by itself; -v shows its warnings.
func TestSource(t *testing.T) {
	for _, file := range sources(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := parse(t, file)
			if err != nil {
				t.Fatalf("\n%v", err)
			}
			for _, w := range s.Warnings {
				t.Logf("warning:\n%v", w)
			}
		})
	}
}

// generate returns the content of every file of data by its name. Source files with errors are
// left out: TestSource reports them.
func generate(t *testing.T) map[string][]byte {
	out := map[string][]byte{}
	var summaries bytes.Buffer
	enc := json.NewEncoder(&summaries)
	enc.SetEscapeHTML(false)
	for _, file := range sources(t) {
		s, err := parse(t, file)
		if err != nil {
			continue
		}
		var b bytes.Buffer
		if err := datasets.WriteCoNLL(&b, s.Document); err != nil {
			t.Fatal(err)
		}
		id := s.Document.ID
		out[path.Join(s.Document.Split.Folder(), s.Document.Genre(), path.Base(id)+".gold_conll")] = b.Bytes()
		if err := enc.Encode(datasets.Summary{Document: id, Share: 0.1, Summary: s.Summary}); err != nil {
			t.Fatal(err)
		}
	}
	out[Summaries] = summaries.Bytes()
	return out
}

// TestData holds data to what source generates; -update writes it.
func TestData(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.RemoveAll("data"); err != nil {
			t.Fatal(err)
		}
		for name, content := range want {
			file := filepath.Join("data", filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	err := fs.WalkDir(Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		got, err := fs.ReadFile(Files(), name)
		if err != nil {
			return err
		}
		if content, ok := want[name]; !ok {
			t.Errorf("data/%s has no source file: run go test ./datasets/sample -update", name)
		} else if !bytes.Equal(got, content) {
			t.Errorf("data/%s is not what its source gives: run go test ./datasets/sample -update", name)
		}
		delete(want, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("data/%s is missing: run go test ./datasets/sample -update", name)
	}
}
