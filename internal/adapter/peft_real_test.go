//go:build real

package adapter

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Every module of adapters that the PEFT library saved has the ΔW that PEFT itself computes, and
// those whose ΔW is not B·A are refused.
func TestRealPEFT(t *testing.T) {
	python := os.Getenv("TASKVEC_PYTHON")
	if python == "" {
		t.Fatal("set TASKVEC_PYTHON to a Python that has torch, transformers, peft and safetensors")
	}
	out := t.TempDir()
	if text, err := exec.Command(python, filepath.Join("testdata", "peft_adapters.py"), out).CombinedOutput(); err != nil {
		t.Fatalf("peft_adapters.py: %v\n%s", err, text)
	}
	for _, c := range []struct {
		name    string
		modules int
		others  int
	}{
		{"plain", 24, 0}, {"defaults", 12, 0}, {"patterns", 36, 0}, {"regex", 8, 0}, {"all-modules", 84, 0},
		{"all-linear", 12, 4}, {"head", 4, 8}, {"transposed", 2, 0}, {"embedding", 13, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := Open(filepath.Join(out, c.name))
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Warnings) > 0 {
				t.Errorf("warnings %v", a.Warnings)
			}
			if len(a.Modules) != c.modules || len(a.Others) != c.others {
				t.Errorf("%d modules and %d other tensors, want %d and %d", len(a.Modules), len(a.Others), c.modules, c.others)
			}
			// The script trains no embedding, which doctor sees.
			if all, err := Diagnose(a.Dir); err != nil || (all[0].Worst() > Note) != (c.name == "embedding") {
				t.Errorf("doctor finds %v, %v", all[0].Findings, err)
			}
			deltas, _, err := ReadSafetensors(filepath.Join(out, c.name+".delta.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]Tensor{}
			for _, d := range deltas {
				want[d.Name] = d
			}
			if len(want) != len(a.Modules) {
				t.Errorf("PEFT has %d modules", len(want))
			}
			types := map[[2]any]bool{}
			for _, m := range a.Modules {
				if types[[2]any{m.Layer, m.Type}] {
					t.Errorf("layer %d has two modules of type %s", m.Layer, m.Type)
				}
				types[[2]any{m.Layer, m.Type}] = true
				if e := difference(t, m, want[m.Name]); !(e <= 1e-14) {
					t.Errorf("%s: ΔW is off by %v", m.Name, e)
				}
			}
		})
	}
	ggufDeltas(t, python, out, map[string]int{"plain": 24, "defaults": 12, "patterns": 36, "regex": 8, "all-modules": 84})
	for _, name := range []string{"dora", "pissa", "olora"} {
		_, err := Open(filepath.Join(out, name))
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: error %v, want an *Error", name, err)
		}
		if all, err := Diagnose(filepath.Join(out, name)); err != nil || all[0].Worst() != Fault {
			t.Errorf("%s: doctor finds %v, %v", name, all[0].Findings, err)
		}
	}
}

// ggufDeltas exports adapters and has the gguf library read them: ΔW is PEFT's, its rows ordered as NumPy
// orders those of the base model.
func ggufDeltas(t *testing.T, python, out string, modules map[string]int) {
	t.Helper()
	args := []string{filepath.Join("testdata", "gguf_delta.py"), out}
	for name := range modules {
		if err := ExportGGUF(filepath.Join(out, name), filepath.Join(out, "llama"), filepath.Join(out, name+".gguf")); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	cmd := exec.Command(python, args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("gguf_delta.py: %v", err)
	}
	var result map[string][2]float64
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatalf("gguf_delta.py printed %s: %v", text, err)
	}
	for name, n := range modules {
		if r := result[name]; int(r[0]) != n || !(r[1] < 1e-6) {
			t.Errorf("%s as GGUF: %v modules and a relative error of %v, want %d and less than 1e-6", name, r[0], r[1], n)
		}
	}
}

// difference returns the largest difference between Scale·B·A, transposed if m is, and PEFT's ΔW.
func difference(t *testing.T, m Module, want Tensor) float64 {
	t.Helper()
	values := make([][]float64, 3)
	for i, x := range []Tensor{m.A, m.B, want} {
		v, err := x.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		values[i] = v
	}
	a, b, delta := values[0], values[1], values[2]
	out, in := m.B.Shape[0], m.A.Shape[1]
	if len(delta) != out*in {
		t.Fatalf("%s is %d × %d, PEFT's ΔW %v", m.Name, out, in, want.Shape)
	}
	worst := 0.0
	for i := range out {
		for j := range in {
			sum := 0.0
			for k := range m.Rank {
				sum += b[i*m.Rank+k] * a[k*in+j]
			}
			at := i*in + j
			if m.Transposed {
				at = j*out + i
			}
			worst = math.Max(worst, math.Abs(m.Scale*sum-delta[at]))
		}
	}
	return worst
}
