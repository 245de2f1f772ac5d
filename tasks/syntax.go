package tasks

import (
	"slices"
	"strings"

	"taskvec/datasets"
)

// withoutAdjuncts is the document without PP and adverbial SBAR constituents.
func withoutAdjuncts(in *Input) (answer, skipped string) {
	tagged := hasFunctions(in.Document)
	return pruned(in.Document, func(s *datasets.Sentence, j int) bool {
		switch s.Tree[j].Category() {
		case "PP":
			return true
		case "SBAR":
			return tagged && adverbialTag(s.Tree[j].Label) || !tagged && adverbialForm(s, j)
		}
		return false
	})
}

// without is the document without constituents of the categories.
func without(categories []string) func(*Input) (answer, skipped string) {
	return func(in *Input) (answer, skipped string) {
		return pruned(in.Document, func(s *datasets.Sentence, j int) bool {
			return slices.Contains(categories, s.Tree[j].Category())
		})
	}
}

// functions returns the function tags of a label: SBJ and TPC of NP-SBJ-TPC-2.
func functions(label string) (tags []string) {
	parts := strings.FieldsFunc(label, func(r rune) bool { return r == '-' || r == '=' })
	for _, tag := range parts[min(1, len(parts)):] {
		if tag[0] >= 'A' && tag[0] <= 'Z' {
			tags = append(tags, tag)
		}
	}
	return tags
}

// hasFunctions says whether a document's trees carry function tags. CoNLL-2012 files do not.
func hasFunctions(d *datasets.Document) bool {
	return slices.ContainsFunc(d.Sentences, func(s datasets.Sentence) bool {
		return slices.ContainsFunc(s.Tree, func(n datasets.Node) bool { return functions(n.Label) != nil })
	})
}

// adverbialTag says whether the function tags of a label make an adverbial.
func adverbialTag(label string) bool {
	adverbial := false
	for _, tag := range functions(label) {
		switch tag {
		case "ADV", "DIR", "EXT", "LOC", "MNR", "PRP", "TMP":
			adverbial = true
		case "NOM", "PRD", "SBJ":
			return false
		}
	}
	return adverbial
}

// subordinators are the words that introduce adverbial clauses: alone, or as what tells in more
// than one word (in case, in order that, now that).
var subordinators = strings.Fields("after although as assuming because before case given if lest like now once order provided " +
	"providing since so supposing though till unless until when whenever where whereas wherever while whilst")

// adverbialForm says whether an SBAR without function tags is an adverbial by its form: it stands in
// a clause or a verb phrase, a subordinator introduces it, and it is not what its verb asks for.
func adverbialForm(s *datasets.Sentence, j int) bool {
	t := s.Tree
	parent := t[j].Parent
	switch word := introducer(s, j); t[parent].Category() {
	case "S", "SBARQ", "SINV", "SQ", "FRAG":
		return word != ""
	case "VP":
		return word != "" && !isComplement(s, j, word)
	}
	return false
}

// introducer returns the subordinator of an SBAR, "" when it has none.
func introducer(s *datasets.Sentence, j int) string {
	for _, c := range items(s.Tree, j) {
		last := strings.ToLower(s.Tokens[c.End-1].Word)
		if c.node < 0 {
			if slices.Contains(subordinators, last) {
				return last
			}
			continue
		}
		switch s.Tree[c.node].Category() {
		case "SBAR": // the first of coordinated ones
			return introducer(s, c.node)
		case "WHADVP":
			if slices.Contains(subordinators, last) {
				return last
			}
			return ""
		case "S", "SINV", "SQ", "FRAG":
			return ""
		}
	}
	return ""
}

