package tokenizer

import (
	"errors"
	"fmt"
	"strings"
)

// A Vocabulary is a byte-level tokenizer in the terms of llama.cpp's GGUF files.
type Vocabulary struct {
	Words  string   // the way text is cut into words (tokenizer.ggml.pre)
	Tokens []string // by id
	Kinds  []int32  // of the tokens (tokenizer.ggml.token_type)
	Merges []string
	Start  bool // a text begins with the start token
}

// llama.cpp's kinds of tokens.
const (
	kindNormal      = 1
	kindControl     = 3
	kindUserDefined = 4
	kindUnused      = 5
)

// llama3Words is the pattern by which Llama 3 cuts text into words.
const llama3Words = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// llamaCPP are the names that llama.cpp has for pre-tokenizers, as steps describes them.
var llamaCPP = map[string]string{
	"words":                 "gpt-2",
	"digits, words":         "smollm",
	llama3Words + ", bytes": "llama-bpe",
}

// Vocabulary returns the tokenizer for a GGUF file. One that llama.cpp would cut text by in another way
// is an ErrUnsupported.
func (k *Tokenizer) Vocabulary() (*Vocabulary, error) {
	name, ok := llamaCPP[strings.Join(k.steps, ", ")]
	if !ok || !k.bytes || len(k.normalize) > 0 {
		return nil, fmt.Errorf("a GGUF file of a tokenizer that is not GPT-2's, SmolLM's or Llama 3's is %w", ErrUnsupported)
	}
	if k.wholeWord != (name == "llama-bpe") {
		return nil, fmt.Errorf("a GGUF file of a %s tokenizer with ignore_merges %v is %w", name, k.wholeWord, ErrUnsupported)
	}
	v := &Vocabulary{Words: name, Start: k.start}
	for id, token := range k.tokens {
		kind := int32(kindNormal)
		switch {
		case token == "":
			token, kind = fmt.Sprintf("[PAD%d]", id), kindUnused
		case k.special[int32(id)]:
			kind = kindControl
		case k.added[int32(id)]:
			kind = kindUserDefined
		}
		v.Tokens, v.Kinds = append(v.Tokens, token), append(v.Kinds, kind)
	}
	for _, m := range k.Merges() {
		v.Merges = append(v.Merges, m[0]+" "+m[1])
	}
	if len(v.Merges) == 0 {
		return nil, errors.New("a GGUF file needs a tokenizer with merges")
	}
	return v, nil
}

// Pad appends tokens that are never used, up to n, as models have them whose weights are more than their
// tokens.
func (v *Vocabulary) Pad(n int) {
	for id := len(v.Tokens); id < n; id++ {
		v.Tokens, v.Kinds = append(v.Tokens, fmt.Sprintf("[PAD%d]", id)), append(v.Kinds, kindUnused)
	}
}

// A processor is a post-processor of a tokenizer.json; only the special token that it begins a text with
// matters here.
type processor struct {
	Processors []processor `json:"processors"`
	Single     []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
	} `json:"single"`
}

func (p *processor) starts() bool {
	if p == nil {
		return false
	}
	for i := range p.Processors {
		if p.Processors[i].starts() {
			return true
		}
	}
	return len(p.Single) > 0 && p.Single[0].SpecialToken != nil
}
