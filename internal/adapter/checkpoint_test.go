package adapter

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	qWeight    = "model.layers.0.self_attn.q_proj.weight"
	vWeight    = "model.layers.0.self_attn.v_proj.weight"
	normWeight = "model.layers.0.input_layernorm.weight"
	embedding  = "model.embed_tokens.weight"
)

// checkpoint writes a model's folder, in shards of one tensor where shards is set.
func checkpoint(t *testing.T, shards bool, tensors ...Tensor) string {
	t.Helper()
	dir := t.TempDir()
	if !shards {
		if err := WriteSafetensors(filepath.Join(dir, wholeFile), tensors, nil); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	weights := map[string]string{}
	for i, tensor := range tensors {
		name := "model-0000" + string(rune('1'+i)) + "-of-0000N.safetensors"
		weights[tensor.Name] = name
		if err := WriteSafetensors(filepath.Join(dir, name), []Tensor{tensor}, nil); err != nil {
			t.Fatal(err)
		}
	}
	index, err := json.Marshal(map[string]any{"weight_map": weights})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, indexFile), index, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// models returns a base and a tuned model whose q_proj changed by 3·u·vᵀ, u and v of length 1, and v_proj
// not at all.
func models() (base, tuned []Tensor, u, v []float32) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(rng.IntN(64)) / 8 // differences are exact
		}
		return out
	}
	q, w, norms, embed := random(12), random(8), random(4), random(20)
	u, v = []float32{0, 1, 0}, []float32{0.5, 0.5, -0.5, 0.5}
	changed := append([]float32(nil), q...)
	for i := range 3 {
		for j := range 4 {
			changed[i*4+j] += 3 * u[i] * v[j]
		}
	}
	base = []Tensor{Float32Tensor(qWeight, []int{3, 4}, q), Float32Tensor(vWeight, []int{2, 4}, w), Float32Tensor(normWeight, []int{4}, norms), Float32Tensor(embedding, []int{5, 4}, embed)}
	tuned = []Tensor{Float32Tensor(qWeight, []int{3, 4}, changed), base[1], Float32Tensor(normWeight, []int{4}, random(4)), base[3]}
	return base, tuned, u, v
}

// TestExtract finds a planted change of rank 1, from whole files and from shards.
func TestExtract(t *testing.T) {
	base, tuned, u, v := models()
	for _, shards := range []bool{false, true} {
		out := filepath.Join(t.TempDir(), "vector")
		vectors, notes, err := Extract(checkpoint(t, shards, tuned...), checkpoint(t, !shards, base...), out, 2, 1, nil)
		if err != nil || len(vectors) != 2 || len(notes) != 1 {
			t.Fatalf("%+v, %v, %v", vectors, notes, err)
		}
		q, w := vectors[0], vectors[1]
		if q.Type != "q_proj" || q.Layer != 0 || q.Rank != 1 || math.Abs(q.Norm-3) > 1e-6 || q.Residual > 1e-7 || q.Unchanged != 8.0/12 {
			t.Errorf("q_proj %+v", q)
		}
		if w.Type != "v_proj" || w.Norm != 0 || w.Unchanged != 1 {
			t.Errorf("v_proj %+v", w)
		}
		a, err := Open(out)
		if err != nil || len(a.Modules) != 2 {
			t.Fatalf("the task vector is no adapter: %v", err)
		}
		m := a.Modules[0]
		fa, err1 := m.A.Float64s()
		fb, err2 := m.B.Float64s()
		if err1 != nil || err2 != nil || m.Scale != 1 || m.Rank != 1 {
			t.Fatalf("%+v, %v, %v", m, err1, err2)
		}
		for i := range 3 {
			for j := range 4 {
				if got, want := fb[i]*fa[j], 3*float64(u[i]*v[j]); math.Abs(got-want) > 1e-6 {
					t.Errorf("ΔW[%d,%d] = %v, want %v", i, j, got, want)
				}
			}
		}
		if !IsCheckpoint(checkpoint(t, shards, base...)) || IsCheckpoint(out) {
			t.Error("a model is taken for an adapter, or the other way round")
		}
	}
}

