package embedded

import (
	"slices"
	"testing"
)

// TestMerges learns the merges of a text small enough to work out by hand: "ab" occurs five times
// ("ab" twice in abab and three times alone), then "abab" twice.
func TestMerges(t *testing.T) {
	k := trainTokenizer([]string{"abab\nabab\nab"}, len(specialTokens)+256+10)
	if k.Len() != len(specialTokens)+256+2 {
		t.Fatalf("%d entries, want two merges", k.Len())
	}
	if got := k.Merges(); !slices.Equal(got, [][2]string{{"a", "b"}, {"ab", "ab"}}) {
		t.Errorf("merges %q", got)
	}
	if got := k.Encode("ababab"); len(got) != 2 || k.Token(got[0]) != "abab" {
		t.Errorf("ababab is %v", got)
	}
}

// TestTokenizerFile reads back what it wrote.
func TestTokenizerFile(t *testing.T) {
	k := trainTokenizer(texts(8), 400)
	dir := t.TempDir()
	if err := writeTokenizer(dir, k, true, 100); err != nil {
		t.Fatal(err)
	}
	back, err := readTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.Merges(), k.Merges()) || back.Len() != k.Len() || !slices.Equal(back.Encode("the baker mends"), k.Encode("the baker mends")) {
		t.Error("another tokenizer comes back")
	}
}
