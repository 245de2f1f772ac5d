package tasks

import (
	"strings"
	"testing"

	"taskvec/datasets"
)

// corefDocument makes a document of sentences whose tokens are word/POS and may carry mentions:
// [chain before the word it opens at, and ] after the one it closes at, all separated by spaces.
func corefDocument(t *testing.T, sentences ...string) *datasets.Document {
	d := &datasets.Document{}
	names := map[string]int{}
	for i, text := range sentences {
		var s datasets.Sentence
		type opened struct{ chain, start int }
		var open []opened
		for _, w := range strings.Fields(text) {
			if name, ok := strings.CutPrefix(w, "["); ok {
				if _, ok := names[name]; !ok {
					names[name] = len(names)
					d.Chains = append(d.Chains, datasets.Chain{ID: names[name]})
				}
				open = append(open, opened{names[name], len(s.Tokens)})
			} else if w == "]" {
				o := open[len(open)-1]
				open = open[:len(open)-1]
				c := &d.Chains[o.chain]
				c.Mentions = append(c.Mentions, datasets.Mention{Sentence: i, Span: datasets.Span{Start: o.start, End: len(s.Tokens)}})
			} else {
				word, pos, ok := strings.Cut(w, "/")
				if !ok {
					t.Fatalf("%s has no part of speech", w)
				}
				s.Tokens = append(s.Tokens, datasets.Token{Word: word, POS: pos})
			}
		}
		d.Sentences = append(d.Sentences, s)
	}
	datasets.SortChains(d.Chains)
	return d
}

// TestLongestChains holds the rule of coref to cases worked by hand.
func TestLongestChains(t *testing.T) {
	for name, c := range map[string]struct {
		sentences []string
		want      string
	}{
		"a tie keeps both chains; the outer of nested mentions is replaced": {
			[]string{
				"[m Mona/NNP ] saw/VBD [b the/DT boat/NN ] ./.",
				"It/PRP rained/VBD ./.",
				"[m She/PRP ] bought/VBD [b it/PRP ] ./.",
				"[b [m Mona/NNP 's/POS ] boat/NN ] sank/VBD ./.",
				"[x Nobody/NN ] swam/VBD ./.",
				"[x He/PRP ] ran/VBD ./.",
			},
			// Nothing is a proper noun in chain b ("Mona 's boat" has the head boat), so that the
			// longest mention is its anchor; in it Mona, not the first of her name, is replaced.
			"Mona saw Mona's boat. Mona bought Mona's boat. Mona's boat sank.",
		},
		"an anchor loses its possessive mark, a possessor gets one": {
			[]string{
				"[m Ana/NNP Ruiz/NNP 's/POS ] dog/NN barked/VBD ./.",
				"[m Ruiz/NNP ] woke/VBD ,/, took/VBD [m her/PRP$ ] bag/NN and/CC [m the/DT girl/NN 's/POS ] hat/NN ./.",
			},
			"Ana Ruiz's dog barked. Ana Ruiz woke, took Ana Ruiz's bag and Ana Ruiz's hat.",
		},
		"a longer mention with a common noun for its head yields to a name": {
			[]string{
				"[m The/DT old/JJ mayor/NN of/IN Port/NNP Alder/NNP ] sat/VBD ./.",
				"[m Mr./NNP Oke/NNP ,/, who/WP sings/VBZ ,/, ] rose/VBD ./.",
				"[m Oke/NNP ] left/VBD ./.",
			},
			"Mr. Oke, who sings, sat. Mr. Oke, who sings, rose. Mr. Oke, who sings, left.",
		},
		"of equally long mentions the first is the anchor": {
			[]string{"[m The/DT Queen/NNP ] sat/VBD ./.", "[m Queen/NNP Ada/NNP ] sat/VBD ./.", "[m she/PRP ] sat/VBD ./."},
			"The Queen sat. The Queen sat. The Queen sat.",
		},
		"a plural possessor gets an apostrophe": {
			[]string{"[m the/DT sailors/NNS ] and/CC [m their/PRP$ ] captain/NN sat/VBD ./.", "[m They/PRP ] knew/VBD [m their/PRP$ ] ship/NN ./."},
			"the sailors and the sailors' captain sat. the sailors knew the sailors' ship.",
		},
		"a chain of pronouns has its first for anchor": {
			[]string{"[m I/PRP ] sat/VBD ./.", "[m you/PRP ] saw/VBD [m my/PRP$ ] hat/NN ./."},
			"I sat. I saw I's hat.",
		},
	} {
		in := &Input{Document: corefDocument(t, c.sentences...)}
		if got, skipped := longestChains(in); got != c.want || skipped != "" {
			t.Errorf("%s:\n%s\nwant\n%s\nskipped %q", name, got, c.want, skipped)
		}
	}
}

// TestProperHead finds the head of noun phrases.
func TestProperHead(t *testing.T) {
	for phrase, want := range map[string]bool{
		"Mona/NNP": true, "the/DT Alder/NNP Queen/NNP": true, "Mayor/NNP Ana/NNP Ruiz/NNP": true,
		"the/DT Bank/NNP of/IN the/DT river/NN": true, "Ana/NNP ,/, a/DT baker/NN": true, "the/DT Andes/NNPS": true,
		"the/DT town/NN of/IN Norle/NNP": false, "Mona/NNP 's/POS bag/NN": false, "she/PRP": false,
		"a/DT boat/NN called/VBN Ada/NNP": false, "the/DT Norle/NNP ferry/NN": false, "running/VBG Water/NNP": true,
	} {
		d := corefDocument(t, phrase)
		if got := properHead(d.Sentences[0].Tokens); got != want {
			t.Errorf("%s: proper %v", phrase, got)
		}
	}
}