// TestExtractHalf says that bf16 weights round.
func TestExtractHalf(t *testing.T) {
	half := func(name string, bits ...byte) Tensor {
		return Tensor{Name: name, DType: BF16, Shape: []int{1, 2}, Data: bits}
	}
	base := checkpoint(t, false, half(qWeight, 0x80, 0x3f, 0, 0x40))  // 1, 2
	tuned := checkpoint(t, false, half(qWeight, 0xa0, 0x3f, 0, 0x40)) // 1.25, 2
	vectors, notes, err := Extract(tuned, base, t.TempDir(), 4, 1, nil)
	if err != nil || vectors[0].Norm != 0.25 || vectors[0].Unchanged != 0.5 || len(notes) != 2 || !strings.Contains(notes[1], "rounded to bf16") {
		t.Errorf("%+v, %v, %v", vectors, notes, err)
	}
}

// TestExtractErrors names what does not fit.
func TestExtractErrors(t *testing.T) {
	base, tuned, _, _ := models()
	other := append([]Tensor(nil), base...)
	other[0] = Float32Tensor(qWeight, []int{4, 3}, make([]float32, 12))
	cut := checkpoint(t, true, base...)
	if err := os.Remove(filepath.Join(cut, "model-00001-of-0000N.safetensors")); err != nil {
		t.Fatal(err)
	}
	broken := append([]Tensor(nil), tuned...)
	broken[0] = Float32Tensor(qWeight, []int{3, 4}, []float32{nan, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	whole := checkpoint(t, false, base...)
	for want, c := range map[string][2]string{
		`BASE: tensor "` + qWeight + `": is missing, and TUNED has it: the base is another model`:                                                            {checkpoint(t, false, tuned...), checkpoint(t, false, base[1:]...)},
		`BASE: tensor "` + qWeight + `": is [4 3] of F32, and in TUNED [3 4] of F32`:                                                                         {checkpoint(t, false, tuned...), checkpoint(t, false, other...)},
		"BASE/model-00001-of-0000N.safetensors: there is no such file: a checkpoint is a folder with model.safetensors, or with an index and all its shards": {checkpoint(t, false, tuned...), cut},
		"TUNED: holds no linear module of a numbered layer":                                                                                                  {checkpoint(t, false, base[2:]...), whole},
		`TUNED: tensor "` + qWeight + `": the matrix of 3 × 4 holds NaN or Inf`:                                                                              {checkpoint(t, false, broken...), whole},
	} {
		_, _, err := Extract(c[0], c[1], t.TempDir(), 2, 1, nil)
		var bad *Error
		if got := strings.NewReplacer(c[0], "TUNED", c[1], "BASE").Replace(errorText(err)); !errors.As(err, &bad) || got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return "nil"
	}
	return err.Error()
}

// TestMatrix finds the weight of an adapter's module, as it is stored or the other way round, also where the
// names begin differently, and widens its type.
func TestMatrix(t *testing.T) {
	dir := t.TempDir()
	bf16 := Tensor{Name: "encoder.layer.0.query.weight", DType: BF16, Shape: []int{2, 3},
		Data: []byte{0x80, 0x3f, 0x00, 0x40, 0x40, 0x40, 0x80, 0x40, 0xa0, 0x40, 0xc0, 0x40}} // 1 to 6
	if err := WriteSafetensors(filepath.Join(dir, "model.safetensors"), []Tensor{bf16}, nil); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCheckpoint(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, module := range []string{"encoder.layer.0.query", "roberta.encoder.layer.0.query", "layer.0.query"} {
		w, err := c.Matrix(module, 2, 3, false)
		if err != nil || !slices.Equal(w.Data, []float64{1, 2, 3, 4, 5, 6}) {
			t.Errorf("%s: %v, %v", module, w, err)
		}
		w, err = c.Matrix(module, 3, 2, true)
		if err != nil || !slices.Equal(w.Data, []float64{1, 4, 2, 5, 3, 6}) || w.Rows != 3 {
			t.Errorf("%s the other way round: %v, %v", module, w, err)
		}
	}
	for _, module := range []string{"encoder.layer.1.query", "yer.0.query"} {
		if _, err := c.Matrix(module, 2, 3, false); err == nil {
			t.Errorf("%s is found", module)
		}
	}
	if _, err := c.Matrix("encoder.layer.0.query", 3, 2, false); err == nil {
		t.Error("another shape is taken")
	}
}
