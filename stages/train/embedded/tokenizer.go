package embedded

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"taskvec/internal/tokenizer"
)

// The special tokens, in the order of their ids, as RoBERTa has them.
const (
	bosToken  = "<s>"
	padToken  = "<pad>"
	eosToken  = "</s>"
	unkToken  = "<unk>"
	maskToken = "<mask>"
)

var specialTokens = []string{bosToken, padToken, eosToken, unkToken, maskToken}

// specialID is the id of a special token.
func specialID(s string) int32 { return int32(slices.Index(specialTokens, s)) }

// trainTokenizer learns a vocabulary of size entries, the special tokens and the 256 bytes among
// them, from texts: the most frequent pair is merged first, of equals the one that sorts first.
func trainTokenizer(texts []string, size int) *tokenizer.Tokenizer {
	var merges [][2]string
	bytes := tokenizer.NewByteLevel(nil, nil)
	counts := map[string]int{}
	for _, text := range texts {
		for _, w := range tokenizer.Words(text) {
			counts[w]++
		}
	}
	type word struct {
		symbols []string
		count   int
	}
	var words []word
	for w, n := range counts {
		words = append(words, word{symbolsOf(bytes, w), n})
	}
	slices.SortFunc(words, func(a, b word) int { return slices.Compare(a.symbols, b.symbols) })
	for len(specialTokens)+256+len(merges) < size {
		pairs := map[[2]string]int{}
		for _, w := range words {
			for i := 1; i < len(w.symbols); i++ {
				pairs[[2]string{w.symbols[i-1], w.symbols[i]}] += w.count
			}
		}
		var best [2]string
		n := 1 // a pair seen once is no pattern
		for p, c := range pairs {
			if c > n || c == n && n > 1 && slices.Compare(p[:], best[:]) < 0 {
				best, n = p, c
			}
		}
		if n < 2 {
			break
		}
		merges = append(merges, best)
		for i := range words {
			words[i].symbols = merge(words[i].symbols, best)
		}
	}
	return tokenizer.NewByteLevel(specialTokens, merges)
}

// symbolsOf writes each byte of a word as its token.
func symbolsOf(bytes *tokenizer.Tokenizer, w string) []string {
	ids := bytes.Encode(w)
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = bytes.Token(id)
	}
	return out
}

// merge joins every occurrence of the pair, from the left.
func merge(symbols []string, pair [2]string) []string {
	out := symbols[:0]
	for i := 0; i < len(symbols); i++ {
		if i+1 < len(symbols) && symbols[i] == pair[0] && symbols[i+1] == pair[1] {
			out = append(out, pair[0]+pair[1])
			i++
		} else {
			out = append(out, symbols[i])
		}
	}
	return out
}

// writeTokenizer writes tokenizer.json and tokenizer_config.json into dir. pair says that sequences are
// framed as RoBERTa's; otherwise they only begin with the BOS token, as Llama's.
func writeTokenizer(dir string, k *tokenizer.Tokenizer, pair bool, maxLength int) error {
	type o = map[string]any
	vocab := o{}
	for id := range int32(k.Len()) {
		vocab[k.Token(id)] = id
	}
	var added []o
	for id, s := range specialTokens {
		added = append(added, o{"id": id, "content": s, "single_word": false, "lstrip": s == maskToken, "rstrip": false, "normalized": false, "special": true})
	}
	token := func(s string) o { return o{"SpecialToken": o{"id": s, "type_id": 0}} }
	a, b := o{"Sequence": o{"id": "A", "type_id": 0}}, o{"Sequence": o{"id": "B", "type_id": 0}}
	single, double := []o{token(bosToken), a}, []o{token(bosToken), a, b}
	if pair {
		single = []o{token(bosToken), a, token(eosToken)}
		double = []o{token(bosToken), a, token(eosToken), token(eosToken), b, token(eosToken)}
	}
	used := o{}
	for _, s := range []string{bosToken, eosToken} {
		used[s] = o{"id": s, "ids": []int32{specialID(s)}, "tokens": []string{s}}
	}
	byteLevel := func() o {
		return o{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	}
	file := o{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": nil,
		"pre_tokenizer":  byteLevel(),
		"post_processor": o{"type": "TemplateProcessing", "single": single, "pair": double, "special_tokens": used},
		"decoder":        byteLevel(),
		"model": o{"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": k.Merges()},
	}
	config := o{
		"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": maxLength, "clean_up_tokenization_spaces": false,
		"bos_token": bosToken, "eos_token": eosToken, "pad_token": padToken, "unk_token": unkToken,
	}
	if pair {
		config["mask_token"], config["cls_token"], config["sep_token"] = maskToken, bosToken, eosToken
	}
	return cmp.Or(writeJSON(filepath.Join(dir, tokenizer.FileName), file), writeJSON(filepath.Join(dir, "tokenizer_config.json"), config))
}

// readTokenizer reads a tokenizer written by writeTokenizer.
func readTokenizer(dir string) (*tokenizer.Tokenizer, error) {
	path := filepath.Join(dir, tokenizer.FileName)
	k, err := tokenizer.Load(path)
	if err != nil {
		return nil, err
	}
	for _, s := range specialTokens {
		if id, ok := k.ID(s); !ok || id != specialID(s) {
			return nil, fmt.Errorf("%s: not a tokenizer of the embedded trainer: it has no token %s of id %d", path, s, specialID(s))
		}
	}
	return k, nil
}

// writeJSON writes v as indented JSON.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o666)
}
