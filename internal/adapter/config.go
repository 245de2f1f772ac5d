package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Config is what adapter_config.json says of an adapter, PEFT's defaults filled in. Fields that
// do not bear on ΔW are ignored, whatever they are: newer PEFT writes more.
type Config struct {
	BaseModel string
	Rank      int     // r of the modules that RankPattern does not name
	Alpha     float64 // lora_alpha of the modules that AlphaPattern does not name
	RSLoRA    bool    // scale α/√r instead of α/r (arXiv 2312.03732)
	// FanInFanOut says that the base model stores its weights transposed, n_in × n_out, as GPT-2
	// does: the matrix added to them is ΔWᵀ. ΔW = s·B·A as a map from inputs to outputs, and so its
	// column space, is the same.
	FanInFanOut  bool
	RankPattern  []Pattern // in the order of the file, which decides
	AlphaPattern []Pattern
	// TargetModules are the names (or ends of names) of the adapted modules, sorted since PEFT saves
	// a set; TargetPattern is the regular expression, or "all-linear", given instead.
	TargetModules []string
	TargetPattern string
	ModulesToSave []string
	Init          string // init_lora_weights: true, false or a method's name
}

// A Pattern gives one value to the modules whose name matches a regular expression.
type Pattern struct {
	Key   string // as written
	Value float64

	match *regexp.Regexp
}

// ready names the values of init_lora_weights that leave the base model's weights as they are, so
// that B·A is the whole change. PiSSA, OLoRA, CorDA, LoftQ and their like subtract the initial B·A
// from the base weights.
var ready = []string{"true", "false", "gaussian", "orthogonal"}

// readConfig reads and checks dir/adapter_config.json. The faults that make its adapter unusable
// for the geometry are added to c.
func readConfig(dir string, c *checker) (Config, error) {
	path := filepath.Join(dir, "adapter_config.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Config{}, &Error{File: dir, Msg: "has no adapter_config.json, so it is not a PEFT adapter: give the folder that save_pretrained wrote"}
	}
	if err != nil {
		return Config{}, err
	}
	file := struct {
		PEFTType         string          `json:"peft_type"`
		BaseModel        string          `json:"base_model_name_or_path"`
		R                int             `json:"r"`
		Alpha            float64         `json:"lora_alpha"`
		RSLoRA           bool            `json:"use_rslora"`
		FanInFanOut      bool            `json:"fan_in_fan_out"`
		RankPattern      patterns        `json:"rank_pattern"`
		AlphaPattern     patterns        `json:"alpha_pattern"`
		TargetModules    json.RawMessage `json:"target_modules"`
		TargetParameters []string        `json:"target_parameters"`
		ModulesToSave    []string        `json:"modules_to_save"`
		Init             any             `json:"init_lora_weights"`
		DoRA             bool            `json:"use_dora"`
		QALoRA           bool            `json:"use_qalora"`
	}{PEFTType: "LORA", R: 8, Alpha: 8, Init: true}
	if err := json.Unmarshal(text, &file); err != nil {
		return Config{}, configError(path, text, err)
	}
	if file.Init == nil {
		file.Init = false // as Python reads null
	}
	config := Config{
		BaseModel: file.BaseModel, Rank: file.R, Alpha: file.Alpha, RSLoRA: file.RSLoRA, FanInFanOut: file.FanInFanOut,
		RankPattern: file.RankPattern, AlphaPattern: file.AlphaPattern, ModulesToSave: file.ModulesToSave,
		Init: strings.ToLower(fmt.Sprint(file.Init)),
	}
	if raw := bytes.TrimSpace(file.TargetModules); len(raw) > 0 {
		if err := json.Unmarshal(raw, &config.TargetPattern); err != nil {
			config.TargetPattern = ""
			if err := json.Unmarshal(raw, &config.TargetModules); err != nil {
				return Config{}, &Error{File: path, Msg: "target_modules is neither a list of names nor a regular expression: save the adapter again with PEFT"}
			}
			slices.Sort(config.TargetModules)
		}
	}
	if file.PEFTType != "LORA" {
		c.fault(path, "", fmt.Sprintf("peft_type is %q", file.PEFTType), "only LoRA adapters can be compared")
	}
	if file.R < 1 {
		c.fault(path, "", fmt.Sprintf("r is %d", file.R), "a rank is at least 1")
	}
	for _, p := range file.RankPattern {
		if p.Value < 1 || p.Value != math.Trunc(p.Value) || p.Value > math.MaxInt32 {
			c.fault(path, "", fmt.Sprintf("rank_pattern gives %q the rank %v", p.Key, p.Value), "a rank is a whole number from 1")
		}
	}
	if file.DoRA {
		c.fault(path, "", "use_dora is true: B·A is only the direction of ΔW, whose length DoRA rescales by the base weights",
			"merge the adapter, or train it without DoRA")
	}
	if file.QALoRA {
		c.fault(path, "", "use_qalora is true: A acts on pooled inputs, so B·A is not ΔW", "train the adapter without QALoRA")
	}
	if len(file.TargetParameters) > 0 {
		c.fault(path, "", "target_parameters adapts bare parameters, whose factors are stacked", "only adapters of modules can be compared")
	}
	if !slices.Contains(ready, config.Init) {
		c.fault(path, "", fmt.Sprintf("init_lora_weights is %q: the base weights were changed with the factors, so B·A is not ΔW", config.Init),
			"convert it with PEFT's save_pretrained(path_initial_model_for_weight_conversion=…)")
	}
	return config, nil
}

