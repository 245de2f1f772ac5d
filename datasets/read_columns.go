package datasets

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// tree reads column 6. A sentence without any bracket, and one of a bare TOP over words tagged XX
// or VERB, has no parse.
func (r *reader) tree(s *Sentence, width int) error {
	nodes, open := r.nodes[:0], r.open[:0]
	if r.empty(columnParse, width) {
		return nil
	}
	for k := range s.Tokens {
		cell := r.column(k*width + columnParse)
		if cell == bare && len(open) > 0 {
			continue
		}
		i := 0
		for i < len(cell) && cell[i] == '(' {
			end := i + 1
			for end < len(cell) && cell[end] != '(' && cell[end] != '*' && cell[end] != ')' {
				end++
			}
			if end == i+1 {
				return r.errorf(r.first+k, "parse %s: a bracket opens without a label", excerpt(cell))
			}
			parent := -1
			if len(open) > 0 {
				parent = open[len(open)-1]
			} else if len(nodes) > 0 {
				return r.errorf(r.first+k, "parse %s: a second tree begins in the sentence", excerpt(cell))
			}
			open = append(open, len(nodes))
			nodes = append(nodes, Node{Label: cell[i+1 : end], Span: Span{Start: k}, Parent: parent})
			i = end
		}
		if i == len(cell) || cell[i] != '*' {
			return r.errorf(r.first+k, "parse %s: expected (LABEL, one * for the word and ), such as (S(NP*)", excerpt(cell))
		}
		if len(open) == 0 {
			return r.errorf(r.first+k, "parse %s: the word lies outside of the tree", excerpt(cell))
		}
		for i++; i < len(cell); i++ {
			if cell[i] != ')' {
				return r.errorf(r.first+k, "parse %s: only ) can follow the *", excerpt(cell))
			}
			if len(open) == 0 {
				return r.errorf(r.first+k, "parse %s: one ) too many", excerpt(cell))
			}
			n := &nodes[open[len(open)-1]]
			n.End, n.Next = k+1, len(nodes)
			open = open[:len(open)-1]
		}
	}
	r.nodes, r.open = nodes, open
	if len(open) > 0 {
		n := nodes[open[len(open)-1]]
		return r.errorf(r.first+len(s.Tokens)-1, "the sentence ends within the constituent %s opened in line %d: a ) is missing", n.Label, r.first+n.Start)
	}
	if len(nodes) == 1 && s.untagged() {
		return nil
	}
	s.Tree = slices.Clone(nodes)
	return nil
}

// empty says whether a column says nothing in any row of the sentence.
func (r *reader) empty(column, width int) bool {
	for ; column < len(r.columns); column += width {
		if c := r.column(column); c != bare && c != none {
			return false
		}
	}
	return true
}

// untagged says whether all words have the tags of sentences without parse.
func (s *Sentence) untagged() bool {
	return !slices.ContainsFunc(s.Tokens, func(t Token) bool { return t.POS != "XX" && t.POS != "VERB" })
}

// names reads column 11.
func (r *reader) names(s *Sentence, width int) error {
	entities := r.entities[:0]
	open := false
	for k := range s.Tokens {
		cell := r.column(k*width + columnName)
		if cell == bare {
			continue
		}
		label, closes, ok := bracket(cell)
		if !ok {
			return r.errorf(r.first+k, "named entity %s: expected *, (TYPE*, *) or (TYPE)", excerpt(cell))
		}
		if label != "" {
			if open {
				return r.errorf(r.first+k, "named entity %s opens within %s: entities do not nest", excerpt(cell), entities[len(entities)-1].Type)
			}
			open = true
			entities = append(entities, Entity{Type: label, Span: Span{Start: k}})
		}
		if closes {
			if !open {
				return r.errorf(r.first+k, "named entity %s closes what is not open", excerpt(cell))
			}
			open = false
			entities[len(entities)-1].End = k + 1
		}
	}
	r.entities = entities
	if open {
		e := entities[len(entities)-1]
		return r.errorf(r.first+len(s.Tokens)-1, "the sentence ends within the named entity %s opened in line %d: *) is missing", e.Type, r.first+e.Start)
	}
	s.Entities = append([]Entity(nil), entities...)
	return nil
}

// bracket takes a cell of a bracket column apart: `(LABEL*`, `*)`, `(LABEL*)` or `(LABEL)`.
func bracket(cell string) (label string, closes, ok bool) {
	rest := cell
	if rest != "" && rest[0] == '(' {
		end := 1
		for end < len(rest) && rest[end] != '*' && rest[end] != ')' && rest[end] != '(' {
			end++
		}
		label, rest = rest[1:end], rest[end:]
		if label == "" {
			return "", false, false
		}
	}
	switch rest {
	case "*":
		return label, false, true
	case "*)":
		return label, true, true
	case ")":
		return label, true, label != ""
	}
	return "", false, false
}

