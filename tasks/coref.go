package tasks

import (
	"strings"

	"taskvec/datasets"
)

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

// mentionLists is the different mentions of each chain in the order of the chains: "X" refers also
// to "Y" and "Z". X is the first mention. Mentions are the same when their texts are, case folded
// and without a possessive mark at the end; a chain whose mentions are all the same is left out.
func mentionLists(in *Input) (answer, skipped string) {
	if !in.Layers().Coref {
		return "", unchained
	}
	var lists []string
	for _, c := range in.Chains {
		seen := map[string]bool{}
		var mentions []string
		for _, m := range c.Mentions {
			text := quoted(unpossessed(in.Sentences[m.Sentence].Tokens[m.Start:m.End]))
			if key := strings.ToLower(text); !seen[key] {
				seen[key] = true
				mentions = append(mentions, text)
			}
		}
		if last := len(mentions) - 1; last > 0 {
			others := mentions[last]
			if last > 1 {
				others = strings.Join(mentions[1:last], ", ") + " and " + others
			}
			lists = append(lists, mentions[0]+" refers also to "+others+".")
		}
	}
	if len(lists) == 0 {
		return "", "no coreference chain of different mentions"
	}
	return strings.Join(lists, " "), ""
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
