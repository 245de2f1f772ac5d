package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/table"
)

// Worked by hand: T̄ and the null averaged over the layers of q, then q and v; the row side stands at
// a tenth of its null, and only then is there a warning.
func TestNullTable(t *testing.T) {
	for _, c := range []struct {
		row     float64 // distance on the row side
		warning bool
	}{{0.5, true}, {4.8, false}} {
		in := &Input{Title: "nulls", Published: &Published{}}
		add := func(layer int32, module, side, measure string, v float64) {
			in.Similarity = append(in.Similarity, table.Similarity{Model: "m", TaskI: "ner", TaskJ: "sum", Layer: layer, Module: module, Side: side, Measure: measure, Value: v})
		}
		for k, v := range []float64{1, 3, 10} {
			layer, module := int32(k%2), "q"
			if k == 2 {
				module = "v"
			}
			add(layer, module, "column", "grassmann", v)
			add(layer, module, "column", "grassmann_null_mean", v+1)
			add(layer, module, "column", "grassmann_z", -2*v)
			add(layer, module, "row", "grassmann", c.row)
			add(layer, module, "row", "grassmann_null_mean", 5)
			add(layer, module, "row", "grassmann_z", -9)
		}
		dir := t.TempDir()
		if err := in.Write(dir); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "tables", "null-m.md"))
		if err != nil {
			t.Fatal(err)
		}
		want := "| ner, sum | 6.000 | 7.000 | -12.000 | " + number(c.row).String() + " | 5.000 | -9.000 |\n"
		if !strings.Contains(string(got), want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
		if warned := strings.Contains(string(got), "Warning: on the row side tasks are on average 10 %"); warned != c.warning {
			t.Errorf("distance %v of 5: warning %v\n%s", c.row, warned, got)
		}
	}
	if got := func() int {
		in := example()
		in.Results, _ = Aggregate(in.Similarity, nil)
		return len(in.nullTables())
	}(); got != 0 {
		t.Errorf("%d tables of results without a null", got)
	}
}