// frames reads the predicates' columns. An argument may lie in another. Where there are more or
// fewer columns than predicates nobody knows which is whose: that is a problem, and the sentence
// has its predicates without arguments.
func (r *reader) frames(s *Sentence, width, predicates int) error {
	if predicates > 0 {
		s.Frames = make([]Frame, 0, predicates)
	}
	for k := range s.Tokens {
		if f := r.column(k*width + columnFrameset); f != none {
			t := &s.Tokens[k]
			if dot := strings.LastIndexByte(f, '.'); dot > 0 && dot+1 < len(f) && f[dot+1:] != none { // go.02
				t.Lemma, f = cmp.Or(t.Lemma, given(f[:dot])), f[dot+1:]
			}
			s.Frames = append(s.Frames, Frame{Token: k, Lemma: t.Lemma, Frameset: f})
		}
	}
	if columns := width - fixedColumns - 1; columns != predicates {
		r.problems = append(r.problems, Problem{r.file, r.first, fmt.Sprintf("the sentence has %d predicates (rows with a frameset) and %d argument columns: read without arguments", predicates, columns)})
		return nil
	}
	for j := range s.Frames {
		args, open := r.args[:0], r.openArgs[:0]
		for k := range s.Tokens {
			cell := r.column(k*width + fixedColumns + j)
			if cell == bare {
				continue
			}
			label, closes, ok := bracket(cell)
			if !ok {
				return r.errorf(r.first+k, "argument %s of predicate %d: expected *, (LABEL*, *) or (LABEL*)", excerpt(cell), j+1)
			}
			if label != "" {
				open = append(open, len(args))
				args = append(args, Argument{Label: propBank(label), Span: Span{Start: k}})
			}
			if closes {
				if len(open) == 0 {
					return r.errorf(r.first+k, "argument %s of predicate %d closes what is not open", excerpt(cell), j+1)
				}
				args[open[len(open)-1]].End = k + 1
				open = open[:len(open)-1]
			}
		}
		r.args, r.openArgs = args, open
		if len(open) > 0 {
			a := args[open[len(open)-1]]
			return r.errorf(r.first+len(s.Tokens)-1, "the sentence ends within the argument %s of predicate %d opened in line %d: *) is missing", a.Label, j+1, r.first+a.Start)
		}
		s.Frames[j].Arguments = append([]Argument(nil), args...)
	}
	return nil
}

// propBank is an argument's label as OntoNotes writes it: ARG0 for the A0 of CoNLL-2005, ARGM-TMP
// for its AM-TMP, R-ARG0 for R-A0.
func propBank(label string) string {
	if label[0] == 'V' || strings.HasPrefix(label, "ARG") {
		return label
	}
	prefix, role := "", label
	if strings.HasPrefix(label, "R-") || strings.HasPrefix(label, "C-") {
		prefix, role = label[:2], label[2:]
	}
	if strings.HasPrefix(role, "AM-") || len(role) == 2 && role[0] == 'A' && (role[1] == 'A' || '0' <= role[1] && role[1] <= '9') {
		return prefix + "ARG" + role[1:]
	}
	return label
}

// coref reads the last column of sentence i. A chain may have a mention within another, so that
// each chain's open mentions are a stack. The | between two segments may be missing.
func (r *reader) coref(i, width int) error {
	r.chains = r.chains[:0]
	nothing := none
	if r.short {
		nothing = shortNone
	}
	for k := range r.rows {
		cell := r.column((k+1)*width - 1)
		if cell == nothing {
			continue
		}
		for rest, more := cell, true; more; {
			chain, opens, closes, after, ok := segment(rest)
			if !ok {
				return r.errorf(r.first+k, "coreference %s: expected %s, (N, N) or (N), joined by |", excerpt(cell), nothing)
			}
			rest, more = strings.TrimPrefix(after, "|"), after != ""
			start := k
			switch {
			case opens && !closes:
				r.chains = append(r.chains, openMention{chain, k})
				continue
			case closes && !opens:
				at := len(r.chains) - 1
				for at >= 0 && r.chains[at].chain != chain {
					at--
				}
				if at < 0 {
					return r.errorf(r.first+k, "coreference %s closes chain %d, which is not open in the sentence", excerpt(cell), chain)
				}
				start = r.chains[at].start
				r.chains = slices.Delete(r.chains, at, at+1)
			}
			r.mentions = append(r.mentions, chainMention{chain, Mention{i, Span{start, k + 1}}})
		}
	}
	if n := len(r.chains); n > 0 {
		return r.errorf(r.first+r.rows-1, "the sentence ends within a mention of chain %d opened in line %d: %d) is missing", r.chains[n-1].chain, r.first+r.chains[n-1].start, r.chains[n-1].chain)
	}
	return nil
}

// segment takes `(N`, `N)` or `(N)` off the front of a cell of the last column.
func segment(cell string) (chain int, opens, closes bool, after string, ok bool) {
	cell, opens = strings.CutPrefix(cell, "(")
	end := 0
	for end < len(cell) && '0' <= cell[end] && cell[end] <= '9' {
		end++
	}
	chain, ok = number(cell[:end])
	after, closes = strings.CutPrefix(cell[end:], ")")
	return chain, opens, closes, after, ok && (opens || closes)
}
