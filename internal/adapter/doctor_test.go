package adapter

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// f32 is a tensor under PEFT's prefix.
func f32(name string, shape []int, v ...float32) Tensor {
	return Float32Tensor("base_model.model."+name, shape, v)
}

// TestDiagnose wants the findings of each broken folder, all of them, worst first.
func TestDiagnose(t *testing.T) {
	const config = `{"r": 1, "lora_alpha": 2, "base_model_name_or_path": "org/base", "target_modules": ["q_proj"]}`
	a, b := f32(q0+".lora_A.weight", []int{1, 3}, 1, 2, 3), f32(q0+".lora_B.weight", []int{2, 1}, 1, 2)
	other := func(name string, t Tensor) Tensor { t.Name = "base_model.model." + name; return t }
	for _, c := range []struct {
		name, config string
		tensors      []Tensor
		want         []string
	}{
		{"fine", config, []Tensor{a, b}, nil},
		{"half", config, []Tensor{a}, []string{"error: " + a.Name + " has no B beside it"}},
		{"two faults", config, []Tensor{f32(q0+".lora_A.weight", []int{1, 3}, 1, nan, 3), b, other(v2+".lora_A.weight", a)},
			[]string{"error: " + a.Name + " holds NaN", "error: base_model.model." + v2 + ".lora_A.weight has no B beside it"}},
		{"infinite", config, []Tensor{a, f32(q0+".lora_B.weight", []int{2, 1}, 1, infinite)}, []string{"error: base_model.model." + q0 + ".lora_B.weight holds Inf"}},
		{"stripped prefix", config, []Tensor{{Name: q0 + ".lora_A.weight", DType: a.DType, Shape: a.Shape, Data: a.Data}, {Name: q0 + ".lora_B.weight", DType: b.DType, Shape: b.Shape, Data: b.Data}},
			[]string{"warning: 2 tensors have the prefix base_model.model. 0 times instead of once"}},
		{"zero", config, []Tensor{a, f32(q0+".lora_B.weight", []int{2, 1}, 0, 0)}, []string{"warning: every B is zero: the adapter was never trained"}},
		{"zero in part", config, []Tensor{a, b, other(v2+".lora_A.weight", a), f32(v2+".lora_B.weight", []int{2, 1}, 0, 0)},
			[]string{"warning: ΔW is zero in 1 of 2 modules: " + v2}},
		{"rank", strings.Replace(config, `"r": 1`, `"r": 2`, 1), []Tensor{
			f32(q0+".lora_A.weight", []int{2, 3}, 1, 2, 3, 2, 4, 6), f32(q0+".lora_B.weight", []int{2, 2}, 1, 0, 0, 1)},
			[]string{"warning: the rank of ΔW is below r in 1 of 1 modules: " + q0 + " (1)"}},
		{"shapes", config, []Tensor{a, f32(q0+".lora_B.weight", []int{1, 2}, 1, 2)}, []string{"error: " + a.Name + " has shape [1 3], but its B has [1 2]: their ranks differ"}},
		{"configured rank", strings.Replace(config, `"r": 1`, `"r": 4`, 1), []Tensor{a, b}, []string{"error: " + a.Name + " has rank 1, but adapter_config.json gives it 4"}},
		{"target", strings.Replace(config, `"q_proj"]`, `"q_proj", "k_proj"]`, 1), []Tensor{a, b}, []string{`warning: target_modules names "k_proj", but no such module was saved`}},
		{"target expression", strings.Replace(config, `["q_proj"]`, `".*v_proj"`, 1), []Tensor{a, b}, []string{`warning: target_modules ".*v_proj" does not match 1 of the modules: ` + q0}},
		{"python expression", strings.Replace(config, `["q_proj"]`, `"(?<!x)q_proj"`, 1), []Tensor{a, b}, []string{`note: target_modules "(?<!x)q_proj" is an expression that only Python reads`}},
		{"dora", strings.Replace(config, `"r": 1`, `"r": 1, "use_dora": true`, 1), []Tensor{a, b, f32(q0+".lora_magnitude_vector", []int{2}, 1, 1)},
			[]string{"error: use_dora is true", "error: base_model.model." + q0 + ".lora_magnitude_vector belongs to DoRA"}},
		{"qalora", strings.Replace(config, `"r": 1`, `"r": 1, "use_qalora": true`, 1), []Tensor{a, b}, []string{"error: use_qalora is true"}},
		{"pissa", strings.Replace(config, `"r": 1`, `"r": 1, "init_lora_weights": "pissa_niter_4"`, 1), []Tensor{a, b}, []string{`error: init_lora_weights is "pissa_niter_4"`}},
		{"quantised", strings.Replace(config, "org/base", "org/base-bnb-4bit", 1), []Tensor{a, b}, []string{`note: the base model "org/base-bnb-4bit" is quantised by its name`}},
		{"doubled prefix", config, []Tensor{other("base_model.model."+q0+".lora_A.weight", a), other("base_model.model."+q0+".lora_B.weight", b)},
			[]string{"warning: 2 tensors have the prefix base_model.model. 2 times instead of once"}},
		{"wrapped", config, []Tensor{other("_orig_mod."+q0+".lora_A.default.weight", a), other("_orig_mod."+q0+".lora_B.default.weight", b)},
			[]string{"warning: tensors carry the names of torch.compile, FSDP or DDP wrappers"}},
		{"buffers and heads", config, []Tensor{a, b, f32("classifier.weight", []int{1, 1}, 1),
			{Name: "base_model.model.embeddings.position_ids", DType: "I64", Shape: []int{2}, Data: make([]byte, 16)}},
			[]string{"note: 2 tensors are no LoRA factors: base_model.model.classifier.weight, base_model.model.embeddings.position_ids"}},
		{"whole numbers", config, []Tensor{{Name: a.Name, DType: "I8", Shape: []int{1, 3}, Data: make([]byte, 3)}, b}, []string{"error: " + a.Name + " holds elements of type I8"}},
		{"empty", config, []Tensor{}, []string{"error: holds no LoRA factors", `warning: target_modules names "q_proj", but no such module was saved`}},
		{"no config", "", []Tensor{a, b}, []string{"error: has no adapter_config.json, so it is not a PEFT adapter"}},
		{"no weights", config, nil, []string{"error: has no adapter_model.safetensors"}},
	} {
		dir := folder(t, c.config, c.tensors...)
		if c.name == "empty" {
			if err := WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		all, err := Diagnose(dir)
		if err != nil {
			t.Fatal(err)
		}
		compareFindings(t, c.name, all[0], c.want)
		// What can be compared is exactly what has no error.
		if _, err := Open(dir); (err == nil) != (all[0].Worst() < Fault) {
			t.Errorf("%s: doctor says %s, opening it gives %v", c.name, all[0].Worst(), err)
		}
	}
}

// TestDiagnoseInitialisations refuses each initialisation that changes the base model's weights too.
func TestDiagnoseInitialisations(t *testing.T) {
	for _, init := range []string{"pissa", "olora", "corda", "loftq", "eva", "lora_ga"} {
		all, err := Diagnose(folder(t, `{"r": 1, "init_lora_weights": "`+init+`"}`, pair(q0, 1)...))
		if err != nil {
			t.Fatal(err)
		}
		compareFindings(t, init, all[0], []string{`error: init_lora_weights is "` + init + `"`})
	}
}

var infinite = float32(math.Inf(1))

var nan = func() float32 { zero := float32(0); return zero / zero }()

// compareFindings wants severity, tensor and the beginning of the message of each finding, and advice.
func compareFindings(t *testing.T, name string, d *Diagnosis, want []string) {
	t.Helper()
	var got []string
	for _, f := range d.Findings {
		line := f.Severity.String() + ": "
		if f.Error.Tensor != "" {
			line += f.Error.Tensor + " "
		}
		got = append(got, line+f.Error.Msg)
		if f.Advice == "" || f.Error.File == "" {
			t.Errorf("%s: %s says not where or what to do", name, line)
		}
	}
	same := len(got) == len(want)
	for i := range want {
		same = same && strings.HasPrefix(got[i], want[i])
	}
	if !same {
		t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestDiagnosePickle refuses a pickle without opening it.
func TestDiagnosePickle(t *testing.T) {
	dir := folder(t, `{"r": 1}`)
	if err := os.WriteFile(filepath.Join(dir, "adapter_model.bin"), []byte("\x80\x02"), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := Diagnose(dir)
	if err != nil {
		t.Fatal(err)
	}
	compareFindings(t, "pickle", all[0], []string{"error: is a pickle, which can run any code when it is opened"})
}

// TestDiagnoseCut names the file that is shorter than its header says.
func TestDiagnoseCut(t *testing.T) {
	dir := folder(t, `{"r": 1, "target_modules": ["q_proj"]}`, pair(q0, 1)...)
	path := filepath.Join(dir, "adapter_model.safetensors")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-4); err != nil {
		t.Fatal(err)
	}
	all, err := Diagnose(dir)
	if err != nil || all[0].Worst() != Fault || all[0].Findings[0].Error.File != path {
		t.Errorf("%+v, %v", all[0], err)
	}
}

// TestDiagnoseTogether compares adapters with the first.
func TestDiagnoseTogether(t *testing.T) {
	const config = `{"r": 1, "lora_alpha": 2, "base_model_name_or_path": "org/base"}`
	a := func(v ...float32) Tensor { return f32(q0+".lora_A.weight", []int{1, len(v)}, v...) }
	b := f32(q0+".lora_B.weight", []int{2, 1}, 1, 2)
	half := func(name string, shape []int, bits ...byte) Tensor {
		return Tensor{Name: "base_model.model." + name, DType: BF16, Shape: shape, Data: bits}
	}
	first := folder(t, config, a(1, 2, 3), b)
	for _, c := range []struct {
		name, config string
		tensors      []Tensor
		want         []string
	}{
		{"other A", config, []Tensor{a(3, 2, 1), b}, nil},
		{"same A", config, []Tensor{a(1, 2, 3), f32(q0+".lora_B.weight", []int{2, 1}, 2, 1)}, []string{"warning: A is that of " + first + ", bit by bit, in 1 of 1 modules"}},
		{"other base", strings.Replace(config, "org/base", "org/other", 1), []Tensor{a(3, 2, 1), b}, []string{`warning: the base model is "org/other" and that of ` + first + ` "org/base"`}},
		{"other alpha", strings.Replace(config, `"lora_alpha": 2`, `"lora_alpha": 0.5`, 1), []Tensor{a(3, 2, 1), b}, []string{"note: r is 1 and α 0.5, in " + first + " r 1 and α 2"}},
		{"other shape", config, []Tensor{a(3, 2, 1, 0), b}, []string{"error: base_model.model." + q0 + ".lora_A.weight ΔW is 2×4 and that of " + first + " 2×3"}},
		{"other modules", config, pair(v2, 1), []string{"warning: 2 modules are in only one of it and " + first + ": " + v2 + ", " + q0}},
		{"other type", config, []Tensor{half(q0+".lora_A.weight", []int{1, 3}, 0, 0x40, 0x80, 0x3f, 0, 0), half(q0+".lora_B.weight", []int{2, 1}, 0, 0x40, 0x80, 0x3f)},
			[]string{"note: 1 modules have another type than in " + first + ": " + q0 + " (BF16, F32)"}},
	} {
		all, err := Diagnose(first, folder(t, c.config, c.tensors...))
		if err != nil {
			t.Fatal(err)
		}
		compareFindings(t, "first", all[0], nil)
		compareFindings(t, c.name, all[1], c.want)
	}
}
