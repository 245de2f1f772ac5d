package tasks

import (
	"maps"
	"slices"
	"strings"

	"taskvec/datasets"
)

// newsworthy are the entity types that the prompt of ner lists.
var newsworthy = []string{"EVENT", "FAC", "GPE", "LOC", "ORG", "PERSON", "PRODUCT", "WORK_OF_ART"}

// A name is a named entity which did not occur earlier in its document.
type name struct {
	sentence int
	kind     string
	text     string // without a determiner at the front and a possessive 's at the end
}

// names returns the different named entities of the types, or of all types when there are none, in
// text order. Two are the same when their types and their texts are, case folded.
func names(d *datasets.Document, types []string) (found []name) {
	seen := map[string]bool{}
	for i := range d.Sentences {
		s := &d.Sentences[i]
		for _, e := range s.Entities {
			text := datasets.Detokenize(bare(s.Tokens[e.Start:e.End]))
			if key := e.Type + " " + strings.ToLower(text); (types == nil || slices.Contains(types, e.Type)) && !seen[key] {
				seen[key] = true
				found = append(found, name{i, e.Type, text})
			}
		}
	}
	return found
}

// newEntities is the sentences that hold an entity of the newsworthy types which did not occur
// earlier in the document.
func newEntities(in *Input) (answer, skipped string) {
	if !in.Layers().Names {
		return "", unnamed
	}
	found := names(in.Document, newsworthy)
	if len(found) == 0 {
		return "", "no named entity of the categories"
	}
	var kept []string
	for i := range in.Sentences {
		if slices.ContainsFunc(found, func(n name) bool { return n.sentence == i }) {
			kept = append(kept, in.Sentences[i].Text())
		}
	}
	return strings.Join(kept, " "), ""
}

// entityLists is the different named entities of each type that the document has: "GPE: Tolme,
// Norle; PERSON: Ines Varga", types in the order of the alphabet, entities in that of the text.
func entityLists(in *Input) (answer, skipped string) {
	if !in.Layers().Names {
		return "", unnamed
	}
	byType := map[string][]string{}
	for _, n := range names(in.Document, nil) {
		byType[n.kind] = append(byType[n.kind], n.text)
	}
	var lists []string
	for _, kind := range slices.Sorted(maps.Keys(byType)) {
		lists = append(lists, kind+": "+strings.Join(byType[kind], ", "))
	}
	return strings.Join(lists, "; "), ""
}

// listEntities is the different named entities of the types, joined by semicolons.
func listEntities(types []string) func(*Input) (answer, skipped string) {
	return func(in *Input) (answer, skipped string) {
		if !in.Layers().Names {
			return "", unnamed
		}
		var texts []string
		for _, n := range names(in.Document, types) {
			texts = append(texts, n.text)
		}
		if len(texts) == 0 {
			return "", noEntity
		}
		return strings.Join(texts, "; "), ""
	}
}

const noEntity = "no named entity of the types"

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
