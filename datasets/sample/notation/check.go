package notation

import (
	"slices"
	"strings"

	"taskvec/datasets"
)

// finish makes the chains and checks what needs the whole document.
func (p *parser) finish() {
	p.makeChains()
	p.checkSpeakers()
	p.warnPredicates()
	p.warnPronouns()
	p.warnNames()
}

// checkSize holds the document and its summary to their lengths.
func (p *parser) checkSize(s *Source) {
	if p.broken {
		return
	}
	if n := len(p.doc.Sentences); n < minSentences || n > maxSentences {
		p.fail(pos{}, "the document has %d sentences: write %d to %d", n, minSentences, maxSentences)
	}
	if at, ok := p.headers["summary"]; ok && s.Summary != "" {
		n, most := len(strings.Fields(s.Summary)), max(minSummary, int(maxSummaryShare*float64(p.doc.Words())))
		if n < minSummary || n > most {
			p.fail(at, "the summary has %d words: write %d to %d (at most 15 %% of the document's %d)", n, minSummary, most, p.doc.Words())
		}
	}
}

// makeChains numbers the chains in the order of their first mentions.
func (p *parser) makeChains() {
	for _, c := range p.chains {
		if len(c.mentions) < 2 && !p.broken {
			p.fail(c.at[0], "chain %s has one mention: a chain needs two, leave single mentions out (or is the name spelt differently elsewhere?)", c.name)
		}
		p.doc.Chains = append(p.doc.Chains, datasets.Chain{Mentions: c.mentions})
	}
	datasets.SortChains(p.doc.Chains)
	for i := range p.doc.Chains {
		p.doc.Chains[i].ID = i
	}
}

// checkSpeakers holds dialogues to a speaker on every sentence.
func (p *parser) checkSpeakers() {
	if !p.dialogue {
		return
	}
	for i := range p.doc.Sentences {
		if p.doc.Sentences[i].Speaker == "" {
			p.fail(p.starts[i], "the sentence has no speaker, but others have: start its block with `speaker: Name`")
		}
	}
}

// warnPredicates reports main verbs without a p: line. A verb with a verb phrase to its right in
// the same phrase is an auxiliary; one outside of verb phrases and questions is no verb there.
func (p *parser) warnPredicates() {
	for i := range p.doc.Sentences {
		s := &p.doc.Sentences[i]
		for k, t := range s.Tokens {
			if !strings.HasPrefix(t.POS, "VB") || slices.ContainsFunc(s.Frames, func(f datasets.Frame) bool { return f.Token == k }) {
				continue
			}
			parent := s.Tree.Parent(k)
			auxiliary := slices.ContainsFunc(s.Tree.Children(parent), func(c int) bool { return s.Tree[c].Start > k && s.Tree[c].Category() == "VP" })
			switch s.Tree[parent].Category() {
			case "VP", "SQ", "SINV":
				if !auxiliary {
					p.warn(p.leaves[i][k], "verb %s has no p: line", t.Word)
				}
			}
		}
	}
}

// warnPronouns reports pronouns that are in no chain. An "it" that is no argument is expletive.
func (p *parser) warnPronouns() {
	for i := range p.doc.Sentences {
		s := &p.doc.Sentences[i]
		for k, t := range s.Tokens {
			span := datasets.Span{Start: k, End: k + 1}
			if t.POS != "PRP" && t.POS != "PRP$" || p.mentioned(datasets.Mention{Sentence: i, Span: span}) {
				continue
			}
			isArgument := slices.ContainsFunc(s.Frames, func(f datasets.Frame) bool {
				return slices.ContainsFunc(f.Arguments, func(a datasets.Argument) bool { return a.Span == span })
			})
			if strings.EqualFold(t.Word, "it") && !isArgument {
				continue
			}
			p.warn(p.leaves[i][k], "pronoun %s is in no chain", t.Word)
		}
	}
}

func (p *parser) mentioned(m datasets.Mention) bool {
	return slices.ContainsFunc(p.doc.Chains, func(c datasets.Chain) bool { return slices.Contains(c.Mentions, m) })
}

// warnNames reports names that are no entity where they recur, or another type of entity.
func (p *parser) warnNames() {
	named := map[string]datasets.Entity{}
	longest := 0
	for i := range p.doc.Sentences {
		s := &p.doc.Sentences[i]
		for j, e := range s.Entities {
			if !proper(s, e.Span) {
				continue
			}
			text := strings.Join(words(s, e.Span), " ")
			if other, ok := named[text]; ok && other.Type != e.Type {
				p.warn(p.entities[i][j], "%q is %s here and %s above", text, e.Type, other.Type)
			} else {
				named[text] = e
				longest = max(longest, e.Len())
			}
		}
	}
	for i := range p.doc.Sentences {
		s := &p.doc.Sentences[i]
		for start := range s.Tokens {
			for end := start + 1; end <= min(start+longest, len(s.Tokens)); end++ {
				span := datasets.Span{Start: start, End: end}
				e, ok := named[strings.Join(words(s, span), " ")]
				if ok && proper(s, span) && !slices.ContainsFunc(s.Entities, func(o datasets.Entity) bool { return o.Overlaps(span) }) {
					p.warn(p.leaves[i][start], "%s is no entity here but %s elsewhere", p.quote(s, span), e.Type)
				}
			}
		}
	}
}

// proper says whether a span has a proper noun.
func proper(s *datasets.Sentence, span datasets.Span) bool {
	return slices.ContainsFunc(s.Tokens[span.Start:span.End], func(t datasets.Token) bool { return strings.HasPrefix(t.POS, "NNP") })
}
