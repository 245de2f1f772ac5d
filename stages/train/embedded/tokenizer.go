package embedded

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Tokenizer is a byte-level BPE tokenizer in the manner of GPT-2 (Radford et al. 2019): text is cut
// into words by GPT-2's pattern, each word's bytes are merged by rank. It never sees an unknown
// character. Special tokens are never made from text.
type Tokenizer struct {
	special []string
	tokens  []string // by id, in the byte alphabet
	ids     map[string]int32
	ranks   map[[2]string]int
	cache   map[string][]int32
}

// The special tokens, in the order of their ids, as RoBERTa has them.
const (
	bosToken  = "<s>"
	padToken  = "<pad>"
	eosToken  = "</s>"
	unkToken  = "<unk>"
	maskToken = "<mask>"
)

var specialTokens = []string{bosToken, padToken, eosToken, unkToken, maskToken}

// byteAlphabet is GPT-2's printable stand-in for each byte.
var byteAlphabet = func() (a [256]string) {
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if printable := b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae; !printable {
			r = next
			next++
		}
		a[b] = string(r)
	}
	return a
}()

// trainTokenizer learns a vocabulary of size entries, the special tokens and the 256 bytes among
// them, from texts: the most frequent pair is merged first, of equals the one that sorts first.
func trainTokenizer(texts []string, size int) *Tokenizer {
	counts := map[string]int{}
	for _, text := range texts {
		for _, w := range splitWords(text) {
			counts[w]++
		}
	}
	type word struct {
		symbols []string
		count   int
	}
	var words []word
	for w, n := range counts {
		words = append(words, word{symbolsOf(w), n})
	}
	slices.SortFunc(words, func(a, b word) int { return slices.Compare(a.symbols, b.symbols) })
	var merges [][2]string
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
	return newTokenizer(merges)
}

func newTokenizer(merges [][2]string) *Tokenizer {
	k := &Tokenizer{special: specialTokens, ids: map[string]int32{}, ranks: map[[2]string]int{}, cache: map[string][]int32{}}
	put := func(s string) {
		if _, ok := k.ids[s]; !ok {
			k.ids[s] = int32(len(k.tokens))
			k.tokens = append(k.tokens, s)
		}
	}
	for _, s := range specialTokens {
		put(s)
	}
	for _, s := range byteAlphabet {
		put(s)
	}
	for i, m := range merges {
		k.ranks[m] = i
		put(m[0] + m[1])
	}
	return k
}

// Len is the number of entries.
func (k *Tokenizer) Len() int { return len(k.tokens) }

// symbolsOf writes each byte of a word in the byte alphabet.
func symbolsOf(w string) []string {
	out := make([]string, len(w))
	for i := range len(w) {
		out[i] = byteAlphabet[w[i]]
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

// Encode returns the ids of a text, without special tokens.
func (k *Tokenizer) Encode(text string) []int32 {
	var out []int32
	for _, w := range splitWords(text) {
		ids, ok := k.cache[w]
		if !ok {
			ids = k.encodeWord(w)
			k.cache[w] = ids
		}
		out = append(out, ids...)
	}
	return out
}

func (k *Tokenizer) encodeWord(w string) []int32 {
	symbols := symbolsOf(w)
	for len(symbols) > 1 {
		best, rank := [2]string{}, -1
		for i := 1; i < len(symbols); i++ {
			p := [2]string{symbols[i-1], symbols[i]}
			if r, ok := k.ranks[p]; ok && (rank < 0 || r < rank) {
				best, rank = p, r
			}
		}
		if rank < 0 {
			break
		}
		symbols = merge(symbols, best)
	}
	ids := make([]int32, len(symbols))
	for i, s := range symbols {
		ids[i] = k.ids[s]
	}
	return ids
}

// Decode is the inverse of Encode; special tokens give nothing.
func (k *Tokenizer) Decode(ids []int32) string {
	back := map[rune]byte{}
	for b, s := range byteAlphabet {
		r, _ := utf8.DecodeRuneInString(s)
		back[r] = byte(b)
	}
	var b strings.Builder
	for _, id := range ids {
		if int(id) < len(k.special) {
			continue
		}
		for _, r := range k.tokens[id] {
			b.WriteByte(back[r])
		}
	}
	return b.String()
}

// splitWords cuts a text by GPT-2's pattern,
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitWords(text string) []string {
	var out []string
	for len(text) > 0 {
		n := wordLength(text)
		out = append(out, text[:n])
		text = text[n:]
	}
	return out
}

// wordLength is the length in bytes of the pattern's match at the start of text.
func wordLength(text string) int {
	for _, s := range []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(text, s) {
			return len(s)
		}
	}
	space := 0
	if text[0] == ' ' {
		space = 1
	}
	if r, _ := utf8.DecodeRuneInString(text[space:]); len(text) > space && !unicode.IsSpace(r) {
		class := classOf(r)
		for i, r := range text[space:] {
			if unicode.IsSpace(r) || classOf(r) != class {
				return space + i
			}
		}
		return len(text)
	}
	// White space: all of it, but the last before a word stays for the word.
	last := 0
	for i, r := range text {
		if !unicode.IsSpace(r) {
			if last == 0 {
				return i
			}
			return last
		}
		last = i
	}
	return len(text)
}

func classOf(r rune) int {
	switch {
	case unicode.IsLetter(r):
		return 1
	case unicode.IsNumber(r):
		return 2
	}
	return 3
}

// tokenizerFile is the part of a tokenizer.json of Hugging Face's tokenizers that is used here.
type tokenizerFile struct {
	Model struct {
		Type   string           `json:"type"`
		Vocab  map[string]int32 `json:"vocab"`
		Merges [][2]string      `json:"merges"`
	} `json:"model"`
}

// write writes tokenizer.json and tokenizer_config.json into dir. pair says that sequences are
// framed as RoBERTa's; otherwise they only begin with the BOS token, as Llama's.
func (k *Tokenizer) write(dir string, pair bool, maxLength int) error {
	type o = map[string]any
	vocab := o{}
	for id, s := range k.tokens {
		vocab[s] = id
	}
	merges := make([][2]string, len(k.ranks))
	for m, r := range k.ranks {
		merges[r] = m
	}
	var added []o
	for id, s := range k.special {
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
		used[s] = o{"id": s, "ids": []int32{k.ids[s]}, "tokens": []string{s}}
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
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": merges},
	}
	config := o{
		"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": maxLength, "clean_up_tokenization_spaces": false,
		"bos_token": bosToken, "eos_token": eosToken, "pad_token": padToken, "unk_token": unkToken,
	}
	if pair {
		config["mask_token"], config["cls_token"], config["sep_token"] = maskToken, bosToken, eosToken
	}
	return cmp.Or(writeJSON(filepath.Join(dir, "tokenizer.json"), file), writeJSON(filepath.Join(dir, "tokenizer_config.json"), config))
}

// readTokenizer reads a tokenizer.json written by write.
func readTokenizer(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, "tokenizer.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f tokenizerFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	k := newTokenizer(f.Model.Merges)
	if f.Model.Type != "BPE" || len(f.Model.Vocab) != k.Len() {
		return nil, fmt.Errorf("read %s: %w", path, errors.New("not a tokenizer of the embedded trainer"))
	}
	for s, id := range f.Model.Vocab {
		if got, ok := k.ids[s]; !ok || got != id {
			return nil, fmt.Errorf("read %s: token %q has id %d, want %d", path, s, id, got)
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
