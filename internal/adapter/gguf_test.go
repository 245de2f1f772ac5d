package adapter

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestToHalf: every binary16 comes back, and a float32 between two of them goes to the nearer, in the
// middle to the even one.
func TestToHalf(t *testing.T) {
	for bits := range 0x7c00 {
		h := uint16(bits)
		v := half(h)
		if got := toHalf(v); got != h {
			t.Fatalf("%v becomes %#04x, want %#04x", v, got, h)
		}
		if got := toHalf(-v); got != h|0x8000 {
			t.Fatalf("%v becomes %#04x, want %#04x", -v, got, h|0x8000)
		}
		next := half(h + 1)
		if h+1 == 0x7c00 {
			next = 65536 // what infinity stands for when rounding
		}
		middle := (v + next) / 2 // exact: a bit more than a binary16 has
		even := h + h&1
		for _, c := range []struct {
			v    float32
			want uint16
		}{{middle, even}, {math.Nextafter32(middle, 0), h}, {math.Nextafter32(middle, 1e9), h + 1}} {
			if got := toHalf(c.v); got != c.want {
				t.Fatalf("%v becomes %#04x, want %#04x", c.v, got, c.want)
			}
		}
	}
	if toHalf(float32(math.Inf(-1))) != 0xfc00 || toHalf(float32(math.NaN()))&0x7fff <= 0x7c00 {
		t.Error("infinity or NaN is lost")
	}
}

// TestPairRows: by hand, two heads of four rows: the halves (0 1 | 2 3) are taken in turns.
func TestPairRows(t *testing.T) {
	m := []float32{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7}
	want := []float32{0, 0, 2, 2, 1, 1, 3, 3, 4, 4, 6, 6, 5, 5, 7, 7}
	if got := pairRows(m, 2, 2); !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
}

// small is a base model's folder: 2 layers, 4 heads of 4 and 2 of them for keys, hidden 16.
func small(t *testing.T, edit map[string]any) string {
	t.Helper()
	config := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "vocab_size": 32, "hidden_size": 16, "num_hidden_layers": 2,
		"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000,
	}
	for k, v := range edit {
		config[k] = v
	}
	dir := t.TempDir()
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), b, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// planted writes an adapter whose B counts its rows, for the modules by shape out × in.
func planted(t *testing.T, config string, modules map[string][2]int, others ...Tensor) string {
	t.Helper()
	dir := t.TempDir()
	const r = 2
	tensors := others
	for name, shape := range modules {
		a, b := make([]float32, r*shape[1]), make([]float32, shape[0]*r)
		for i := range a {
			a[i] = float32(i)
		}
		for i := range b {
			b[i] = float32(i/r + 1)
		}
		tensors = append(tensors, Float32Tensor("base_model.model."+name+".lora_A.weight", []int{r, shape[1]}, a),
			Float32Tensor("base_model.model."+name+".lora_B.weight", []int{shape[0], r}, b))
	}
	if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestExportRefused: what a GGUF adapter cannot hold is bad input data with a reason, and no file is left.
func TestExportRefused(t *testing.T) {
	const config = `{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "tiny"}`
	q := "model.layers.0.self_attn.q_proj"
	fits := map[string][2]int{q: {16, 16}}
	for name, c := range map[string]struct {
		adapter, base, want string
	}{
		"base unknown":    {planted(t, config, fits), "", `its base model "tiny" is no folder here: give the base model's folder with --base`},
		"no config":       {planted(t, config, fits), t.TempDir(), "has no config.json"},
		"RoBERTa":         {planted(t, config, fits), small(t, map[string]any{"model_type": "roberta"}), `model_type is "roberta": only models of the Llama layout`},
		"another base":    {planted(t, config, map[string][2]int{q: {32, 32}}), small(t, nil), "it is another base model's adapter"},
		"fewer layers":    {planted(t, config, map[string][2]int{"model.layers.5.self_attn.q_proj": {16, 16}}), small(t, nil), "it is another base model's adapter"},
		"embedding":       {planted(t, config, map[string][2]int{"lm_head": {32, 16}}), small(t, nil), "module lm_head has no place"},
		"DoRA":            {planted(t, strings.Replace(config, "{", `{"use_dora": true, `, 1), fits), small(t, nil), "use_dora is true"},
		"modules_to_save": {planted(t, strings.Replace(config, "{", `{"modules_to_save": ["lm_head"], `, 1), fits), small(t, nil), "modules_to_save lm_head is trained beside"},
		"a head": {planted(t, config, fits, Float32Tensor("base_model.model.lm_head.weight", []int{2, 2}, make([]float32, 4))),
			small(t, nil), `tensor "base_model.model.lm_head.weight" is trained beside`},
		"heads": {planted(t, config, fits), small(t, map[string]any{"num_attention_heads": 3}), "do not fit each other"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out.gguf")
			err := ExportGGUF(c.adapter, c.base, path)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
