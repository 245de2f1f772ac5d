package compare

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"taskvec/internal/adapter"
	"taskvec/stages/similarity"
)

// kept returns the folders of n adapters of r = 8, F32, on these modules, which are written once
// into a folder of the system's temporary files and stay there.
func kept(b *testing.B, n int, name string, modules []module) []string {
	b.Helper()
	root := filepath.Join(os.TempDir(), fmt.Sprintf("taskvec-bench-%d-%s", n, name))
	if _, err := os.Stat(root); err != nil {
		fresh, err := os.MkdirTemp(os.TempDir(), "taskvec-bench")
		if err != nil {
			b.Fatal(err)
		}
		defer os.RemoveAll(fresh)
		for i := range n {
			rng := rand.New(rand.NewPCG(7, uint64(i)))
			save(b, filepath.Join(fresh, fmt.Sprintf("task-%03d", i)), 8, `, "lora_alpha": 16`, adapter.F32, modules,
				func(m module) (b, a *mat.Dense) { return trained(rng, 1, 8, m) })
		}
		if err := os.Rename(fresh, root); err != nil {
			b.Fatal(err)
		}
	}
	dirs, err := filepath.Glob(filepath.Join(root, "task-*"))
	if err != nil || len(dirs) != n {
		b.Fatalf("%s holds %d adapters, want %d (%v): remove it", root, len(dirs), n, err)
	}
	return dirs
}

// readOnce reads every file once.
func readOnce(b *testing.B, dirs []string) {
	for b.Loop() {
		for _, dir := range dirs {
			if _, err := os.ReadFile(filepath.Join(dir, "adapter_model.safetensors")); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkThirteen compares 13 adapters of Mistral 7B's shape, q and v, r = 8, 32 layers, F32. What
// testdata/bench.py runs beside NumPy is measures: reading and every number but the simulated nulls and the measures
// of what merging goes by, which NumPy's side has not.
func BenchmarkThirteen(b *testing.B) {
	dirs := kept(b, 13, "mistral", mistral(32))
	out := b.TempDir()
	b.Run("read", func(b *testing.B) { readOnce(b, dirs) })
	b.Run("measures", func(b *testing.B) {
		measures := slices.DeleteFunc(slices.Clone(similarity.Factored), func(name string) bool {
			return strings.HasPrefix(name, "grassmann_null") || slices.Contains([]string{similarity.Z, similarity.Alignment, similarity.STI}, name)
		})
		for b.Loop() {
			if _, err := Adapters(context.Background(), dirs, measures, "", nil, func(*Module) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("compare", func(b *testing.B) {
		for b.Loop() {
			if _, err := Write(context.Background(), dirs, similarity.Factored, "", out, nil, ignore); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkMany compares more and more adapters, by all measures with their nulls: time is to grow with the pairs,
// memory hardly. small is four layers of q and v of 256, and mistral one layer of Mistral 7B's shape: the
// memory is that of all 32.
func BenchmarkMany(b *testing.B) {
	var modules []module
	for l := range 4 {
		p := fmt.Sprintf("model.layers.%d.self_attn.", l)
		modules = append(modules, module{p + "q_proj", 256, 256}, module{p + "v_proj", 64, 256})
	}
	for _, c := range []struct {
		n       int
		name    string
		modules []module
	}{{50, "small", modules}, {100, "small", modules}, {200, "small", modules}, {500, "small", modules}, {500, "mistral-layer", mistral(1)}, {50, "mistral", mistral(32)}} {
		b.Run(fmt.Sprintf("%s/%d", c.name, c.n), func(b *testing.B) {
			dirs := kept(b, c.n, c.name, c.modules)
			for b.Loop() {
				if _, err := Adapters(context.Background(), dirs, similarity.Factored, "", nil, func(*Module) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(c.modules)*c.n*(c.n-1)/2), "ns/pair")
		})
	}
}
