package adapter

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Adapter is one LoRA adapter in PEFT's folder format, as stored.
type Adapter struct {
	Dir     string
	Config  Config
	Modules []Module // by layer, then name
	// Others are the tensors that are no LoRA factors: heads, modules_to_save, biases. They are kept
	// out of the geometry.
	Others []Tensor
	// Warnings are what is odd about the adapter without making it unusable.
	Warnings []Finding

	file *File // nil when the data was read
}

// A Module is one LoRA module: the pair of factors of ΔW = Scale·B·A.
type Module struct {
	Name  string // full dotted name in the base model
	Layer int    // -1 for a module outside the layers
	Type  string // q_proj, v_proj, query, …: unique within a layer
	A, B  Tensor // Rank × n_in and n_out × Rank, of one element type
	Rank  int
	Scale float64
	// Transposed says that the base model stores this weight as n_in × n_out (Config.FanInFanOut, or
	// an embedding), so that ΔWᵀ is what would be added to it.
	Transposed bool
}

// Severity says what a finding means for the adapter's use.
type Severity int

const (
	Note    Severity = iota // good to know
	Warning                 // odd: worth a look
	Fault                   // unusable
)

func (s Severity) String() string { return [...]string{"note", "warning", "error"}[s] }

// A Finding is something wrong or odd about an adapter, and what to do about it.
type Finding struct {
	Severity Severity
	Error    Error
	Advice   string
}

func (f Finding) String() string { return f.Error.Error() + ": " + f.Advice }

// shown is how many faults of one adapter an error lists.
const shown = 8

// Open reads the PEFT adapter in the folder dir. Its error lists what makes the adapter unusable
// for comparing ΔW, each an *Error: a file that is missing or damaged, a pickle instead of
// safetensors, half of a pair without the other, shapes that do not fit each other or the
// configured rank, NaN or Inf, and kinds of adapter whose B·A is not ΔW (DoRA, PiSSA and its like).
func Open(dir string) (*Adapter, error) { return open(dir, false) }

// Index is Open without the tensors' data, which is neither read nor checked: Read gets it, until
// Close.
func Index(dir string) (*Adapter, error) { return open(dir, true) }

// Read returns one of the adapter's tensors with its data: see File.Read. It may be called
// concurrently.
func (a *Adapter) Read(t Tensor, buf []byte) (Tensor, error) {
	if a.file == nil {
		return t, nil
	}
	return a.file.Read(t, buf)
}

// Close closes the files of the adapter.
func (a *Adapter) Close() error {
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}

