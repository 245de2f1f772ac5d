package embedded

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"taskvec/internal/adapter"
	"taskvec/internal/tokenizer"
)

// hfConfig is the config.json of a Hugging Face folder, as far as it is used here.
type hfConfig struct {
	Architectures []string `json:"architectures"`
	ModelType     string   `json:"model_type"`
	TorchDType    string   `json:"torch_dtype"`

	VocabSize             int     `json:"vocab_size"`
	HiddenSize            int     `json:"hidden_size"`
	NumHiddenLayers       int     `json:"num_hidden_layers"`
	NumAttentionHeads     int     `json:"num_attention_heads"`
	IntermediateSize      int     `json:"intermediate_size"`
	MaxPositionEmbeddings int     `json:"max_position_embeddings"`
	HiddenAct             string  `json:"hidden_act"`
	TieWordEmbeddings     bool    `json:"tie_word_embeddings"`
	BOSTokenID            int32   `json:"bos_token_id"`
	EOSTokenID            int32   `json:"eos_token_id"`
	PadTokenID            int32   `json:"pad_token_id"`
	InitializerRange      float64 `json:"initializer_range"`

	// Llama
	NumKeyValueHeads int     `json:"num_key_value_heads,omitempty"`
	RMSNormEps       float64 `json:"rms_norm_eps,omitempty"`
	RopeTheta        float64 `json:"rope_theta,omitempty"`
	AttentionBias    *bool   `json:"attention_bias,omitempty"`
	MLPBias          *bool   `json:"mlp_bias,omitempty"`

	// RoBERTa
	LayerNormEps  float64  `json:"layer_norm_eps,omitempty"`
	TypeVocabSize int      `json:"type_vocab_size,omitempty"`
	PositionType  string   `json:"position_embedding_type,omitempty"`
	HiddenDropout *float64 `json:"hidden_dropout_prob,omitempty"`
	AttDropout    *float64 `json:"attention_probs_dropout_prob,omitempty"`
}

// writeFolder writes a model and its tokenizer as an ordinary Hugging Face folder.
func writeFolder(dir string, c Config, params []*param, k *tokenizer.Tokenizer) error {
	no, zero := false, 0.0
	h := hfConfig{
		TorchDType: "float32", VocabSize: c.Vocab, HiddenSize: c.Hidden, NumHiddenLayers: c.Layers, NumAttentionHeads: c.Heads,
		IntermediateSize: c.Intermediate, MaxPositionEmbeddings: c.MaxPositions, TieWordEmbeddings: c.Tied,
		BOSTokenID: c.BOS, EOSTokenID: c.EOS, PadTokenID: c.Pad, InitializerRange: initStd,
	}
	longest := c.MaxPositions
	if c.Family == "roberta" {
		h.Architectures, h.ModelType, h.HiddenAct, h.TieWordEmbeddings = []string{"RobertaForMaskedLM"}, "roberta", "gelu", true
		h.LayerNormEps, h.TypeVocabSize, h.PositionType, h.HiddenDropout, h.AttDropout = c.NormEps, 1, "absolute", &zero, &zero
		longest -= int(c.Pad) + 1
	} else {
		h.Architectures, h.ModelType, h.HiddenAct = []string{"LlamaForCausalLM"}, "llama", "silu"
		h.NumKeyValueHeads, h.RMSNormEps, h.RopeTheta, h.AttentionBias, h.MLPBias = c.KVHeads, c.NormEps, c.RopeTheta, &no, &no
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, "config.json"), h); err != nil {
		return err
	}
	if err := writeTokenizer(dir, k, c.Family == "roberta", longest); err != nil {
		return err
	}
	var tensors []adapter.Tensor
	for _, p := range params {
		tensors = append(tensors, adapter.Float32Tensor(p.name, p.shape, p.w))
	}
	return adapter.WriteSafetensors(filepath.Join(dir, "model.safetensors"), tensors, map[string]string{"format": "pt"})
}

// readConfig reads the config.json of a model folder.
func readConfig(dir string) (Config, error) {
	path := filepath.Join(dir, "config.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	var h hfConfig
	if err := json.Unmarshal(b, &h); err != nil {
		return Config{}, fmt.Errorf("read %s: %w", path, err)
	}
	c := Config{
		Family: h.ModelType, Vocab: h.VocabSize, Hidden: h.HiddenSize, Layers: h.NumHiddenLayers, Heads: h.NumAttentionHeads,
		KVHeads: h.NumKeyValueHeads, Intermediate: h.IntermediateSize, MaxPositions: h.MaxPositionEmbeddings,
		NormEps: h.RMSNormEps, RopeTheta: h.RopeTheta, Tied: h.TieWordEmbeddings, BOS: h.BOSTokenID, EOS: h.EOSTokenID, Pad: h.PadTokenID,
	}
	switch h.ModelType {
	case "llama":
	case "roberta":
		c.KVHeads, c.NormEps = c.Heads, h.LayerNormEps
	default:
		return c, fmt.Errorf("read %s: the embedded trainer knows llama and roberta, not model_type %q", path, h.ModelType)
	}
	if c.Heads < 1 || c.KVHeads < 1 || c.Hidden%c.Heads != 0 || c.Heads%c.KVHeads != 0 || c.Vocab < 1 || c.Layers < 1 || c.MaxPositions < 1 {
		return c, fmt.Errorf("read %s: the sizes do not fit each other: %+v", path, c)
	}
	return c, nil
}

// readWeights fills the parameters from the model.safetensors of a folder.
func readWeights(dir string, params []*param) error {
	return readTensors(filepath.Join(dir, "model.safetensors"), "", params)
}

// readTensors fills the parameters from the tensors of a file, whose names have a prefix before theirs.
func readTensors(path, prefix string, params []*param) error {
	tensors, _, err := adapter.ReadSafetensors(path)
	if err != nil {
		return err
	}
	byName := map[string]adapter.Tensor{}
	for _, t := range tensors {
		byName[t.Name] = t
	}
	for _, p := range params {
		t, ok := byName[prefix+p.name]
		if !ok {
			return &adapter.Error{File: path, Tensor: prefix + p.name, Msg: "missing"}
		}
		if !slices.Equal(t.Shape, p.shape) {
			return &adapter.Error{File: path, Tensor: t.Name, Msg: fmt.Sprintf("has shape %v, want %v", t.Shape, p.shape)}
		}
		w, err := t.Float32s()
		if err != nil {
			return err
		}
		copy(p.w, w)
	}
	return nil
}
