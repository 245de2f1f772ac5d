package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/table"
)

// Worked by hand: means over the layers of each module type and over seeds, in the order of the tasks; what
// nobody measured has no column. An untrained module is in no mean, and an infinite value in none of its column.
func TestAdaptersTable(t *testing.T) {
	in := example()
	for layer, v := range []float64{1, 3} {
		for _, task := range []string{"sum", "ner#2", "ner#1"} {
			for measure, w := range map[string]float64{"norm": 10 * v, "stable_rank": v, "intruders": v - 1} {
				in.Adapters = append(in.Adapters, table.Adapter{Model: "m", Task: task, Layer: int32(layer), Module: "q_proj", Measure: measure, Value: w})
			}
		}
	}
	in.Adapters = append(in.Adapters, table.Adapter{Model: "m", Task: "sum", Layer: 0, Module: "v_proj", Measure: "norm", Value: 7},
		table.Adapter{Model: "m", Task: "ner#2", Layer: 2, Module: "q_proj", Measure: "norm", Value: 40})
	for measure, v := range map[string]float64{"norm": 0, "rank": 0} {
		in.Adapters = append(in.Adapters, table.Adapter{Model: "m", Task: "sum", Layer: 2, Module: "q_proj", Measure: measure, Value: v},
			table.Adapter{Model: "m", Task: "every-2-words", Layer: 0, Module: "q_proj", Measure: measure, Value: v})
	}
	for layer, v := range []float64{2, math.Inf(1)} {
		in.Adapters = append(in.Adapters, table.Adapter{Model: "m", Task: "sum", Layer: int32(layer), Module: "q_proj", Measure: "amplification", Value: v})
	}
	for i, measure := range []string{"knots_alignment", "sti", "phi"} {
		in.Similarity = append(in.Similarity, table.Similarity{Model: "m", TaskI: "ner", TaskJ: "sum", Module: "q_proj", Side: "column", Measure: measure, Value: float64(i)})
	}
	in.Projection = append(in.Projection, table.Projection{Model: "m", Source: "sum", Target: "ner", Module: "q_proj", Measure: "sar", Value: 0.25})
	dir := t.TempDir()
	if err := in.Write(dir); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"adapters.csv": "model,task,module,size,stable rank,amplification,infinite,intruders (at most),untrained\n" +
			"m,ner,q_proj,24,2,,,1,\nm,sum,q_proj,20,2,2,1,1,1\nm,sum,v_proj,7,,,,,\nm,every-2-words,q_proj,,,,,,1\n",
		"sharing.csv": "model,\"i, j\",φ,alignment,SAR j → i,STI\nm,\"ner, sum\",2,0,0.25,1\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, "tables", file))
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", file, err, got, want)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil || !strings.Contains(string(page), "The adapters: size, directions") || !strings.Contains(string(page), "only the 64 leading singular vectors are searched: the count is an upper bound") {
		t.Errorf("the page lacks the table or what the count of intruders is (%v)", err)
	}
}
