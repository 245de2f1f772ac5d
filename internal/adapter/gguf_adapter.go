package adapter

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Layout is what an adapter's GGUF file depends on in a base model of the Llama layout, and what tells one
// such model from the next.
type Layout struct {
	Layers       int     `json:"num_hidden_layers"`
	Hidden       int     `json:"hidden_size"`
	Heads        int     `json:"num_attention_heads"`
	KVHeads      int     `json:"num_key_value_heads"` // Heads when 0
	HeadDim      int     `json:"head_dim"`            // Hidden / Heads when 0
	Intermediate int     `json:"intermediate_size"`
	Vocabulary   int     `json:"vocab_size"` // 0 when unknown
	RopeTheta    float32 `json:"rope_theta"` // likewise
}

// ReadLayout reads the layout of the base model in a Hugging Face folder. A model of another layout is an
// *Error.
func ReadLayout(folder string) (Layout, error) {
	c, err := readLlamaConfig(folder)
	if err != nil {
		return Layout{}, err
	}
	return c.Layout, nil
}

// misfit is what to say of a layout that is not complete.
const misfit = "the numbers of heads, layers and their widths do not fit each other: take the config.json that came with the weights"

// complete fills in what is left out, and says whether the sizes fit each other.
func (l *Layout) complete() bool {
	if l.KVHeads == 0 {
		l.KVHeads = l.Heads
	}
	if l.HeadDim == 0 && l.Heads > 0 {
		l.HeadDim = l.Hidden / l.Heads
	}
	return l.Heads > 0 && l.KVHeads > 0 && l.HeadDim > 1 && l.HeadDim%2 == 0 && l.Heads%l.KVHeads == 0 && l.Hidden > 0 && l.Layers > 0 && l.Intermediate > 0
}

// Difference says in what another layout is not this one, in the words of GGUF files, or "".
func (l Layout) Difference(other Layout) string {
	l.complete()
	other.complete()
	for _, size := range []struct {
		name        string
		here, there int
	}{
		{"block_count", l.Layers, other.Layers}, {"embedding_length", l.Hidden, other.Hidden},
		{"attention.head_count", l.Heads, other.Heads}, {"attention.head_count_kv", l.KVHeads, other.KVHeads},
		{"attention.key_length", l.HeadDim, other.HeadDim}, {"feed_forward_length", l.Intermediate, other.Intermediate},
	} {
		if size.here != size.there {
			return fmt.Sprintf("its %s is %d, not %d", size.name, size.there, size.here)
		}
	}
	if l.Vocabulary != other.Vocabulary && l.Vocabulary*other.Vocabulary != 0 {
		return fmt.Sprintf("its vocab_size is %d, not %d", other.Vocabulary, l.Vocabulary)
	}
	if l.RopeTheta != other.RopeTheta && l.RopeTheta*other.RopeTheta != 0 {
		return fmt.Sprintf("its rope.freq_base is %g, not %g", other.RopeTheta, l.RopeTheta)
	}
	return ""
}

// A llamaConfig is what a model's GGUF file needs of the config.json of a model of the Llama layout.
type llamaConfig struct {
	path string

	Layout
	ModelType   string          `json:"model_type"`
	Positions   int             `json:"max_position_embeddings"`
	NormEps     float32         `json:"rms_norm_eps"`
	RopeScaling rope            `json:"rope_scaling"`
	Rope        rope            `json:"rope_parameters"` // both of the above since transformers 5
	Tied        bool            `json:"tie_word_embeddings"`
	BOS         *int            `json:"bos_token_id"`
	EOS         json.RawMessage `json:"eos_token_id"` // a number or several
}

// A rope says how positions are turned into angles.
type rope struct {
	Theta float32 `json:"rope_theta"`
	Type  string  `json:"rope_type"`
	Old   string  `json:"type"` // what older files call it
}

// scaled says whether positions are anything but themselves.
func (r rope) scaled() bool {
	kind := cmp.Or(r.Type, r.Old, "default")
	return kind != "default"
}

// readLlamaConfig reads the config.json of a folder. A model of another layout is an *Error.
func readLlamaConfig(dir string) (*llamaConfig, error) {
	c := &llamaConfig{path: filepath.Join(dir, "config.json")}
	text, err := os.ReadFile(c.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &Error{File: dir, Msg: "has no config.json, so it is no base model's folder: give the folder that save_pretrained wrote"}
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, configError(c.path, text, err)
	}
	if c.ModelType != "llama" && c.ModelType != "mistral" {
		return nil, &Error{File: c.path, Msg: fmt.Sprintf("model_type is %q: only models of the Llama layout (llama, mistral) can be served by Ollama", c.ModelType)}
	}
	c.RopeTheta = cmp.Or(c.RopeTheta, c.Rope.Theta)
	if !c.complete() {
		return nil, &Error{File: c.path, Msg: misfit}
	}
	return c, nil
}

