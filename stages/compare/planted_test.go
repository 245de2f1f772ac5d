package compare

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/mat"

	"taskvec/internal/adapter"
)

// A module is one module of planted adapters.
type module struct {
	name    string
	out, in int
}

// mistral returns the q and v modules of a model of Mistral 7B's shape.
func mistral(layers int) []module {
	var m []module
	for l := range layers {
		m = append(m, module{fmt.Sprintf("model.layers.%d.self_attn.q_proj", l), 4096, 4096},
			module{fmt.Sprintf("model.layers.%d.self_attn.v_proj", l), 1024, 4096})
	}
	return m
}

// small returns modules of three shapes in two layers.
func small() []module {
	var m []module
	for l := range 2 {
		p := fmt.Sprintf("model.layers.%d.", l)
		m = append(m, module{p + "self_attn.q_proj", 48, 48}, module{p + "self_attn.v_proj", 24, 48}, module{p + "mlp.down_proj", 48, 80})
	}
	return m
}

// save writes a PEFT folder dir of the factors that factor returns for each module, in one type.
func save(t testing.TB, dir string, rank int, config, dtype string, modules []module, factor func(m module) (b, a *mat.Dense)) {
	t.Helper()
	var tensors []adapter.Tensor
	for _, m := range modules {
		b, a := factor(m)
		name := "base_model.model." + m.name
		tensors = append(tensors, tensor(name+".lora_A.weight", dtype, a), tensor(name+".lora_B.weight", dtype, b))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(fmt.Sprintf(`{"peft_type": "LORA", "r": %d%s}`, rank, config)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := adapter.WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), tensors, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
}

// tensor stores a matrix in a type; bfloat16 is cut off, not rounded.
func tensor(name, dtype string, m *mat.Dense) adapter.Tensor {
	rows, cols := m.Dims()
	t := adapter.Tensor{Name: name, DType: dtype, Shape: []int{rows, cols}}
	for i := range rows {
		for j := range cols {
			switch v := m.At(i, j); dtype {
			case adapter.F64:
				t.Data = binary.LittleEndian.AppendUint64(t.Data, math.Float64bits(v))
			case adapter.F32:
				t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(float32(v)))
			case adapter.BF16:
				t.Data = binary.LittleEndian.AppendUint16(t.Data, uint16(math.Float32bits(float32(v))>>16))
			}
		}
	}
	return t
}

// trained returns factors as training leaves them: A near an initialisation that all tasks share,
// B of falling singular values.
func trained(rng *rand.Rand, shared uint64, rank int, m module) (b, a *mat.Dense) {
	start := rand.New(rand.NewPCG(shared, uint64(m.in)))
	b, a = mat.NewDense(m.out, rank, nil), mat.NewDense(rank, m.in, nil)
	b.Apply(func(_, j int, _ float64) float64 { return 0.01 * math.Exp2(-float64(j)/2) * rng.NormFloat64() }, b)
	a.Apply(func(_, _ int, _ float64) float64 {
		return (2*start.Float64() - 1 + 0.2*rng.NormFloat64()) / math.Sqrt(float64(m.in))
	}, a)
	return b, a
}

// frame returns a random n × k matrix with orthonormal columns.
func frame(rng *rand.Rand, n, k int) *mat.Dense {
	m := mat.NewDense(n, k, nil)
	m.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, m)
	var qr mat.QR
	qr.Factorize(m)
	var q mat.Dense
	qr.QTo(&q)
	return mat.DenseCopyOf(q.Slice(0, n, 0, k))
}
