package datasets

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// dialects is the files of testdata/dialects as read by hand: what real corpora hold that the
// layout's description does not say, and what other tools make of the layout.
var dialects = map[string]struct {
	docs     []*Document
	problems []Problem
	layers   []Layers
}{
	// Part numbers have gaps, columns 1 and 2 are not those of #begin, a chain lies in itself, one
	// predicate is a noun and one a light verb, a lemma and a sense stand without a frameset, and a
	// sentence has neither parse nor predicate but a column for one.
	"real.v4_gold_conll": {
		docs: []*Document{
			{
				ID: "tc/own/00/own_0005", Part: 1, Line: 1,
				Sentences: []Sentence{{
					Speaker: "A",
					Tokens: []Token{
						{Word: "My", POS: "PRP$"}, {Word: "dog", POS: "NN"}, {Word: "'s", POS: "POS"},
						{Word: "friend", POS: "NN", Lemma: "friend", Sense: "2"}, {Word: "got", POS: "VBD", Lemma: "get", Sense: "3"},
						{Word: "a", POS: "DT"}, {Word: "look", POS: "NN", Lemma: "look", Sense: "1"}, {Word: "/.", POS: "."},
					},
					Tree: Tree{
						{"TOP", Span{0, 8}, -1, 6},
						{"S", Span{0, 8}, 0, 6},
						{"NP", Span{0, 4}, 1, 4},
						{"NP", Span{0, 3}, 2, 4},
						{"VP", Span{4, 7}, 1, 6},
						{"NP", Span{5, 7}, 4, 6},
					},
					Frames: []Frame{
						{4, "get", "LV", []Argument{{"ARG0", Span{0, 4}}, {"V", Span{4, 5}}, {"C-ARG1", Span{5, 7}}}},
						{6, "look", "01", []Argument{{"ARGA", Span{0, 3}}, {"ARGM-LVB", Span{4, 5}}, {"V", Span{6, 7}}}},
					},
				}},
				Chains: []Chain{
					{17, []Mention{{0, Span{0, 4}}, {0, Span{1, 4}}}},
					{2, []Mention{{0, Span{0, 1}}}},
					{8, []Mention{{0, Span{5, 7}}}},
					{9, []Mention{{0, Span{5, 7}}}},
					{4, []Mention{{0, Span{6, 7}}}},
				},
			},
			{
				ID: "tc/own/00/own_0005", Part: 3, Line: 12,
				Sentences: []Sentence{
					{Tokens: []Token{{Word: "---", POS: "XX"}}},
					{Speaker: "B", Tokens: []Token{{Word: "Yes", POS: "UH"}}, Tree: Tree{{"TOP", Span{0, 1}, -1, 2}, {"INTJ", Span{0, 1}, 0, 2}}},
				},
			},
		},
		problems: []Problem{{Line: 13, Message: "the sentence has 0 predicates (rows with a frameset) and 1 argument columns: read without arguments"}},
		layers:   []Layers{{Words: true, Parse: true, Predicates: true, Coref: true}, {Words: true, Parse: true}},
	},
	"skeleton.gold_skel": {
		docs: []*Document{{
			ID: "nw/own/00/own_0003", Line: 1,
			Sentences: []Sentence{{
				Tokens: []Token{{Word: "[WORD]", POS: "NNS"}, {Word: "[WORD]", POS: "VBP", Lemma: "bark", Sense: "1"}, {Word: "[WORD]", POS: "."}},
				Tree: Tree{
					{"TOP", Span{0, 3}, -1, 4},
					{"S", Span{0, 3}, 0, 4},
					{"NP", Span{0, 1}, 1, 3},
					{"VP", Span{1, 2}, 1, 4},
				},
				Frames: []Frame{{1, "bark", "01", []Argument{{"ARG0", Span{0, 1}}, {"V", Span{1, 2}}}}},
			}},
			Chains: []Chain{{3, []Mention{{0, Span{0, 1}}}}},
		}},
		layers: []Layers{{Parse: true, Predicates: true, Coref: true}},
	},
	// Tabs, a lemma in every row, and the framesets and labels of CoNLL-2005.
	"conll2005.conll": {
		docs: []*Document{{
			ID: "bn/own/00/own_0004", Line: 1,
			Sentences: []Sentence{
				{
					Tokens: []Token{{Word: "Maya", POS: "NNP", Lemma: "maya"}, {Word: "went", POS: "VBD", Lemma: "go"}, {Word: "home", POS: "NN", Lemma: "home"}, {Word: "yesterday", POS: "NN", Lemma: "yesterday"}},
					Tree: Tree{
						{"TOP", Span{0, 4}, -1, 6},
						{"S", Span{0, 4}, 0, 6},
						{"NP", Span{0, 1}, 1, 3},
						{"VP", Span{1, 4}, 1, 6},
						{"NP", Span{2, 3}, 3, 5},
						{"NP", Span{3, 4}, 3, 6},
					},
					Entities: []Entity{{"PERSON", Span{0, 1}}, {"DATE", Span{3, 4}}},
					Frames: []Frame{{1, "go", "02", []Argument{
						{"ARG0", Span{0, 1}}, {"V", Span{1, 2}}, {"ARG4", Span{2, 3}}, {"ARGM-TMP", Span{3, 4}},
					}}},
				},
				{
					Tokens: []Token{{Word: "She", POS: "PRP", Lemma: "she"}, {Word: "who", POS: "WP", Lemma: "who"}, {Word: "walks", POS: "VBZ", Lemma: "walk"}},
					Tree:   Tree{{"TOP", Span{0, 3}, -1, 4}, {"S", Span{0, 3}, 0, 4}, {"NP", Span{0, 1}, 1, 3}, {"VP", Span{2, 3}, 1, 4}},
					Frames: []Frame{{2, "walk", "01", []Argument{{"R-ARG0", Span{1, 2}}, {"V", Span{2, 3}}}}},
				},
			},
			Chains: []Chain{{0, []Mention{{0, Span{0, 1}}, {1, Span{0, 1}}}}},
		}},
		layers: []Layers{{Words: true, Parse: true, Names: true, Predicates: true, Coref: true}},
	},
	// OntoGUM: three columns, no | between the segments of a cell, a document without a name.
	"OWN_talk.conll": {
		docs: []*Document{
			{
				ID: "OWN_talk_boat", Line: 1,
				Sentences: []Sentence{
					{Tokens: untagged("The old boat 's mast and its sail .")},
					{Tokens: untagged("It sank")},
				},
				Chains: []Chain{
					{1, []Mention{{0, Span{0, 3}}, {0, Span{6, 7}}, {1, Span{0, 1}}}},
					{2, []Mention{{0, Span{4, 8}}}},
					{3, []Mention{{0, Span{6, 8}}}},
				},
			},
			{ID: "OWN_talk", Line: 15, Sentences: []Sentence{{Tokens: untagged("Rain")}}},
		},
		layers: []Layers{{Words: true, Coref: true}, {Words: true}},
	},
}

