package report

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"taskvec/datasets"
	"taskvec/internal/table"
	"taskvec/internal/trainer"
	"taskvec/stages/build"
)

// example is a report whose numbers can be worked out by hand: three tasks, two layers of q_proj
// and one of v_proj.
func example() *Input {
	in := &Input{Title: "hand-worked", Variants: map[string]string{"m": "instruct"}, Published: &Published{
		Projection: []PublishedProjection{{Pair: [2]string{"sum", "ner"}, Instruct: L1REC{L1: 0.271, REC: 0.644}, Base: L1REC{L1: 9, REC: 9}}},
		Entropy:    []PublishedEntropy{{Pair: [2]string{"ner", "sum"}, Instruct: H1H2{H1: 0.774, H2: 0.867}}},
		Takeaways:  []string{"counting tasks cluster"},
	}}
	tasks := []string{"ner", "sum", "every-2-words"}
	distances := map[[2]string][3]float64{{"ner", "sum"}: {1, 3, 10}, {"ner", "every-2-words"}: {2, 2, 4}, {"sum", "every-2-words"}: {5, 7, 8}}
	modules := []struct {
		layer  int32
		module string
	}{{0, "q_proj"}, {1, "q_proj"}, {0, "v_proj"}}
	for i, a := range tasks {
		for j, b := range tasks {
			for k, m := range modules {
				if i < j {
					v := distances[[2]string{a, b}][k]
					for _, measure := range []string{"grassmann", "cosine"} {
						in.Similarity = append(in.Similarity, table.Similarity{Model: "m", TaskI: a, TaskJ: b, Layer: m.layer, Module: m.module, Side: "column", Measure: measure, Value: v})
					}
				}
				if i != j {
					for measure, v := range map[string]float64{"l1": float64(k), "rec": 0.5, "entropy": 0.9, "entropy_source": 0.8, "e_core": 0.1, "negatives": 2} {
						in.Projection = append(in.Projection, table.Projection{Model: "m", Source: a, Target: b, Layer: m.layer, Module: m.module, Measure: measure, Value: v})
					}
				}
			}
		}
		in.Curves = append(in.Curves,
			table.Curve{Model: "m", Task: a, Kind: "validation", Loss: 3},
			table.Curve{Model: "m", Task: a, Step: 10, Epoch: 1, Kind: "validation", Loss: 1},
			table.Curve{Model: "m", Task: a, Step: 10, Epoch: 1, Kind: "train", Loss: 0.5},
			table.Curve{Model: "m", Task: a, Step: 20, Epoch: 2, Kind: "validation", Loss: 2})
		in.Builds = append(in.Builds, build.Report{Task: a, Family: "x", Rows: map[datasets.Split]int{"train": 36, "test": 6}, Skipped: map[string]int{"no chain": 1, "no predicate": 2}, Words: 200, SupervisedWords: 50, SupervisedShare: 0.25, DuplicatesAcross: 3})
		in.Trainings = append(in.Trainings, Training{Model: "m", Task: a, Result: &trainer.Result{
			Steps: 20, BestEpoch: 1, InitialLoss: 3, ValidationLosses: []float64{1, 2}, Examples: map[string]int{"train": 36},
			TotalTokens: map[string]int64{"train": 400}, SupervisedTokens: map[string]int64{"train": 100}, Truncated: map[string]int{"train": 4},
		}})
	}
	return in
}

// TestDistance works T̄ out by hand: layers within q, then q and v: ((1+3)/2 + 10)/2 = 6.
func TestDistance(t *testing.T) {
	in := example()
	r, err := Aggregate(in.Similarity, in.Projection)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := r.Distance("m", "grassmann")
	want := [][]float64{{0, 6, 3}, {6, 0, 7}, {3, 7, 0}}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for module, want := range map[string][][]float64{"q_proj": {{0, 2, 2}, {2, 0, 6}, {2, 6, 0}}, "v_proj": {{0, 10, 4}, {10, 0, 8}, {4, 8, 0}}} {
		if got, ok := r.distanceOf("m", "grassmann", module); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", module, got, want)
		}
	}
	if got := r.moduleTypes("m", "grassmann"); !reflect.DeepEqual(got, []string{"q_proj", "v_proj"}) {
		t.Errorf("module types %v", got)
	}
	if _, ok := r.Distance("m", "l2"); ok {
		t.Error("a measure that is not there is found")
	}
	if l1, ok := r.Projection("l1", pair{"m", "sum", "ner"}); !ok || l1 != (0.5+2)/2 {
		t.Errorf("mean L_1 %v, want 1.25", l1)
	}
	in.Similarity[0].Side = "colum"
	if _, err := Aggregate(in.Similarity, nil); err == nil {
		t.Error("an unknown side is accepted")
	}
}

