//go:build real

package tokenizer

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/sample"
)

// TestRealTokenizers gives the sample corpus and odd texts the ids that Hugging Face's library does,
// for each layout of the models that taskvec trains.
func TestRealTokenizers(t *testing.T) {
	python := os.Getenv("TASKVEC_PYTHON")
	if python == "" {
		t.Fatal("TASKVEC_PYTHON is not set: run make test-real")
	}
	c, err := datasets.OpenFS("sample", sample.Files())
	if err != nil {
		t.Fatal(err)
	}
	docs, _, err := c.Documents(datasets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{
		"In the following document, keep only 1 every 2 words\n\n### Document:\nIt's 1234567 things — über café 日本語 №5\n\n### Answer:\n",
		"  two  spaces\t\ttabs \n\n\n lines \r\n end  ", "WE'LL we'll 'S 's don't", "1 22 333 4444 55555", "🙂🙃 e\u0301 \u00a0nbsp", "a", " ", "\n",
	}
	for _, d := range docs {
		texts = append(texts, d.Text())
	}
	dir := t.TempDir()
	b, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "texts.json"), b, 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(python, "testdata/reference.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := fs.Glob(os.DirFS(dir), "*/"+FileName)
	if err != nil || len(files) != 5 {
		t.Fatalf("%d tokenizers, want 5 (%v)", len(files), err)
	}
	for _, name := range files {
		layout := filepath.Dir(name)
		t.Run(layout, func(t *testing.T) {
			k, err := Load(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			var want [][]int32
			b, err := os.ReadFile(filepath.Join(dir, layout, "ids.json"))
			if err == nil {
				err = json.Unmarshal(b, &want)
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range texts {
				if got := k.Encode(text); !slices.Equal(got, want[i]) {
					t.Errorf("%q:\n%s\nwant\n%s", text, names(k, got), names(k, want[i]))
				}
			}
		})
	}
}