// A llamaModule is one linear module of a layer: its name in GGUF files, the shape of its weight, and the
// heads whose rows are rotated by position, 0 for none.
type llamaModule struct {
	gguf     string
	out, in  int
	rotating int
}

// linearModules are the linear modules of a layer of the Llama layout.
var linearModules = []string{
	"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
}

// module returns the linear module that a layer's path names, such as self_attn.q_proj.
func (c Layout) module(within string) (llamaModule, bool) {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	m, ok := map[string]llamaModule{
		"self_attn.q_proj": {"attn_q", q, c.Hidden, c.Heads},
		"self_attn.k_proj": {"attn_k", kv, c.Hidden, c.KVHeads},
		"self_attn.v_proj": {"attn_v", kv, c.Hidden, 0},
		"self_attn.o_proj": {"attn_output", c.Hidden, q, 0},
		"mlp.gate_proj":    {"ffn_gate", c.Intermediate, c.Hidden, 0},
		"mlp.up_proj":      {"ffn_up", c.Intermediate, c.Hidden, 0},
		"mlp.down_proj":    {"ffn_down", c.Hidden, c.Intermediate, 0},
	}[within]
	return m, ok
}

// ExportGGUF writes the adapter in the folder dir as a GGUF file for llama.cpp and Ollama, for the base
// model of the Llama layout in the folder base; "" is BaseFolder's. What such a file cannot hold is an
// *Error.
func ExportGGUF(dir, base, path string) error {
	if base == "" {
		var err error
		if base, err = BaseFolder(dir); err != nil {
			return err
		}
	}
	layout, err := ReadLayout(base)
	if err != nil {
		return err
	}
	return layout.ExportGGUF(dir, base, path)
}

// BaseFolder is the folder of an adapter's base model, where adapter_config.json names one that is here.
func BaseFolder(dir string) (string, error) {
	config, err := readConfig(dir, &checker{})
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(config.BaseModel); config.BaseModel == "" || err != nil || !info.IsDir() {
		return "", &Error{File: dir, Msg: fmt.Sprintf("its base model %q is no folder here: give the base model's folder with --base", config.BaseModel)}
	}
	return config.BaseModel, nil
}

// ExportGGUF writes the adapter in the folder dir for the base model of this layout, which errors call
// base. ΔW stays what it is: scales other than lora_alpha/r are folded into B, and of q_proj and k_proj
// the rows of B are ordered as the base model's are in GGUF files.
func (c Layout) ExportGGUF(dir, base, path string) error {
	a, err := Open(dir)
	if err != nil {
		return err
	}
	if !c.complete() {
		return &Error{File: base, Msg: misfit}
	}
	if len(a.Config.ModulesToSave) > 0 || len(a.Others) > 0 {
		what := "modules_to_save " + strings.Join(a.Config.ModulesToSave, ", ")
		if len(a.Others) > 0 {
			what = fmt.Sprintf("tensor %q", a.Others[0].Name)
		}
		return &Error{File: dir, Msg: what + " is trained beside the LoRA factors, and a GGUF adapter holds nothing else"}
	}
	alpha := a.Config.Alpha
	if alpha == 0 {
		alpha = 1 // llama.cpp takes 0 for "no scale"
	}
	var tensors []ggufTensor
	for _, m := range a.Modules {
		_, before, within := layerOf(m.Name)
		target, ok := c.module(within)
		if !ok || m.Transposed || !slices.Contains([]string{"model.layers", "layers"}, before) {
			return &Error{File: dir, Tensor: m.B.Name, Msg: fmt.Sprintf("module %s has no place in a GGUF adapter of the Llama layout: only q, k, v, o, gate, up and down of the layers have", m.Name)}
		}
		if m.Layer >= c.Layers || m.A.Shape[1] != target.in || m.B.Shape[0] != target.out {
			return &Error{File: dir, Tensor: m.B.Name, Msg: fmt.Sprintf("ΔW of layer %d is %d × %d, and the base model %s has %d layers and %d × %d: it is another base model's adapter",
				m.Layer, m.B.Shape[0], m.A.Shape[1], base, c.Layers, target.out, target.in)}
		}
		name := fmt.Sprintf("blk.%d.%s.weight.lora_", m.Layer, target.gguf)
		fold := float32(m.Scale * float64(m.Rank) / alpha)
		tensors = append(tensors,
			ggufTensor{name: name + "a", shape: m.A.Shape, read: m.A.Float32s},
			ggufTensor{name: name + "b", shape: m.B.Shape, read: func() ([]float32, error) {
				b, err := m.B.Float32s()
				if err != nil {
					return nil, err
				}
				for i := range b {
					b[i] *= fold
				}
				if target.rotating > 0 {
					b = pairRows(b, m.Rank, target.rotating)
				}
				return b, nil
			}})
	}
	return writeGGUF(path, []ggufPair{
		{"general.architecture", "llama"}, {"general.type", "adapter"}, {"general.file_type", uint32(0)},
		{"adapter.type", "lora"}, {"adapter.lora.alpha", float32(alpha)},
	}, tensors)
}
