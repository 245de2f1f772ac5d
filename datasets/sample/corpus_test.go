package sample

import (
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"taskvec/datasets"
)

// documents reads the corpus as its users do.
func documents(t *testing.T) []*datasets.Document {
	c, err := datasets.OpenFS("data", Files())
	if err != nil {
		t.Fatal(err)
	}
	docs, problems, err := c.Documents(datasets.Options{})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return docs
}

// TestSplits holds the corpus to its sizes and its genres to all splits.
func TestSplits(t *testing.T) {
	splits := map[datasets.Split]int{}
	genres := map[string]int{}
	for _, d := range documents(t) {
		splits[d.Split]++
		genres[d.Genre()+" "+string(d.Split)]++
	}
	if want := fmt.Sprint(map[datasets.Split]int{datasets.Train: 36, datasets.Validation: 6, datasets.Test: 6}); fmt.Sprint(splits) != want {
		t.Errorf("splits %v, want %s", splits, want)
	}
	for _, genre := range []string{"nw", "bc", "mz", "wb"} {
		for _, split := range datasets.Splits {
			if genres[genre+" "+string(split)] == 0 {
				t.Errorf("no %s document in %s", genre, split)
			}
		}
	}
}

// TestAnnotated checks that every document carries every layer, every sentence a tree, every
// predicate its V, every document a summary.
func TestAnnotated(t *testing.T) {
	src, err := fs.ReadFile(Files(), Summaries)
	if err != nil {
		t.Fatal(err)
	}
	summaries, err := datasets.ReadSummaries(Summaries, src)
	if err != nil {
		t.Fatal(err)
	}
	summarized := map[string]bool{}
	for _, s := range summaries {
		summarized[s.Document] = s.Share == 0.1
	}
	for _, d := range documents(t) {
		if l := d.Layers(); l != (datasets.Layers{Words: true, Parse: true, Names: true, Predicates: true, Coref: true}) {
			t.Errorf("%s has layers %+v", d.ID, l)
		}
		if !summarized[d.ID] {
			t.Errorf("%s has no summary", d.ID)
		}
		for i, s := range d.Sentences {
			if s.Tree == nil {
				t.Errorf("%s sentence %d has no tree", d.ID, i)
			}
			for _, f := range s.Frames {
				v := datasets.Argument{Label: "V", Span: datasets.Span{Start: f.Token, End: f.Token + 1}}
				if !slices.Contains(f.Arguments, v) {
					t.Errorf("%s sentence %d: predicate %s has no V", d.ID, i, s.Tokens[f.Token].Word)
				}
			}
		}
	}
}

// TestNames checks that names begin like names: with a capital or a digit, after a determiner.
func TestNames(t *testing.T) {
	kinds := []string{"PERSON", "NORP", "FAC", "ORG", "GPE", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW", "LANGUAGE"}
	determiners := []string{"the", "a", "an", "``"}
	for _, d := range documents(t) {
		for i, s := range d.Sentences {
			for _, e := range s.Entities {
				words := s.Tokens[e.Start:e.End]
				if len(words) > 1 && slices.Contains(determiners, strings.ToLower(words[0].Word)) {
					words = words[1:]
				}
				if r := []rune(words[0].Word)[0]; slices.Contains(kinds, e.Type) && !unicode.IsUpper(r) && !unicode.IsDigit(r) {
					t.Errorf("%s sentence %d: %s %q does not begin with a capital", d.ID, i, e.Type, datasets.Detokenize(s.Tokens[e.Start:e.End]))
				}
			}
		}
	}
}

// TestVariety checks that no sentence occurs twice and no eight words in a row in two documents.
func TestVariety(t *testing.T) {
	const run = 8
	sentences, runs := map[string]string{}, map[string]string{}
	for _, d := range documents(t) {
		for i := range d.Sentences {
			s := &d.Sentences[i]
			var words []string
			for _, token := range s.Tokens {
				words = append(words, strings.ToLower(token.Word))
			}
			place := fmt.Sprintf("%s sentence %d", d.ID, i)
			text := strings.Join(words, " ")
			if first, ok := sentences[text]; ok {
				t.Errorf("%s is also %s: %s", place, first, s.Text())
			}
			sentences[text] = place
			for k := 0; k+run <= len(words); k++ {
				text := strings.Join(words[k:k+run], " ")
				if first, ok := runs[text]; ok && first != d.ID {
					t.Errorf("%s has the words %q of %s", place, text, first)
				}
				runs[text] = d.ID
			}
		}
	}
}

// TestCounts counts brackets line by line, as grep would, and compares what the reader counts.
func TestCounts(t *testing.T) {
	want := datasets.Counts{NamedEntities: map[string]int{}, Arguments: map[string]int{}, Problems: []datasets.Problem{}}
	err := fs.WalkDir(Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".gold_conll" {
			return err
		}
		text, err := fs.ReadFile(Files(), name)
		want.Files++
		chains := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			switch f := strings.Fields(line); {
			case len(f) == 0:
				want.Sentences++
			case f[0] == "#begin":
				want.Documents++
			case f[0] != "#end":
				want.Tokens++
				if f[7] != "-" {
					want.Frames++
					if f[4][0] != 'V' {
						want.NonverbalPredicates++
					}
				}
				if name, ok := strings.CutPrefix(f[10], "("); ok {
					want.NamedEntities[strings.TrimRight(name, "*)")]++
				}
				for _, cell := range f[11 : len(f)-1] {
					if label, ok := strings.CutPrefix(cell, "("); ok {
						want.Arguments[strings.TrimRight(label, "*)")]++
					}
				}
				for _, m := range strings.Split(f[len(f)-1], "|") {
					if id, ok := strings.CutPrefix(m, "("); ok {
						want.Mentions++
						chains[strings.TrimSuffix(id, ")")] = true
					}
				}
			}
		}
		want.Chains += len(chains)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := datasets.OpenFS("data", Files())
	if err != nil {
		t.Fatal(err)
	}
	got, err := datasets.Count(c)
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("got\n%+v\nwant\n%+v\n%v", *got, want, err)
	}
}