func open(dir string, indexed bool) (_ *Adapter, err error) {
	c := &checker{}
	a, err := read(dir, c, indexed)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	var faults []error
	for _, f := range c.findings {
		if f.Severity < Fault {
			if f.Severity == Warning {
				a.Warnings = append(a.Warnings, f)
			}
			continue
		}
		e := f.Error
		e.Msg = f.Error.Msg + ": " + f.Advice
		faults = append(faults, &e)
	}
	if len(faults) > shown {
		more := &Error{File: dir, Msg: fmt.Sprintf("and %d faults more", len(faults)-shown)}
		faults = append(faults[:shown:shown], more)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return a, nil
}

// A checker collects findings.
type checker struct{ findings []Finding }

func (c *checker) fault(file, tensor, msg, advice string) {
	c.findings = append(c.findings, Finding{Fault, Error{file, tensor, msg}, advice})
}

func (c *checker) note(file, tensor, msg, advice string) {
	c.findings = append(c.findings, Finding{Note, Error{file, tensor, msg}, advice})
}

func (c *checker) warn(file, tensor, msg, advice string) {
	c.findings = append(c.findings, Finding{Warning, Error{file, tensor, msg}, advice})
}

// read reads and checks the adapter in dir; the error is for what leaves nothing to check.
func read(dir string, c *checker, indexed bool) (*Adapter, error) {
	config, err := readConfig(dir, c)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "adapter_model.safetensors")
	tensors, file, err := load(path, indexed)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, "adapter_model.bin")); err == nil {
			return nil, &Error{File: filepath.Join(dir, "adapter_model.bin"),
				Msg: "is a pickle, which can run any code when it is opened: load it once with PEFT where you trust it and save it with save_pretrained(…, safe_serialization=True)"}
		}
		return nil, &Error{File: dir, Msg: "has no adapter_model.safetensors: give the folder that save_pretrained wrote"}
	}
	if err != nil {
		return nil, err
	}
	a := &Adapter{Dir: dir, Config: config, file: file}
	modules := map[string]*Module{}
	prefixes := map[int]int{}
	for _, t := range tensors {
		if bad := nonFinite(t); bad != "" {
			c.fault(path, t.Name, "holds "+bad, diverged)
		}
		k := parseKey(t.Name)
		if k.half == 0 {
			switch {
			case strings.Contains(t.Name, "lora_magnitude_vector"):
				c.fault(path, t.Name, "belongs to DoRA: B·A is only the direction of ΔW", "merge the adapter, or train it without DoRA")
			case strings.Contains(t.Name, ".lora_") && !strings.Contains(t.Name, ".bias"):
				c.fault(path, t.Name, "is no LoRA factor that is known here", "only plain LoRA can be compared")
			default:
				a.Others = append(a.Others, t)
			}
			continue
		}
		prefixes[k.prefixes]++
		m := modules[k.module]
		if m == nil {
			m = &Module{Name: k.module, Transposed: config.FanInFanOut || k.embedding}
			modules[k.module] = m
		}
		half := &m.A
		if k.half == 'B' {
			half = &m.B
		}
		if half.Name != "" {
			c.fault(path, t.Name, fmt.Sprintf("names the same factor as %q", half.Name), "the file mixes two ways of saving; save the adapter again")
			continue
		}
		*half = t
	}
	for _, n := range slices.Sorted(maps.Keys(prefixes)) {
		if n != 1 {
			c.warn(path, "", fmt.Sprintf("%d tensors have the prefix base_model.model. %d times instead of once", prefixes[n], n),
				"PEFT would not load them under these names; save the adapter again with save_pretrained")
		}
	}
	for _, m := range modules {
		a.Modules = append(a.Modules, *m)
	}
	nameTypes(a.Modules)
	slices.SortFunc(a.Modules, func(x, y Module) int {
		return cmp.Or(cmp.Compare(x.Layer, y.Layer), cmp.Compare(x.Name, y.Name))
	})
	if len(a.Modules) == 0 {
		c.fault(path, "", "holds no LoRA factors", "the adapter was saved empty; save it again from the trained model")
	}
	trained := false
	for i := range a.Modules {
		m := &a.Modules[i]
		m.check(config, path, c)
		trained = trained || m.B.Data == nil || !zero(m.B)
	}
	if !trained && len(a.Modules) > 0 {
		c.warn(path, "", "every B is zero: the adapter was never trained", "check that the training updated the adapter that was saved")
	}
	for _, target := range config.TargetModules {
		saved := slices.ContainsFunc(a.Modules, func(m Module) bool { return m.Name == target || strings.HasSuffix(m.Name, "."+target) })
		whole := slices.ContainsFunc(config.ModulesToSave, func(name string) bool { return slices.Contains(strings.Split(target, "."), name) })
		if !saved && !whole { // PEFT trains what is saved whole without LoRA
			c.warn(path, "", fmt.Sprintf("target_modules names %q, but no such module was saved", target), "check that the adapter was saved whole")
		}
	}
	return a, nil
}

// load returns the tensors of the safetensors file at path, with their data, or with the file that they are
// indexed in.
func load(path string, indexed bool) ([]Tensor, *File, error) {
	if !indexed {
		tensors, _, err := ReadSafetensors(path)
		return tensors, nil, err
	}
	f, err := OpenSafetensors(path)
	if err != nil {
		return nil, nil, err
	}
	return f.Tensors, f, nil
}

