package compare

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"taskvec/internal/adapter"
	"taskvec/internal/stats"
	"taskvec/internal/table"
	"taskvec/stages/report"
	"taskvec/stages/similarity"
)

// families are those of the adapters that clustered writes, by task.
var families = []int{0, 0, 0, 1, 1, 1, 2, 2}

// clustered writes 8 adapters that start from one A. Of each, the columns of B are those of its family and noise
// of a size: 0 is a family of copies, +Inf no family at all. It returns their folders.
func clustered(t *testing.T, root string, seed uint64, noise float64) []string {
	t.Helper()
	const rank = 4
	m := module{"model.layers.0.self_attn.q_proj", 40, 24}
	var dirs []string
	for i, family := range families {
		own := rand.New(rand.NewPCG(seed, 100+uint64(i)))
		dir := filepath.Join(root, fmt.Sprintf("task-%d", i))
		save(t, dir, rank, "", adapter.F32, []module{m}, func(m module) (b, a *mat.Dense) {
			b, a = trained(own, seed, rank, m)
			if !math.IsInf(noise, 1) {
				shared, _ := trained(rand.New(rand.NewPCG(seed, uint64(family))), seed, rank, m)
				b.Scale(noise, b)
				b.Add(b, shared)
			}
			return b, a
		})
		dirs = append(dirs, dir)
	}
	return dirs
}

// pOf is the p of the permutation test that the families cluster by a distance, from the adapters' files on.
func pOf(t *testing.T, dirs []string, group []int, measure string, seed uint64) float64 {
	t.Helper()
	results := report.NewResults()
	_, err := Adapters(context.Background(), dirs, []string{similarity.Grassmann, similarity.Cosine}, "", nil, func(m *Module) error {
		return results.Add(m.Similarity.Rows(nil, 0, m.Similarity.Pairs()), nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	d, ok := results.Distance("", measure)
	if !ok {
		t.Fatalf("no %s", measure)
	}
	c, ok, err := stats.Cluster(d, group, seed)
	if err != nil || !ok || !c.Exact {
		t.Fatalf("%+v, %v, %v", c, ok, err)
	}
	return c.P
}

// Planted families come out with the least p that there is, 2 of 560 relabellings (the two families of three may change
// names), also where noise is as large as what they share; of random adapters about one in twenty is called
// significant at 5 %: 10 of 200, sd 3.1.
func TestClusters(t *testing.T) {
	for seed := range uint64(20) {
		dirs := clustered(t, t.TempDir(), seed, 1)
		for _, measure := range []string{similarity.Grassmann, similarity.Cosine} {
			if p := pOf(t, dirs, families, measure, seed); p > 2.0/560+1e-12 {
				t.Errorf("planted families, seed %d: p = %v by %s", seed, p, measure)
			}
		}
	}
	positives := map[string]int{}
	for seed := range uint64(200) {
		dirs := clustered(t, t.TempDir(), seed, math.Inf(1))
		for _, measure := range []string{similarity.Grassmann, similarity.Cosine} {
			if pOf(t, dirs, families, measure, seed) <= 0.05 {
				positives[measure]++
			}
		}
	}
	for _, measure := range []string{similarity.Grassmann, similarity.Cosine} {
		if n := positives[measure]; n < 2 || n > 20 {
			t.Errorf("%s: %d of 200 sets of random adapters are significant at 5 %%", measure, n)
		}
		t.Logf("%s: %d of 200 sets of random adapters are significant at 5 %%", measure, positives[measure])
	}
}

// Every number belongs to its tasks, whatever the order they are given in: the rows of the adapters in another order are
// the same rows, those of a pair of tasks named the other way round.
func TestOrderOfTasks(t *testing.T) {
	dirs := adapters(t, 4, small()[:2])
	one, err := compared(context.Background(), dirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := compared(context.Background(), []string{dirs[2], dirs[0], dirs[3], dirs[1]}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Similarity) != len(other.Similarity) || len(one.Projection) != len(other.Projection) || len(one.Adapters) != len(other.Adapters) {
		t.Fatalf("%d, %d and %d rows, and %d, %d and %d", len(one.Similarity), len(one.Projection), len(one.Adapters),
			len(other.Similarity), len(other.Projection), len(other.Adapters))
	}
	values := map[string]float64{}
	name := func(s table.Similarity) string {
		pair := []string{s.TaskI, s.TaskJ}
		slices.Sort(pair)
		return fmt.Sprint(pair, s.Layer, s.Module, s.Side, s.Measure)
	}
	for _, s := range one.Similarity {
		values[name(s)] = s.Value
	}
	for _, s := range other.Similarity {
		if want, ok := values[name(s)]; !ok || !(math.Abs(s.Value-want) <= 1e-11*max(1, want)) {
			t.Errorf("%+v, in the other order %v", s, want)
		}
	}
	for _, p := range one.Projection {
		values[fmt.Sprint(p.Source, p.Target, p.Layer, p.Module, p.Measure)] = p.Value
	}
	for _, p := range other.Projection {
		if want, ok := values[fmt.Sprint(p.Source, p.Target, p.Layer, p.Module, p.Measure)]; !ok || !(math.Abs(p.Value-want) <= 1e-9*max(1, math.Abs(want))) {
			t.Errorf("%+v, in the other order %v", p, want)
		}
	}
	for _, a := range one.Adapters {
		values[fmt.Sprint(a.Task, a.Layer, a.Module, a.Measure)] = a.Value
	}
	for _, a := range other.Adapters {
		if want := values[fmt.Sprint(a.Task, a.Layer, a.Module, a.Measure)]; a.Value != want {
			t.Errorf("%+v, in the other order %v", a, want)
		}
	}
}
