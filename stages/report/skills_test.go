package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/table"
)

// tested is the hand-worked example with scores: the nearer of two adapters does each task better, as
// T̄(ner, sum) = 6, T̄(ner, every-2-words) = 3 and T̄(sum, every-2-words) = 7 foretell.
func tested() *Input {
	in := example()
	in.Scores = map[string]string{"ner": "rouge_l", "sum": "rouge_l", "every-2-words": "edit_similarity"}
	tasks := []string{"ner", "sum", "every-2-words"}
	for _, r := range []struct {
		adapter string
		scores  [3]float64
	}{
		{"none", [3]float64{0.1, 0.2, 0.3}}, {"ner", [3]float64{0.9, 0.4, 0.5}}, {"sum", [3]float64{0.3, 0.8, 0.35}},
		{"every-2-words#1", [3]float64{0.6, 0.4, 1}}, {"every-2-words#2", [3]float64{0.4, 0.2, 1}}, // 0.5, 0.3 and 1 in the mean
	} {
		for i, task := range tasks {
			for _, m := range []string{"score", in.Scores[task]} {
				in.Evaluation = append(in.Evaluation, table.Evaluation{Model: "m", Adapter: r.adapter, Task: task, N: 20, Measure: m, Value: r.scores[i]})
			}
		}
	}
	return in
}

func TestSkills(t *testing.T) {
	in := tested()
	dir := t.TempDir()
	if err := in.Write(dir); err != nil {
		t.Fatal(err)
	}
	byName := map[string]*Table{}
	tables, err := in.tables()
	if err != nil {
		t.Fatal(err)
	}
	for _, tab := range tables {
		byName[tab.Name] = tab
	}
	matrix := func(name string, want map[string][3]float64) {
		t.Helper()
		tab := byName[name]
		if tab == nil || strings.Join(tab.Columns, " ") != "adapter ner sum every-2-words" || len(tab.Rows) != len(want) {
			t.Fatalf("table %s is %+v", name, tab)
		}
		for _, row := range tab.Rows {
			for j, w := range want[row[0].Text] {
				if math.Abs(row[j+1].Number-w) > 1e-12 {
					t.Errorf("%s, adapter %s on %s: %v, want %v", name, row[0].Text, tab.Columns[j+1], row[j+1].Number, w)
				}
			}
		}
	}
	matrix("skill-m", map[string][3]float64{"none": {0.1, 0.2, 0.3}, "ner": {0.9, 0.4, 0.5}, "sum": {0.3, 0.8, 0.35}, "every-2-words": {0.5, 0.3, 1}})
	matrix("transfer-m", map[string][3]float64{"ner": {1, 0.2 / 0.6, 0.2 / 0.7}, "sum": {0.2 / 0.8, 1, 0.05 / 0.7}, "every-2-words": {0.4 / 0.8, 0.1 / 0.6, 1}})
	if note := byName["skill-m"].Notes[0]; !strings.Contains(note, "rouge_l of ner, sum; edit_similarity of every-2-words") {
		t.Errorf("the note says %q", note)
	}
	predicted := byName["skill-prediction"]
	if len(predicted.Rows) != 2 { // by both distances; E_core does not vary
		t.Fatalf("predictions are %+v", predicted.Rows)
	}
	for _, row := range predicted.Rows {
		if row[3].Number < 1-1e-12 || row[6].Number != 6 || row[4].Number > 0.5 || row[5].Number != predicted.Rows[0][4].Number || row[7].Number != 3 {
			t.Errorf("prediction %+v, want r 1 of 6 permutations and 3 tasks ranked", row)
		}
	}
	if row := byName["evaluation"].Rows[1]; row[1].Text != "sum" || row[3].Text != "rouge_l" || row[4].Number != 0.2 || row[5].Number != 0.8 || math.Abs(row[6].Number-0.6) > 1e-12 {
		t.Errorf("evaluation of sum: %+v", row)
	}
	for _, file := range []string{"tables/skill-m.csv", "tables/skill-m.tex", "figures/skill-m.svg", "figures/skill-m.png"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSkillsWithGaps: an adapter that was not tested on a task leaves a gap, and no number is made up.
func TestSkillsWithGaps(t *testing.T) {
	in := tested()
	var rows []table.Evaluation
	for _, r := range in.Evaluation {
		if r.Adapter != "ner" || r.Task != "sum" {
			rows = append(rows, r)
		}
	}
	in.Evaluation = rows
	if err := in.Write(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	skill := in.skillTables()[0]
	if skill.Rows[1][0].Text != "ner" || skill.Rows[1][2] != (Cell{}) {
		t.Errorf("the untested cell is %+v", skill.Rows[1])
	}
	prediction, err := in.predictionTable()
	if err != nil || len(prediction.Rows) != 0 {
		t.Errorf("two tasks are left: %+v, %v; want no prediction", prediction.Rows, err)
	}
	figures, err := in.skillFigures()
	if err != nil || len(figures) != 1 {
		t.Fatal(figures, err)
	}
}

// TestGains: an own gain whose interval reaches 0 has no shares; the table of gains has it with its interval.
func TestGains(t *testing.T) {
	in := tested()
	for measure, v := range map[string]float64{"gain_low": -0.1, "gain_high": 0.9} {
		in.Evaluation = append(in.Evaluation, table.Evaluation{Model: "m", Adapter: "sum", Task: "sum", N: 20, Measure: measure, Value: v})
	}
	tables := in.skillTables()
	if row := tables[1].Rows[0]; row[2] != (Cell{}) || row[1].Number != 1 {
		t.Errorf("the shares are %+v, want none of sum", row)
	}
	if len(tables) != 3 || len(tables[2].Rows) != 1 || tables[2].Rows[0][4].Number != -0.1 || tables[2].Rows[0][5].Number != 0.9 {
		t.Errorf("the gains are %+v", tables[2:])
	}
}
