package adapter

import (
	"encoding/json"
	"errors"
	"maps"
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

// TestExportPlanted: B counts its rows. In the file, whose last bytes they are, the rows of q are in turns
// of each head's halves and those of v as they were, and both are scaled by what rsLoRA has over alpha/r.
func TestExportPlanted(t *testing.T) {
	const config = `{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_rslora": true}`
	for module, want := range map[string][]float32{
		"q_proj": {1, 3, 2, 4, 5, 7, 6, 8, 9, 11, 10, 12, 13, 15, 14, 16},
		"k_proj": {1, 3, 2, 4, 5, 7, 6, 8},
		"v_proj": {1, 2, 3, 4, 5, 6, 7, 8},
	} {
		dir := planted(t, config, map[string][2]int{"model.layers.1.self_attn." + module: {len(want), 16}})
		path := filepath.Join(t.TempDir(), "out.gguf")
		if err := ExportGGUF(dir, small(t, nil), path); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rows := Tensor{Name: module, DType: F32, Shape: []int{len(want), 2}, Data: b[len(b)-8*len(want):]}
		got, err := rows.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			w *= float32(math.Sqrt2) // 4/√2 over 4/2
			if got[2*i] != w || got[2*i+1] != w {
				t.Errorf("%s: row %d is %v, want %v", module, i, got[2*i:2*i+2], w)
			}
		}
		if len(b)%ggufAlignment != 0 || string(b[:4]) != "GGUF" {
			t.Errorf("%s: %d bytes that begin with %q", module, len(b), b[:4])
		}
	}
}

// TestExportModelRefused: what a model's GGUF file cannot hold is bad input data with a reason, and no file
// is left.
func TestExportModelRefused(t *testing.T) {
	const words = `{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}`
	const unigram = `{"model": {"type": "Unigram"}}`
	const capitals = `{"normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}`
	end := map[string]any{"eos_token_id": 1}
	with := func(more map[string]any) map[string]any {
		all := maps.Clone(end)
		maps.Copy(all, more)
		return all
	}
	norm := Float32Tensor("model.norm.weight", []int{16}, make([]float32, 16))
	for name, c := range map[string]struct {
		config    map[string]any
		tokenizer string
		tensors   []Tensor
		want      string
	}{
		"Qwen":         {with(map[string]any{"model_type": "qwen2"}), words, nil, `model_type is "qwen2"`},
		"scaled":       {with(map[string]any{"rope_scaling": map[string]any{"rope_type": "llama3"}}), words, nil, "its positions are scaled"},
		"scaled, new":  {with(map[string]any{"rope_parameters": map[string]any{"rope_type": "yarn"}}), words, nil, "its positions are scaled"},
		"no end":       {nil, words, nil, "has no eos_token_id"},
		"odd end":      {map[string]any{"eos_token_id": "end"}, words, nil, `eos_token_id is "end", want a token's number`},
		"unigram":      {end, unigram, nil, `a "Unigram" model is not supported`},
		"normalized":   {end, capitals, nil, "that is not GPT-2's, SmolLM's or Llama 3's is not supported"},
		"vocabulary":   {with(map[string]any{"vocab_size": 2}), words, nil, "has 3 tokens, and the model a vocabulary of 2"},
		"no weights":   {end, words, []Tensor{norm}, `tensor "model.embed_tokens.weight": missing`},
		"another size": {end, words, []Tensor{norm, Float32Tensor("model.embed_tokens.weight", []int{3, 16}, make([]float32, 48))}, "is [3 16] of F32, want [32 16] of floats"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := small(t, c.config)
			if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(c.tokenizer), 0o666); err != nil {
				t.Fatal(err)
			}
			if err := WriteSafetensors(filepath.Join(dir, "model.safetensors"), c.tensors, nil); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "out.gguf")
			err := ExportModelGGUF(dir, path)
			var bad *Error
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestDifference: a server's description of a model is compared as what it stands for, sizes that it may
// leave out filled in.
func TestDifference(t *testing.T) {
	// Mistral 7B by its config.json, and what Ollama shows of it and of models next to it.
	base := Layout{Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, Intermediate: 14336, Vocabulary: 32000, RopeTheta: 1e6}
	like := func(vocabulary int, theta float32) Layout {
		other := base
		other.Vocabulary, other.RopeTheta = vocabulary, theta
		return other
	}
	for _, c := range []struct {
		shown Layout
		want  string
	}{
		{Layout{Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336}, ""},
		{Layout{Layers: 32, Hidden: 4096, Heads: 32, Intermediate: 14336}, "its attention.head_count_kv is 32, not 8"},
		{Layout{Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 160, Intermediate: 14336}, "its attention.key_length is 160, not 128"},
		{Layout{Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 32, Intermediate: 11008}, "its attention.head_count_kv is 32, not 8"}, // Llama 2
		{Layout{Layers: 30, Hidden: 576, Heads: 9, KVHeads: 3, Intermediate: 1536}, "its block_count is 30, not 32"},                // SmolLM2
		{Layout{}, "its block_count is 0, not 32"},
		{like(32000, 1e6), ""},
		{like(32000, 1e4), "its rope.freq_base is 10000, not 1e+06"}, // version 0.1 of Mistral 7B, where base is 0.2
		{like(32768, 1e6), "its vocab_size is 32768, not 32000"},     // 0.3
		{like(0, 0), ""}, // not shown
	} {
		if got := base.Difference(c.shown); got != c.want {
			t.Errorf("%+v: %q, want %q", c.shown, got, c.want)
		}
	}
}
