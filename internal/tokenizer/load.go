package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
	"golang.org/x/text/unicode/norm"
)

// FileName is the tokenizer's file in a Hugging Face folder.
const FileName = "tokenizer.json"

// ErrUnsupported is the cause of Load's errors about tokenizers it does not implement.
var ErrUnsupported = errors.New("not supported")

// part is a normalizer or pre-tokenizer of a tokenizer.json; each type uses some of the fields.
type part struct {
	Type          string `json:"type"`
	Normalizers   []part `json:"normalizers"`
	PreTokenizers []part `json:"pretokenizers"`
	Prepend       string `json:"prepend"`
	Content       string `json:"content"`
	Pattern       struct {
		String *string `json:"String"`
		Regex  *string `json:"Regex"`
	} `json:"pattern"`
	Behavior         string `json:"behavior"`
	Invert           bool   `json:"invert"`
	AddPrefixSpace   bool   `json:"add_prefix_space"`
	UseRegex         *bool  `json:"use_regex"` // true when absent
	IndividualDigits bool   `json:"individual_digits"`
	Replacement      string `json:"replacement"`
	PrependScheme    string `json:"prepend_scheme"`
	Split            *bool  `json:"split"` // true when absent
}

// file is what is used of a tokenizer.json.
type file struct {
	AddedTokens []struct {
		ID      int32  `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer    *part      `json:"normalizer"`
	PreTokenizer  *part      `json:"pre_tokenizer"`
	PostProcessor *processor `json:"post_processor"`
	Model         struct {
		Type             string           `json:"type"`
		Vocab            map[string]int32 `json:"vocab"`
		Merges           []pair           `json:"merges"`
		UnknownToken     *string          `json:"unk_token"`
		FuseUnknown      bool             `json:"fuse_unk"`
		ByteFallback     bool             `json:"byte_fallback"`
		IgnoreMerges     bool             `json:"ignore_merges"`
		ContinuingPrefix *string          `json:"continuing_subword_prefix"`
		EndOfWordSuffix  *string          `json:"end_of_word_suffix"`
	} `json:"model"`
}

// A pair is one merge: "a b" in older files, ["a", "b"] in newer ones.
type pair [2]string

func (p *pair) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		var ok bool
		if p[0], p[1], ok = strings.Cut(text, " "); !ok {
			return fmt.Errorf("merge %q is no pair", text)
		}
		return nil
	}
	return json.Unmarshal(b, (*[2]string)(p))
}

// maxID bounds the ids of a file, so that a wrong one does not take all memory.
const maxID = 1 << 24

// Load reads a tokenizer.json. One of a kind that this package does not implement is an
// ErrUnsupported.
func Load(path string) (*Tokenizer, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the tokenizer: %w", err)
	}
	k, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

func parse(b []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("no tokenizer.json: %w", err)
	}
	m := &f.Model
	if m.Type != "BPE" {
		return nil, fmt.Errorf("a %q model is %w: only BPE is", m.Type, ErrUnsupported)
	}
	for _, affix := range []*string{m.ContinuingPrefix, m.EndOfWordSuffix} {
		if affix != nil && *affix != "" {
			return nil, fmt.Errorf("subword prefix or suffix %q is %w", *affix, ErrUnsupported)
		}
	}
	k := newTokenizer()
	for token, id := range m.Vocab {
		if id < 0 || id > maxID {
			return nil, fmt.Errorf("token %q has the id %d", token, id)
		}
		k.put(token, id)
	}
	for _, a := range f.AddedTokens {
		if a.ID < 0 || a.ID > maxID {
			return nil, fmt.Errorf("token %q has the id %d", a.Content, a.ID)
		}
		k.put(a.Content, a.ID)
		k.added[a.ID] = true
		if a.Special {
			k.special[a.ID] = true
		}
	}
	for rank, p := range m.Merges {
		left, ok1 := k.ids[p[0]]
		right, ok2 := k.ids[p[1]]
		id, ok3 := k.ids[p[0]+p[1]]
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("merge %d, %q and %q, is not in the vocabulary", rank, p[0], p[1])
		}
		if _, ok := k.merges[[2]int32{left, right}]; !ok {
			k.merges[[2]int32{left, right}] = merge{rank, id}
		}
	}
	if m.UnknownToken != nil {
		id, ok := k.ids[*m.UnknownToken]
		if !ok {
			return nil, fmt.Errorf("the unknown token %q is not in the vocabulary", *m.UnknownToken)
		}
		k.unknown = id
	}
	k.fallback, k.fuse, k.wholeWord = m.ByteFallback, m.FuseUnknown, m.IgnoreMerges
	k.start = f.PostProcessor.starts()
	if err := k.addNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	return k, k.addPreTokenizer(f.PreTokenizer)
}

func (k *Tokenizer) addNormalizer(p *part) error {
	if p == nil {
		return nil
	}
	var f func(string) string
	switch p.Type {
	case "Sequence":
		for i := range p.Normalizers {
			if err := k.addNormalizer(&p.Normalizers[i]); err != nil {
				return err
			}
		}
		return nil
	case "Prepend":
		f = func(s string) string {
			if s == "" {
				return s
			}
			return p.Prepend + s
		}
	case "Replace":
		if p.Pattern.String == nil {
			return fmt.Errorf("normalizer Replace by a pattern is %w", ErrUnsupported)
		}
		f = func(s string) string { return strings.ReplaceAll(s, *p.Pattern.String, p.Content) }
	case "NFC":
		f = norm.NFC.String
	case "NFD":
		f = norm.NFD.String
	case "NFKC":
		f = norm.NFKC.String
	case "NFKD":
		f = norm.NFKD.String
	default:
		return fmt.Errorf("normalizer %s is %w", p.Type, ErrUnsupported)
	}
	k.normalize = append(k.normalize, f)
	return nil
}

func (k *Tokenizer) addPreTokenizer(p *part) error {
	if p == nil {
		return nil
	}
	switch p.Type {
	case "Sequence":
		for i := range p.PreTokenizers {
			if err := k.addPreTokenizer(&p.PreTokenizers[i]); err != nil {
				return err
			}
		}
	case "ByteLevel":
		k.bytes = true
		step := "bytes"
		if p.AddPrefixSpace {
			step = "bytes after a space"
			k.split = append(k.split, func(s string) []string {
				if strings.HasPrefix(s, " ") {
					return []string{s}
				}
				return []string{" " + s}
			})
		}
		if p.UseRegex == nil || *p.UseRegex {
			k.split = append(k.split, Words)
			step = strings.Replace(step, "bytes", "words", 1)
		}
		k.steps = append(k.steps, step)
	case "Digits":
		k.steps = append(k.steps, map[bool]string{true: "digits", false: "runs of digits"}[p.IndividualDigits])
		k.split = append(k.split, func(s string) []string { return digits(s, p.IndividualDigits) })
	case "Metaspace":
		if utf8.RuneCountInString(p.Replacement) != 1 {
			return fmt.Errorf("pre-tokenizer Metaspace: the replacement %q is not one character", p.Replacement)
		}
		k.split = append(k.split, p.metaspace())
		k.steps = append(k.steps, "metaspace")
	case "Split":
		if p.Behavior != "Isolated" || p.Invert || p.Pattern.Regex == nil {
			return fmt.Errorf("pre-tokenizer Split of behavior %s is %w", p.Behavior, ErrUnsupported)
		}
		re, err := regexp2.Compile(*p.Pattern.Regex, regexp2.None)
		if err != nil {
			return fmt.Errorf("pre-tokenizer Split: %w", err)
		}
		k.split = append(k.split, func(s string) []string { return isolate(re, s) })
		k.steps = append(k.steps, *p.Pattern.Regex)
	default:
		return fmt.Errorf("pre-tokenizer %s is %w", p.Type, ErrUnsupported)
	}
	return nil
}

// digits cuts runs of digits, or single ones, off the rest.
func digits(s string, single bool) []string {
	var out []string
	start := 0
	last := false // the character before was a digit
	for i, r := range s {
		digit := unicode.IsNumber(r)
		if i > start && (digit != last || digit && single) {
			out = append(out, s[start:i])
			start = i
		}
		last = digit
	}
	return append(out, s[start:])
}

// metaspace writes spaces as the replacement and, where it splits, begins a word at each.
func (p *part) metaspace() func(string) []string {
	return func(s string) []string {
		s = strings.ReplaceAll(s, " ", p.Replacement)
		if p.PrependScheme != "never" && !strings.HasPrefix(s, p.Replacement) {
			s = p.Replacement + s
		}
		if p.Split != nil && !*p.Split {
			return []string{s}
		}
		var out []string
		for len(s) > 0 {
			end := strings.Index(s[len(p.Replacement):], p.Replacement)
			if !strings.HasPrefix(s, p.Replacement) {
				end = strings.Index(s, p.Replacement)
			} else if end >= 0 {
				end += len(p.Replacement)
			}
			if end < 0 {
				end = len(s)
			}
			out = append(out, s[:end])
			s = s[end:]
		}
		return out
	}
}

// isolate cuts a text into the matches of a pattern and what stands between them.
func isolate(re *regexp2.Regexp, s string) []string {
	var out []string
	runes := []rune(s)
	at := 0
	m, err := re.FindRunesMatch(runes)
	for err == nil && m != nil {
		if m.Index > at {
			out = append(out, string(runes[at:m.Index]))
		}
		if m.Length > 0 {
			out = append(out, string(runes[m.Index:m.Index+m.Length]))
		}
		at = m.Index + m.Length
		m, err = re.FindNextMatch(m)
	}
	if at < len(runes) {
		out = append(out, string(runes[at:]))
	}
	return out
}
