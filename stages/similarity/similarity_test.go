package similarity

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/subspace"
	"taskvec/internal/table"
	"taskvec/stages/collect"
)

// factor returns the factors of a module of 2 × 2 of rank 1: ΔW = s·u·vᵀ, u and v unit vectors at
// these angles to the first axis.
func factor(model, task string, layer int32, s, u, v float64) table.Factor {
	vector := func(size, angle float64) []byte {
		b := binary.LittleEndian.AppendUint64(nil, math.Float64bits(size*math.Cos(angle)))
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(size*math.Sin(angle)))
	}
	return table.Factor{Model: model, Task: task, Layer: layer, Module: "q", Name: fmt.Sprintf("layers.%d.q", layer),
		Rank: 1, In: 2, Out: 2, Scale: 2, DType: "F64", A: vector(1, v), B: vector(s/2, u)}
}

// run runs the stage on factors and returns the rows of its file.
func runStage(t *testing.T, with *experiment.SimilarityWith, factors ...table.Factor) ([]table.Similarity, error) {
	t.Helper()
	in := t.TempDir()
	if err := table.Write(filepath.Join(in, collect.FactorsFile), factors, nil); err != nil {
		t.Fatal(err)
	}
	settings, paths, err := Kind.Resolve(&experiment.Experiment{Seed: 7}, &experiment.Stage{With: with}, nil)
	if err != nil {
		return nil, err
	}
	w, err := pipeline.NewWork("similarity", nil, t.TempDir(), settings, paths, []pipeline.Input{{Uses: "collect", Dir: in}}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Kind.Run(context.Background(), w); err != nil {
		return nil, err
	}
	rows, _, err := table.Read[table.Similarity](filepath.Join(w.Dir, File))
	return rows, err
}

// With rank 1 every distance is worked by hand: one angle a side, ⟨ΔW_i,ΔW_j⟩ = s_i·s_j·cos·cos.
func TestRun(t *testing.T) {
	factors := []table.Factor{
		factor("m", "ner", 0, 3, 0, 0), factor("m", "sum", 0, 2, 0.5, 1), factor("m", "coref", 0, 1, math.Pi/2, 0),
		factor("m", "ner", 1, 3, 0, 0), factor("m", "sum", 1, 2, 0, 0), factor("m", "coref", 1, 1, 0, math.Pi),
		factor("one", "ner", 0, 1, 0, 0), // a model of one task has no pairs
	}
	row := func(i, j string, layer int32, side, measure string, v float64) table.Similarity {
		return table.Similarity{Model: "m", TaskI: i, TaskJ: j, Layer: layer, Module: "q", Side: side, Measure: measure, Value: v}
	}
	null, err := subspace.GrassmannNull(2, 1, 1, 7)
	if err != nil || math.Abs(null.Mean-math.Pi/4) > 0.05 { // two lines in the plane: uniform
		t.Fatalf("null %+v, %v", null, err)
	}
	same := func(theta float64) float64 { return theta }
	all := func(i, j string, layer int32, u, v, si, sj, cosine float64) []table.Similarity {
		var rows []table.Similarity
		for _, d := range []struct {
			name string
			of   func(theta float64) float64
		}{
			{"grassmann", same}, {"grassmann_sum", same}, {"grassmann_paper", func(t float64) float64 { return max(t, math.Acos(0.9999)) }},
			{"chordal", math.Sin}, {"asimov", same}, {"fubini_study", same}, {"martin", func(t float64) float64 {
				if t == math.Pi/2 {
					return math.Inf(1)
				}
				return math.Sqrt(-2 * math.Log(math.Cos(t)))
			}},
			{"binet_cauchy", math.Sin}, {"procrustes", func(t float64) float64 { return 2 * math.Sin(t/2) }}, {"projection", math.Sin},
			{"grassmann_null_mean", func(float64) float64 { return null.Mean }}, {"grassmann_null_sd", func(float64) float64 { return null.SD }},
			{"grassmann_z", func(t float64) float64 { return (t - null.Mean) / null.SD }},
			{"phi", func(t float64) float64 { return math.Cos(t) * math.Cos(t) }},
			{"knots_alignment", func(t float64) float64 { return math.Cos(t) * math.Cos(t) }},
		} {
			rows = append(rows, row(i, j, layer, "column", d.name, d.of(u)), row(i, j, layer, "row", d.name, d.of(v)))
		}
		return append(rows, row(i, j, layer, "column", "cosine", 1-cosine),
			row(i, j, layer, "column", "l2", math.Sqrt(si*si+sj*sj-2*si*sj*cosine)),
			row(i, j, layer, "column", "spectral_l2", math.Abs(si-sj)),
			row(i, j, layer, "column", "sti", (si+sj)*math.Abs(cosine)))
	}
	want := slices.Concat(
		all("ner", "sum", 0, 0.5, 1, 3, 2, math.Cos(0.5)*math.Cos(1)),
		all("ner", "coref", 0, math.Pi/2, 0, 3, 1, 0),
		all("sum", "coref", 0, math.Pi/2-0.5, 1, 2, 1, math.Sin(0.5)*math.Cos(1)),
		all("ner", "sum", 1, 0, 0, 3, 2, 1),
		all("ner", "coref", 1, 0, 0, 3, 1, -1), // the same line, the other way
		all("sum", "coref", 1, 0, 0, 2, 1, -1))
	for _, c := range []struct {
		measures []string
		want     []table.Similarity
	}{
		{Factored, want},
		{[]string{"l2", "grassmann", "l2"}, slices.DeleteFunc(slices.Clone(want), func(r table.Similarity) bool {
			return r.Measure != "l2" && r.Measure != "grassmann"
		})},
	} {
		got, err := runStage(t, &experiment.SimilarityWith{Measures: c.measures}, factors...)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(c.want) {
			t.Fatalf("measures %v: %d rows, want %d", c.measures, len(got), len(c.want))
		}
		for k, w := range c.want {
			v := got[k].Value
			got[k].Value = w.Value
			if got[k] != w || v != w.Value && !(math.Abs(v-w.Value) <= 1e-12) {
				t.Errorf("measures %v: row %d is %+v of %v, want %+v", c.measures, k, got[k], v, w)
			}
		}
	}
}

func TestRunRefuses(t *testing.T) {
	one := factor("m", "ner", 0, 1, 0, 0)
	if _, err := runStage(t, &experiment.SimilarityWith{}, one); err == nil || !strings.Contains(err.Error(), "at least two") {
		t.Errorf("one adapter: %v", err)
	}
	if _, err := runStage(t, &experiment.SimilarityWith{Measures: []string{"grassman"}}, one); err == nil || !strings.Contains(err.Error(), `"grassman"`) {
		t.Errorf("an unknown measure: %v", err)
	}
}

// The experiment file's enum and the stage name the same measures.
func TestNames(t *testing.T) {
	field, _ := reflect.TypeFor[experiment.SimilarityWith]().FieldByName("Measures")
	if enum := strings.Split(field.Tag.Get("enum"), ","); !slices.Equal(enum, Measures) || len(Measures) == 0 {
		t.Errorf("the file allows %v, the stage has %v", enum, Measures)
	}
}

// Settings do not depend on the order or repetition of the measures asked for: the key would change.
func TestResolve(t *testing.T) {
	for _, asked := range [][]string{{"l2", "cosine"}, {"cosine", "l2", "cosine"}} {
		got, _, err := Kind.Resolve(&experiment.Experiment{Seed: 7}, &experiment.Stage{With: &experiment.SimilarityWith{Measures: asked}}, nil)
		if err != nil || !slices.Equal(got.(settings).Measures, []string{"cosine", "l2"}) || got.(settings).Seed != 7 {
			t.Errorf("%v resolves to %v, %v", asked, got, err)
		}
	}
}