// TestProjectionTable reads the first table: the published pair first, the difference beside it.
func TestProjectionTable(t *testing.T) {
	dir := t.TempDir()
	if err := example().Write(dir); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"table1-projection.csv": "model,i → j,L_1,REC,E_core,negatives,L_1 published,L_1 difference,REC published,REC difference\nm,sum → ner,1.25,0.5,0.1,2,0.271,0.979,0.644,-0.14400000000000002\nm,ner → sum,1.25,0.5,0.1,2,,,,\n",
		"table2-entropy.csv":    "model,i → j,H(S₁),H(S₂),H(S₁) published,H(S₁) difference,H(S₂) published,H(S₂) difference\nm,sum → ner,0.8,0.9,,,,\nm,ner → sum,0.8,0.9,0.774,0.026000000000000023,0.867,0.03300000000000003\n",
		"table1-projection.md":  "| m | sum → ner | 1.250 | 0.500 | 0.100 | 2.000 | 0.271 | +0.979 | 0.644 | -0.144 |\n",
		"table1-projection.tex": `m & sum $\rightarrow$ ner & 1.250 & 0.500 & 0.100 & 2.000 & 0.271 & +0.979 & 0.644 & -0.144 \\`,
		"training.md":           "| m | ner | 36 | 400 | 0.250 | 4 | 3.000 | 1.000 | 1 | 20 |\n",
		"examples.csv":          "every-2-words,x,36,0,6,200,0.25,0,3,3,no chain (1); no predicate (2)\n",
		"distance-m-cosine.csv": "task,ner,sum,every-2-words\nner,0,6,3\nsum,6,0,7\nevery-2-words,3,7,0\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, "tables", file))
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(got), want) {
			t.Errorf("%s:\n%s\nlacks\n%s", file, got, want)
		}
	}
}

// TestFiles opens every figure and holds the page to its promises: every table and figure in it,
// and nothing fetched.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	if err := example().Write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	figures := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "index.html" {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if !bytes.Contains(page, []byte(`href="`+filepath.ToSlash(rel)+`"`)) {
			t.Errorf("the page has no link to %s", rel)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".png":
			figures++
			if _, err := png.Decode(bytes.NewReader(b)); err != nil {
				t.Errorf("%s: %v", rel, err)
			}
		case ".svg":
			for dec := xml.NewDecoder(bytes.NewReader(b)); ; {
				if _, err := dec.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Errorf("%s: %v", rel, err)
					break
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if figures != 2+3+2*3+1 { // two heat maps; three maps, of T̄ and of each of two module types; one loss figure
		t.Errorf("%d figures, want 12", figures)
	}
	start := bytes.Index(page, []byte("<script>"))
	for _, forbidden := range []string{"src=\"http", "<link rel=\"stylesheet", "@import", "<script src"} {
		if bytes.Contains(page[:start], []byte(forbidden)) {
			t.Errorf("the page fetches something: %s", forbidden)
		}
	}
	if !bytes.Contains(page, []byte("counting tasks cluster")) || !bytes.Contains(page, []byte(">0.979<")) && !bytes.Contains(page, []byte(">&#43;0.979<")) {
		t.Error("the page lacks the takeaway or the difference")
	}
}