// configError says where in the file the JSON is wrong.
func configError(path string, text []byte, err error) error {
	offset := int64(-1)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
		err = fmt.Errorf("%s is %s, want %s", kind.Field, kind.Value, kind.Type)
	}
	if offset > 0 && offset <= int64(len(text)) {
		before := text[:offset-1]
		line := bytes.Count(before, []byte("\n")) + 1
		path = fmt.Sprintf("%s:%d:%d", path, line, len(before)-bytes.LastIndexByte(before, '\n'))
	}
	return &Error{File: path, Msg: err.Error()}
}

// Scale returns the rank r that the configuration gives the module of that name and the scale s of
// its ΔW = s·B·A: α/r, or α/√r with rsLoRA, both by the first pattern that matches the name, as in
// PEFT's get_pattern_key.
func (c Config) Scale(module string) (rank int, scale float64) {
	rank = int(lookup(c.RankPattern, module, float64(c.Rank)))
	alpha := lookup(c.AlphaPattern, module, c.Alpha)
	if c.RSLoRA {
		return rank, alpha / math.Sqrt(float64(rank))
	}
	return rank, alpha / float64(rank)
}

func lookup(list []Pattern, module string, otherwise float64) float64 {
	for _, p := range list {
		if p.match.MatchString(module) {
			return p.Value
		}
	}
	return otherwise
}

// patterns decodes a JSON object of numbers, keeping its order.
type patterns []Pattern

func (p *patterns) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return fmt.Errorf("a pattern list is %s, want an object from pattern to number", text)
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		entry := Pattern{Key: token.(string)}
		if err := d.Decode(&entry.Value); err != nil {
			return fmt.Errorf("the value of pattern %q is not a number", entry.Key)
		}
		// Python's re and Go's regexp agree on all but look-around and backreferences, which Go lacks.
		if entry.match, err = regexp.Compile(`^(.*\.)?(` + entry.Key + `)$`); err != nil {
			return fmt.Errorf("pattern %q cannot be used here: %w", entry.Key, err)
		}
		if i := slices.IndexFunc(*p, func(q Pattern) bool { return q.Key == entry.Key }); i >= 0 {
			(*p)[i] = entry // as in a Python dict: the last value, in the first one's place
			continue
		}
		*p = append(*p, entry)
	}
	return nil
}
