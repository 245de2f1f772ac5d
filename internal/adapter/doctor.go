package adapter

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"taskvec/internal/subspace"
)

// A Diagnosis is everything that was found about one adapter.
type Diagnosis struct {
	Dir      string
	Adapter  *Adapter // nil when nothing of it could be read
	Findings []Finding
}

// Worst is the gravest severity among the findings, Note when there is none.
func (d *Diagnosis) Worst() Severity {
	worst := Note
	for _, f := range d.Findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// Diagnose checks each adapter by itself, all its faults and not the first only, and then, where
// there are several, whether they can be compared with each other: with the first one each.
func Diagnose(dirs ...string) ([]*Diagnosis, error) {
	var all []*Diagnosis
	for _, dir := range dirs {
		d, err := diagnose(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	var first *Diagnosis
	for _, d := range all {
		switch {
		case d.Adapter == nil:
		case first == nil:
			first = d
		default:
			d.against(first.Adapter)
		}
	}
	return all, nil
}

// diagnose checks one adapter. The error is for files that cannot be opened.
func diagnose(dir string) (*Diagnosis, error) {
	c := &checker{}
	a, err := read(dir, c, false)
	d := &Diagnosis{Dir: dir, Adapter: a}
	if err != nil {
		var bad *Error
		if !errors.As(err, &bad) {
			return nil, err
		}
		msg, advice, _ := strings.Cut(bad.Msg, ": ")
		if advice == "" {
			advice = "give a folder that PEFT's save_pretrained wrote, whole"
		}
		d.Findings = append(c.findings, Finding{Fault, Error{bad.File, bad.Tensor, msg}, advice})
		return d, nil
	}
	c.describe(a)
	d.Findings = c.findings
	slices.SortStableFunc(d.Findings, func(x, y Finding) int { return cmp.Compare(y.Severity, x.Severity) })
	return d, nil
}

// quantised are parts of a base model's name that say that its weights are.
var quantised = regexp.MustCompile(`(?i)(-|_)(bnb-4bit|4bit|8bit|int4|int8|gptq|awq|gguf|nf4)`)

// describe adds what is worth knowing of an adapter that could be read.
func (c *checker) describe(a *Adapter) {
	weights := filepath.Join(a.Dir, "adapter_model.safetensors")
	config := filepath.Join(a.Dir, "adapter_config.json")
	if quantised.MatchString(a.Config.BaseModel) {
		c.note(config, "", fmt.Sprintf("the base model %q is quantised by its name", a.Config.BaseModel),
			"B·A is ΔW all the same, but it was learned to mend the quantised weights too: compare it with adapters of the same base")
	}
	c.describeTargets(a, config)
	var below, untouched []string
	for i := range a.Modules {
		m := &a.Modules[i]
		if m.A.Name == "" || m.B.Name == "" || nonFinite(m.A) != "" || nonFinite(m.B) != "" || len(m.A.Shape) != 2 || m.A.Shape[0] != m.Rank {
			continue // reported already
		}
		if zero(m.B) || zero(m.A) { // an embedding's A starts at zero
			untouched = append(untouched, m.Name)
		} else if k, err := m.numericalRank(); err == nil && k < m.Rank {
			below = append(below, fmt.Sprintf("%s (%d)", m.Name, k))
		}
	}
	if len(untouched) > 0 && len(untouched) < len(a.Modules) {
		c.warn(weights, "", fmt.Sprintf("ΔW is zero in %d of %d modules: %s", len(untouched), len(a.Modules), some(untouched)),
			"these were not trained and have no subspace; check layers_to_transform and the optimiser")
	}
	if len(below) > 0 {
		c.warn(weights, "", fmt.Sprintf("the rank of ΔW is below r in %d of %d modules: %s", len(below), len(a.Modules), some(below)),
			"their missing angles count as right angles; a smaller r would do, or the training was too short")
	}
	var whole []string
	wrapped := false
	for _, t := range a.Others {
		whole = append(whole, t.Name)
	}
	for _, m := range a.Modules {
		for _, name := range []string{m.A.Name, m.B.Name} {
			wrapped = wrapped || strings.Contains(name, "_orig_mod.") || strings.Contains(name, "_fsdp_wrapped_module.") || strings.HasPrefix(name, "module.")
		}
	}
	if len(whole) > 0 {
		c.note(weights, "", fmt.Sprintf("%d tensors are no LoRA factors: %s", len(whole), some(whole)),
			"heads, modules_to_save and biases were trained whole; they are left out of every measure")
	}
	if wrapped {
		c.warn(weights, "", "tensors carry the names of torch.compile, FSDP or DDP wrappers",
			"they are read without; PEFT would not load them: unwrap the model before save_pretrained")
	}
}

// describeTargets checks target_modules where it is a regular expression or all-linear: a list is
// checked when the adapter is read.
func (c *checker) describeTargets(a *Adapter, config string) {
	pattern := a.Config.TargetPattern
	if pattern == "" || pattern == "all-linear" {
		return
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		c.note(config, "", fmt.Sprintf("target_modules %q is an expression that only Python reads", pattern), "it is not checked against the modules in the file")
		return
	}
	var outside []string
	for _, m := range a.Modules {
		if !re.MatchString(m.Name) {
			outside = append(outside, m.Name)
		}
	}
	if len(outside) > 0 {
		c.warn(config, "", fmt.Sprintf("target_modules %q does not match %d of the modules: %s", pattern, len(outside), some(outside)),
			"the configuration may be another adapter's")
	}
}

// numericalRank is the number of singular values of ΔW that stand out from rounding.
func (m *Module) numericalRank() (int, error) {
	a, err := m.A.Float64s()
	if err != nil {
		return 0, err
	}
	b, err := m.B.Float64s()
	if err != nil {
		return 0, err
	}
	d, err := subspace.Decompose(m.Scale,
		subspace.Matrix{Rows: m.B.Shape[0], Cols: m.B.Shape[1], Data: b}, subspace.Matrix{Rows: m.A.Shape[0], Cols: m.A.Shape[1], Data: a})
	if err != nil {
		return 0, err
	}
	return d.Rank(), nil
}

// some lists the first names.
func some(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// against adds what speaks against comparing the adapter with another.
func (d *Diagnosis) against(first *Adapter) {
	c := &checker{}
	a := d.Adapter
	config := filepath.Join(a.Dir, "adapter_config.json")
	weights := filepath.Join(a.Dir, "adapter_model.safetensors")
	if a.Config.BaseModel != first.Config.BaseModel {
		c.warn(config, "", fmt.Sprintf("the base model is %q and that of %s %q", a.Config.BaseModel, first.Dir, first.Config.BaseModel),
			"distances between adapters of different models mean little")
	}
	if a.Config.Rank != first.Config.Rank || a.Config.Alpha != first.Config.Alpha {
		c.note(config, "", fmt.Sprintf("r is %d and α %g, in %s r %d and α %g", a.Config.Rank, a.Config.Alpha, first.Dir, first.Config.Rank, first.Config.Alpha),
			"measures allow for it, but sizes of ΔW and nulls differ with them")
	}
	other := map[string]*Module{}
	for i := range first.Modules {
		other[first.Modules[i].Name] = &first.Modules[i]
	}
	var missing, types []string
	same, shared := 0, 0
	for i := range a.Modules {
		m := &a.Modules[i]
		o := other[m.Name]
		if o == nil {
			missing = append(missing, m.Name)
			continue
		}
		delete(other, m.Name)
		if m.A.Name == "" || m.B.Name == "" || o.A.Name == "" || o.B.Name == "" || len(m.A.Shape) != 2 || len(o.A.Shape) != 2 || len(m.B.Shape) != 2 || len(o.B.Shape) != 2 {
			continue
		}
		if m.A.Shape[1] != o.A.Shape[1] || m.B.Shape[0] != o.B.Shape[0] {
			c.fault(weights, m.A.Name, fmt.Sprintf("ΔW is %d×%d and that of %s %d×%d", m.B.Shape[0], m.A.Shape[1], first.Dir, o.B.Shape[0], o.A.Shape[1]),
				"adapters of different architectures cannot be compared")
		}
		if m.A.DType != o.A.DType {
			types = append(types, fmt.Sprintf("%s (%s, %s)", m.Name, m.A.DType, o.A.DType))
		}
		shared++
		if m.A.DType == o.A.DType && bytes.Equal(m.A.Data, o.A.Data) {
			same++
		}
	}
	missing = append(missing, slices.Sorted(maps.Keys(other))...)
	if len(missing) > 0 {
		c.warn(weights, "", fmt.Sprintf("%d modules are in only one of it and %s: %s", len(missing), first.Dir, some(missing)),
			"pairs are compared on the modules that both have")
	}
	if len(types) > 0 {
		c.note(weights, "", fmt.Sprintf("%d modules have another type than in %s: %s", len(types), first.Dir, some(types)),
			"in bf16 and f16 angles below 1e-2 are rounding")
	}
	if same > 0 {
		c.warn(weights, "", fmt.Sprintf("A is that of %s, bit by bit, in %d of %d modules", first.Dir, same, shared),
			"both started from the same initialisation and A was not trained: row spaces are equal whatever the tasks are")
	}
	d.Findings = append(d.Findings, c.findings...)
}
