package similarity

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/adapter"
	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/stages/collect"
	"taskvec/stages/pretrain"
)

// stored is a matrix of n columns in F64.
func stored(name string, cols int, v ...float64) adapter.Tensor {
	t := adapter.Tensor{Name: name, DType: adapter.F64, Shape: []int{len(v) / cols, cols}}
	for _, x := range v {
		t.Data = binary.LittleEndian.AppendUint64(t.Data, math.Float64bits(x))
	}
	return t
}

// twoByTwo is an adapter's factor with A the identity and this B, row by row.
func twoByTwo(task string, b ...float64) table.Factor {
	return table.Factor{Model: "m", Task: task, Module: "q", Name: "model.layers.0.q", Rank: 2, In: 2, Out: 2, Scale: 1, DType: adapter.F64,
		A: stored("", 2, 1, 0, 0, 1).Data, B: stored("", 2, b...).Data}
}

// runAll runs the stage with all measures and the model in a folder from outside, or from a job.
func runAll(t *testing.T, outside, job string, factors ...table.Factor) ([]table.Similarity, []table.Adapter, string) {
	t.Helper()
	dir, log, err := runIn(t, outside, job, factors...)
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := table.Read[table.Similarity](filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	adapters, _, err := table.Read[table.Adapter](filepath.Join(dir, AdaptersFile))
	if err != nil {
		t.Fatal(err)
	}
	return rows, adapters, log
}

// runIn runs the stage and returns its folder and log.
func runIn(t *testing.T, outside, job string, factors ...table.Factor) (dir, log string, err error) {
	t.Helper()
	in := t.TempDir()
	if err := table.Write(filepath.Join(in, collect.FactorsFile), factors, nil); err != nil {
		t.Fatal(err)
	}
	e := &experiment.Experiment{Seed: 7}
	if outside != "" {
		e.Models = []experiment.Model{{Name: "m", Base: outside}}
	}
	settings, paths, err := Kind.Resolve(e, &experiment.Stage{With: &experiment.SimilarityWith{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	inputs := []pipeline.Input{{Uses: "collect", Dir: in}}
	if job != "" {
		inputs = append(inputs, pipeline.Input{Uses: "pretrain", Cell: pipeline.Cell{"model": "other"}, Dir: t.TempDir()},
			pipeline.Input{Uses: "pretrain", Cell: pipeline.Cell{"model": "m"}, Dir: job})
	}
	var out bytes.Buffer
	w, err := pipeline.NewWork("similarity", nil, t.TempDir(), settings, paths, inputs, &out)
	if err != nil {
		t.Fatal(err)
	}
	err = Kind.Run(context.Background(), w)
	return w.Dir, out.String(), err
}

// Worked by hand: ΔW_ner = diag(4, 3), ΔW_sum = [[2 -2] [-2 -2]], two orthogonal columns of length √8,
// and W₀ = diag(1, 2). The two have entries of opposite signs in one of four places.
func TestAdapterMeasures(t *testing.T) {
	job := t.TempDir()
	model := filepath.Join(job, pretrain.ModelDir)
	if err := os.Mkdir(model, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := adapter.WriteSafetensors(filepath.Join(model, "model.safetensors"), []adapter.Tensor{stored("model.layers.0.q.weight", 2, 1, 0, 0, 2)}, nil); err != nil {
		t.Fatal(err)
	}
	ner, sum := twoByTwo("ner", 4, 0, 0, 3), twoByTwo("sum", 2, -2, -2, -2)
	for _, places := range [][2]string{{"", ""}, {model, ""}, {"", job}} {
		rows, adapters, log := runAll(t, places[0], places[1], ner, sum)
		entropy := -(4./7*math.Log(4./7) + 3./7*math.Log(3./7))
		want := map[string]float64{
			"ner norm": 5, "ner rank": 2, "ner rank_missing": 0, "ner stable_rank": 25. / 16, "ner effective_rank": math.Exp(entropy),
			"sum norm": 4, "sum rank": 2, "sum rank_missing": 0, "sum stable_rank": 2, "sum effective_rank": 2,
		}
		if places != [2]string{} {
			want["ner amplification"], want["sum amplification"] = 5/math.Sqrt(5), 4/math.Sqrt(5) // U and V span the plane
			// W₀ + ΔW_ner = diag(5, 5), and W₀ + ΔW_sum has vectors at most 45° from an axis.
			want["ner intruders"], want["sum intruders"] = 0, 0
		} else if !strings.Contains(log, "m: amplification and intruders are left out: no base model is at hand") {
			t.Errorf("the log does not say what is left out: %q", log)
		}
		for _, r := range adapters {
			if w, ok := want[r.Task+" "+r.Measure]; !ok || math.Abs(r.Value-w) > 1e-14 || r.Model != "m" || r.Module != "q" {
				t.Errorf("%+v, want %v (%v)", r, w, ok)
			}
			delete(want, r.Task+" "+r.Measure)
		}
		if len(want) > 0 {
			t.Errorf("base in %v: no rows of %v", places, want)
		}
		for _, r := range rows {
			if want := map[string]float64{SignConflict: 0.25, Trimmed: 0}; (r.Measure == SignConflict || r.Measure == Trimmed) && r.Value != want[r.Measure] {
				t.Errorf("%+v, want %v", r, want[r.Measure])
			}
		}
		if last := rows[len(rows)-1]; last.Measure != Trimmed || len(rows) != 2*len(sided)+6 {
			t.Errorf("%d rows, the last %+v", len(rows), last)
		}
	}
}

// Worked by hand: TIES trims the eight entries of a task's two modules together, to those as large as the second
// largest: of ner 5 and 4, of sum -3 and -6. Module by module it would keep two of each, and three conflicts would stay.
func TestTrimmed(t *testing.T) {
	first := []table.Factor{twoByTwo("ner", 5, 1, 1, 1), twoByTwo("sum", -3, 1, -1, 2)}
	second := []table.Factor{twoByTwo("ner", 4, 2, 2, 2), twoByTwo("sum", 1, -6, 2, 2)}
	for i := range second {
		second[i].Layer, second[i].Name = 1, "model.layers.1.q"
	}
	rows, _, _ := runAll(t, "", "", append(first, second...)...)
	got := map[string]float64{}
	for _, r := range rows {
		got[fmt.Sprint(r.Layer, " ", r.Measure)] = r.Value
	}
	for name, want := range map[string]float64{"0 " + SignConflict: 0.5, "1 " + SignConflict: 0.25, "0 " + Trimmed: 0.25, "1 " + Trimmed: 0} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v (%v), want %v", name, v, ok, want)
		}
	}
}

// Of three directions of sum one is used, and every-2-words was not trained in layer 1: their rows say so.
func TestDeficient(t *testing.T) {
	second := twoByTwo("sum", 1, 0, 0, 0)
	untrained, other, third := twoByTwo("every-2-words", 0, 0, 0, 0), twoByTwo("sum", 1, 2, 3, 4), twoByTwo("every-2-words", 1, 0, 0, 1)
	for _, f := range []*table.Factor{&untrained, &other} {
		f.Layer, f.Name = 1, "model.layers.1.q"
	}
	rows, adapters, _ := runAll(t, "", "", second, third, other, untrained)
	got := map[string]float64{}
	for _, r := range adapters {
		if r.Measure == Norm || r.Measure == Rank || r.Measure == RankMissing {
			got[fmt.Sprint(r.Task, " ", r.Layer, " ", r.Measure)] = r.Value
		}
	}
	want := map[string]float64{
		"sum 0 norm": 1, "sum 0 rank": 1, "sum 0 rank_missing": 1, "every-2-words 0 norm": math.Sqrt2, "every-2-words 0 rank": 2, "every-2-words 0 rank_missing": 0,
		"sum 1 norm": math.Sqrt(30), "sum 1 rank": 2, "sum 1 rank_missing": 0, "every-2-words 1 norm": 0, "every-2-words 1 rank": 0,
	}
	if len(got) != len(want) {
		t.Errorf("%v, want %v", got, want)
	}
	for name, w := range want {
		if v, ok := got[name]; !ok || math.Abs(v-w) > 1e-14 {
			t.Errorf("%s = %v (%v), want %v", name, v, ok, w)
		}
	}
	for _, r := range rows {
		if r.Layer != 0 {
			t.Errorf("%+v, though nothing was trained there", r)
		}
	}
}

// A folder without the adapters' weights is refused; the stage leaves out what takes them and says so.
func TestBasesRefuse(t *testing.T) {
	factors := []table.Factor{twoByTwo("ner", 4, 0, 0, 3), twoByTwo("sum", 1, 2, 3, 4)}
	layout, err := collect.Lay(factors)
	if err != nil {
		t.Fatal(err)
	}
	for msg, tensors := range map[string][]adapter.Tensor{
		"0 weights of the model have this name":             {stored("model.layers.1.q.weight", 2, 1, 0, 0, 2)},
		"2 weights of the model have this name":             {stored("a.model.layers.0.q.weight", 2, 1, 0, 0, 2), stored("b.model.layers.0.q.weight", 2, 1, 0, 0, 2)},
		"is [1 2] of F64, and the adapter adds [2 2] to it": {stored("model.layers.0.q.weight", 2, 1, 0)},
	} {
		dir := t.TempDir()
		if err := adapter.WriteSafetensors(filepath.Join(dir, "model.safetensors"), tensors, nil); err != nil {
			t.Fatal(err)
		}
		var bad *adapter.Error
		if err := (&Bases{}).Open(layout, "m", dir); !errors.As(err, &bad) || !strings.Contains(bad.Msg, msg) {
			t.Errorf("%v, want %q", err, msg)
		}
		if _, adapters, log := runAll(t, dir, "", factors...); !strings.Contains(log, msg) || len(adapters) != 2*5 {
			t.Errorf("%d rows, log %q, want %q", len(adapters), log, msg)
		}
	}
}

// A base model that another run of the same job may find or read is no reason to leave anything out.
func TestBasesUnread(t *testing.T) {
	gone, unread := filepath.Join(t.TempDir(), "gone"), t.TempDir()
	if err := os.Mkdir(filepath.Join(unread, "model.safetensors"), 0o755); err != nil { // reading it fails, for root too
		t.Fatal(err)
	}
	for dir, msg := range map[string]string{gone: "no such file or directory", unread: "is a directory"} {
		_, _, err := runIn(t, dir, "", twoByTwo("ner", 4, 0, 0, 3), twoByTwo("sum", 1, 2, 3, 4))
		if err == nil || !strings.Contains(err.Error(), "read the base model of m: ") || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), msg) {
			t.Errorf("%v, want %q of %s", err, msg, dir)
		}
	}
}
