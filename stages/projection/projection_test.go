package projection

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/stages/collect"
)

// diagonal returns the factors of a module with ΔW = diag(d): B = diag(d), A = I.
func diagonal(model, task string, d ...float64) table.Factor {
	n := len(d)
	f := table.Factor{Model: model, Task: task, Module: "q", Name: "layers.0.q", Rank: int32(n), In: int32(n), Out: int32(n), Scale: 1, DType: "F64"}
	for i, v := range d {
		for j := range n {
			a, b := 0.0, 0.0
			if i == j {
				a, b = 1, v
			}
			f.A = binary.LittleEndian.AppendUint64(f.A, math.Float64bits(a))
			f.B = binary.LittleEndian.AppendUint64(f.B, math.Float64bits(b))
		}
	}
	return f
}

func runStage(t *testing.T, with *experiment.ProjectionWith, factors ...table.Factor) ([]table.Projection, []table.Spectrum, map[string]string, error) {
	t.Helper()
	in := t.TempDir()
	if err := table.Write(filepath.Join(in, collect.FactorsFile), factors, nil); err != nil {
		t.Fatal(err)
	}
	settings, paths, err := Kind.Resolve(&experiment.Experiment{Seed: 1}, &experiment.Stage{With: with}, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	w, err := pipeline.NewWork("projection", nil, t.TempDir(), settings, paths, []pipeline.Input{{Uses: "collect", Dir: in}}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Kind.Run(context.Background(), w); err != nil {
		return nil, nil, nil, err
	}
	rows, meta, err := table.Read[table.Projection](filepath.Join(w.Dir, File))
	if err != nil {
		t.Fatal(err)
	}
	spectra, _, err := table.Read[table.Spectrum](filepath.Join(w.Dir, SpectraFile))
	return rows, spectra, meta, err
}

// Worked by hand: on sum's axes, S1 = (6, 3, 1) meets S2 = (2, −1, 1) of ner. The tasks share their
// axes, so that all shares of energy are 1.
func TestRun(t *testing.T) {
	entropy := func(p ...float64) float64 {
		h := 0.0
		for _, v := range p {
			h -= v * math.Log(v)
		}
		return h / math.Log(3)
	}
	for _, c := range []struct {
		with *experiment.ProjectionWith
		want map[string]float64
	}{
		{&experiment.ProjectionWith{P: 3, Sign: "abs"}, map[string]float64{
			"l1": 6, "l2": math.Sqrt(16 + 4), "lp": math.Cbrt(64 + 8),
			"l1_unit": 0.1 + 0.05 + 0.15, "l2_unit": math.Sqrt(0.01 + 0.0025 + 0.0225), "lp_unit": math.Cbrt(0.001 + 0.000125 + 0.003375),
			"rec": 0.5 + 0.25 + 0.1, "entropy_source": entropy(0.6, 0.3, 0.1), "entropy": entropy(0.5, 0.25, 0.25),
			"negatives": 1, "e_diag": 1, "e_core": 1, "e_col": 1, "e_row": 1, "sar": 1}},
		{&experiment.ProjectionWith{P: 1, Sign: "clip"}, map[string]float64{
			"l1": 7, "l2": 5, "lp": 7,
			"l1_unit": 1.0/15 + 0.3 + 7.0/30, "l2_unit": math.Sqrt(1.0/225 + 0.09 + 49.0/900), "lp_unit": 1.0/15 + 0.3 + 7.0/30,
			"rec": 0.6 + 0.1, "entropy_source": entropy(0.6, 0.3, 0.1), "entropy": entropy(2.0/3, 1.0/3),
			"negatives": 1, "e_diag": 1, "e_core": 1, "e_col": 1, "e_row": 1, "sar": 1}},
		{&experiment.ProjectionWith{P: 2, Sign: "signed"}, map[string]float64{
			"l1": 8, "l2": math.Sqrt(16 + 16), "lp": math.Sqrt(16 + 16),
			"l1_unit": 0.1 + 0.55 + 0.15, "l2_unit": math.Sqrt(0.01 + 0.3025 + 0.0225), "lp_unit": math.Sqrt(0.01 + 0.3025 + 0.0225),
			"rec": 0.5 + 0.25 + 0.1, "entropy_source": entropy(0.6, 0.3, 0.1), "entropy": entropy(0.5, 0.25, 0.25),
			"negatives": 1, "e_diag": 1, "e_core": 1, "e_col": 1, "e_row": 1, "sar": 1}},
	} {
		c.with.Pairs = [][]string{{"sum", "ner"}}
		rows, spectra, meta, err := runStage(t, c.with, diagonal("m", "sum", 6, 3, 1), diagonal("m", "ner", 2, -1, 1))
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != len(Measures)+len(NullMeasures) || len(c.want) != len(Measures) {
			t.Fatalf("%d rows, want %d", len(rows), len(Measures)+len(NullMeasures))
		}
		null := map[string]float64{}
		for k, r := range rows[len(Measures):] {
			if null[r.Measure] = r.Value; r.Measure != NullMeasures[k] || r.Source != "sum" || r.Target != "ner" {
				t.Errorf("row %+v, want %s", r, NullMeasures[k])
			}
		}
		// Three axes in three dimensions are the whole space: there is no chance in what lies in it.
		if math.Abs(null["e_core_null_mean"]-1) > 1e-12 || null["e_core_null_sd"] != 0 || null["e_core_z"] != 0 {
			t.Errorf("null of e_core %v", null)
		}
		if z := (rows[0].Value - null["l1_null_mean"]) / null["l1_null_sd"]; null["l1_null_sd"] <= 0 || math.Abs(z-null["l1_z"]) > 1e-12 {
			t.Errorf("null of l1 %v of %v", null, rows[0].Value)
		}
		rows = rows[:len(Measures)]
		for k, r := range rows {
			want := table.Projection{Model: "m", Source: "sum", Target: "ner", Module: "q", Measure: Measures[k], Value: c.want[r.Measure]}
			v := r.Value
			r.Value = want.Value
			if r != want || math.Abs(v-want.Value) > 1e-14 {
				t.Errorf("sign %s: %+v of %v, want %+v", c.with.Sign, r, v, want)
			}
		}
		for k, s := range spectra {
			s1, s2 := []float64{6, 3, 1}[k], []float64{2, -1, 1}[k]
			if int(s.Index) != k || math.Abs(s.S1-s1) > 1e-14 || math.Abs(s.S2-s2) > 1e-14 || s.Model != "m" || s.Source != "sum" || s.Target != "ner" {
				t.Errorf("spectrum %+v, want %v and %v", s, s1, s2)
			}
		}
		if len(spectra) != 3 || meta["sign"] != c.with.Sign || meta["p"] != fmt.Sprint(c.with.P) {
			t.Errorf("%d rows of spectra, metadata %v", len(spectra), meta)
		}
	}
}

// Without pairs, all ordered pairs of each model; a pair is left out in a model without both tasks
// when another has it.
func TestPairs(t *testing.T) {
	factors := []table.Factor{
		diagonal("a", "x", 1, 2), diagonal("a", "y", 2, 1), diagonal("a", "z", 1, 1),
		diagonal("b", "z", 1, 3), diagonal("b", "x", 1, 2), diagonal("c", "x", 1, 2),
	}
	for _, c := range []struct {
		pairs [][]string
		want  []string
		msg   string
	}{
		{nil, []string{"a x y", "a x z", "a y x", "a y z", "a z x", "a z y", "b z x", "b x z"}, ""},
		{[][]string{{"z", "x"}, {"y", "z"}}, []string{"a z x", "a y z", "b z x"}, ""},
		{[][]string{{"z", "x"}, {"y", "w"}}, nil, "no model has adapters of both"},
		{[][]string{{"x", "x"}}, nil, "itself"},
		{[][]string{{"x"}}, nil, "not [source, target]"},
	} {
		rows, _, _, err := runStage(t, &experiment.ProjectionWith{Pairs: c.pairs, P: 3, Sign: "abs"}, factors...)
		if c.msg != "" {
			if err == nil || !strings.Contains(err.Error(), c.msg) {
				t.Errorf("%v: error %v, want %q", c.pairs, err, c.msg)
			}
			continue
		}
		var got []string
		for _, r := range rows {
			if r.Measure == "rec" {
				got = append(got, r.Model+" "+r.Source+" "+r.Target)
			}
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v gives %v, %v, want %v", c.pairs, got, err, c.want)
		}
	}
	if _, _, _, err := runStage(t, &experiment.ProjectionWith{P: 3, Sign: "abs"}, factors[0]); err == nil || !strings.Contains(err.Error(), "at least two") {
		t.Errorf("one adapter: %v", err)
	}
}

func TestOptions(t *testing.T) {
	if o, err := (Options{}).checked(); err != nil || o.P != 3 || o.Sign != "abs" {
		t.Errorf("defaults %+v, %v", o, err)
	}
	for _, o := range []Options{{P: 0.5}, {P: math.NaN()}, {P: math.Inf(1)}, {P: 2, Sign: "square"}} {
		if _, err := o.checked(); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// Every constant is in the list, under the name that scripts of users know.
func TestNames(t *testing.T) {
	want := strings.Fields("l1 l2 lp l1_unit l2_unit lp_unit rec entropy_source entropy negatives e_diag e_core e_col e_row sar")
	if !slices.Equal(Measures, want) {
		t.Errorf("measures %v, want %v", Measures, want)
	}
}
