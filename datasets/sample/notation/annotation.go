package notation

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"taskvec/datasets"
)

// Types are the named entity types of OntoNotes.
var types = strings.Fields("PERSON NORP FAC ORG GPE LOC PRODUCT EVENT WORK_OF_ART LAW LANGUAGE " +
	"DATE TIME PERCENT MONEY QUANTITY ORDINAL CARDINAL")

var (
	// argument is a PropBank role: a numbered one, a modifier, or either split or relative.
	argument  = regexp.MustCompile(`^(?:[RC]-)?ARG(?:[0-5]|A|M-(?:ADJ|ADV|CAU|COM|DIR|DIS|DSP|EXT|GOL|LOC|LVB|MNR|MOD|NEG|PNC|PRD|PRP|PRX|REC|TMP))$`)
	chainName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	predicate = regexp.MustCompile(`^([a-z][a-z_-]*)\.([0-9]{2}|LV)@(.+?)(?:#([0-9]+))?$`)
)

// An item is one `key="words"#k` of an annotation line.
type item struct {
	key   string
	at    pos // of the key
	words pos // of the quoted words
	datasets.Span
}

// A chain is the mentions under one name.
type chain struct {
	name     string
	mentions []datasets.Mention
	at       []pos
}

// sentence is the sentence being read.
func (p *parser) sentence() *datasets.Sentence { return &p.doc.Sentences[len(p.doc.Sentences)-1] }

// names reads an n: line.
func (p *parser) names(line int) {
	s := p.sentence()
	marks := &p.entities[len(p.entities)-1]
	for _, it := range p.items(line, 2) {
		if !slices.Contains(types, it.key) {
			p.fail(it.at, "unknown entity type %q: use one of %s", it.key, strings.Join(types, " "))
			continue
		}
		e := datasets.Entity{Type: it.key, Span: it.Span}
		if i := slices.IndexFunc(s.Entities, func(o datasets.Entity) bool { return o.Overlaps(e.Span) }); i >= 0 {
			p.fail(it.at, "%s %s overlaps %s %s: entities are never nested, keep the longer or the better one",
				e.Type, p.quote(s, e.Span), s.Entities[i].Type, p.quote(s, s.Entities[i].Span))
			continue
		}
		i := 0
		for i < len(s.Entities) && s.Entities[i].Start < e.Start {
			i++
		}
		s.Entities = slices.Insert(s.Entities, i, e)
		*marks = slices.Insert(*marks, i, it.at)
	}
}

// mentions reads a c: line.
func (p *parser) mentions(line int) {
	s := len(p.doc.Sentences) - 1
	for _, it := range p.items(line, 2) {
		if !chainName.MatchString(it.key) {
			p.fail(it.at, "chain name %q must be a lower-case word", it.key)
			continue
		}
		m := datasets.Mention{Sentence: s, Span: it.Span}
		i := slices.IndexFunc(p.chains, func(c *chain) bool { return slices.Contains(c.mentions, m) })
		if i >= 0 {
			p.fail(it.at, "%s is a mention of chain %s already: name each span once (#1, #2 tell equal words apart)", p.quote(p.sentence(), m.Span), p.chains[i].name)
			continue
		}
		i = slices.IndexFunc(p.chains, func(c *chain) bool { return c.name == it.key })
		if i < 0 {
			i = len(p.chains)
			p.chains = append(p.chains, &chain{name: it.key})
		}
		p.chains[i].mentions = append(p.chains[i].mentions, m)
		p.chains[i].at = append(p.chains[i].at, it.at)
	}
}

// predicate reads a p: line.
func (p *parser) predicate(line int) {
	s := p.sentence()
	text := p.lines[line]
	start := 2 + len(text[2:]) - len(strings.TrimLeft(text[2:], " \t"))
	end := start + len(text[start:])
	if i := strings.IndexAny(text[start:], " \t"); i >= 0 {
		end = start + i
	}
	at := pos{line, start}
	items := p.items(line, end) // reported even when the predicate is at fault
	m := predicate.FindStringSubmatch(text[start:end])
	if m == nil {
		p.fail(at, "expected lemma.frameset@word, such as leave.01@left, not %q", text[start:end])
		return
	}
	span, ok := p.find(at, []string{m[3]}, m[4])
	if !ok {
		return
	}
	f := &datasets.Frame{Token: span.Start, Lemma: m[1], Frameset: m[2]}
	if pos := s.Tokens[f.Token].POS; !strings.HasPrefix(pos, "VB") && !strings.HasPrefix(pos, "NN") && !strings.HasPrefix(pos, "JJ") {
		p.fail(at, "predicate %s is tagged %s: a predicate is a verb, a noun or an adjective", m[3], pos)
		return
	}
	if slices.ContainsFunc(p.frames, func(o *datasets.Frame) bool { return o.Token == f.Token }) {
		p.fail(at, "%s is a predicate already: one p: line each (#1, #2 tell equal words apart)", m[3])
		return
	}
	f.Arguments = []datasets.Argument{{Label: "V", Span: span}}
	for _, it := range items {
		p.argument(f, it)
	}
	for _, a := range f.Arguments {
		whole := a.Label[min(2, len(a.Label)):]
		if (a.Label[:1] == "R" || a.Label[:1] == "C") && !slices.ContainsFunc(f.Arguments, func(o datasets.Argument) bool { return o.Label == whole }) {
			p.fail(at, "%s has %s but no %s: name the span it belongs to", m[3], a.Label, whole)
		}
	}
	p.frames = append(p.frames, f)
}

