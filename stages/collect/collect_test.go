package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"taskvec/internal/adapter"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
)

// trainJob writes what a train job leaves: an adapter of rank 1 with modules of 2 × 3 in these
// layers, and its curves. B is the value b.
func trainJob(t *testing.T, model, task string, layers []int, b float32, curves []table.Curve) pipeline.Input {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, "out", "adapter")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var tensors []adapter.Tensor
	for _, l := range layers {
		name := fmt.Sprintf("base_model.model.model.layers.%d.self_attn.q_proj", l)
		tensors = append(tensors, adapter.Float32Tensor(name+".lora_A.weight", []int{1, 3}, []float32{1, 2, float32(l)}),
			adapter.Float32Tensor(name+".lora_B.weight", []int{2, 1}, []float32{b, 1}))
	}
	if err := adapter.WriteSafetensors(filepath.Join(folder, "adapter_model.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}
	config := `{"r": 1, "lora_alpha": 2.5, "base_model_name_or_path": "org/base", "target_modules": ["q_proj", "o_proj"]}`
	if err := os.WriteFile(filepath.Join(folder, "adapter_config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range curves {
		curves[i].Model, curves[i].Task = model, task
	}
	if err := table.Write(filepath.Join(dir, "curves.arrow"), curves, nil); err != nil {
		t.Fatal(err)
	}
	return pipeline.Input{Job: "train/" + model + "/" + task, Uses: "train", Cell: pipeline.Cell{"model": model, "task": task}, Dir: dir}
}

func work(t *testing.T, log *bytes.Buffer, inputs ...pipeline.Input) *pipeline.Work {
	t.Helper()
	settings, paths, err := Kind.Resolve(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pipeline.NewWork("adapters", nil, t.TempDir(), settings, paths, inputs, log)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestRun(t *testing.T) {
	var log bytes.Buffer
	w := work(t, &log,
		pipeline.Input{Uses: "build", Job: "examples/ner", Dir: "nowhere"},
		trainJob(t, "tiny", "ner", []int{10, 2}, 4, []table.Curve{
			{Step: 0, Kind: "validation", Loss: 5}, {Step: 1, Kind: "train", Loss: 1}, {Step: 10, Kind: "validation", Loss: 3},
			{Step: 20, Kind: "validation", Loss: 2}, {Step: 30, Kind: "validation", Loss: 2.5}}),
		trainJob(t, "tiny", "coref", []int{0, 1}, 7, nil))
	if err := Kind.Run(context.Background(), w); err != nil {
		t.Fatal(err)
	}
	factors, _, err := table.Read[table.Factor](filepath.Join(w.Dir, FactorsFile))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, f := range factors {
		order = append(order, fmt.Sprint(f.Task, f.Layer))
	}
	if want := []string{"ner2", "ner10", "coref0", "coref1"}; !slices.Equal(order, want) {
		t.Errorf("factors in order %v, want %v", order, want)
	}
	want := table.Factor{Model: "tiny", Task: "ner", Layer: 2, Module: "q_proj", Name: "model.layers.2.self_attn.q_proj",
		Rank: 1, In: 3, Out: 2, Scale: 2.5, DType: "F32",
		A: []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0, 0x40}, B: []byte{0, 0, 0x80, 0x40, 0, 0, 0x80, 0x3f}}
	if !reflect.DeepEqual(factors[0], want) {
		t.Errorf("factor %+v, want %+v", factors[0], want)
	}
	curves, _, err := table.Read[table.Curve](filepath.Join(w.Dir, CurvesFile))
	if err != nil || len(curves) != 5 || curves[3].Loss != 2 || curves[3].Task != "ner" {
		t.Errorf("curves %v, %v", curves, err)
	}
	text, err := os.ReadFile(filepath.Join(w.Dir, AdaptersFile))
	if err != nil {
		t.Fatal(err)
	}
	var summaries []Summary
	if err := json.Unmarshal(text, &summaries); err != nil {
		t.Fatal(err)
	}
	first, best, step := 5.0, 2.0, int64(20)
	wantSummaries := []Summary{
		{"tiny", "ner", "org/base", 1, 2.5, 2, 10, &first, &best, &step},
		{"tiny", "coref", "org/base", 1, 2.5, 2, 10, nil, nil, nil},
	}
	if !reflect.DeepEqual(summaries, wantSummaries) {
		t.Errorf("%s holds %s", AdaptersFile, text)
	}
	if !strings.Contains(log.String(), `train/tiny/ner: warning: `) || !strings.Contains(log.String(), "o_proj") {
		t.Errorf("log %q", log.String())
	}
}

func TestRunRefuses(t *testing.T) {
	broken := trainJob(t, "tiny", "ner", []int{0}, 1, nil)
	if err := os.Truncate(filepath.Join(broken.Dir, "out", "adapter", "adapter_model.safetensors"), 100); err != nil {
		t.Fatal(err)
	}
	curveless := trainJob(t, "tiny", "ner", []int{0}, 1, nil)
	if err := os.Remove(filepath.Join(curveless.Dir, "curves.arrow")); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := Kind.Run(context.Background(), work(t, &log, pipeline.Input{Uses: "build"})); err == nil || !strings.Contains(err.Error(), "no adapters") {
		t.Errorf("without adapters: %v", err)
	}
	var e *adapter.Error
	if err := Kind.Run(context.Background(), work(t, &log, broken)); !errors.As(err, &e) {
		t.Errorf("with a cut file: %v", err)
	}
	if err := Kind.Run(context.Background(), work(t, &log, curveless)); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "train/tiny/ner") {
		t.Errorf("without curves: %v", err)
	}
}

// factor returns the factors of a module of 1 × 1 with ΔW = b.
func factor(model, task string, layer int32, b byte) table.Factor {
	return table.Factor{Model: model, Task: task, Layer: layer, Module: "q", Name: fmt.Sprintf("layers.%d.q", layer),
		Rank: 1, In: 1, Out: 1, Scale: 1, DType: "BF16", A: []byte{0x80, 0x3f}, B: []byte{b, 0x40}}
}

func TestLay(t *testing.T) {
	l, err := Lay([]table.Factor{
		factor("b", "ner", 10, 1), factor("b", "ner", 9, 2), factor("a", "sum", 0, 3),
		factor("b", "sum", 9, 4), factor("a", "ner", 0, 5), factor("b", "sum", 10, 6), factor("b", "sum", 11, 7), factor("b", "sum", 12, 8)})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(l.Models, []string{"b", "a"}) || !slices.Equal(l.Tasks["b"], []string{"ner", "sum"}) || !slices.Equal(l.Tasks["a"], []string{"sum", "ner"}) {
		t.Errorf("models %v, tasks %v", l.Models, l.Tasks)
	}
	if want := []string{"b left out where they are missing: 2 q modules that ner did not adapt"}; !slices.Equal(l.Notes, want) {
		t.Errorf("notes %q, want %q", l.Notes, want)
	}
	got, err := Each(context.Background(), l, nil, func(m *Module) (string, error) {
		s := fmt.Sprint(m.Model, m.Layer, m.Name, m.Type)
		for i, task := range m.Tasks {
			s += fmt.Sprintf(" %s=%v", task, m.Set.Update(i).S)
		}
		return s, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// 0x40bb as bfloat16 is 2 + bb/64.
	want := []string{
		"b9layers.9.qq ner=[2.03125] sum=[2.0625]", "b10layers.10.qq ner=[2.015625] sum=[2.09375]", "b11layers.11.qq sum=[2.109375]",
		"b12layers.12.qq sum=[2.125]", "a0layers.0.qq sum=[2.046875] ner=[2.078125]"}
	if !slices.Equal(got, want) {
		t.Errorf("modules\n%q, want\n%q", got, want)
	}
}

func TestLayRefuses(t *testing.T) {
	wide := factor("m", "sum", 0, 1)
	wide.Out = 2
	for name, c := range map[string]struct {
		factors []table.Factor
		msg     string
	}{
		"twice":      {[]table.Factor{factor("m", "ner", 0, 1), factor("m", "ner", 0, 2)}, `m/ner: tensor "layers.0.q": is given twice`},
		"shapes":     {[]table.Factor{factor("m", "ner", 0, 1), wide}, "different base models"},
		"no overlap": {[]table.Factor{factor("m", "ner", 0, 1), factor("m", "sum", 1, 2)}, "m/sum: has no module in common with m/ner"},
	} {
		_, err := Lay(c.factors)
		var e *adapter.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.msg) {
			t.Errorf("%s: error %v, want %q", name, err, c.msg)
		}
	}
}

// The error is that of the first module that fails, however many do and run at once.
func TestEachRefuses(t *testing.T) {
	spoil := func(change func(f *table.Factor)) table.Factor {
		f := factor("m", "ner", 3, 1)
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		factor table.Factor
		msg    string
	}{
		"short A":  {spoil(func(f *table.Factor) { f.A = nil }), "0 bytes"},
		"short B":  {spoil(func(f *table.Factor) { f.B = f.B[:1] }), "1 bytes"},
		"unknown":  {spoil(func(f *table.Factor) { f.DType = "I8" }), "I8"},
		"negative": {spoil(func(f *table.Factor) { f.Rank = -1 }), "shape"},
		"NaN":      {spoil(func(f *table.Factor) { f.B = []byte{0xc0, 0x7f} }), "NaN"},
		"scale":    {spoil(func(f *table.Factor) { f.Scale = math.Inf(1) }), "scale"},
	} {
		factors := []table.Factor{c.factor}
		for layer := range int32(20) {
			if layer != 3 {
				f := factor("m", "ner", layer, 1)
				if layer > 3 {
					f.Scale = math.Inf(1)
				}
				factors = append(factors, f)
			}
		}
		l, err := Lay(factors)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Each(context.Background(), l, nil, func(*Module) (int, error) { return 0, nil })
		var e *adapter.Error
		if !errors.As(err, &e) || e.Tensor != "layers.3.q" || !strings.Contains(err.Error(), c.msg) {
			t.Errorf("%s: error %v, want %q of layer 3", name, err, c.msg)
		}
	}
}

// A task is left out of the modules where its ΔW is zero, and only there; one that changed nothing, and two
// that changed nothing in common, cannot be compared.
func TestUntrained(t *testing.T) {
	zero := func(task string, layer int32) table.Factor {
		f := factor("m", task, layer, 1)
		f.B = []byte{0, 0}
		return f
	}
	scaled := factor("m", "sum", 2, 1)
	scaled.Scale = 0
	type found struct{ tasks, untrained string }
	for name, c := range map[string]struct {
		factors []table.Factor
		want    []found
		notes   string
		err     string
	}{
		"in part": {[]table.Factor{factor("m", "ner", 0, 1), factor("m", "sum", 0, 2), zero("ner", 1), factor("m", "sum", 1, 2), factor("m", "ner", 2, 1), scaled},
			[]found{{"ner sum", ""}, {"sum", "ner"}, {"ner", "sum"}},
			"m/ner: ΔW is zero in 1 of 3 modules, which were not trained; they are left out\nm/sum: ΔW is zero in 1 of 3 modules, which were not trained; they are left out", ""},
		"at all":    {[]table.Factor{factor("m", "ner", 0, 1), zero("sum", 0)}, nil, "", "m/sum: ΔW is zero in every module"},
		"in common": {[]table.Factor{factor("m", "ner", 0, 1), zero("sum", 0), zero("ner", 1), factor("m", "sum", 1, 1)}, nil, "", "m/ner: changed no module that m/sum changed"},
	} {
		l, err := Lay(c.factors)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Each(context.Background(), l, nil, func(m *Module) (found, error) {
			if m.Set.Len() != len(m.Tasks) || len(m.Ranks) != len(m.Tasks) {
				t.Errorf("%s: %d updates of %v", name, m.Set.Len(), m.Tasks)
			}
			return found{strings.Join(m.Tasks, " "), strings.Join(m.Untrained, " ")}, nil
		})
		if c.err != "" {
			var e *adapter.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", name, err, c.err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, c.want) || strings.Join(l.Notes, "\n") != c.notes {
			t.Errorf("%s: %v, %v, notes %q", name, got, err, l.Notes)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if err := table.Write(filepath.Join(dir, FactorsFile), []table.Factor{factor("m", "ner", 0, 1), factor("m", "sum", 0, 2), factor("m", "sum", 1, 2)}, nil); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	in := pipeline.Input{Uses: "collect", Dir: dir}
	l, err := Read(work(t, &log, in))
	if err != nil || len(l.modules) != 2 || !strings.Contains(log.String(), "1 q modules that ner did not adapt") {
		t.Errorf("%+v, %v, log %q", l, err, log.String())
	}
	for _, inputs := range [][]pipeline.Input{nil, {in, in}, {{Uses: "collect", Dir: t.TempDir()}}} {
		if _, err := Read(work(t, &log, inputs...)); err == nil {
			t.Errorf("%d inputs: no error", len(inputs))
		}
	}
}