// check checks the pair of m and sets its rank and scale by the configuration.
func (m *Module) check(config Config, path string, c *checker) {
	rank, scale := config.Scale(m.Name)
	m.Rank, m.Scale = rank, scale
	const whole = "the file was cut or saved in part; save the adapter again"
	switch {
	case m.A.Name == "":
		c.fault(path, m.B.Name, "has no A beside it", whole)
	case m.B.Name == "":
		c.fault(path, m.A.Name, "has no B beside it", whole)
	case len(m.A.Shape) != 2:
		c.fault(path, m.A.Name, fmt.Sprintf("has shape %v, want rank × inputs", m.A.Shape), "only linear and embedding modules can be compared")
	case len(m.B.Shape) != 2:
		c.fault(path, m.B.Name, fmt.Sprintf("has shape %v, want outputs × rank", m.B.Shape), "only linear and embedding modules can be compared")
	case m.A.Shape[0] != m.B.Shape[1]:
		c.fault(path, m.A.Name, fmt.Sprintf("has shape %v, but its B has %v: their ranks differ", m.A.Shape, m.B.Shape), whole)
	case m.A.Shape[1] == 0 || m.B.Shape[0] == 0:
		c.fault(path, m.A.Name, fmt.Sprintf("has shape %v and its B %v: they are empty", m.A.Shape, m.B.Shape), whole)
	case m.A.Shape[0] != rank:
		c.fault(path, m.A.Name, fmt.Sprintf("has rank %d, but adapter_config.json gives it %d", m.A.Shape[0], rank),
			"r, rank_pattern or the file is another adapter's: the scale would be wrong")
	case !floating(m.A.DType):
		c.fault(path, m.A.Name, "holds elements of type "+m.A.DType, "factors are F64, F32, F16 or BF16; save the adapter again before quantising it")
	case m.A.DType != m.B.DType:
		c.fault(path, m.A.Name, fmt.Sprintf("is %s, but its B is %s", m.A.DType, m.B.DType), "save both in one type")
	}
}

// diverged is what to do about a tensor that is not finite.
const diverged = "the training diverged or the file is damaged; take an earlier checkpoint"

// Finite returns an *Error, whose file is the adapter's, when t, which is one of its tensors with the data, holds NaN or Inf.
func (a *Adapter) Finite(t Tensor) error {
	if bad := nonFinite(t); bad != "" {
		return &Error{File: filepath.Join(a.Dir, "adapter_model.safetensors"), Tensor: t.Name, Msg: "holds " + bad + ": " + diverged}
	}
	return nil
}

// nonFinite returns "NaN" or "Inf" when t holds one, else "".
func nonFinite(t Tensor) string {
	found := func(fraction uint64) string {
		if fraction == 0 {
			return "Inf"
		}
		return "NaN"
	}
	switch t.DType {
	case F64:
		for d := t.Data; len(d) >= 8; d = d[8:] {
			if u := binary.LittleEndian.Uint64(d); u&0x7ff0000000000000 == 0x7ff0000000000000 {
				return found(u & 0x000fffffffffffff)
			}
		}
	case F32:
		for d := t.Data; len(d) >= 4; d = d[4:] {
			if u := binary.LittleEndian.Uint32(d); u&0x7f800000 == 0x7f800000 {
				return found(uint64(u & 0x007fffff))
			}
		}
	case F16, BF16:
		exponent := uint16(0x7c00)
		if t.DType == BF16 {
			exponent = 0x7f80
		}
		for d := t.Data; len(d) >= 2; d = d[2:] {
			if u := binary.LittleEndian.Uint16(d); u&exponent == exponent {
				return found(uint64(u &^ exponent & 0x7fff))
			}
		}
	}
	return ""
}

// zero reports whether every element of t is zero, of either sign.
func zero(t Tensor) bool {
	size := elementSize(t.DType)
	for i, b := range t.Data {
		if b != 0 && (b != 0x80 || (i+1)%size != 0) {
			return false
		}
	}
	return true
}
