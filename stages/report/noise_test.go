package report

import (
	"math"
	"strings"
	"testing"

	"taskvec/internal/table"
)

// TestNoise averages over seeds, and says what trainings of one task differ in, by hand.
func TestNoise(t *testing.T) {
	in := &Input{Title: "seeds", Published: &Published{}, Variants: map[string]string{}}
	distance := func(i, j string, v float64) {
		in.Similarity = append(in.Similarity, table.Similarity{Model: "m", TaskI: i, TaskJ: j, Module: "q", Side: "column", Measure: "grassmann", Value: v})
	}
	// In the order of the labels sum comes before ner with its first seed and after it with its second.
	distance("sum#1", "ner#1", 4)
	distance("sum#1", "ner#2", 6)
	distance("sum#1", "sum#2", 1)
	distance("ner#1", "ner#2", 2)
	distance("ner#1", "sum#2", 5)
	distance("ner#2", "sum#2", 7)
	for _, p := range []struct {
		source, target string
		rec            float64
	}{{"sum#1", "ner#1", 0.2}, {"sum#2", "ner#1", 0.4}, {"sum#1", "sum#2", 0.9}, {"ner#1", "sum#1", 0.5}} {
		in.Projection = append(in.Projection, table.Projection{Model: "m", Source: p.source, Target: p.target, Module: "q", Measure: "rec", Value: p.rec})
	}
	r, err := Aggregate(in.Similarity, in.Projection)
	if err != nil {
		t.Fatal(err)
	}
	if tasks := strings.Join(r.Tasks["m"], " "); tasks != "sum ner" {
		t.Errorf("tasks %s", tasks)
	}
	if v, ok := r.pairDistance("m", "grassmann", "ner", "sum"); !ok || v != (4+6+5+7)/4.0 {
		t.Errorf("distance %v, want 5.5", v)
	}
	if v, ok := r.Projection("rec", pair{"m", "sum", "ner"}); !ok || math.Abs(v-0.3) > 1e-15 {
		t.Errorf("rec %v, want 0.3", v)
	}
	in.Results = r
	if got, want := strings.Join(in.noiseNotes(&r.noise.distances, r.Models, "grassmann", "l2"), "|"),
		"Noise floor, the same task trained with another seed: grassmann 1.500 (from 1.000 to 2.000, 2 pairs). Differences between tasks within this range are no findings."; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	tables, err := in.tables()
	if err != nil {
		t.Fatal(err)
	}
	noted := 0
	for _, table := range tables {
		if strings.Contains(strings.Join(table.Notes, " "), "Noise floor") {
			noted++
		}
	}
	if noted < 2 {
		t.Errorf("%d tables name the noise floor, want the distances and the projections", noted)
	}
}
