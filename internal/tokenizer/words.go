package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Words cuts a text by GPT-2's pattern,
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func Words(text string) []string {
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
