package datasets

import (
	"slices"
	"strings"
)

// unescaped are the words that corpora write otherwise than they read.
var unescaped = map[string]string{
	"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}",
	"``": `"`, "''": `"`, "`": "'", "/.": ".", "/?": "?",
}

// contractions are the tokens, in lower case, that were cut off the word before them.
var contractions = map[string]bool{
	"'s": true, "'re": true, "'ve": true, "'ll": true, "'d": true, "'m": true, "n't": true, "'": true,
	"’s": true, "’re": true, "’ve": true, "’ll": true, "’d": true, "’m": true, "n’t": true, "’": true,
}

// halves are words, in lower case, that the Penn Treebank cuts in two.
var halves = map[[2]string]bool{
	{"gon", "na"}: true, {"wan", "na"}: true, {"got", "ta"}: true, {"lem", "me"}: true, {"gim", "me"}: true, {"'t", "is"}: true, {"'t", "was"}: true,
}

// Detokenize returns tokens as running text. No space stands before . , : ; ? ! % and their like and
// closing brackets and quotation marks, none after $ £ € and opening ones, none before what was cut
// off a word ('s, n't, the na of gonna), none around a hyphen tagged HYPH (but one after it in two-
// and three-day) and a slash. -LRB- reads (, “ and ” read ", /. and /? read . and ?. The full stop of
// a sentence that ends in an abbreviation is not doubled.
func Detokenize(tokens []Token) string {
	var b strings.Builder
	joined := true // no space before the next token
	quoted := false
	for i := range tokens {
		t := &tokens[i]
		word, ok := unescaped[t.Word]
		if !ok {
			word = t.Word
		}
		if word == "." && i > 0 && abbreviated(tokens[i-1].Word) {
			continue
		}
		left, right := joins(tokens, i, &quoted)
		if !left && !joined {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		joined = right
	}
	return b.String()
}

// abbreviated says whether a word ends in the full stop of an abbreviation.
func abbreviated(word string) bool {
	stem, ok := strings.CutSuffix(word, ".")
	return ok && strings.Trim(stem, "./") != ""
}

// joins says whether token i stands without a space after the token before it, and before the one
// after it. quoted tells opening from closing where a corpus writes both alike, as ".
func joins(tokens []Token, i int, quoted *bool) (left, right bool) {
	t := &tokens[i]
	switch t.Word {
	case "%", "/.", "/?", "-RRB-", "-RSB-", "-RCB-", ")", "]", "}", "''", "”":
		return true, false
	case "-LRB-", "-LSB-", "-LCB-", "(", "[", "{", "``", "`", "“", "‘":
		return false, true
	case "/":
		return true, true
	case `"`:
		*quoted = !*quoted
		return !*quoted, *quoted
	case "'":
		return t.POS != "``", t.POS == "``"
	}
	switch word := strings.ToLower(t.Word); {
	case t.POS == "HYPH":
		return true, !hanging(tokens, i)
	case t.POS == "$", t.POS == "#", strings.HasSuffix(word, "$"), word == "£", word == "€", word == "¥":
		return false, true
	case contractions[word], strings.Trim(word, ".,:;?!…") == "":
		return true, false
	default:
		return i > 0 && halves[[2]string{strings.ToLower(tokens[i-1].Word), word}], false
	}
}

// hanging says whether the hyphen at token i ends a half word, as in two- and three-day. In
// cat-and-mouse it does not.
func hanging(tokens []Token, i int) bool {
	if i+1 == len(tokens) || !slices.Contains([]string{"and", "or", "to"}, strings.ToLower(tokens[i+1].Word)) {
		return false
	}
	return i+2 == len(tokens) || tokens[i+2].POS != "HYPH"
}

// Text is the sentence as running text.
func (s *Sentence) Text() string { return Detokenize(s.Tokens) }

// Text is the document as running text, its sentences joined by a space.
func (d *Document) Text() string {
	texts := make([]string, len(d.Sentences))
	for i := range d.Sentences {
		texts[i] = d.Sentences[i].Text()
	}
	return strings.Join(texts, " ")
}
