package embedded

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSplitWords checks GPT-2's pattern on cases worked by hand.
func TestSplitWords(t *testing.T) {
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
		if got := splitWords(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestMerges learns the merges of a text small enough to work out by hand: "ab" occurs five times
// ("ab" twice in abab and three times alone), then "abab" twice.
func TestMerges(t *testing.T) {
	k := trainTokenizer([]string{"abab\nabab\nab"}, len(specialTokens)+256+10)
	if k.Len() != len(specialTokens)+256+2 {
		t.Fatalf("%d entries, want two merges", k.Len())
	}
	if got := k.tokens[k.Len()-2:]; got[0] != "ab" || got[1] != "abab" {
		t.Errorf("merges %q", got)
	}
	if got := k.Encode("ababab"); len(got) != 2 || k.tokens[got[0]] != "abab" {
		t.Errorf("ababab is %v", got)
	}
}

// TestEncodeDecode: decoding gives back every text, of any bytes, and no special token is made from
// text.
func TestEncodeDecode(t *testing.T) {
	k := trainTokenizer(texts(8), 400)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z' \n.,</s>0-9]*`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		ids := k.Encode(text)
		if got := k.Decode(ids); got != text {
			t.Fatalf("%q comes back as %q", text, got)
		}
		for _, id := range ids {
			if int(id) < len(specialTokens) {
				t.Fatalf("%q holds the special token %s", text, k.tokens[id])
			}
		}
		if joined := strings.Join(splitWords(text), ""); joined != text {
			t.Fatalf("%q is cut into %q", text, joined)
		}
	})
}

// TestTokenizerFile reads back what it wrote.
func TestTokenizerFile(t *testing.T) {
	k := trainTokenizer(texts(8), 400)
	dir := t.TempDir()
	if err := k.write(dir, true, 100); err != nil {
		t.Fatal(err)
	}
	back, err := readTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.tokens, k.tokens) || !slices.Equal(back.Encode("the baker mends"), k.Encode("the baker mends")) {
		t.Error("another tokenizer comes back")
	}
}
