package compare

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"taskvec/internal/adapter"
	"taskvec/internal/table"
	"taskvec/stages/projection"
	"taskvec/stages/similarity"
)

// Results are the rows of one comparison, each table ordered as its stage orders it.
type Results struct {
	Similarity []table.Similarity
	Projection []table.Projection
	Spectra    []table.Spectrum
	Adapters   []table.Adapter
	Notes      []string
}

// compared returns all rows of a comparison.
func compared(ctx context.Context, dirs []string, progress func(done, total int64, note string)) (*Results, error) {
	r := &Results{}
	var err error
	r.Notes, err = Adapters(ctx, dirs, similarity.Measures, "", progress, func(m *Module) error {
		r.Similarity = m.Similarity.Rows(r.Similarity, 0, m.Similarity.Pairs())
		r.Projection = m.Projection.Rows(r.Projection, 0, m.Projection.Pairs())
		r.Spectra = m.Projection.Spectra(r.Spectra, 0, m.Projection.Pairs())
		r.Adapters = append(r.Adapters, m.Adapters...)
		return nil
	})
	return r, err
}

// ignore sees no rows.
func ignore(Rows) error { return nil }

// Three tasks planted on known axes: ner's spaces stand at known angles to sum's, on each side, and
// has-date is orthogonal to both. ΔW_sum = diag(3, 1) and ΔW_ner = diag(2, 4) on their own axes.
func TestPlanted(t *testing.T) {
	theta, phi := []float64{1e-10, 0.3}, []float64{1.5, 0.2}
	root := t.TempDir()
	modules := small()
	left, right := map[string]*mat.Dense{}, map[string]*mat.Dense{}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, m := range modules {
		left[m.name], right[m.name] = frame(rng, m.out, 6), frame(rng, m.in, 6)
	}
	tilt := func(f *mat.Dense, angles []float64) *mat.Dense {
		n, _ := f.Dims()
		x := mat.NewDense(n, 2, nil)
		x.Apply(func(i, j int, _ float64) float64 {
			return math.Cos(angles[j])*f.At(i, j) + math.Sin(angles[j])*f.At(i, 2+j)
		}, x)
		return x
	}
	for _, task := range []struct {
		name   string
		s      []float64
		frames func(m module) (u, v *mat.Dense)
	}{
		{"sum", []float64{3, 1}, func(m module) (u, v *mat.Dense) {
			return tilt(left[m.name], []float64{0, 0}), tilt(right[m.name], []float64{0, 0})
		}},
		{"ner", []float64{2, 4}, func(m module) (u, v *mat.Dense) { return tilt(left[m.name], theta), tilt(right[m.name], phi) }},
		{"has-date", []float64{1, 1}, func(m module) (u, v *mat.Dense) {
			return mat.DenseCopyOf(left[m.name].Slice(0, m.out, 4, 6)), mat.DenseCopyOf(right[m.name].Slice(0, m.in, 4, 6))
		}},
	} {
		save(t, filepath.Join(root, task.name), 2, `, "lora_alpha": 4`, adapter.F64, modules, func(m module) (b, a *mat.Dense) {
			u, v := task.frames(m)
			b, a = new(mat.Dense), new(mat.Dense)
			b.Mul(u, mat.NewDiagDense(2, []float64{task.s[0] / 2, task.s[1] / 2})) // scale 4/2
			a.CloneFrom(v.T())
			return b, a
		})
	}
	dirs := []string{filepath.Join(root, "sum"), filepath.Join(root, "ner"), filepath.Join(root, "has-date")}
	r, err := compared(context.Background(), dirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Notes) > 0 {
		t.Errorf("notes %q", r.Notes)
	}
	// ⟨ΔW_sum, ΔW_ner⟩ = Σ s·cos θ·cos φ·s'; axis by axis, since the planted bases are aligned.
	product := 3*2*math.Cos(theta[0])*math.Cos(phi[0]) + 1*4*math.Cos(theta[1])*math.Cos(phi[1])
	s2 := []float64{2 * math.Cos(theta[0]) * math.Cos(phi[0]), 4 * math.Cos(theta[1]) * math.Cos(phi[1])}
	flat := math.Pi / 2
	similarities := map[string]float64{
		"sum ner column cosine": 1 - product/math.Sqrt(10*20), "sum ner column l2": math.Sqrt(10 + 20 - 2*product),
		"sum ner column spectral_l2": math.Hypot(3-4, 1-2), // spectra are in descending order
		"sum ner column sti":         s2[0] + s2[1] + (3*s2[0]/2 + 1*s2[1]/4),
	}
	sided := func(pair string, a, b float64) { // the two angles, neither π/2
		product := math.Cos(a) * math.Cos(b)
		for name, v := range map[string]float64{
			"grassmann": math.Hypot(a, b), "grassmann_sum": a + b, "grassmann_paper": math.Hypot(max(a, math.Acos(0.9999)), b),
			"chordal": math.Hypot(math.Sin(a), math.Sin(b)), "asimov": max(a, b), "fubini_study": math.Acos(product),
			"martin": math.Sqrt(-2 * math.Log(product)), "binet_cauchy": math.Sqrt(1 - product*product),
			"procrustes": 2 * math.Hypot(math.Sin(a/2), math.Sin(b/2)), "projection": math.Sin(max(a, b)),
			"phi":             (math.Pow(math.Cos(a), 2) + math.Pow(math.Cos(b), 2)) / 2,
			"knots_alignment": (math.Pow(3*2*math.Cos(a), 2) + math.Pow(1*4*math.Cos(b), 2)) / math.Sqrt((81+1)*(16+256)),
		} {
			similarities[pair+" "+name] = v
		}
	}
	sided("sum ner column", theta[0], theta[1])
	sided("sum ner row", phi[0], phi[1])
	for _, p := range []string{"sum", "ner"} {
		for _, side := range []string{"column", "row"} {
			for name, v := range map[string]float64{
				"grassmann": math.Sqrt2 * flat, "grassmann_sum": 2 * flat, "grassmann_paper": math.Sqrt2 * flat, "chordal": math.Sqrt2,
				"asimov": flat, "fubini_study": flat, "martin": math.Inf(1), "binet_cauchy": 1, "procrustes": 2, "projection": 1, "phi": 0, "knots_alignment": 0,
			} {
				similarities[p+" has-date "+side+" "+name] = v
			}
		}
		similarities[p+" has-date column cosine"], similarities[p+" has-date column sti"] = 1, 0
		similarities[p+" has-date column l2"] = math.Sqrt(map[string]float64{"sum": 10, "ner": 20}[p] + 2)
	}
	similarities["sum has-date column spectral_l2"] = math.Hypot(3-1, 0)
	similarities["ner has-date column spectral_l2"] = math.Hypot(4-1, 2-1)
	seen := map[string]int{}
	for _, row := range r.Similarity {
		if strings.HasPrefix(row.Measure, "grassmann_null") || row.Measure == similarity.Z || row.Measure == similarity.SignConflict || row.Measure == similarity.Trimmed {
			continue // simulated, or of random frames: tested in packages similarity and subspace
		}
		name := fmt.Sprintf("%s %s %s %s", row.TaskI, row.TaskJ, row.Side, row.Measure)
		seen[name]++
		if want, ok := similarities[name]; !ok || row.Value != want && !(math.Abs(row.Value-want) <= 1e-12) {
			t.Errorf("%s at layer %d %s = %v, want %v", name, row.Layer, row.Module, row.Value, want)
		}
	}
	for name := range similarities {
		if seen[name] != len(modules) {
			t.Errorf("%s: %d rows, want one for each of %d modules", name, seen[name], len(modules))
		}
	}
	share := func(x, y float64) float64 { return (4*x*x + 16*y*y) / 20 }
	entropy := func(a, b float64) float64 {
		p, q := a/(a+b), b/(a+b)
		return -(p*math.Log(p) + q*math.Log(q)) / math.Ln2
	}
	projections := map[string]float64{
		"l1": math.Abs(3-s2[0]) + math.Abs(1-s2[1]), "l2": math.Hypot(3-s2[0], 1-s2[1]),
		"lp":      math.Cbrt(math.Pow(math.Abs(3-s2[0]), 3) + math.Pow(math.Abs(1-s2[1]), 3)),
		"l1_unit": 2 * math.Abs(0.75-s2[0]/(s2[0]+s2[1])), "l2_unit": math.Sqrt2 * math.Abs(0.75-s2[0]/(s2[0]+s2[1])),
		"lp_unit": math.Cbrt(2) * math.Abs(0.75-s2[0]/(s2[0]+s2[1])),
		"rec":     1 - math.Abs(0.75-s2[0]/(s2[0]+s2[1])), "entropy_source": entropy(3, 1), "entropy": entropy(s2[0], s2[1]),
		"negatives": 0, "e_diag": (s2[0]*s2[0] + s2[1]*s2[1]) / 20,
		"e_core": share(math.Cos(theta[0])*math.Cos(phi[0]), math.Cos(theta[1])*math.Cos(phi[1])),
		"e_col":  share(math.Cos(theta[0]), math.Cos(theta[1])), "e_row": share(math.Cos(phi[0]), math.Cos(phi[1])),
		"sar": math.Sqrt(share(math.Cos(theta[0]), math.Cos(theta[1]))),
	}
	counts, nulls := map[string]int{}, 0
	for _, row := range r.Projection {
		if slices.Contains(projection.NullMeasures, row.Measure) {
			nulls++
			continue
		}
		counts[row.Source+" "+row.Target]++
		if want := projections[row.Measure]; row.Source == "sum" && row.Target == "ner" && math.Abs(row.Value-want) > 1e-12 {
			t.Errorf("sum → ner at layer %d %s: %s = %v, want %v", row.Layer, row.Module, row.Measure, row.Value, want)
		}
		if strings.HasPrefix(row.Measure, "e_") && (row.Source == "has-date" || row.Target == "has-date") && row.Value > 1e-25 {
			t.Errorf("%s → %s: %s = %v, want 0", row.Source, row.Target, row.Measure, row.Value)
		}
	}
	if want := 6 * len(modules) * len(projection.NullMeasures); nulls != want {
		t.Errorf("%d rows of the null, want %d", nulls, want)
	}
	if len(counts) != 6 || counts["sum ner"] != len(modules)*len(projections) || len(projections) != len(projection.Measures) {
		t.Errorf("projection rows by pair: %v", counts)
	}
	for _, row := range r.Spectra {
		if row.Source == "sum" && row.Target == "ner" {
			if want := []float64{3, 1}[row.Index]; math.Abs(row.S1-want) > 1e-12 || math.Abs(row.S2-s2[row.Index]) > 1e-12 {
				t.Errorf("spectrum %d: %v and %v, want %v and %v", row.Index, row.S1, row.S2, want, s2[row.Index])
			}
		}
	}
	if len(r.Spectra) != 6*2*len(modules) {
		t.Errorf("%d rows of spectra", len(r.Spectra))
	}
}

