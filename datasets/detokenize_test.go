package datasets

import (
	"strings"
	"testing"
)

// tokens makes tokens of words separated by spaces; word|POS gives a part of speech.
func tokens(text string) []Token {
	var out []Token
	for _, w := range strings.Fields(text) {
		word, pos, _ := strings.Cut(w, "|")
		out = append(out, Token{Word: word, POS: pos})
	}
	return out
}

func TestDetokenize(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"The boat left , then stopped .":     "The boat left, then stopped.",
		"Why ? Wait : no ; go !":             "Why? Wait: no; go!",
		"Mona 's bag is n't the sailors ' .": "Mona's bag isn't the sailors'.",
		"I 'm sure they 'll say we 've said you 'd go , DO N'T":         "I'm sure they'll say we've said you'd go, DON'T",
		"It cost $ 3 million , up 4 % .":                                "It cost $3 million, up 4%.",
		"It cost US$ 3 .":                                               "It cost US$3.",
		"The mayor -LRB- a baker -RRB- spoke /.":                        "The mayor (a baker) spoke.",
		"Who /? [ sic ]":                                                "Who? [sic]",
		"`` Come in , '' she said .":                                    `"Come in," she said.`,
		`He said " yes " and " no " .`:                                  `He said "yes" and "no".`,
		"` Stay '|'' -- he said '|`` go '|'' .":                         "'Stay' -- he said 'go'.",
		"a well -|HYPH known man -|: tall":                              "a well-known man - tall",
		"Well ... no":                                                   "Well... no",
		", first":                                                       ", first",
		"a two -|HYPH and three -|HYPH day trip":                        "a two- and three-day trip",
		"a cat -|HYPH and -|HYPH mouse game , up -|HYPH to -|HYPH date": "a cat-and-mouse game, up-to-date",
		"his / her bag":                                                 "his/her bag",
		"He owns Lumen Inc. /.":                                         "He owns Lumen Inc.",
		"Why ?! No !!! Well .... yes":                                   "Why?! No!!! Well.... yes",
		"… and so …":                                                    "… and so…",
		"“ Don’t ” , he ’s “ ‘ in ’ ”":                                  "“Don’t”, he’s “‘in’”",
		"It costs #|# 3 or A$|$ 4":                                      "It costs #3 or A$4",
		"... .":                                                         "....",
		"-LCB- -LSB- x -RSB- -RCB- %":                                   "{[x]}%",
	} {
		if got := Detokenize(tokens(in)); got != want {
			t.Errorf("%q reads %q, want %q", in, got, want)
		}
	}
}

// TestText joins sentences by a space and keeps their quotation marks apart.
func TestText(t *testing.T) {
	d := &Document{Sentences: []Sentence{{Tokens: tokens(`" Go`)}, {Tokens: tokens(`" said Ana .`)}}}
	if got, want := d.Text(), `"Go "said Ana.`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