// untagged are words without annotation.
func untagged(words string) []Token {
	var out []Token
	for _, w := range strings.Fields(words) {
		out = append(out, Token{Word: w, POS: "XX"})
	}
	return out
}

// TestDialects reads each file and, where nothing is wrong with it, reads it again as it is
// written.
func TestDialects(t *testing.T) {
	files, err := os.ReadDir("testdata/dialects")
	if err != nil || len(files) != len(dialects) {
		t.Fatalf("%d files for %d expectations, error %v", len(files), len(dialects), err)
	}
	for name, want := range dialects {
		src, err := os.ReadFile("testdata/dialects/" + name)
		if err != nil {
			t.Fatal(err)
		}
		docs, problems := newReader(name, string(src)).all()
		for i := range want.docs {
			want.docs[i].File = name
		}
		for i := range want.problems {
			want.problems[i].File = name
		}
		if !reflect.DeepEqual(problems, want.problems) {
			t.Errorf("%s: problems\n%v\nwant\n%v", name, problems, want.problems)
		}
		if len(docs) != len(want.docs) {
			t.Errorf("%s: %d documents, want %d", name, len(docs), len(want.docs))
			continue
		}
		for i, d := range docs {
			if !reflect.DeepEqual(d, want.docs[i]) {
				t.Errorf("%s: document %d\n%+v\nwant\n%+v", name, i, d, want.docs[i])
			}
			if got := d.Layers(); got != want.layers[i] {
				t.Errorf("%s: document %d has the layers %+v, want %+v", name, i, got, want.layers[i])
			}
		}
		var b strings.Builder
		if err := WriteCoNLL(&b, docs...); err != nil {
			t.Fatal(err)
		}
		again, err := ReadCoNLL(name, []byte(b.String()))
		if err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, b.String())
		}
		for i, d := range again {
			d.Line = docs[i].Line
		}
		if !reflect.DeepEqual(again, docs) {
			t.Errorf("%s: written and read again it is\n%s", name, b.String())
		}
	}
}

// TestRoleLabels turns CoNLL-2005's labels into OntoNotes' and leaves others as they are.
func TestRoleLabels(t *testing.T) {
	for in, want := range map[string]string{
		"A0": "ARG0", "A5": "ARG5", "AA": "ARGA", "AM-TMP": "ARGM-TMP", "R-A1": "R-ARG1", "C-AM-LOC": "C-ARGM-LOC",
		"V": "V", "C-V": "C-V", "ARG0": "ARG0", "R-ARGM-LOC": "R-ARGM-LOC", "ARGM": "ARGM", "AM": "AM", "AGENT": "AGENT", "A": "A", "R-": "R-",
	} {
		if got := propBank(in); got != want {
			t.Errorf("%s is read as %s, want %s", in, got, want)
		}
	}
}
