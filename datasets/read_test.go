package datasets

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// standard is testdata/standard.gold_conll as read by hand.
var standard = []*Document{
	{
		ID: "bc/own/00/own_0001", File: "testdata/standard.gold_conll", Line: 1,
		Sentences: []Sentence{
			{
				Speaker: "Tom_Reed",
				Tokens: []Token{
					{Word: "Ines", POS: "NNP"}, {Word: "'s", POS: "POS"}, {Word: "sister", POS: "NN", Lemma: "sister"},
					{Word: "made", POS: "VBD", Lemma: "make", Sense: "2"}, {Word: "a", POS: "DT"},
					{Word: "visit", POS: "NN", Lemma: "visit"}, {Word: "/.", POS: "."},
				},
				Tree: Tree{
					{"TOP", Span{0, 7}, -1, 6},
					{"S", Span{0, 7}, 0, 6},
					{"NP", Span{0, 3}, 1, 4},
					{"NP", Span{0, 2}, 2, 4},
					{"VP", Span{3, 6}, 1, 6},
					{"NP", Span{4, 6}, 4, 6},
				},
				Entities: []Entity{{"PERSON", Span{0, 1}}},
				Frames: []Frame{
					{Token: 3, Lemma: "make", Frameset: "LV", Arguments: []Argument{{"ARG0", Span{0, 3}}, {"V", Span{3, 4}}, {"ARG1", Span{4, 6}}}},
					{Token: 5, Lemma: "visit", Frameset: "01", Arguments: []Argument{{"ARG1", Span{4, 5}}, {"V", Span{5, 6}}}},
				},
			},
			{Tokens: []Token{{Word: "Yes", POS: "UH"}}, Tree: Tree{{"TOP", Span{0, 1}, -1, 2}, {"INTJ", Span{0, 1}, 0, 2}}},
			{
				Speaker: "Ana",
				Tokens:  []Token{{Word: "The", POS: "DT"}, {Word: "tenth", POS: "JJ"}, {Word: "of", POS: "IN"}, {Word: "May", POS: "NNP"}},
				Tree: Tree{
					{"TOP", Span{0, 4}, -1, 4},
					{"NP", Span{0, 4}, 0, 4},
					{"PP", Span{2, 4}, 1, 4},
					{"NP", Span{3, 4}, 2, 4},
				},
				Entities: []Entity{{"DATE", Span{0, 2}}, {"DATE", Span{3, 4}}},
			},
		},
		// Chain 5 has a mention within another, both ending in one cell.
		Chains: []Chain{
			{3, []Mention{{0, Span{0, 3}}}},
			{0, []Mention{{0, Span{0, 2}}}},
			{5, []Mention{{2, Span{0, 4}}, {2, Span{2, 4}}}},
			{7, []Mention{{2, Span{3, 4}}}},
		},
	},
	{
		ID: "bc/own/00/own_0001", Part: 2, File: "testdata/standard.gold_conll", Line: 18,
		Sentences: []Sentence{
			{Tokens: []Token{{Word: "Hm", POS: "XX"}, {Word: "run", POS: "VERB", Lemma: "run"}, {Word: "!", POS: "XX"}}},
		},
	},
}

// TestRead reads every feature of the standard layout.
func TestRead(t *testing.T) {
	src, err := os.ReadFile("testdata/standard.gold_conll")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := ReadCoNLL("testdata/standard.gold_conll", src)
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != len(standard) {
		t.Fatalf("%d documents, want %d", len(docs), len(standard))
	}
	for i, d := range docs {
		if !reflect.DeepEqual(d, standard[i]) {
			t.Errorf("document %d:\n%+v\nwant\n%+v", i, d, standard[i])
		}
	}
	if got, want := docs[0].Layers(), (Layers{Words: true, Parse: true, Names: true, Predicates: true, Coref: true}); got != want {
		t.Errorf("layers %+v, want %+v", got, want)
	}
	if got := docs[1].Layers(); got != (Layers{Words: true}) {
		t.Errorf("layers %+v of a document without any", got)
	}
	if docs[1].Key() != "bc/own/00/own_0001/2" || docs[1].Genre() != "bc" || docs[0].Words() != 12 {
		t.Errorf("key %s, genre %s, %d words", docs[1].Key(), docs[1].Genre(), docs[0].Words())
	}
}

// TestBadFiles reads files with one fault each; the .err beside it is the message.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.conll")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".conll") + ".err")
			if err != nil {
				t.Fatal(err)
			}
			_, err = ReadCoNLL(filepath.Base(file), src)
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("error %v, want an *Error", err)
			}
			if got := err.Error() + "\n"; got != string(want) {
				t.Errorf("got  %swant %s", got, want)
			}
		})
	}
}
