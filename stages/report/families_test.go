package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/table"
	"taskvec/stages/build"
	catalogue "taskvec/tasks"
)

// points is a report on tasks at these places of a line, in families; cosine distances are 1 minus
// a tenth of the distance, so that the order of all pairs is turned round.
func points(at map[string]float64, family map[string]catalogue.Family, tasks ...string) *Input {
	in := &Input{Title: "families", Published: &Published{}, Seed: 1}
	for i, a := range tasks {
		in.Builds = append(in.Builds, build.Report{Task: a, Family: family[a]})
		for _, b := range tasks[i+1:] {
			d := max(at[a]-at[b], at[b]-at[a])
			for measure, v := range map[string]float64{"grassmann": d, "cosine": 1 - d/16, "l2": 2 * d} {
				in.Similarity = append(in.Similarity, table.Similarity{Model: "m", TaskI: a, TaskJ: b, Module: "q", Side: "column", Measure: measure, Value: v})
			}
		}
	}
	return in
}

// Worked by hand: 0, 1 and 8, 9 in two families of two: within 1, between 8; two of six relabellings
// are as good. Of three tests with p = 1/3, 1 and 1/3 the adjusted ones are 1/2, 1 and 1/2. A task of
// no family takes no part in the test, but in the Mantel correlation, 1 of l2 and −1 of cosine.
func TestFamilies(t *testing.T) {
	in := points(map[string]float64{"ner": 0, "coref": 1, "every-2-words": 8, "first-10pct-words": 9, "other": 4},
		map[string]catalogue.Family{"ner": "linguistic", "coref": "linguistic", "every-2-words": "counting", "first-10pct-words": "counting"},
		"ner", "every-2-words", "other", "coref", "first-10pct-words")
	dir := t.TempDir()
	if err := in.Write(dir); err != nil {
		t.Fatal(err)
	}
	for file, lines := range map[string][]string{
		"families.md": {
			"| m | Grassmann distance of the column spaces | 1.000 | 8.000 | 0.3333 | 0.5000 | 6 |  |  |  |\n",
			"| m | cosine distance | 0.938 | 0.500 | 1.0000 | 1.0000 | 6 | -1.000 | 1.0000 | 1.0000 |\n",
			"| m | L2 (Frobenius) distance | 2.000 | 16.000 | 0.3333 | 0.5000 | 6 | 1.000 | 0.0",
		},
		// The middle is 4.4; the farthest from it, first-10pct-words by 4.6, is positive.
		"order-m.md": {"| ner | linguistic | -4.400 | 0.000 |\n| coref | linguistic | -3.400 | 0.000 |\n| other |  | -0.400 | 0.000 |\n" +
			"| every-2-words | counting | 3.600 | 0.000 |\n| first-10pct-words | counting | 4.600 | 0.000 |\n"},
	} {
		got, err := os.ReadFile(filepath.Join(dir, "tables", file))
		if err != nil {
			t.Fatal(err)
		}
		rest := string(got)
		for _, line := range lines {
			_, after, ok := strings.Cut(rest, line)
			if !ok {
				t.Errorf("%s lacks, in this order, %q:\n%s", file, line, got)
				continue
			}
			rest = after
		}
	}
}

// Two tasks have neither groups nor a correlation: no table, no error.
func TestFamiliesOfTwo(t *testing.T) {
	in := points(map[string]float64{"a": 0, "b": 1}, nil, "a", "b")
	dir := t.TempDir()
	if err := in.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"families.csv", "order-m.csv"} {
		if _, err := os.Stat(filepath.Join(dir, "tables", name)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
