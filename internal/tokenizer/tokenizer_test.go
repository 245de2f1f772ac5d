package tokenizer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWords checks GPT-2's pattern on cases worked by hand.
func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"It's here":       {"It", "'s", " here"},
		"we'll go, OK?":   {"we", "'ll", " go", ",", " OK", "?"},
		"a  b":            {"a", " ", " b"},
		"a\n\n### D:\nx":  {"a", "\n", "\n", "###", " D", ":", "\n", "x"},
		"1822 and 3rd":    {"1822", " and", " 3", "rd"},
		" trailing   ":    {" trailing", "   "},
		"naïve café №5":   {"naïve", " café", " №", "5"},
		"tab\tand\u00a0x": {"tab", "\t", "and", "\u00a0", "x"},
		"'quoted'":        {"'", "quoted", "'"},
	} {
		if got := Words(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestEncodeDecode: decoding gives back every text, of any bytes, and no special token is made from
// text.
func TestEncodeDecode(t *testing.T) {
	special := []string{"<s>", "</s>"}
	k := NewByteLevel(special, [][2]string{{"t", "h"}, {"th", "e"}, {"Ġ", "the"}, {"<", "s"}})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[the' \n.,</s>0-9]*`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		ids := k.Encode(text)
		if got := k.Decode(ids); got != text {
			t.Fatalf("%q comes back as %q", text, got)
		}
		for _, id := range ids {
			if int(id) < len(special) {
				t.Fatalf("%q holds the special token %s", text, k.Token(id))
			}
		}
		if joined := strings.Join(Words(text), ""); joined != text {
			t.Fatalf("%q is cut into %q", text, joined)
		}
	})
}

// load reads a tokenizer.json of these parts.
func load(t *testing.T, normalizer, preTokenizer, model string) (*Tokenizer, error) {
	path := filepath.Join(t.TempDir(), FileName)
	text := `{"added_tokens": [{"id": 9, "content": "<s>"}], "normalizer": ` + normalizer + `, "pre_tokenizer": ` + preTokenizer + `, "model": ` + model + `}`
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	k, err := Load(path)
	if err != nil {
		return nil, errText(strings.TrimPrefix(err.Error(), path+": "))
	}
	return k, nil
}

type errText string

func (e errText) Error() string { return string(e) }

// names writes ids as their tokens.
func names(k *Tokenizer, ids []int32) string {
	var out []string
	for _, id := range ids {
		out = append(out, k.Token(id))
	}
	return strings.Join(out, " ")
}

// TestLoad works merges, byte fallback, unknown characters and digits out by hand.
func TestLoad(t *testing.T) {
	const model = `{"type": "BPE", "unk_token": "<unk>", "fuse_unk": %FUSE%, "byte_fallback": %BYTES%, "ignore_merges": %WHOLE%,
		"vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "aab": 4, "▁": 5, "▁a": 6, "1": 7, "<0xC3>": 8, "<0xA9>": 10, "bab": 11},
		"merges": ["a b", ["▁", "a"], "a ab"]}`
	set := func(fuse, bytes, whole string) string {
		return strings.NewReplacer("%FUSE%", fuse, "%BYTES%", bytes, "%WHOLE%", whole).Replace(model)
	}
	const space = `{"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}`
	for _, c := range []struct{ normalizer, pre, model, text, want string }{
		// a b is the first merge: aab is a ab, then aab; in ▁ab it takes the a before ▁ a can.
		{"null", "null", set("true", "true", "false"), "aab", "aab"},
		{space, "null", set("true", "true", "false"), "ab aa", "▁ ab ▁a a"},
		// é is two bytes, both tokens; ö has one that is none; in a row they are one unknown.
		{"null", "null", set("true", "true", "false"), "aéöüb", "a <0xC3> <0xA9> <unk> b"},
		{"null", "null", set("false", "true", "false"), "öü", "<unk> <unk>"},
		{"null", "null", set("true", "false", "false"), "é", "<unk>"},
		{"null", "null", set("true", "true", "false"), "bab", "b ab"},
		{"null", "null", set("true", "true", "true"), "bab", "bab"},
		{"null", `{"type": "Digits", "individual_digits": true}`, set("true", "true", "false"), "a11b", "a 1 1 b"},
		{"null", `{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}`, set("true", "true", "false"), "a a", "▁a ▁a"},
		{"null", `{"type": "Split", "pattern": {"Regex": "a(?!b)"}, "behavior": "Isolated", "invert": false}`, set("true", "true", "false"), "aab", "a ab"},
		{`{"type": "NFC"}`, "null", set("true", "true", "false"), "e\u0301", "<0xC3> <0xA9>"},
	} {
		k, err := load(t, c.normalizer, c.pre, c.model)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(k, k.Encode(c.text)); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
	for want, c := range map[string][3]string{
		`a "Unigram" model is not supported: only BPE is`:          {"null", "null", `{"type": "Unigram"}`},
		"normalizer Lowercase is not supported":                    {`{"type": "Lowercase"}`, "null", `{"type": "BPE"}`},
		"pre-tokenizer BertPreTokenizer is not supported":          {"null", `{"type": "BertPreTokenizer"}`, `{"type": "BPE"}`},
		"pre-tokenizer Split of behavior Removed is not supported": {"null", `{"type": "Split", "behavior": "Removed"}`, `{"type": "BPE"}`},
		`subword prefix or suffix "##" is not supported`:           {"null", "null", `{"type": "BPE", "continuing_subword_prefix": "##"}`},
		`merge 0, "a" and "b", is not in the vocabulary`:           {"null", "null", `{"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}`},
		`no tokenizer.json: merge "ab" is no pair`:                 {"null", "null", `{"type": "BPE", "merges": ["ab"]}`},
		`token "a" has the id -1`:                                  {"null", "null", `{"type": "BPE", "vocab": {"a": -1}}`},
		`the unknown token "?" is not in the vocabulary`:           {"null", "null", `{"type": "BPE", "unk_token": "?"}`},
		"no tokenizer.json: invalid character '}' looking":         {"null", "null", ""},
		`normalizer Replace by a pattern is not supported`:         {`{"type": "Replace", "pattern": {"Regex": " "}}`, "null", `{"type": "BPE"}`},
	} {
		if _, err := load(t, c[0], c[1], c[2]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// FuzzParse reads anything: an error, or a tokenizer that encodes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}}`), "abba")
	f.Add([]byte(`{"pre_tokenizer": {"type": "Metaspace", "replacement": ""}, "model": {"type": "BPE"}}`), "a b")
	f.Add([]byte(`{"pre_tokenizer": {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "x*"}}, "model": {"type": "BPE", "vocab": {"a": 3}}}`), "axa")
	f.Fuzz(func(t *testing.T, src []byte, text string) {
		k, err := parse(src)
		if err != nil {
			return
		}
		for _, id := range k.Encode(text) {
			if id < 0 || int(id) >= k.Len() {
				t.Fatalf("id %d of %d", id, k.Len())
			}
		}
	})
}

// BenchmarkEncode encodes a long text as one word, as Mistral's tokenizer does.
func BenchmarkEncode(b *testing.B) {
	k := NewByteLevel(nil, [][2]string{{"t", "h"}, {"th", "e"}, {"i", "n"}})
	k.split = nil
	text := strings.Repeat("the thin man in the inn ", 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if ids := k.word(text); !slices.Contains(ids, 3) && len(ids) == 0 {
			b.Fatal("nothing")
		}
	}
}

// TestVocabulary: the names that llama.cpp has for pre-tokenizers, and what it has none for.
func TestVocabulary(t *testing.T) {
	const model = `{"type": "BPE", "ignore_merges": %WHOLE%, "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}`
	const bytes = `{"type": "ByteLevel", "add_prefix_space": false, "use_regex": %WORDS%}`
	words, alone := strings.Replace(bytes, "%WORDS%", "true", 1), strings.Replace(bytes, "%WORDS%", "false", 1)
	llama3, err := json.Marshal(llama3Words)
	if err != nil {
		t.Fatal(err)
	}
	split := `{"type": "Split", "pattern": {"Regex": ` + string(llama3) + `}, "behavior": "Isolated"}`
	sequence := func(parts ...string) string {
		return `{"type": "Sequence", "pretokenizers": [` + strings.Join(parts, ", ") + `]}`
	}
	for _, c := range []struct{ normalizer, pre, whole, want string }{
		{"null", words, "false", "gpt-2"},
		{"null", sequence(`{"type": "Digits", "individual_digits": true}`, words), "false", "smollm"},
		{"null", sequence(split, alone), "true", "llama-bpe"},
		{"null", sequence(split, alone), "false", ""},
		{"null", words, "true", ""},
		{`{"type": "NFC"}`, words, "false", ""},
		{"null", sequence(`{"type": "Digits", "individual_digits": false}`, words), "false", ""},
		{"null", strings.Replace(words, "false", "true", 1), "false", ""},
		{"null", alone, "false", ""},
	} {
		k, err := load(t, c.normalizer, c.pre, strings.Replace(model, "%WHOLE%", c.whole, 1))
		if err != nil {
			t.Fatal(err)
		}
		v, err := k.Vocabulary()
		if c.want == "" {
			if !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: %v, want ErrUnsupported", c.pre, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.pre, err)
		}
		v.Pad(11)
		// The ids 3 to 8 are nobody's, 9 is the added <s>, which is not special, and 10 is padding.
		if v.Words != c.want || len(v.Tokens) != 11 || v.Tokens[9] != "<s>" || !slices.Equal(v.Kinds, []int32{1, 1, 1, 5, 5, 5, 5, 5, 5, 4, 5}) || !slices.Equal(v.Merges, []string{"a b"}) || v.Start {
			t.Errorf("%s: %+v, want %s", c.pre, v, c.want)
		}
	}
}
