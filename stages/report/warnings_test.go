package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/table"
)

// Each warning stands where its cause is planted, and nowhere else.
func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(in *Input)
		want  []string // lines of the table, their beginnings
	}{
		"nothing": {func(*Input) {}, nil},
		"one start": {func(in *Input) {
			for measure, v := range map[string]float64{"grassmann": 1, "grassmann_null_mean": 4} {
				in.Similarity = append(in.Similarity, table.Similarity{Model: "m", TaskI: "ner", TaskJ: "sum", Module: "q_proj", Side: "row", Measure: measure, Value: v})
			}
		}, []string{"m,row spaces,on the row side tasks are on average 25 %"}},
		"floor": {func(in *Input) {
			for _, model := range []string{"able", "unable"} {
				for task, v := range map[string]float64{"ner": 0.01, "sum": 0.04} {
					if model == "able" {
						v *= 2
					}
					in.Evaluation = append(in.Evaluation, table.Evaluation{Model: model, Adapter: "none", Task: task, Measure: "score", Value: 0.2, N: 9},
						table.Evaluation{Model: model, Adapter: task, Task: task, Measure: "score", Value: v, N: 9})
				}
			}
		}, []string{"unable,skill,no adapter scores more than 0.040 on any task"}},
		// Sizes are 1, 2 and 3; L_1 of every pair is that of its source.
		"size": {func(in *Input) {
			for k, p := range in.Projection {
				if p.Measure == "l1" {
					in.Projection[k].Value = map[string]float64{"ner": 1, "sum": 2, "every-2-words": 3}[p.Source]
				}
			}
		}, []string{"m,raw L_1,over the pairs its correlation with the size of the source adapter is 1.00"}},
		"training": {func(in *Input) {
			in.Adapters = append(in.Adapters, table.Adapter{Model: "m", Task: "ner", Layer: 1, Module: "q_proj", Measure: "norm"},
				table.Adapter{Model: "m", Task: "sum", Module: "q_proj", Measure: "rank_missing", Value: 2})
		}, []string{"m,ner,ΔW is zero in 1 of 2 modules", "m,sum,the rank of ΔW is below r in 1 of 1 modules"}},
	} {
		in := example()
		for k, task := range []string{"ner", "sum", "every-2-words"} {
			in.Adapters = append(in.Adapters, table.Adapter{Model: "m", Task: task, Module: "q_proj", Measure: "norm", Value: float64(k + 1)},
				table.Adapter{Model: "m", Task: task, Module: "q_proj", Measure: "rank_missing"})
		}
		c.plant(in)
		dir := t.TempDir()
		if err := in.Write(dir); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "tables", "warnings.csv"))
		if (err == nil) != (len(c.want) > 0) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
		lines := strings.Split(strings.ReplaceAll(string(got), "\"", ""), "\n")
		if err == nil && len(lines) != len(c.want)+2 {
			t.Errorf("%s: %d lines\n%s", name, len(lines), got)
		}
		for k, want := range c.want {
			if k+1 >= len(lines) || !strings.HasPrefix(lines[k+1], want) {
				t.Errorf("%s: line %d is not %q\n%s", name, k+1, want, got)
			}
		}
	}
}
