package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/table"
)

// With more tasks than a heat map can name, the page shows a picture of it and the first rows of long tables; the
// files hold every row.
func TestManyTasks(t *testing.T) {
	const n = legible + 40 // the table of projections is cut too
	var similarity []table.Similarity
	var projection []table.Projection
	for i := range n {
		for j := range n {
			a, b := fmt.Sprintf("task-%03d", i), fmt.Sprintf("task-%03d", j)
			if i < j {
				similarity = append(similarity, table.Similarity{TaskI: a, TaskJ: b, Module: "q", Side: "column", Measure: "grassmann", Value: float64(1+i+j) / n})
			}
			if i != j {
				projection = append(projection, table.Projection{Source: a, Target: b, Module: "q", Measure: "l1", Value: float64(i+2*j) / n},
					table.Projection{Source: a, Target: b, Module: "q", Measure: "rec", Value: 0.5})
			}
		}
	}
	in := &Input{Title: "many", Published: &Published{}, Similarity: similarity, Projection: projection}
	dir := t.TempDir()
	if err := in.Write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	rows := n * (n - 1)
	if !strings.Contains(string(page), fmt.Sprintf("of %d rows: the files have all", rows)) {
		t.Error("the page does not say that it leaves rows out")
	}
	if !strings.Contains(string(page), `<img class="chart" src="figures/heatmap-grassmann.png"`) || strings.Contains(string(page), `id="chart-heatmap-grassmann"`) {
		t.Error("the heat map is no picture")
	}
	if strings.Count(string(page), "<td") > 4*shownCells {
		t.Errorf("the page has %d cells", strings.Count(string(page), "<td"))
	}
	lines, err := os.ReadFile(filepath.Join(dir, "tables", "table1-projection.csv"))
	if err != nil || strings.Count(string(lines), "\n") != rows+1 {
		t.Errorf("%d lines of CSV, %v, want %d", strings.Count(string(lines), "\n"), err, rows+1)
	}
}