// argument adds one argument to a frame.
func (p *parser) argument(f *datasets.Frame, it item) {
	s := p.sentence()
	if !argument.MatchString(it.key) {
		p.fail(it.at, "unknown argument %q: use ARG0 to ARG5, ARGM-TMP, -LOC, -DIR, -MNR, -PRP, -CAU, -ADV, -NEG, -MOD, -DIS, -EXT, -PRD, -REC, or R-… and C-… of them", it.key)
		return
	}
	if it.Contains(datasets.Span{Start: f.Token, End: f.Token + 1}) {
		p.fail(it.at, "%s %s contains its predicate %s: leave the predicate out", it.key, p.quote(s, it.Span), s.Tokens[f.Token].Word)
		return
	}
	for _, o := range f.Arguments {
		if o.Overlaps(it.Span) {
			p.fail(it.at, "%s %s overlaps %s %s of the same predicate", it.key, p.quote(s, it.Span), o.Label, p.quote(s, o.Span))
			return
		}
		if o.Label == it.key && !strings.Contains(it.key, "ARGM") && it.key[0] == 'A' {
			p.fail(it.at, "%s is given twice: a split argument goes on as C-%s", it.key, it.key)
			return
		}
	}
	f.Arguments = append(f.Arguments, datasets.Argument{Label: it.key, Span: it.Span})
}

// items reads the items of a line from byte i on. Those at fault are reported and left out.
func (p *parser) items(line, i int) []item {
	var items []item
	text := p.lines[line]
	for {
		for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
			i++
		}
		if i == len(text) {
			return items
		}
		it := item{at: pos{line, i}}
		n := strings.IndexAny(text[i:], "= \t")
		if n <= 0 || !strings.HasPrefix(text[i+n:], `="`) {
			p.fail(it.at, `expected KEY="words of the sentence", not %s`, text[i:])
			return items
		}
		it.key = text[i : i+n]
		i += n + 2
		it.words = pos{line, i}
		n = strings.IndexByte(text[i:], '"')
		if n < 0 {
			p.fail(it.at, "the quotation is never closed: a \" is missing")
			return items
		}
		words := strings.Fields(text[i : i+n])
		i += n + 1
		n = strings.IndexAny(text[i:], " \t")
		if n < 0 {
			n = len(text) - i
		}
		k, ok := strings.CutPrefix(text[i:i+n], "#")
		if !ok && n > 0 || ok && k == "" {
			p.fail(pos{line, i}, "expected #k or a space after the quotation, not %q", text[i:i+n])
			i += n
			continue
		}
		i += n
		if it.Span, ok = p.find(it.words, words, k); !ok {
			continue
		}
		s := p.sentence()
		if c := s.Tree.Crosses(it.Span); c >= 0 {
			p.fail(it.words, "%s cuts constituent (%s %s): quote a whole constituent or a run of sisters, or mend the tree",
				p.quote(s, it.Span), s.Tree[c].Label, p.quote(s, s.Tree[c].Span))
			continue
		}
		items = append(items, it)
	}
}

// find returns the k-th occurrence of the words in the sentence; k is "" or a number from 1.
func (p *parser) find(at pos, words []string, k string) (datasets.Span, bool) {
	s := p.sentence()
	if len(words) == 0 {
		p.fail(at, "the quotation is empty")
		return datasets.Span{}, false
	}
	var found []datasets.Span
	for i := 0; i+len(words) <= len(s.Tokens); i++ {
		if slices.EqualFunc(s.Tokens[i:i+len(words)], words, func(t datasets.Token, w string) bool { return t.Word == w }) {
			found = append(found, datasets.Span{Start: i, End: i + len(words)})
		}
	}
	quoted := strconv.Quote(strings.Join(words, " "))
	n := 1
	if k != "" {
		var err error
		if n, err = strconv.Atoi(k); err != nil || n < 1 {
			p.fail(at, "%s#%s: # takes the number of the occurrence, from 1", quoted, k)
			return datasets.Span{}, false
		}
	}
	switch {
	case len(found) == 0:
		p.fail(at, "%s is not in the sentence%s", quoted, p.almost(s, words))
	case n > len(found):
		p.fail(at, "%s#%d: the words occur only %d times in the sentence", quoted, n, len(found))
	case k == "" && len(found) > 1:
		p.fail(at, "%s occurs %d times in the sentence: add #1 to #%d to say which", quoted, len(found), len(found))
	default:
		return found[n-1], true
	}
	return datasets.Span{}, false
}

// almost suggests the tokens that read like the words but for spaces and case.
func (p *parser) almost(s *datasets.Sentence, words []string) string {
	want := strings.Join(words, "")
	for i := range s.Tokens {
		var have strings.Builder
		for j := i; j < len(s.Tokens) && have.Len() < len(want); j++ {
			have.WriteString(s.Tokens[j].Word)
			if strings.EqualFold(have.String(), want) {
				return ": its tokens are " + p.quote(s, datasets.Span{Start: i, End: j + 1})
			}
		}
	}
	return ": quote the leaves of the tree exactly, one space between tokens"
}

// quote returns the tokens of a span as they are written between quotes.
func (p *parser) quote(s *datasets.Sentence, span datasets.Span) string {
	return `"` + strings.Join(words(s, span), " ") + `"`
}

func words(s *datasets.Sentence, span datasets.Span) []string {
	var w []string
	for _, t := range s.Tokens[span.Start:span.End] {
		w = append(w, t.Word)
	}
	return w
}

// sortFrames puts the frames of the sentence just read into the order of the text.
func (p *parser) sortFrames() {
	s := p.sentence()
	slices.SortFunc(p.frames, func(a, b *datasets.Frame) int { return cmp.Compare(a.Token, b.Token) })
	for _, f := range p.frames {
		slices.SortFunc(f.Arguments, func(a, b datasets.Argument) int { return cmp.Compare(a.Start, b.Start) })
		s.Tokens[f.Token].Lemma = f.Lemma
		s.Frames = append(s.Frames, *f)
	}
}
