package tasks

import (
	"slices"
	"strings"

	"taskvec/datasets"
)

// newsworthy are the entity types that the prompt of ner lists.
var newsworthy = []string{"EVENT", "FAC", "GPE", "LOC", "ORG", "PERSON", "PRODUCT", "WORK_OF_ART"}

// newEntities is the sentences that hold an entity of the newsworthy types which did not occur
// earlier in the document. Two entities are the same when their types and their texts are, case
// folded, without a determiner at the front and without a possessive 's at the end.
func newEntities(in *Input) (answer, skipped string) {
	if !in.Layers().Names {
		return "", unnamed
	}
	seen := map[string]bool{}
	var kept []string
	for i := range in.Sentences {
		s := &in.Sentences[i]
		found := false
		for _, e := range s.Entities {
			key := e.Type + " " + strings.ToLower(datasets.Detokenize(bare(s.Tokens[e.Start:e.End])))
			if slices.Contains(newsworthy, e.Type) && !seen[key] {
				seen[key], found = true, true
			}
		}
		if found {
			kept = append(kept, s.Text())
		}
	}
	if len(kept) == 0 {
		return "", "no named entity of the categories"
	}
	return strings.Join(kept, " "), ""
}

// bare cuts a determiner off the front of a name and a possessive mark off its end.
func bare(name []datasets.Token) []datasets.Token {
	if len(name) > 1 && slices.Contains([]string{"the", "a", "an"}, strings.ToLower(name[0].Word)) {
		name = name[1:]
	}
	return unpossessed(name)
}

// unpossessed cuts a possessive mark off the end.
func unpossessed(words []datasets.Token) []datasets.Token {
	if n := len(words) - 1; n > 0 && possessive(words) {
		return words[:n]
	}
	return words
}

// possessive says whether words stand as a possessor: "Mona 's", "the sailors '", "his".
func possessive(words []datasets.Token) bool {
	last := words[len(words)-1]
	return last.POS == "POS" || last.POS == "PRP$" && len(words) == 1
}

// coreArguments is a sentence for each predicate that has an ARG0 or an ARG1: its ARG0, V, ARG1
// and ARGM-TMP spans in the order of the text, closed by a full stop. Continuations (C-ARG1) and
// relative pronouns (R-ARG0) are other labels and stay out.
func coreArguments(in *Input) (answer, skipped string) {
	if !in.Layers().Predicates {
		return "", "predicates not annotated"
	}
	var built []string
	for i := range in.Sentences {
		s := &in.Sentences[i]
		for _, f := range s.Frames {
			var words []datasets.Token
			core := false
			for _, a := range f.Arguments {
				switch a.Label {
				case "ARG0", "ARG1":
					core = true
				case "V", "ARGM-TMP":
				default:
					continue
				}
				words = append(words, s.Tokens[a.Start:a.End]...)
			}
			if core {
				built = append(built, strings.TrimSuffix(datasets.Detokenize(words), ".")+".")
			}
		}
	}
	if len(built) == 0 {
		return "", "no predicate with ARG0 or ARG1"
	}
	return strings.Join(built, " "), ""
}

// longestChains is the sentences that mention the chains of the greatest number of mentions (all
// that tie), every mention of these chains but the anchor itself replaced by its chain's anchor.
// Where mentions lie in one another the outermost is replaced. A possessor stays one: his becomes
// Mona's or the sailors', and Mona's becomes Mona where it replaces no possessor.
func longestChains(in *Input) (answer, skipped string) {
	if !in.Layers().Coref {
		return "", unchained
	}
	longest := 0
	for _, c := range in.Chains {
		longest = max(longest, len(c.Mentions))
	}
	// replacements[i] are the mentions of sentence i to replace; kept[i] says whether it has any
	// mention, the anchors among them.
	kept := make([]bool, len(in.Sentences))
	replacements := make([][]replacement, len(in.Sentences))
	for _, c := range in.Chains {
		if len(c.Mentions) < longest {
			continue
		}
		anchor := anchorOf(in.Document, c)
		words := in.Sentences[anchor.Sentence].Tokens[anchor.Start:anchor.End]
		for _, m := range c.Mentions {
			kept[m.Sentence] = true
			if m != anchor {
				replacements[m.Sentence] = append(replacements[m.Sentence], replacement{m.Span, words})
			}
		}
	}
	var out []string
	for i := range in.Sentences {
		if kept[i] {
			out = append(out, datasets.Detokenize(replaced(in.Sentences[i].Tokens, replacements[i])))
		}
	}
	if len(out) == 0 {
		return "", "no coreference chain"
	}
	return strings.Join(out, " "), ""
}

// A replacement is a mention and the words of its chain's anchor.
type replacement struct {
	datasets.Span
	anchor []datasets.Token
}

// replaced returns the tokens with the outermost of the spans replaced.
func replaced(tokens []datasets.Token, spans []replacement) []datasets.Token {
	var out []datasets.Token
	for k := 0; k < len(tokens); {
		var at *replacement
		for i := range spans {
			if r := &spans[i]; r.Start == k && (at == nil || r.End > at.End) {
				at = r
			}
		}
		if at == nil {
			out = append(out, tokens[k])
			k++
			continue
		}
		out = append(out, unpossessed(at.anchor)...)
		if possessive(tokens[at.Start:at.End]) {
			mark := "'s"
			if last := out[len(out)-1]; strings.HasPrefix(last.POS, "NN") && strings.HasSuffix(last.POS, "S") && strings.HasSuffix(last.Word, "s") {
				mark = "'" // of a plural
			}
			out = append(out, datasets.Token{Word: mark, POS: "POS"})
		}
		k = at.End
	}
	return out
}

// anchorOf returns the mention that names a chain best: its longest mention headed by a proper
// noun, else its longest, else its first. Lengths are words without a possessive mark; of equally
// long mentions the first is taken.
func anchorOf(d *datasets.Document, c datasets.Chain) datasets.Mention {
	var best datasets.Mention
	bestProper, bestLen := false, 0
	for _, m := range c.Mentions {
		words := unpossessed(d.Sentences[m.Sentence].Tokens[m.Start:m.End])
		if proper := properHead(words); bestLen == 0 || proper && !bestProper || proper == bestProper && len(words) > bestLen {
			best, bestProper, bestLen = m, proper, len(words)
		}
	}
	return best
}

// properHead says whether the head of a noun phrase is a proper noun: the last noun before what
// follows the phrase's core, such as a preposition, a relative pronoun, a participle or a comma.
func properHead(words []datasets.Token) bool {
	proper := false
	for i, t := range words {
		switch t.POS {
		case "NN", "NNS":
			proper = false
		case "NNP", "NNPS":
			proper = true
		case "IN", "TO", "WDT", "WP", "WP$", "WRB", ",", ":", "-LRB-", "VBN", "VBG":
			if i > 0 {
				return proper
			}
		}
	}
	return proper
}
