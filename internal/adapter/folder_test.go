package adapter

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder writes an adapter's files and returns their folder.
func folder(t *testing.T, config string, tensors ...Tensor) string {
	t.Helper()
	dir := t.TempDir()
	if config != "" {
		if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if tensors != nil {
		if err := WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pair returns both factors of a module of 3 inputs and 2 outputs, under PEFT's names.
func pair(module string, rank int) []Tensor {
	a, b := make([]float32, 3*rank), make([]float32, 2*rank)
	for i := range a {
		a[i] = float32(i + 1)
	}
	for i := range b {
		b[i] = -float32(i + 1)
	}
	return []Tensor{
		Float32Tensor("base_model.model."+module+".lora_A.weight", []int{rank, 3}, a),
		Float32Tensor("base_model.model."+module+".lora_B.weight", []int{2, rank}, b),
	}
}

const q0, q10, v2 = "model.layers.0.self_attn.q_proj", "model.layers.10.self_attn.q_proj", "model.layers.2.self_attn.v_proj"

func TestOpen(t *testing.T) {
	dir := folder(t, `{
		"peft_type": "LORA", "base_model_name_or_path": "org/base", "r": 2, "lora_alpha": 3.5,
		"target_modules": ["v_proj", "q_proj", "score.dense"], "modules_to_save": ["score"], "something_new": {"x": [1]}, "init_lora_weights": "gaussian"}`,
		slices.Concat(pair(q10, 2), pair(v2, 2), pair(q0, 2),
			[]Tensor{Float32Tensor("base_model.model.score.weight", []int{1, 1}, []float32{1})})...)
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Warnings) > 0 {
		t.Errorf("warnings %v", a.Warnings)
	}
	if c := a.Config; c.BaseModel != "org/base" || c.Rank != 2 || c.Alpha != 3.5 || !slices.Equal(c.TargetModules, []string{"q_proj", "score.dense", "v_proj"}) ||
		!slices.Equal(c.ModulesToSave, []string{"score"}) {
		t.Errorf("config %+v", c)
	}
	var names []string
	for _, m := range a.Modules {
		names = append(names, m.Name)
		if m.Rank != 2 || m.Scale != 1.75 || m.Transposed {
			t.Errorf("%s: rank %d, scale %v, transposed %v", m.Name, m.Rank, m.Scale, m.Transposed)
		}
	}
	if want := []string{q0, v2, q10}; !slices.Equal(names, want) {
		t.Errorf("modules %v, want %v by layer", names, want)
	}
	if m := a.Modules[1]; m.Layer != 2 || m.Type != "v_proj" || !slices.Equal(m.A.Shape, []int{2, 3}) || !slices.Equal(m.B.Shape, []int{2, 2}) {
		t.Errorf("module %+v", m)
	}
	if len(a.Others) != 1 || a.Others[0].Name != "base_model.model.score.weight" {
		t.Errorf("others %v", a.Others)
	}
}

func TestDefaults(t *testing.T) {
	a, err := Open(folder(t, `{"rank_pattern": null, "target_modules": "all-linear", "init_lora_weights": null}`, pair(q0, 8)...))
	if err != nil {
		t.Fatal(err)
	}
	if a.Config.Rank != 8 || a.Config.Alpha != 8 || a.Modules[0].Scale != 1 || a.Config.TargetPattern != "all-linear" || len(a.Warnings) > 0 {
		t.Errorf("config %+v, warnings %v", a.Config, a.Warnings)
	}
}

// The rule is PEFT's get_pattern_key: the first key of the file for which (.*\.)?(key)$ matches
// from the start of the name.
func TestScale(t *testing.T) {
	const patterns = `"rank_pattern": {"layers\\.1\\.self_attn\\.q_proj": 4, "q_proj": 16, "v": 32, "self_attn.v_proj|o_proj": 2},
		"alpha_pattern": {"model.layers.0.self_attn.q_proj": 3, "q_proj": 5.5}`
	for _, c := range []struct {
		config, module string
		rank           int
		scale          float64
	}{
		{`"r": 4, "lora_alpha": 8`, q0, 4, 2},
		{`"r": 4, "lora_alpha": 8, "use_rslora": true`, q0, 4, 4},
		{`"r": 8, "lora_alpha": 16, ` + patterns, q0, 16, 3.0 / 16},
		{`"r": 8, "lora_alpha": 16, ` + patterns, "model.layers.1.self_attn.q_proj", 4, 5.5 / 4},
		{`"r": 8, "lora_alpha": 16, ` + patterns, "model.layers.11.self_attn.q_proj", 16, 5.5 / 16}, // "1." starts no part of "11."
		{`"r": 8, "lora_alpha": 16, ` + patterns, "model.layers.0.my_q_proj", 8, 2},                 // a part must match whole
		{`"r": 8, "lora_alpha": 16, ` + patterns, "model.layers.0.self_attn.v_proj", 2, 8},
		{`"r": 8, "lora_alpha": 16, ` + patterns, "o_proj", 2, 8},
		{`"r": 8, "lora_alpha": 16, "use_rslora": true, ` + patterns, "q_proj", 16, 5.5 / 4},
	} {
		dir := folder(t, "{"+c.config+"}")
		config, err := readConfig(dir, &checker{})
		if err != nil {
			t.Fatal(err)
		}
		if rank, scale := config.Scale(c.module); rank != c.rank || scale != c.scale {
			t.Errorf("{%s}: %s has rank %d, scale %v, want %d, %v", c.config, c.module, rank, scale, c.rank, c.scale)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]key{
		"base_model.model.model.layers.3.mlp.up_proj.lora_A.weight":                                 {"model.layers.3.mlp.up_proj", 'A', false, 1},
		"base_model.model.roberta.encoder.layer.0.attention.self.query.lora_B.weight":               {"roberta.encoder.layer.0.attention.self.query", 'B', false, 1},
		"base_model.model.encoder.layer.0.attention.self.query.lora_B.default.weight":               {"encoder.layer.0.attention.self.query", 'B', false, 1},
		"_orig_mod.base_model.model._orig_mod.model.layers.0.q_proj.lora_A.weight":                  {"model.layers.0.q_proj", 'A', false, 1},
		"module.base_model.model._fsdp_wrapped_module.model.layers.0._fsdp_wrapped_module.q.lora_A": {"model.layers.0.q", 'A', false, 1},
		"base_model.model.base_model.model.model.layers.0.q_proj.lora_A.weight":                     {"model.layers.0.q_proj", 'A', false, 2},
		"model.layers.0.q_proj.lora_B.weight":                                                       {"model.layers.0.q_proj", 'B', false, 0},
		"base_model.model.model.embed_tokens.lora_embedding_A":                                      {"model.embed_tokens", 'A', true, 1},
		"base_model.model.model.embed_tokens.lora_embedding_B.default":                              {"model.embed_tokens", 'B', true, 1},
		"base_model.model.classifier.out_proj.bias":                                                 {"classifier.out_proj.bias", 0, false, 1},
		"base_model.model.model.layers.0.q_proj.lora_magnitude_vector":                              {"model.layers.0.q_proj.lora_magnitude_vector", 0, false, 1},
	} {
		if got := parseKey(name); got != want {
			t.Errorf("%s = %+v, want %+v", name, got, want)
		}
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct{ name, kind string }{
		{"model.layers.0.self_attn.q_proj", "q_proj"},
		{"model.layers.1.self_attn.q_proj", "q_proj"},
		{"roberta.encoder.layer.0.attention.output.dense", "attention.output.dense"},
		{"roberta.encoder.layer.0.intermediate.dense", "intermediate.dense"},
		{"roberta.encoder.layer.1.output.dense", "output.dense"}, // dense alone is taken in layer 0
		{"encoder.block.2.layer.0.SelfAttention.k", "encoder.block.layer.0.SelfAttention.k"},
		{"decoder.block.2.layer.0.SelfAttention.k", "decoder.block.layer.0.SelfAttention.k"},
		{"decoder.block.2.layer.1.EncDecAttention.k", "layer.1.EncDecAttention.k"},
		{"lm_head", "lm_head"},
	} {
		var modules []Module
		for _, other := range []string{
			"model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "roberta.encoder.layer.0.attention.output.dense",
			"roberta.encoder.layer.0.intermediate.dense", "roberta.encoder.layer.1.output.dense", "encoder.block.2.layer.0.SelfAttention.k",
			"decoder.block.2.layer.0.SelfAttention.k", "decoder.block.2.layer.1.EncDecAttention.k", "lm_head",
		} {
			modules = append(modules, Module{Name: other})
		}
		nameTypes(modules)
		i := slices.IndexFunc(modules, func(m Module) bool { return m.Name == c.name })
		if modules[i].Type != c.kind {
			t.Errorf("%s has type %s, want %s", c.name, modules[i].Type, c.kind)
		}
		if c.name == "lm_head" && modules[i].Layer != -1 || strings.Contains(c.name, "block") && modules[i].Layer != 2 {
			t.Errorf("%s has layer %d", c.name, modules[i].Layer)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	const config = `{"r": 2, "lora_alpha": 2}`
	with := func(value float32) []Tensor {
		p := pair(q0, 2)
		p[1] = Float32Tensor(p[1].Name, []int{2, 2}, []float32{1, value, 1, 1})
		return p
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, c := range map[string]struct {
		dir string
		msg string // with the tensor or file it must name
	}{
		"no folder":      {filepath.Join(t.TempDir(), "none"), "no adapter_config.json"},
		"no config":      {folder(t, "", pair(q0, 2)...), "no adapter_config.json"},
		"no tensors":     {folder(t, config), "no adapter_model.safetensors"},
		"not JSON":       {folder(t, "{\n  \"r\": 2,\n  \"x\" 1}"), "adapter_config.json:3:7"},
		"rank a string":  {folder(t, "{\n  \"r\": \"2\"}"), "adapter_config.json:2:"},
		"rank 0":         {folder(t, `{"r": 0}`, pair(q0, 2)...), "r is 0"},
		"rank 1.5":       {folder(t, `{"rank_pattern": {"q_proj": 1.5}}`, pair(q0, 2)...), "rank_pattern"},
		"lookahead":      {folder(t, `{"rank_pattern": {"(?!x)q_proj": 1}}`, pair(q0, 2)...), "(?!x)q_proj"},
		"bad targets":    {folder(t, `{"target_modules": 1}`, pair(q0, 2)...), "target_modules"},
		"not LoRA":       {folder(t, `{"peft_type": "IA3", "r": 2}`, pair(q0, 2)...), "IA3"},
		"DoRA config":    {folder(t, `{"r": 2, "use_dora": true}`, pair(q0, 2)...), "use_dora"},
		"QALoRA":         {folder(t, `{"r": 2, "use_qalora": true}`, pair(q0, 2)...), "use_qalora"},
		"parameters":     {folder(t, `{"r": 2, "target_parameters": ["w"]}`, pair(q0, 2)...), "target_parameters"},
		"PiSSA":          {folder(t, `{"r": 2, "init_lora_weights": "pissa_niter_4"}`, pair(q0, 2)...), "pissa_niter_4"},
		"no factors":     {folder(t, config, Float32Tensor("base_model.model.score.weight", []int{1}, []float32{1})), "no LoRA factors"},
		"no B":           {folder(t, config, pair(q0, 2)[0]), q0 + ".lora_A.weight\": has no B"},
		"no A":           {folder(t, config, pair(q0, 2)[1]), q0 + ".lora_B.weight\": has no A"},
		"NaN":            {folder(t, config, with(nan)...), q0 + ".lora_B.weight\": holds NaN"},
		"Inf":            {folder(t, config, with(inf)...), q0 + ".lora_B.weight\": holds Inf"},
		"ranks differ":   {folder(t, config, pair(q0, 2)[0], pair(q0, 3)[1]), "ranks differ"},
		"another rank":   {folder(t, config, pair(q0, 3)...), "has rank 3"},
		"same name":      {folder(t, config, append(pair(q0, 2), Float32Tensor(q0+".lora_A.weight", []int{2, 3}, make([]float32, 6)))...), "same factor"},
		"DoRA tensor":    {folder(t, config, append(pair(q0, 2), Float32Tensor(q0+".lora_magnitude_vector", []int{1}, []float32{1}))...), "magnitude_vector"},
		"AdaLoRA tensor": {folder(t, config, append(pair(q0, 2), Float32Tensor(q0+".lora_E", []int{1}, []float32{1}))...), "lora_E"},
		"convolution":    {folder(t, config, append(pair(q0, 2)[1:], Float32Tensor("base_model.model."+q0+".lora_A.weight", []int{2, 3, 1, 1}, make([]float32, 6)))...), "[2 3 1 1]"},
		"empty":          {folder(t, config, append(pair(q0, 2)[1:], Float32Tensor("base_model.model."+q0+".lora_A.weight", []int{2, 0}, nil))...), "empty"},
		"types differ":   {folder(t, config, append(pair(q0, 2)[1:], Tensor{"base_model.model." + q0 + ".lora_A.weight", BF16, []int{2, 3}, make([]byte, 12)})...), "BF16"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(c.dir)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.msg) || !strings.Contains(err.Error(), c.dir) {
				t.Errorf("error %v, want an *Error with %q and the folder", err, c.msg)
			}
		})
	}
}

func TestPickle(t *testing.T) {
	dir := folder(t, `{"r": 2}`)
	if err := os.WriteFile(filepath.Join(dir, "adapter_model.bin"), []byte("\x80\x02."), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir)
	var e *Error
	if !errors.As(err, &e) || e.File != filepath.Join(dir, "adapter_model.bin") || !strings.Contains(e.Msg, "safe_serialization") {
		t.Errorf("error %v", err)
	}
}

func TestManyFaults(t *testing.T) {
	var tensors []Tensor
	for _, layer := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		tensors = append(tensors, pair("model.layers."+layer+".q_proj", 2)[0])
	}
	_, err := Open(folder(t, `{"r": 2}`, tensors...))
	if err == nil || strings.Count(err.Error(), "has no B") != shown || !strings.Contains(err.Error(), "and 2 faults more") {
		t.Errorf("error %v", err)
	}
}

func TestWarnings(t *testing.T) {
	doubled := pair("base_model.model."+q0, 2)
	stripped := pair(v2, 2)
	for i := range stripped {
		stripped[i].Name = strings.TrimPrefix(stripped[i].Name, "base_model.model.")
	}
	untrained := pair(q10, 2)
	untrained[1] = Float32Tensor(untrained[1].Name, []int{2, 2}, []float32{0, 0, float32(math.Copysign(0, -1)), 0})
	for name, c := range map[string]struct {
		tensors []Tensor
		want    []string
	}{
		"prefixes":  {append(doubled, stripped...), []string{"2 tensors have the prefix base_model.model. 0 times", "2 tensors have the prefix base_model.model. 2 times"}},
		"untrained": {append(untrained, pair(v2, 2)[:0]...), []string{"every B is zero", `target_modules names "v_proj"`}},
	} {
		a, err := Open(folder(t, `{"r": 2, "target_modules": ["q_proj", "v_proj"]}`, c.tensors...))
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Warnings) != len(c.want) {
			t.Errorf("%s: warnings %v, want %d", name, a.Warnings, len(c.want))
			continue
		}
		for i, w := range c.want {
			if s := a.Warnings[i].String(); !strings.Contains(s, w) || a.Warnings[i].Severity != Warning {
				t.Errorf("%s: warning %q, want %q", name, s, w)
			}
		}
	}
}

func TestTransposed(t *testing.T) {
	embedding := []Tensor{
		Float32Tensor("base_model.model.embed.lora_embedding_A", []int{1, 3}, []float32{1, 2, 3}),
		Float32Tensor("base_model.model.embed.lora_embedding_B", []int{2, 1}, []float32{1, 2}),
	}
	a, err := Open(folder(t, `{"r": 1}`, append(embedding, pair(q0, 1)...)...))
	if err != nil {
		t.Fatal(err)
	}
	if !a.Modules[0].Transposed || a.Modules[0].Layer != -1 || a.Modules[1].Transposed {
		t.Errorf("modules %+v", a.Modules)
	}
	a, err = Open(folder(t, `{"r": 1, "fan_in_fan_out": true}`, pair(q0, 1)...))
	if err != nil || !a.Modules[0].Transposed {
		t.Errorf("with fan_in_fan_out: %+v, %v", a, err)
	}
}

// Every NaN and infinity of each type is found by its bits, and nothing else is.
func TestNonFinite(t *testing.T) {
	for _, c := range []struct {
		dtype string
		bits  []byte
		want  string
	}{
		{F64, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f}, "Inf"}, {F64, []byte{1, 0, 0, 0, 0, 0, 0xf0, 0xff}, "NaN"},
		{F64, []byte{255, 255, 255, 255, 255, 255, 0xef, 0x7f}, ""},
		{F32, []byte{0, 0, 0x80, 0xff}, "Inf"}, {F32, []byte{0, 0, 0xc0, 0x7f}, "NaN"}, {F32, []byte{255, 255, 0x7f, 0x7f}, ""},
		{F16, []byte{0, 0x7c}, "Inf"}, {F16, []byte{1, 0xfc}, "NaN"}, {F16, []byte{0xff, 0x7b}, ""},
		{BF16, []byte{0x80, 0x7f}, "Inf"}, {BF16, []byte{0xc0, 0xff}, "NaN"}, {BF16, []byte{0x7f, 0x7f}, ""},
	} {
		data := append(make([]byte, len(c.bits)), c.bits...)
		if got := nonFinite(Tensor{DType: c.dtype, Shape: []int{2}, Data: data}); got != c.want {
			t.Errorf("%s % x: %q, want %q", c.dtype, c.bits, got, c.want)
		}
	}
}

// Whatever the configuration, reading it gives sound values or an *Error.
func FuzzConfig(f *testing.F) {
	f.Add(`{"r": 4, "lora_alpha": 8.5, "use_rslora": true, "rank_pattern": {"q_proj": 2}, "target_modules": ["q_proj"]}`)
	f.Add(`{"target_modules": "all-linear", "init_lora_weights": "pissa", "alpha_pattern": {"(a|b)": 1e3, "x": null}}`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		c := &checker{}
		config, err := readConfig(dir, c)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatalf("%v is not an *Error", err)
			}
			return
		}
		if rank, _ := config.Scale(q0); rank < 1 && len(c.findings) == 0 {
			t.Fatalf("rank %d without a finding", rank)
		}
	})
}