// TestSameBytes writes a report twice; map order and time must not show.
func TestSameBytes(t *testing.T) {
	var files [2]map[string]string
	for i := range files {
		dir := t.TempDir()
		if err := example().Write(dir); err != nil {
			t.Fatal(err)
		}
		files[i] = map[string]string{}
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			files[i][strings.TrimPrefix(path, dir)] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, content := range files[0] {
		if files[1][path] != content {
			t.Errorf("%s differs between two runs", path)
		}
	}
}

// TestHostileNames puts markup into task names: it must come out as text.
func TestHostileNames(t *testing.T) {
	in := example()
	for i := range in.Similarity {
		in.Similarity[i].TaskI = strings.Replace(in.Similarity[i].TaskI, "ner", "</script><b>_%|", 1)
	}
	for i := range in.Projection {
		in.Projection[i].Source = strings.Replace(in.Projection[i].Source, "ner", "</script><b>_%|", 1)
		in.Projection[i].Target = strings.Replace(in.Projection[i].Target, "ner", "</script><b>_%|", 1)
	}
	dir := t.TempDir()
	if err := in.Write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(page, []byte("</script><b>")) {
		t.Error("a task's name is markup in the page")
	}
	tex, err := os.ReadFile(filepath.Join(dir, "tables", "table2-entropy.tex"))
	if err != nil || !bytes.Contains(tex, []byte(`\_\%|`)) {
		t.Errorf("LaTeX does not escape names (%v)", err)
	}
}

// TestPCAKnown places four points on a rectangle of sides 6 and 2: the components are its axes.
func TestPCAKnown(t *testing.T) {
	// Columns 0 and 1 are the coordinates, the others constant.
	c, err := pcaRows([][]float64{{3, 1, 5, 5}, {3, -1, 5, 5}, {-3, 1, 5, 5}, {-3, -1, 5, 5}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]float64{{3, 1}, {3, -1}, {-3, 1}, {-3, -1}} {
		for k := range 2 {
			if math.Abs(math.Abs(c.scores[i][k])-math.Abs(want[k])) > 1e-12 {
				t.Errorf("point %d: %v, want %v up to sign", i, c.scores[i], want)
			}
		}
	}
	if math.Abs(c.explained[0]-0.9) > 1e-12 || math.Abs(c.explained[1]-0.1) > 1e-12 {
		t.Errorf("explained %v, want 0.9 and 0.1", c.explained)
	}
}

// TestPCAProperties: two components keep squared distances from growing, three points in a plane
// keep them exactly, and the sign rule holds.
func TestPCAProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 8).Draw(t, "n")
		m := make([][]float64, n)
		for i := range m {
			m[i] = make([]float64, n)
		}
		for i := range m {
			for j := range i {
				m[i][j] = rapid.Float64Range(0.1, 5).Draw(t, "d")
				m[j][i] = m[i][j]
			}
		}
		c, err := pcaRows(m)
		if err != nil {
			t.Fatal(err)
		}
		for k := range 2 {
			lo, hi := 0.0, 0.0
			for i := range n {
				lo, hi = min(lo, c.scores[i][k]), max(hi, c.scores[i][k])
			}
			if -lo > hi*(1+1e-6) {
				t.Fatalf("component %d: the largest entry is negative: %v < -%v", k, lo, hi)
			}
		}
		for i := range n {
			for j := range i {
				a, b := mat.NewVecDense(n, append([]float64(nil), m[i]...)), mat.NewVecDense(n, m[j])
				a.SubVec(a, b)
				full := mat.Norm(a, 2)
				flat := math.Hypot(c.scores[i][0]-c.scores[j][0], c.scores[i][1]-c.scores[j][1])
				if flat > full*(1+1e-9)+1e-12 || n == 3 && math.Abs(flat-full) > 1e-9 {
					t.Fatalf("points %d and %d: %v in the map, %v apart", i, j, flat, full)
				}
			}
		}
	})
}

// TestPublished refuses a misspelled key with its line.
func TestPublished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, []byte("projection:\n  - {pair: [a, b], instrct: {l1: 1}}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPublished(path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
	p, err := ReadPublished("../../configs/published/poster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := p.projection("ner", "sum", "base"); !ok || v != (L1REC{0.673, 0.582}) {
		t.Errorf("ner → sum, base: %v", v)
	}
	if v, ok := p.entropy("sum", "ner", "instruct"); !ok || v != (H1H2{0.852, 0.839}) {
		t.Errorf("sum → ner, instruct: %v", v)
	}
	if _, ok := p.projection("ner", "sum", ""); ok {
		t.Error("a model of no variant is compared")
	}
}

// TestApart keeps labels of near points apart, and leaves the others at their points.
func TestApart(t *testing.T) {
	got := apart([][2]float64{{0, 0}, {0.1, 0.01}, {0.9, 0.02}, {1, 1}})
	want := []float64{0, 0.05, 0.02, 1}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("heights %v, want %v", got, want)
			break
		}
	}
}
