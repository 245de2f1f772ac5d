package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"taskvec/internal/tokenizer"
)

// instead is what to do with a model that cannot be written here.
const instead = ": name the server's own model for it (--from of export ollama, from of an evaluate stage)"

// ExportModelGGUF writes the model of the Llama layout in a Hugging Face folder as a GGUF file for
// llama.cpp and Ollama: matrices in f16, vectors in f32, and the tokenizer with the name of its way to cut
// text into words. Ollama's own import leaves that name out, and whether a text begins with the start
// token, so that a model reads other tokens than it was trained on. What such a file cannot hold is an
// *Error.
func ExportModelGGUF(folder, path string) error {
	c, err := readLlamaConfig(folder)
	if err != nil {
		return err
	}
	if c.RopeScaling.scaled() || c.Rope.scaled() {
		return &Error{File: c.path, Msg: "its positions are scaled (rope_scaling or rope_parameters), which is not written here" + instead}
	}
	vocabulary, err := c.vocabulary(folder)
	if err != nil {
		return err
	}
	m, err := OpenCheckpoint(folder)
	if err != nil {
		return err
	}
	tensors, err := c.tensors(m)
	if err == nil {
		err = writeGGUF(path, append(c.pairs(), vocabulary...), tensors)
	}
	return errors.Join(err, m.Close())
}

// pairs is the metadata of the model itself.
func (c *llamaConfig) pairs() []ggufPair {
	pairs := []ggufPair{
		{"general.architecture", "llama"}, {"general.type", "model"},
		{"general.file_type", uint32(1)}, {"general.quantization_version", uint32(2)},
		{"llama.vocab_size", uint32(c.Vocabulary)},
		{"llama.context_length", uint32(c.Positions)},
		{"llama.embedding_length", uint32(c.Hidden)},
		{"llama.block_count", uint32(c.Layers)},
		{"llama.feed_forward_length", uint32(c.Intermediate)},
		{"llama.attention.head_count", uint32(c.Heads)},
		{"llama.attention.head_count_kv", uint32(c.KVHeads)},
		{"llama.attention.key_length", uint32(c.HeadDim)},
		{"llama.attention.value_length", uint32(c.HeadDim)},
		{"llama.attention.layer_norm_rms_epsilon", c.NormEps},
		{"llama.rope.dimension_count", uint32(c.HeadDim)},
	}
	if c.RopeTheta > 0 {
		pairs = append(pairs, ggufPair{"llama.rope.freq_base", c.RopeTheta})
	}
	return pairs
}

// vocabulary is the metadata of the folder's tokenizer.
func (c *llamaConfig) vocabulary(folder string) ([]ggufPair, error) {
	path := filepath.Join(folder, tokenizer.FileName)
	k, err := tokenizer.Load(path)
	if err != nil {
		return nil, &Error{File: folder, Msg: err.Error() + instead}
	}
	v, err := k.Vocabulary()
	if err != nil {
		return nil, &Error{File: path, Msg: err.Error() + instead}
	}
	if len(v.Tokens) > c.Vocabulary {
		return nil, &Error{File: path, Msg: fmt.Sprintf("has %d tokens, and the model a vocabulary of %d", len(v.Tokens), c.Vocabulary)}
	}
	v.Pad(c.Vocabulary)
	pairs := []ggufPair{
		{"tokenizer.ggml.model", "gpt2"}, {"tokenizer.ggml.pre", v.Words},
		{"tokenizer.ggml.tokens", v.Tokens}, {"tokenizer.ggml.token_type", v.Kinds}, {"tokenizer.ggml.merges", v.Merges},
		{"tokenizer.ggml.add_bos_token", v.Start && c.BOS != nil}, {"tokenizer.ggml.add_eos_token", false},
	}
	if c.BOS != nil {
		pairs = append(pairs, ggufPair{"tokenizer.ggml.bos_token_id", uint32(*c.BOS)})
	}
	var end int
	var several []int
	switch raw := bytes.TrimSpace(c.EOS); {
	case len(raw) == 0 || string(raw) == "null":
		return nil, &Error{File: c.path, Msg: "has no eos_token_id: the model would never end its answer"}
	case json.Unmarshal(raw, &end) == nil:
	case json.Unmarshal(raw, &several) == nil && len(several) > 0:
		end = several[0]
	default:
		return nil, &Error{File: c.path, Msg: fmt.Sprintf("eos_token_id is %s, want a token's number", raw)}
	}
	return append(pairs, ggufPair{"tokenizer.ggml.eos_token_id", uint32(end)}), nil
}

// tensors lists the model's weights under their GGUF names. A weight that is missing, of another shape, or
// without a place is an *Error.
func (c *llamaConfig) tensors(m *Checkpoint) ([]ggufTensor, error) {
	var out []ggufTensor
	left := maps.Clone(m.tensors)
	maps.DeleteFunc(left, func(name string, _ Tensor) bool { return strings.HasSuffix(name, ".rotary_emb.inv_freq") }) // no weights
	var fault *Error
	add := func(source, name string, heads int, shape ...int) {
		t, ok := left[source]
		delete(left, source)
		switch {
		case fault != nil:
		case !ok:
			fault = &Error{File: m.Dir, Tensor: source, Msg: "missing"}
		case !slices.Equal(t.Shape, shape) || !floating(t.DType):
			fault = &Error{File: m.Dir, Tensor: source, Msg: fmt.Sprintf("is %v of %s, want %v of floats", t.Shape, t.DType, shape)}
		}
		out = append(out, ggufTensor{name: name + ".weight", shape: shape, half: len(shape) == 2, read: func() ([]float32, error) {
			t, err := m.file[source].Read(t, nil)
			if err != nil {
				return nil, err
			}
			w, err := t.Float32s()
			if err == nil && heads > 0 {
				w = pairRows(w, shape[1], heads)
			}
			return w, err
		}})
	}
	add("model.embed_tokens.weight", "token_embd", 0, c.Vocabulary, c.Hidden)
	for i := range c.Layers {
		source, name := fmt.Sprintf("model.layers.%d.", i), fmt.Sprintf("blk.%d.", i)
		add(source+"input_layernorm.weight", name+"attn_norm", 0, c.Hidden)
		add(source+"post_attention_layernorm.weight", name+"ffn_norm", 0, c.Hidden)
		for _, within := range linearModules {
			target, _ := c.module(within)
			add(source+within+".weight", name+target.gguf, target.rotating, target.out, target.in)
		}
	}
	add("model.norm.weight", "output_norm", 0, c.Hidden)
	if c.Tied {
		delete(left, "lm_head.weight") // some save it all the same
	} else {
		add("lm_head.weight", "output", 0, c.Vocabulary, c.Hidden)
	}
	if fault == nil && len(left) > 0 {
		fault = &Error{File: m.Dir, Tensor: slices.Min(slices.Collect(maps.Keys(left))), Msg: "has no place in a GGUF file of the Llama layout" + instead}
	}
	if fault != nil {
		return nil, fault
	}
	return out, nil
}
