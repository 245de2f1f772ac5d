package compare

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/adapter"
	"taskvec/internal/table"
	"taskvec/stages/similarity"
)

// TestVectors compares full fine-tunings whose changes are planted: q_proj changed by 2·u·vᵀ in one and by
// 5·u′·vᵀ in the other, u and u′ at an angle of 0.7.
func TestVectors(t *testing.T) {
	const n, theta = 24, 0.7
	rng := rand.New(rand.NewPCG(3, 1))
	weights := make([]float64, n*n)
	for i := range weights {
		weights[i] = rng.NormFloat64()
	}
	root := t.TempDir()
	write := func(name string, scale, angle float64) string {
		w := make([]float32, n*n)
		for i := range n {
			u := 0.0
			switch i {
			case 0:
				u = math.Cos(angle)
			case 1:
				u = math.Sin(angle)
			}
			for j := range n {
				v := 0.0
				if j == 3 {
					v = 1
				}
				w[i*n+j] = float32(weights[i*n+j] + scale*u*v)
			}
		}
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := adapter.WriteSafetensors(filepath.Join(dir, "model.safetensors"), []adapter.Tensor{
			adapter.Float32Tensor("model.layers.0.self_attn.q_proj.weight", []int{n, n}, w),
		}, nil); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	base, one, two := write("base", 0, 0), write("sum", 2, 0), write("ner", 5, theta)
	out := filepath.Join(root, "out")
	dirs, notes, err := Vectors(context.Background(), []string{one, two}, base, out, 1, nil)
	if err != nil || len(notes) != 2 || filepath.Base(dirs[0]) != "sum" || filepath.Base(dirs[1]) != "ner" {
		t.Fatalf("%v, %v, %v", dirs, notes, err)
	}
	got := map[string]float64{}
	_, err = Adapters(context.Background(), dirs, []string{similarity.Grassmann, similarity.Cosine}, "", nil, func(m *Module) error {
		for _, r := range m.Similarity.Rows(nil, 0, m.Similarity.Pairs()) {
			got[r.Side+" "+r.Measure] = r.Value
		}
		return nil
	})
	if err != nil || math.Abs(got["column grassmann"]-theta) > 1e-5 || math.Abs(got["row grassmann"]) > 1e-5 || math.Abs(got["column cosine"]-(1-math.Cos(theta))) > 1e-5 {
		t.Errorf("%v, %v", got, err)
	}
	if err := WritePhi(context.Background(), dirs, out); err != nil {
		t.Fatal(err)
	}
	cells, _, err := table.Read[table.Phi](filepath.Join(out, "phi.arrow"))
	if err != nil || len(cells) != 2 || cells[0].Side != "column" || math.Abs(cells[0].Value-math.Pow(math.Cos(theta), 2)) > 1e-5 || math.Abs(cells[1].Value-1) > 1e-5 {
		t.Errorf("phi %+v, %v", cells, err)
	}
	rows, _, err := table.Read[table.Truncation](filepath.Join(out, "truncation.arrow"))
	if err != nil || len(rows) != 2 || rows[1].Task != "ner" || rows[1].Module != "q_proj" || rows[1].Rank != 1 || math.Abs(rows[1].Norm-5) > 1e-5 || rows[1].Residual > 1e-5 {
		t.Errorf("%+v, %v", rows, err)
	}
	if csv, err := os.ReadFile(filepath.Join(out, "truncation.csv")); err != nil || !strings.HasPrefix(string(csv), "task,layer,module,rank,norm,residual,unchanged\nsum,0,q_proj,1,") {
		t.Errorf("%s, %v", csv, err)
	}
	var bad *adapter.Error
	if _, _, err := Vectors(context.Background(), []string{one}, "", out, 1, nil); !errors.As(err, &bad) || bad.Error() != one+": is a full model, not an adapter: give the model it was fine-tuned from as --base" {
		t.Errorf("without a base: %v", err)
	}
}
