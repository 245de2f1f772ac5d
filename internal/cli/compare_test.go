package cli

import (
	"bytes"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"taskvec/internal/adapter"
)

// normal returns n numbers around 0.
func normal(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// column returns a column of the CSV file at path, by the values of another one.
func column(t *testing.T, path, key, value string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	k, v := slices.Index(rows[0], key), slices.Index(rows[0], value)
	if k < 0 || v < 0 {
		t.Fatalf("%s has the columns %v, want %s and %s", path, rows[0], key, value)
	}
	out := map[string]string{}
	for _, row := range rows[1:] {
		out[row[k]] = row[v]
	}
	return out
}

// TestCompare compares adapters whose families are planted, beside the model they were trained on: the files are
// there, the families are found, and what was not asked for is left out.
func TestCompare(t *testing.T) {
	root := t.TempDir()
	write := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const module, n, r = "model.layers.0.self_attn.q_proj", 24, 2
	args := []string{"compare"}
	for i, task := range []string{"ner", "coref", "srl", "every-2-words", "first-10pct-words", "first-10pct-sentences"} {
		b := normal(rand.New(rand.NewPCG(1, uint64(i/3))), n*r) // the family's
		for k, v := range normal(rand.New(rand.NewPCG(2, uint64(i))), n*r) {
			b[k] += v / 4
		}
		dir := filepath.Join(root, task)
		write(os.Mkdir(dir, 0o755))
		write(os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(`{"peft_type": "LORA", "r": 2, "lora_alpha": 2}`), 0o644))
		write(adapter.WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), []adapter.Tensor{
			adapter.Float32Tensor("base_model.model."+module+".lora_A.weight", []int{r, n}, normal(rand.New(rand.NewPCG(3, uint64(i))), r*n)),
			adapter.Float32Tensor("base_model.model."+module+".lora_B.weight", []int{n, r}, b)}, nil))
		args = append(args, dir)
	}
	model := func(name, module string) string {
		dir := filepath.Join(root, name)
		write(os.Mkdir(dir, 0o755))
		write(adapter.WriteSafetensors(filepath.Join(dir, "model.safetensors"), []adapter.Tensor{
			adapter.Float32Tensor(module+".weight", []int{n, n}, normal(rand.New(rand.NewPCG(4, 0)), n*n))}, nil))
		return dir
	}
	base, other := model("base", module), model("other", "model.layers.7.mlp")
	for _, c := range []struct {
		name    string
		flags   []string
		present map[string][]string // file → measures
		absent  map[string][]string
	}{
		{"plain", nil, map[string][]string{"adapters.csv": {"norm", "effective_rank"}, "similarity.csv": {"grassmann", "sti", "knots_alignment"}, "projection.csv": {"sar"}},
			map[string][]string{"adapters.csv": {"amplification", "intruders"}, "similarity.csv": {"sign_conflict", "sign_conflict_ties"}}},
		{"whole", []string{"--base-model", base, "--sign-conflict"}, map[string][]string{"adapters.csv": {"norm", "amplification", "intruders"}, "similarity.csv": {"sign_conflict", "sign_conflict_ties"}}, nil},
	} {
		out := filepath.Join(root, "out-"+c.name)
		if text, err := taskvec(t, slices.Concat(args, c.flags, []string{"--out", out})...).Output(); err != nil || !strings.Contains(string(text), "6 adapters compared") {
			t.Fatalf("%s: %v\n%s", c.name, err, text)
		}
		for file, measures := range c.present {
			got := column(t, filepath.Join(out, file), "measure", "value")
			for _, m := range measures {
				if got[m] == "" {
					t.Errorf("%s: %s has no %s", c.name, file, m)
				}
			}
		}
		for file, measures := range c.absent {
			got := column(t, filepath.Join(out, file), "measure", "value")
			for _, m := range measures {
				if got[m] != "" {
					t.Errorf("%s: %s has %s, which nobody asked for", c.name, file, m)
				}
			}
		}
		page, err := os.ReadFile(filepath.Join(out, "report", "index.html"))
		if err != nil || !strings.Contains(string(page), "compare measures both with --sign-conflict only") {
			t.Errorf("%s: the report does not say what the sign conflict takes (%v)", c.name, err)
		}
		// Two families of three: the least p is that of 2 of 20 relabellings.
		p := column(t, filepath.Join(out, "report", "tables", "families.csv"), "measure", "p")
		if got := p["Grassmann distance of the column spaces"]; got != "0.1" {
			t.Errorf("%s: p of the planted families %q, want 0.1", c.name, got)
		}
	}
	var stderr bytes.Buffer
	cmd := taskvec(t, slices.Concat(args, []string{"--base-model", other, "--out", filepath.Join(root, "out-other")})...)
	cmd.Stderr = &stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 4 || !strings.Contains(stderr.String(), "it is not the model that the adapter was trained on") {
		t.Errorf("another model: %v\n%s", err, stderr.String())
	}
	if _, err := os.Stat(filepath.Join(root, "out-other", "similarity.csv")); err == nil {
		t.Error("a comparison that failed left results")
	}
}
