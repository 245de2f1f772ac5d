package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"taskvec/internal/experiment"
)

// A shape is what a base model's config.json says of its size.
type shape struct {
	Vocab        int64 `json:"vocab_size"`
	Hidden       int64 `json:"hidden_size"`
	Layers       int64 `json:"num_hidden_layers"`
	Heads        int64 `json:"num_attention_heads"`
	KVHeads      int64 `json:"num_key_value_heads"`
	HeadDim      int64 `json:"head_dim"`
	Intermediate int64 `json:"intermediate_size"`
	Positions    int64 `json:"max_position_embeddings"`
	Types        int64 `json:"type_vocab_size"`
	Tied         bool  `json:"tie_word_embeddings"`
}

// published are the shapes of the base models of the published experiment, which is planned before they
// are fetched; by the beginning of the Hub's name.
var published = map[string]shape{
	"mistralai/Mistral-7B":       {Vocab: 32000, Hidden: 4096, Layers: 32, Heads: 32, KVHeads: 8, Intermediate: 14336},
	"meta-llama/Meta-Llama-3-8B": {Vocab: 128256, Hidden: 4096, Layers: 32, Heads: 32, KVHeads: 8, Intermediate: 14336},
	"FacebookAI/roberta-base":    {Vocab: 50265, Hidden: 768, Layers: 12, Heads: 12, Intermediate: 3072, Positions: 514, Types: 1, Tied: true},
}

// shapeOf is the shape of a model: its folder's, where there is one already; that of the architecture it
// will be pretrained in; or a published one. It is nil when none is known, as of a folder whose
// config.json is missing or cannot be read: an image may know other ones.
func shapeOf(m *experiment.Model, folder string) *shape {
	if folder != "" {
		s, err := readShape(filepath.Join(folder, "config.json"))
		if err != nil {
			return nil
		}
		return s
	}
	if a := m.Architecture; a != nil {
		return &shape{Vocab: int64(a.Vocabulary), Hidden: int64(a.Hidden), Layers: int64(a.Layers), Heads: int64(a.Heads), KVHeads: int64(a.KVHeads),
			Intermediate: int64(a.Intermediate), Positions: int64(a.MaxPositions), Types: 1, Tied: true}
	}
	for prefix, s := range published {
		if strings.HasPrefix(m.Base, prefix) {
			return &s
		}
	}
	return nil
}

func readShape(path string) (*shape, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s shape
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &s, nil
}

// A matrix is a linear layer of a model's every layer.
type matrix struct {
	module  string
	in, out int64
}

// matrices are the linear layers of one layer.
func (s *shape) matrices(family string) []matrix {
	h, i := s.Hidden, s.Intermediate
	if family == "roberta" {
		return []matrix{{"query", h, h}, {"key", h, h}, {"value", h, h}, {"dense", h, h}, {"dense", h, i}, {"dense", i, h}}
	}
	d := s.HeadDim
	if d == 0 && s.Heads > 0 {
		d = h / s.Heads
	}
	kv := s.KVHeads
	if kv == 0 {
		kv = s.Heads
	}
	return []matrix{{"q_proj", h, s.Heads * d}, {"k_proj", h, kv * d}, {"v_proj", h, kv * d}, {"o_proj", s.Heads * d, h},
		{"gate_proj", h, i}, {"up_proj", h, i}, {"down_proj", i, h}}
}

// parameters are those of the base model, without a head: in its linear layers, and all.
func (s *shape) parameters(family string) (linear, all int64) {
	for _, m := range s.matrices(family) {
		linear += s.Layers * m.in * m.out
		if family == "roberta" {
			all += s.Layers * m.out // bias
		}
	}
	all += linear + s.Vocab*s.Hidden
	if family == "roberta" {
		return linear, all + (s.Positions+s.Types+2)*s.Hidden + s.Layers*4*s.Hidden
	}
	if !s.Tied {
		all += s.Vocab * s.Hidden
	}
	return linear, all + s.Layers*2*s.Hidden + s.Hidden
}

// trainable are the parameters of an adapter, and of the head of a classifier with so many labels.
func (s *shape) trainable(family string, rank int, targets []string, labels int) int64 {
	n := int64(0)
	for _, m := range s.matrices(family) {
		if slices.Contains(targets, m.module) {
			n += s.Layers * int64(rank) * (m.in + m.out)
		}
	}
	if family == "roberta" {
		n += (s.Hidden+1)*s.Hidden + (s.Hidden+1)*int64(labels)
	}
	return n
}