// adapters writes n trained-like adapters of some modules and returns their folders.
func adapters(t testing.TB, n int, modules []module) []string {
	root := t.TempDir()
	var dirs []string
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("task-%02d", i))
		rng := rand.New(rand.NewPCG(7, uint64(i)))
		save(t, dir, 8, `, "lora_alpha": 16, "base_model_name_or_path": "base"`, adapter.F32, modules, func(m module) (b, a *mat.Dense) { return trained(rng, 1, 8, m) })
		dirs = append(dirs, dir)
	}
	return dirs
}

// baseModel writes a model with random weights for some modules, as it would lie in a Hugging Face folder.
func baseModel(t testing.TB, modules []module) string {
	rng := rand.New(rand.NewPCG(8, 9))
	var tensors []adapter.Tensor
	for _, m := range modules {
		w := mat.NewDense(m.out, m.in, nil)
		w.Apply(func(i, j int, _ float64) float64 { return rng.NormFloat64() / float64(1+i+j) }, w)
		tensors = append(tensors, tensor(m.name+".weight", adapter.BF16, w))
	}
	dir := t.TempDir()
	if err := adapter.WriteSafetensors(filepath.Join(dir, "model.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The bytes of every file are the same on one thread and on several.
func TestThreads(t *testing.T) {
	dirs := adapters(t, 4, small())
	base := baseModel(t, small())
	files := func(threads int) map[string]string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		out := filepath.Join(t.TempDir(), "out")
		if _, err := Write(context.Background(), dirs, similarity.Measures, base, out, nil, ignore); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, name := range []string{"similarity", "projection", "spectra", "adapters"} {
			for _, kind := range []string{".arrow", ".csv"} {
				b, err := os.ReadFile(filepath.Join(out, name+kind))
				if err != nil {
					t.Fatal(err)
				}
				got[name+kind] = string(b)
			}
		}
		return got
	}
	one := files(1)
	for _, threads := range []int{2, 7} {
		for name, b := range files(threads) {
			if b != one[name] {
				t.Errorf("%s differs between 1 and %d threads", name, threads)
			}
		}
	}
	for name, header := range map[string]string{
		"similarity.csv": "task_i,task_j,layer,module,side,measure,value\n",
		"projection.csv": "source,target,layer,module,measure,value\n",
		"spectra.csv":    "source,target,layer,module,index,s1,s2\n",
		"adapters.csv":   "task,layer,module,measure,value\n",
	} {
		if !strings.HasPrefix(one[name], header) {
			t.Errorf("%s starts %q, want %q", name, one[name][:min(len(one[name]), 80)], header)
		}
	}
}

// The rows read back from Arrow are the rows written.
func TestWrite(t *testing.T) {
	dirs := adapters(t, 3, small()[:2])
	r, err := compared(context.Background(), dirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	seen := &Results{}
	if _, err := Write(context.Background(), dirs, similarity.Measures, "", out, nil, func(r Rows) error {
		seen.Similarity, seen.Projection, seen.Adapters = append(seen.Similarity, r.Similarity...), append(seen.Projection, r.Projection...), append(seen.Adapters, r.Adapters...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(seen.Similarity, r.Similarity) || !slices.Equal(seen.Projection, r.Projection) || !slices.Equal(seen.Adapters, r.Adapters) || len(seen.Adapters) == 0 {
		t.Error("other rows were seen than are")
	}
	s, _, err := table.Read[table.Similarity](filepath.Join(out, similarity.File))
	if err != nil || !slices.Equal(s, r.Similarity) {
		t.Errorf("similarity: %d rows, %v, want %d", len(s), err, len(r.Similarity))
	}
	p, meta, err := table.Read[table.Projection](filepath.Join(out, projection.File))
	if err != nil || !slices.Equal(p, r.Projection) || meta["p"] != "3" || meta["sign"] != "abs" {
		t.Errorf("projection: %d rows, metadata %v, %v, want %d", len(p), meta, err, len(r.Projection))
	}
	of, _, err := table.Read[table.Adapter](filepath.Join(out, similarity.AdaptersFile))
	if err != nil || !slices.Equal(of, r.Adapters) {
		t.Errorf("adapters: %d rows, %v, want %d", len(of), err, len(r.Adapters))
	}
	x, _, err := table.Read[table.Spectrum](filepath.Join(out, projection.SpectraFile))
	if err != nil || !slices.Equal(x, r.Spectra) {
		t.Errorf("spectra: %d rows, %v, want %d", len(x), err, len(r.Spectra))
	}
}

func TestAdaptersRefuses(t *testing.T) {
	dirs := adapters(t, 2, small()[:2])
	same := filepath.Join(t.TempDir(), "x", filepath.Base(dirs[0]))
	rng := rand.New(rand.NewPCG(1, 1))
	make := func(dir, config string, modules []module, factor float64) string {
		save(t, dir, 8, config, adapter.F32, modules, func(m module) (b, a *mat.Dense) {
			b, a = trained(rng, 1, 8, m)
			b.Scale(factor, b)
			return b, a
		})
		return dir
	}
	make(same, "", small()[:2], 1)
	elsewhere := make(filepath.Join(t.TempDir(), "elsewhere"), "", []module{{"model.layers.0.self_attn.k_proj", 4, 4}}, 1)
	wider := make(filepath.Join(t.TempDir(), "wider"), "", []module{{small()[0].name, 96, 48}}, 1)
	untrained := make(filepath.Join(t.TempDir(), "untrained"), "", small()[:2], 0)
	for name, c := range map[string]struct {
		dirs []string
		msg  string
		data bool // an *adapter.Error
	}{
		"one folder":    {dirs[:1], "two adapters", false},
		"same name":     {[]string{dirs[0], same}, "same name", true},
		"no adapter":    {[]string{dirs[0], t.TempDir()}, "adapter_config.json", true},
		"other modules": {[]string{dirs[0], elsewhere}, "no module in common", true},
		"other shape":   {[]string{dirs[0], wider}, "different base models", true},
		"zero":          {[]string{dirs[0], untrained}, "ΔW is zero", true},
	} {
		_, err := compared(context.Background(), c.dirs, nil)
		var e *adapter.Error
		if err == nil || !strings.Contains(err.Error(), c.msg) || errors.As(err, &e) != c.data {
			t.Errorf("%s: error %v, want %q", name, err, c.msg)
		}
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := compared(stopped, dirs, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestNotes(t *testing.T) {
	dirs := adapters(t, 2, small()[:2])
	rng := rand.New(rand.NewPCG(1, 1))
	fewer := filepath.Join(t.TempDir(), "fewer")
	save(t, fewer, 8, `, "base_model_name_or_path": "other"`, adapter.F32, small()[:1], func(m module) (b, a *mat.Dense) { return trained(rng, 1, 8, m) })
	var last [2]int64
	r, err := compared(context.Background(), append(dirs, fewer), func(done, total int64, _ string) { last = [2]int64{max(done, last[0]), total} })
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{`fewer was trained on "other"`, "1 v_proj modules that fewer did not adapt"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q lack %q", notes, want)
		}
	}
	const perPair = 15*2 + 6 // measures of each side, and of the whole ΔW
	count := map[string]int{}
	for _, row := range r.Similarity {
		count[row.Module+" "+row.TaskJ]++
	}
	if count["q_proj fewer"] != 2*perPair || count["v_proj fewer"] != 0 || count["v_proj task-01"] != perPair {
		t.Errorf("rows %v", count)
	}
	if last != [2]int64{2, 2} {
		t.Errorf("progress ended at %v", last)
	}
}
