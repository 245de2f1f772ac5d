//go:build real

package table

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestRealParquet has pyarrow write the same rows in several ways and reads them back.
func TestRealParquet(t *testing.T) {
	python := os.Getenv("TASKVEC_PYTHON")
	if python == "" {
		t.Fatal("TASKVEC_PYTHON must name a Python with pyarrow: see .ci/test-real")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/write_parquet.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { checkParquet(t, file) })
	}
}