// Verbs whose complement may look like an adverbial clause.
var (
	be = strings.Fields("be am is are was were been being 's 're 'm")
	// appearing: it looks as if, it feels like.
	appearing = strings.Fields("appear appears appeared appearing feel feels felt feeling look looks looked looking " +
		"seem seems seemed seeming sound sounds sounded sounding")
	// telling: she asked him if, he told us when.
	telling = strings.Fields("ask asks asked asking remind reminds reminded reminding show shows showed shown showing " +
		"teach teaches taught teaching tell tells told telling")
	// knowing: nobody knew if, we saw where.
	knowing = strings.Fields("check checks checked checking decide decides decided deciding discover discovers discovered discovering " +
		"doubt doubts doubted doubting explain explains explained explaining find finds found finding forget forgets forgot forgotten forgetting " +
		"guess guesses guessed guessing know knows knew known knowing learn learns learned learnt learning matter matters mattered " +
		"mind minds minded notice notices noticed noticing remember remembers remembered remembering say says said saying " +
		"see sees saw seen seeing understand understands understood understanding wonder wonders wondered wondering")
)

// isComplement says whether an SBAR in a verb phrase that word introduces is the verb's complement
// rather than an adverbial.
func isComplement(s *datasets.Sentence, j int, word string) bool {
	verb, adjacent := "", false // the phrase's last verb before the clause
	for _, c := range items(s.Tree, s.Tree[j].Parent) {
		if c.Start >= s.Tree[j].Start {
			break
		}
		switch {
		case c.node < 0 && strings.HasPrefix(s.Tokens[c.Start].POS, "VB"):
			verb, adjacent = strings.ToLower(s.Tokens[c.Start].Word), true
		case c.node >= 0 || s.Tokens[c.Start].POS != "RB": // was not because …
			adjacent = false
		}
	}
	if adjacent && slices.Contains(be, verb) {
		return true // that was because …
	}
	switch word {
	case "as", "like":
		return adjacent && slices.Contains(appearing, verb)
	case "if", "when", "where":
		return slices.Contains(telling, verb) || adjacent && slices.Contains(knowing, verb)
	}
	return false
}

// subjectList is the subjects of the document in text order, an outer one before those in it:
// NP-SBJ; NP-SBJ.
func subjectList(in *Input) (answer, skipped string) {
	if !in.Layers().Parse {
		return "", unparsed
	}
	isSubject := subjectForm
	if hasFunctions(in.Document) {
		isSubject = subjectTag
	}
	var subjects []string
	for i := range in.Sentences {
		s := &in.Sentences[i]
		for j := range s.Tree {
			if isSubject(s, j) {
				subjects = append(subjects, datasets.Detokenize(uncommaed(s.Tokens[s.Tree[j].Start:s.Tree[j].End])))
			}
		}
	}
	if len(subjects) == 0 {
		return "", "no NP-SBJ"
	}
	return strings.Join(subjects, "; "), ""
}

// subjectTag says whether node j is an NP with the function tag SBJ.
func subjectTag(s *datasets.Sentence, j int) bool {
	return s.Tree[j].Category() == "NP" && slices.Contains(functions(s.Tree[j].Label), "SBJ")
}

// subjectForm says whether node j is a subject where trees have no function tags: the last NP child
// of an S, SQ or SINV left of its first VP; in an SINV without one the first NP after the VP (said
// Mona); in an SQ without a VP the first NP, if a form of be asks (is it far).
func subjectForm(s *datasets.Sentence, j int) bool {
	t := s.Tree
	if j == 0 || t[j].Category() != "NP" {
		return false
	}
	clause := t[t[j].Parent].Category()
	if clause != "S" && clause != "SQ" && clause != "SINV" {
		return false
	}
	left, first, right, verb, asks := -1, -1, -1, -1, false
	for _, c := range items(t, t[j].Parent) {
		switch {
		case c.node < 0:
			asks = asks || slices.Contains(be, strings.ToLower(s.Tokens[c.Start].Word))
		case t[c.node].Category() == "VP" && verb < 0:
			verb = c.node
		case t[c.node].Category() == "NP":
			if verb < 0 {
				left = c.node
			} else if right < 0 {
				right = c.node
			}
			if first < 0 {
				first = c.node
			}
		}
	}
	switch {
	case verb >= 0 && left >= 0:
		return j == left
	case verb >= 0 && clause == "SINV":
		return j == right
	case verb < 0 && clause == "SQ" && asks:
		return j == first
	}
	return false
}

// uncommaed cuts a comma off the end, as after an apposition.
func uncommaed(words []datasets.Token) []datasets.Token {
	if n := len(words) - 1; n > 0 && words[n].Word == "," {
		return words[:n]
	}
	return words
}
