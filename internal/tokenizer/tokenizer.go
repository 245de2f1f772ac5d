// Package tokenizer cuts text into a model's tokens as its tokenizer.json says: byte-pair encoding
// with the normalizers and pre-tokenizers of GPT-2, RoBERTa, Llama and Mistral.
//
// It gives the ids that Hugging Face's tokenizers library gives for plain text. It never adds
// special tokens, never makes one from text that reads like one, and knows no WordPiece or Unigram.
package tokenizer

import (
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Tokenizer is a byte-pair encoder (Sennrich et al. 2016): text is cut into words, the symbols of
// each word are merged in the order that training found the merges. It may be used by several
// goroutines.
type Tokenizer struct {
	normalize []func(string) string
	split     []func(string) []string

	tokens []string // by id; "" where no token has the id
	ids    map[string]int32
	merges map[[2]int32]merge
	added  map[int32]bool // the tokens beside those of the text, special ones for the most part

	special map[int32]bool // the special ones
	start   bool           // a text begins with a special token
	steps   []string       // the pre-tokenizers in short, for Vocabulary

	bytes     bool  // a word's symbols are its bytes in GPT-2's alphabet, not its characters
	fallback  bool  // a character without a token is written in <0xNN> tokens
	fuse      bool  // unknown characters in a row are one unknown token
	unknown   int32 // id of the unknown token, -1 for none
	wholeWord bool  // a word that is a token is not taken apart

	mu    sync.Mutex
	cache map[string][]int32 // of short words
}

// A merge is what two neighbouring symbols become, and how early.
type merge struct {
	rank int
	id   int32
}

// alphabet is GPT-2's printable stand-in for each byte.
var alphabet = func() (a [256]string) {
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

// NewByteLevel returns a tokenizer in the manner of GPT-2 (Radford et al. 2019): text is cut into
// words by GPT-2's pattern and the bytes of each word are merged, so that it never sees an unknown
// character. Its ids are those of the special tokens, the 256 bytes and the merges, in order; a
// merge is a pair of tokens in the byte alphabet.
func NewByteLevel(special []string, merges [][2]string) *Tokenizer {
	k := newTokenizer()
	k.bytes = true
	k.split, k.steps = append(k.split, Words), append(k.steps, "words")
	for i, s := range special {
		k.put(s, int32(i))
		k.added[int32(i)], k.special[int32(i)] = true, true
	}
	for _, s := range alphabet {
		k.put(s, int32(len(k.tokens)))
	}
	for i, m := range merges {
		if _, ok := k.ids[m[0]+m[1]]; !ok {
			k.put(m[0]+m[1], int32(len(k.tokens)))
		}
		k.merges[[2]int32{k.ids[m[0]], k.ids[m[1]]}] = merge{i, k.ids[m[0]+m[1]]}
	}
	return k
}

func newTokenizer() *Tokenizer {
	return &Tokenizer{ids: map[string]int32{}, merges: map[[2]int32]merge{}, added: map[int32]bool{}, special: map[int32]bool{}, cache: map[string][]int32{}, unknown: -1}
}

// put gives a token its id.
func (k *Tokenizer) put(token string, id int32) {
	for int(id) >= len(k.tokens) {
		k.tokens = append(k.tokens, "")
	}
	k.tokens[id] = token
	k.ids[token] = id
}

// Len is one more than the highest id.
func (k *Tokenizer) Len() int { return len(k.tokens) }

// Token returns the token of an id.
func (k *Tokenizer) Token(id int32) string { return k.tokens[id] }

// ID returns the id of a token.
func (k *Tokenizer) ID(token string) (int32, bool) {
	id, ok := k.ids[token]
	return id, ok
}

// Merges returns the merges as pairs of tokens, the first made first.
func (k *Tokenizer) Merges() [][2]string {
	out := make([][2]string, len(k.merges))
	pairs := slices.Collect(maps.Keys(k.merges))
	slices.SortFunc(pairs, func(a, b [2]int32) int { return k.merges[a].rank - k.merges[b].rank })
	for i, p := range pairs {
		out[i] = [2]string{k.tokens[p[0]], k.tokens[p[1]]}
	}
	return out
}

// cached is the longest word in bytes that Encode remembers.
const cached = 64

// Starts says whether a text begins with a special token, which Encode leaves out.
func (k *Tokenizer) Starts() bool { return k.start }

// Encode returns the ids of a text, without special tokens.
func (k *Tokenizer) Encode(text string) []int32 {
	for _, f := range k.normalize {
		text = f(text)
	}
	if text == "" {
		return nil
	}
	words := []string{text}
	for _, f := range k.split {
		var next []string
		for _, w := range words {
			next = append(next, f(w)...)
		}
		words = next
	}
	var out []int32
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range words {
		ids, ok := k.cache[w]
		if !ok {
			ids = k.word(w)
			if len(w) <= cached {
				k.cache[w] = ids
			}
		}
		out = append(out, ids...)
	}
	return out
}

// A symbol is a piece of a word between its neighbours' indices; id -1 marks one merged away.
type symbol struct {
	id         int32
	prev, next int
}

// A candidate is a pair of neighbours that a merge joins.
type candidate struct {
	merge
	left        int   // index of the left symbol
	first, then int32 // the ids it was found with: a candidate whose symbols changed is void
}

// queue orders candidates by rank, then from the left.
type queue []candidate

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].rank < q[j].rank || q[i].rank == q[j].rank && q[i].left < q[j].left
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(candidate)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// word returns the ids of one word in O(n log n).
func (k *Tokenizer) word(w string) []int32 {
	if k.bytes {
		var b strings.Builder
		for i := range len(w) {
			b.WriteString(alphabet[w[i]])
		}
		w = b.String()
	}
	if id, ok := k.ids[w]; ok && k.wholeWord {
		return []int32{id}
	}
	var symbols []symbol
	for _, id := range k.characters(w) {
		symbols = append(symbols, symbol{id, len(symbols) - 1, len(symbols) + 1})
	}
	var q queue
	consider := func(left int) {
		if left < 0 || symbols[left].next >= len(symbols) {
			return
		}
		pair := [2]int32{symbols[left].id, symbols[symbols[left].next].id}
		if m, ok := k.merges[pair]; ok {
			heap.Push(&q, candidate{m, left, pair[0], pair[1]})
		}
	}
	for i := range symbols {
		consider(i)
	}
	for q.Len() > 0 {
		c := heap.Pop(&q).(candidate)
		s := &symbols[c.left]
		if s.id != c.first || s.next >= len(symbols) || symbols[s.next].id != c.then {
			continue
		}
		right := &symbols[s.next]
		s.id, right.id = c.id, -1
		if s.next = right.next; s.next < len(symbols) {
			symbols[s.next].prev = c.left
		}
		consider(s.prev)
		consider(c.left)
	}
	var out []int32
	for _, s := range symbols {
		if s.id >= 0 {
			out = append(out, s.id)
		}
	}
	return out
}

// characters returns the ids of a word's characters before any merge.
func (k *Tokenizer) characters(w string) []int32 {
	var out []int32
	unknown := false // the last character was
	for len(w) > 0 {
		_, n := utf8.DecodeRuneInString(w)
		if id, ok := k.ids[w[:n]]; ok {
			out, unknown = append(out, id), false
		} else if ids, ok := k.byteTokens(w[:n]); ok {
			out, unknown = append(out, ids...), false
		} else if k.unknown >= 0 && !(unknown && k.fuse) {
			out, unknown = append(out, k.unknown), true
		}
		w = w[n:]
	}
	return out
}

// byteTokens returns the <0xNN> tokens of a character, where the model has all of them.
func (k *Tokenizer) byteTokens(c string) (ids []int32, ok bool) {
	if !k.fallback {
		return nil, false
	}
	for i := range len(c) {
		id, ok := k.ids[fmt.Sprintf("<0x%02X>", c[i])]
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}

// Decode is the inverse of Encode for a byte-level tokenizer; added tokens give nothing.
func (k *Tokenizer) Decode(ids []int32) string {
	back := map[rune]byte{}
	for b, s := range alphabet {
		r, _ := utf8.DecodeRuneInString(s)
		back[r] = byte(b)
	}
	var b strings.Builder
	for _, id := range ids {
		if k.added[id] {
			continue
		}
		for _, r := range k.tokens[id] {
			b.WriteByte(back[r])
		}
	}
	return b.String()
}
