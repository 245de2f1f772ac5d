package datasets

import "strings"

// unescaped are the words that corpora write otherwise than they read.
var unescaped = map[string]string{
	"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}",
	"``": `"`, "''": `"`, "`": "'", "/.": ".", "/?": "?",
}

// contractions are the tokens, in lower case, that were cut off the word before them.
var contractions = map[string]bool{
	"'s": true, "'re": true, "'ve": true, "'ll": true, "'d": true, "'m": true, "n't": true, "'": true,
}

// Detokenize returns tokens as running text. No space stands before . , : ; ? ! % and closing
// brackets and quotation marks, none after $ and opening ones, none before what was cut off a word
// ('s, n't and their like), and none around a hyphen tagged HYPH. -LRB- reads (, “ and ” read ",
// /. and /? read . and ?.
func Detokenize(tokens []Token) string {
	var b strings.Builder
	joined := true // no space before the next token
	quoted := false
	for i := range tokens {
		t := &tokens[i]
		left, right := t.joins(&quoted)
		if !left && !joined {
			b.WriteByte(' ')
		}
		if word, ok := unescaped[t.Word]; ok {
			b.WriteString(word)
		} else {
			b.WriteString(t.Word)
		}
		joined = right
	}
	return b.String()
}

// joins says whether a token stands without a space after the token before it, and before the one
// after it. quoted tells opening from closing where a corpus writes both alike, as ".
func (t *Token) joins(quoted *bool) (left, right bool) {
	switch t.Word {
	case ".", ",", ":", ";", "?", "!", "%", "...", "/.", "/?", "-RRB-", "-RSB-", "-RCB-", ")", "]", "}", "''":
		return true, false
	case "-LRB-", "-LSB-", "-LCB-", "(", "[", "{", "``", "`":
		return false, true
	case `"`:
		*quoted = !*quoted
		return !*quoted, *quoted
	case "'":
		return t.POS != "``", t.POS == "``"
	}
	switch {
	case t.POS == "HYPH":
		return true, true
	case strings.HasSuffix(t.Word, "$"):
		return false, true
	}
	return contractions[strings.ToLower(t.Word)], false
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
