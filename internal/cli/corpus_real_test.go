//go:build real

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRealCorpusCounts compares the counts of `corpus --json` with those of an awk script, on the
// sample corpus and on the corpus in TASKVEC_CONLL, where that names one.
func TestRealCorpusCounts(t *testing.T) {
	roots := []string{"../../datasets/sample/data"}
	if own := os.Getenv("TASKVEC_CONLL"); own != "" {
		roots = append(roots, own)
	}
	for _, root := range roots {
		var stdout, stderr bytes.Buffer
		cmd := taskvec(t, "corpus", root, "--json")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != exitData {
			t.Fatalf("%s: %v\n%s", root, err, stderr.Bytes())
		}
		var counts map[string]any
		if err := json.Unmarshal(stdout.Bytes(), &counts); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d problems", root, len(counts["problems"].([]any)))
		delete(counts, "problems")
		var got []string
		for name, n := range counts {
			switch n := n.(type) {
			case float64:
				if n > 0 {
					got = append(got, fmt.Sprintf("%s %d", name, int(n)))
				}
			case map[string]any:
				for label, n := range n {
					got = append(got, fmt.Sprintf("%s.%s %d", name, label, int(n.(float64))))
				}
			}
		}
		var files []string
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if strings.HasSuffix(path, "conll") || strings.HasSuffix(path, "skel") {
				files = append(files, path)
			}
			return err
		})
		if err != nil || len(files) == 0 {
			t.Fatalf("%d files in %s, error %v", len(files), root, err)
		}
		awk := exec.Command("sh", "-c", `xargs -0 cat | awk -f testdata/count.awk`)
		awk.Stdin, awk.Stderr = strings.NewReader(strings.Join(files, "\x00")), os.Stderr
		out, err := awk.Output()
		if err != nil {
			t.Fatalf("awk: %v", err)
		}
		want := append(strings.Split(strings.TrimSpace(string(out)), "\n"), fmt.Sprintf("files %d", len(files)))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: corpus counts\n%s\nawk\n%s", root, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
