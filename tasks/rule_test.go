package tasks

import (
	"strings"
	"testing"

	"taskvec/datasets"
)

// TestRules holds declared rules to targets worked by hand from 71 words in 11 sentences.
func TestRules(t *testing.T) {
	d := document(t, "testdata/nw_0950.txt")
	for _, c := range []struct {
		rule Rule
		want string
	}{
		{Rule{First: "10% words"}, "The keeper of Tolme woke at dawn."},
		{Rule{First: "3 words"}, "The keeper of"},
		{Rule{First: "10% sentences"}, "The keeper of Tolme woke at dawn. She said that her lamp wasn't burning."},
		{Rule{Last: "1 sentence"}, "Stars."},
		{Rule{Last: "7 words"}, ". A quiet day. Stars."},
		{Rule{Last: "500 words"}, lampText},
		{Rule{Every: "30 words"}, "The boats."},
		{Rule{Every: "5 sentences"}, "The keeper of Tolme woke at dawn. The Bank of Norle paid the keeper Varga $5 later. Stars."},
		{Rule{With: []string{"PERSON", "MONEY"}}, "Ines Varga, who left TOLME yesterday, mended it. They trust Varga's work. The Bank of Norle paid the keeper Varga $5 later."},
		{Rule{Entities: []string{"GPE", "PERSON"}}, "Tolme; Ines Varga; Varga"},
		{Rule{Without: []string{"PP", "RB"}}, "The keeper woke. She said that her lamp wasn't burning. Ines Varga, who left TOLME yesterday, mended it. Tolme's boats return today. They trust Varga's work. The Bank paid the keeper Varga $5 later. The Bank waited. the Bank. A quiet night. A quiet day. Stars."},
	} {
		task, err := Declare("x", "own", "Do.", c.rule)
		if err != nil {
			t.Fatal(err)
		}
		examples, skipped := task.Examples(&Input{Document: d})
		if skipped != "" || strings.TrimSuffix(examples[0].Completion, "\n") != c.want {
			t.Errorf("%+v:\n%v\nwant\n%s", c.rule, examples[0].Completion, c.want)
		}
	}
}

// TestRuleErrors names what is no rule.
func TestRuleErrors(t *testing.T) {
	for want, rule := range map[string]Rule{
		"a target has one rule of first, last, every, with, without and entities, not 0": {},
		"a target has one rule of first, last, every, with, without and entities, not 2": {First: "1 word", With: []string{"DATE"}},
		`first: "ten words" is no amount: write 25% words, 3 sentences or the like`:      {First: "ten words"},
		`last: "0% words" keeps nothing`:                                                 {Last: "0% words"},
		`last: "101% words" is more than all`:                                            {Last: "101% words"},
		`every: "10% words" is a share: every needs a number, such as 5 words`:           {Every: "10% words"},
		`every: "1.5 words" is no amount: write 25% words, 3 sentences or the like`:      {Every: "1.5 words"},
	} {
		if _, err := Declare("x", "own", "Do.", rule); err == nil || err.Error() != want {
			t.Errorf("%+v: got %v, want %s", rule, err, want)
		}
	}
}

// TestRulesSkip says why a document cannot carry a rule.
func TestRulesSkip(t *testing.T) {
	bare := &datasets.Document{ID: "nw/x", Sentences: []datasets.Sentence{{Tokens: []datasets.Token{{Word: "Rain", POS: "NN"}}}}}
	named := &datasets.Document{ID: "nw/x", Sentences: []datasets.Sentence{{
		Tokens: bare.Sentences[0].Tokens, Entities: []datasets.Entity{{Type: "DATE", Span: datasets.Span{Start: 0, End: 1}}},
		Tree: datasets.Tree{{Label: "TOP", Span: datasets.Span{Start: 0, End: 1}, Parent: -1, Next: 1}},
	}}}
	for _, c := range []struct {
		d    *datasets.Document
		rule Rule
		want string
	}{
		{&datasets.Document{}, Rule{First: "1 word"}, "no sentence"},
		{bare, Rule{With: []string{"DATE"}}, "named entities not annotated"},
		{bare, Rule{Entities: []string{"DATE"}}, "named entities not annotated"},
		{bare, Rule{Without: []string{"PP"}}, "parse not annotated"},
		{named, Rule{With: []string{"GPE"}}, "no named entity of the types"},
		{named, Rule{Entities: []string{"GPE"}}, "no named entity of the types"},
		{named, Rule{Without: []string{"TOP"}}, "nothing left"},
	} {
		task, err := Declare("x", "own", "Do.", c.rule)
		if err != nil {
			t.Fatal(err)
		}
		if examples, skipped := task.Examples(&Input{Document: c.d}); skipped != c.want || examples != nil {
			t.Errorf("%+v: skipped %q, want %q", c.rule, skipped, c.want)
		}
	}
}
