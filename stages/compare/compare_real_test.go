//go:build real

package compare

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"taskvec/internal/adapter"
	"taskvec/internal/subspace"
	"taskvec/internal/table"
	"taskvec/stages/collect"
	"taskvec/stages/projection"
	"taskvec/stages/similarity"
)

// Every number agrees to 1e-9 with NumPy's full SVD of ΔW: adapters of several ranks, scales and
// element types, one of them nearly another's copy.
func TestRealNumPy(t *testing.T) {
	python := os.Getenv("TASKVEC_PYTHON")
	if python == "" {
		t.Fatal("set TASKVEC_PYTHON to a Python that has numpy and scipy")
	}
	root := t.TempDir()
	var dirs []string
	for i, c := range []struct {
		rank          int
		config, dtype string
		seed          uint64
	}{
		{8, `, "lora_alpha": 16`, adapter.F32, 1},
		{8, `, "lora_alpha": 16`, adapter.BF16, 2},
		{4, `, "lora_alpha": 2.5, "use_rslora": true`, adapter.F32, 3},
		{12, ``, adapter.F64, 4},
		{8, `, "lora_alpha": 16`, adapter.F64, 1}, // the first one again, unrounded: angles near 1e-8
		{1, `, "lora_alpha": 1`, adapter.F32, 5},
	} {
		dir := filepath.Join(root, fmt.Sprintf("task-%d", i))
		rng := rand.New(rand.NewPCG(11, c.seed))
		save(t, dir, c.rank, c.config, c.dtype, small(), func(m module) (b, a *mat.Dense) { return trained(rng, 1, c.rank, m) })
		dirs = append(dirs, dir)
	}
	base := baseModel(t, small())
	for _, sign := range []subspace.Sign{subspace.Abs, subspace.Clip, subspace.Signed} {
		o := projection.Options{P: 2.5, Sign: sign}
		got := rows(t, dirs, base, o)
		out, err := exec.Command(python, append([]string{filepath.Join("testdata", "reference.py"), "2.5", string(sign), base}, dirs...)...).Output()
		if err != nil {
			t.Fatalf("reference.py: %v\n%s", err, err.(*exec.ExitError).Stderr)
		}
		lines, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) != len(got) {
			t.Errorf("%s: NumPy has %d rows, Go %d", sign, len(lines), len(got))
		}
		worst := 0.0
		for _, line := range lines {
			name := strings.Join(line[:6], ",")
			want, err := strconv.ParseFloat(line[6], 64)
			if err != nil {
				t.Fatal(err)
			}
			v, ok := got[name]
			if e := math.Abs(v - want); v == want && ok { // +Inf among them
				continue
			} else if !ok || !(e <= 1e-9) {
				t.Errorf("%s: %s = %v (%v), NumPy has %v", sign, name, v, ok, want)
			} else {
				worst = max(worst, e)
			}
		}
		t.Logf("%s: %d numbers, largest difference %.1e", sign, len(lines), worst)
	}
}

// rows returns every number of a comparison by the reference's name for it.
func rows(t *testing.T, dirs []string, base string, o projection.Options) map[string]float64 {
	t.Helper()
	sources, err := collect.Folders(dirs)
	if err != nil {
		t.Fatal(err)
	}
	all, err := collect.Open(sources)
	if err != nil {
		t.Fatal(err)
	}
	var factors []table.Factor
	for i, a := range all {
		factors = append(factors, collect.Factors(sources[i], a)...)
	}
	layout, err := collect.Lay(factors)
	if err != nil {
		t.Fatal(err)
	}
	inNumPy := slices.DeleteFunc(slices.Clone(similarity.Measures), func(name string) bool { // a null is a simulation
		return strings.HasPrefix(name, "grassmann_null") || name == similarity.Z
	})
	bases := &similarity.Bases{}
	if err := bases.Open(layout, "", base); err != nil {
		t.Fatal(err)
	}
	defer bases.Close()
	similarities, adapters, err := similarity.Compute(context.Background(), layout, inNumPy, bases, seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	projections, spectra, err := projection.Compute(context.Background(), layout, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, r := range similarities {
		got[fmt.Sprintf("similarity,%s,%s,%d,%s,%s %s", r.TaskI, r.TaskJ, r.Layer, r.Module, r.Side, r.Measure)] = r.Value
	}
	for _, r := range adapters {
		got[fmt.Sprintf("adapters,%s,,%d,%s,%s", r.Task, r.Layer, r.Module, r.Measure)] = r.Value
	}
	for _, r := range projections {
		got[fmt.Sprintf("projection,%s,%s,%d,%s,%s", r.Source, r.Target, r.Layer, r.Module, r.Measure)] = r.Value
	}
	for _, r := range spectra {
		name := fmt.Sprintf("spectra,%s,%s,%d,%s", r.Source, r.Target, r.Layer, r.Module)
		got[fmt.Sprintf("%s,s1 %d", name, r.Index)], got[fmt.Sprintf("%s,s2 %d", name, r.Index)] = r.S1, r.S2
	}
	return got
}
