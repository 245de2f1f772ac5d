package tasks

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/sample/notation"
)

// document reads a document in the notation of the sample corpus.
func document(t *testing.T, file string) *datasets.Document {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := notation.Parse(path.Base(file), src)
	if err != nil {
		t.Fatal(err)
	}
	return s.Document
}

const lampText = "The keeper of Tolme woke at dawn. She said that her lamp wasn't burning. " +
	"Ines Varga, who left TOLME yesterday, mended it. Tolme's boats return today. They trust Varga's work. " +
	"The Bank of Norle paid the keeper Varga $5 later. The Bank waited. the Bank of NORLE. " +
	"A quiet night. A quiet day. Stars."

// TestTargets holds every rule to targets worked by hand.
func TestTargets(t *testing.T) {
	d := document(t, "testdata/nw_0950.txt")
	for name, want := range map[string]string{
		"sum": "A lamp is mended.",
		// Sentence 3 has TOLME again but Ines Varga for the first time; 4 has "Tolme 's" and 8
		// "the Bank of NORLE" again; 5 has Varga, another text than Ines Varga, and 6 the bank;
		// 7 has Bank, another text than Bank of Norle.
		"ner": "The keeper of Tolme woke at dawn. Ines Varga, who left TOLME yesterday, mended it. They trust Varga's work. " +
			"The Bank of Norle paid the keeper Varga $5 later. The Bank waited.",
		// The keeper has six mentions, the town three and the lamp two. Its anchor is the longest
		// mention headed by a proper noun: "the keeper Varga", not "The keeper of Tolme".
		"coref": "the keeper Varga woke at dawn. the keeper Varga said that the keeper Varga's lamp wasn't burning. " +
			"the keeper Varga, who left TOLME yesterday, mended it. They trust the keeper Varga's work. " +
			"The Bank of Norle paid the keeper Varga $5 later.",
		// return.01 has neither ARG0 nor ARG1.
		"srl": "The keeper of Tolme woke at dawn. She said that her lamp wasn't burning. her lamp burning. " +
			"Ines Varga left TOLME yesterday. Ines Varga, who left TOLME yesterday, mended it. They trust Varga's work. " +
			"The Bank of Norle paid $5 later. The Bank waited.",
		// 11 sentences: ceil(1.1) = 2. 71 words: ceil(7.1) = 8.
		"first-10pct-sentences": "The keeper of Tolme woke at dawn. She said that her lamp wasn't burning.",
		"last-10pct-sentences":  "A quiet day. Stars.",
		"every-10-sentences":    "The keeper of Tolme woke at dawn. Stars.",
		"every-2-sentences": "The keeper of Tolme woke at dawn. Ines Varga, who left TOLME yesterday, mended it. They trust Varga's work. " +
			"The Bank waited. A quiet night. Stars.",
		"first-10pct-words": "The keeper of Tolme woke at dawn.",
		"last-10pct-words":  "night. A quiet day. Stars.",
		// Words 1, 11, 21, …, 71.
		"every-10-words": "The that who boats The later..",
		// Words 1, 3, 5, …, 71, spaced as running text.
		"every-2-words": "The of woke dawn She that lampn't. Varga who TOLME, it Tolme boats today They Varga work The of paid keeper $later The waited the of. quiet. quiet..",
	} {
		task := Lookup(name)
		examples, skipped := task.Examples(&Input{Document: d, Summary: "A lamp is mended."})
		if skipped != "" || len(examples) != 1 {
			t.Errorf("%s: %d examples, skipped %q", name, len(examples), skipped)
			continue
		}
		e := examples[0]
		if e.Completion != want+"\n" {
			t.Errorf("%s:\n%s\nwant\n%s", name, e.Completion, want)
		}
		heading := "### Answer:\n"
		if name == "sum" {
			heading = "### Summary:\n"
		}
		if want := task.Prompt + "\n\n### Document:\n" + lampText + "\n\n" + heading; e.Prompt != want {
			t.Errorf("%s: prompt\n%s\nwant\n%s", name, e.Prompt, want)
		}
		if e.ID != "nw/sample/00/nw_0950/0" || e.Text != "" || e.TextPair != "" || e.Label != 0 {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestLabels labels each sentence of the same document.
func TestLabels(t *testing.T) {
	d := document(t, "testdata/nw_0950.txt")
	for name, want := range map[string][]int{
		"has-person": {0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0},
		"has-date":   {0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0},
		"has-coref":  {1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0},
	} {
		examples, skipped := Lookup(name).Examples(&Input{Document: d})
		var got []int
		for _, e := range examples {
			got = append(got, e.Label)
		}
		if skipped != "" || !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v, skipped %q", name, got, want, skipped)
		}
		if e := examples[3]; e != (Example{ID: "nw/sample/00/nw_0950/0/3", Text: "Tolme's boats return today.", Label: want[3]}) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestPrompts holds the catalogue to the published prompts, which are quoted data.
func TestPrompts(t *testing.T) {
	type entry struct {
		name   string
		family Family
		kind   Kind
		prompt string
	}
	want := []entry{
		{"sum", SummaryFamily, Causal, "Summarize the following document."},
		{"sum-50pct", SummaryFamily, Causal, "Summarize the following document."},
		{"ner", LinguisticFamily, Causal, "In the following document, keep only sentences containing at least one new Named Entity from the following categories: EVENT,FAC,GPE,LOC,ORG,PERSON,PRODUCT,WORK_OF_ART."},
		{"coref", LinguisticFamily, Causal, "In the following document, keep sentences with longest coreference chains and replace coreference with anchor."},
		{"srl", LinguisticFamily, Causal, "In the following document, build sentences with only ARG0 VERB ARG1 ARGM-TMP."},
		{"syntax", LinguisticFamily, Causal, "In the following document, remove PP and AD-SBAR syntagms."},
		{"coref-list", LinguisticFamily, Causal, "In the following document, list the different mentions for each coreference chain."},
		{"srl-list", LinguisticFamily, Causal, "In the following document, list all predicates PRED(ARG0,ARG1)."},
		{"syntax-list", LinguisticFamily, Causal, "In the following document, list the NP-SBJ syntagms."},
		{"ner-list", LinguisticFamily, Causal, "What are the named entities in the following document ?"},
		{"first-10pct-words", CountingFamily, Causal, "In the following document, keep only the first 10% words"},
		{"last-10pct-words", CountingFamily, Causal, "In the following document, keep only the last 10% words"},
		{"every-10-words", CountingFamily, Causal, "In the following document, keep only 1 every 10 words"},
		{"every-2-words", CountingFamily, Causal, "In the following document, keep only 1 every 2 words"},
		{"first-10pct-sentences", CountingFamily, Causal, "In the following document, keep only the first 10 pourcent sentences"},
		{"last-10pct-sentences", CountingFamily, Causal, "In the following document, keep only the last 10% sentences"},
		{"every-10-sentences", CountingFamily, Causal, "In the following document, keep only 1 every 10 sentences"},
		{"every-2-sentences", CountingFamily, Causal, "In the following document, keep only 1 every 2 sentences"},
		{"has-person", ClassificationFamily, Classification, ""},
		{"has-date", ClassificationFamily, Classification, ""},
		{"has-coref", ClassificationFamily, Classification, ""},
		{"has-question", ClassificationFamily, Classification, ""},
	}
	var got []entry
	for _, name := range Names() {
		task := Lookup(name)
		got = append(got, entry{task.Name, task.Family, task.Kind, task.Prompt})
		if labels := strings.Join(task.Labels, " "); labels != map[Kind]string{Causal: "", Classification: "no yes"}[task.Kind] {
			t.Errorf("%s has labels %q", name, labels)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if Lookup("nothing") != nil {
		t.Error("a task that is not there is found")
	}
}

// TestSkipped says why documents carry no task.
func TestSkipped(t *testing.T) {
	words := func(text string) (out []datasets.Token) {
		for _, w := range strings.Fields(text) {
			out = append(out, datasets.Token{Word: w})
		}
		return out
	}
	plain := &datasets.Document{Sentences: []datasets.Sentence{{Tokens: words("He came on Monday .")}}}
	annotated := &datasets.Document{Sentences: []datasets.Sentence{{
		Tokens:   words("He came on Monday ."),
		Entities: []datasets.Entity{{Type: "DATE", Span: datasets.Span{Start: 3, End: 4}}},
		Frames:   []datasets.Frame{{Token: 1, Arguments: []datasets.Argument{{Label: "V", Span: datasets.Span{Start: 1, End: 2}}}}},
	}}}
	for _, c := range []struct {
		task string
		doc  *datasets.Document
		want string
	}{
		{"sum", plain, "no reference summary of this length"},
		{"ner", plain, "named entities not annotated"},
		{"ner", annotated, "no named entity of the categories"},
		{"coref", plain, "coreference not annotated"},
		{"srl", plain, "predicates not annotated"},
		{"srl", annotated, "no predicate with ARG0 or ARG1"},
		{"has-person", plain, "named entities not annotated"},
		{"has-date", plain, "named entities not annotated"},
		{"first-10pct-sentences", &datasets.Document{}, "no sentence"},
		{"first-10pct-words", &datasets.Document{}, "no sentence"},
		{"every-2-words", &datasets.Document{}, "no sentence"},
		{"every-10-sentences", &datasets.Document{}, "no sentence"},
		{"has-coref", annotated, "coreference not annotated"},
		{"has-question", &datasets.Document{}, "no sentence"},
	} {
		examples, skipped := Lookup(c.task).Examples(&Input{Document: c.doc})
		if skipped != c.want || examples != nil {
			t.Errorf("%s: skipped %q, want %q, %d examples", c.task, skipped, c.want, len(examples))
		}
	}
}

// TestTenth takes 10 %, rounded up.
func TestTenth(t *testing.T) {
	for n, want := range map[int]int{1: 1, 9: 1, 10: 1, 11: 2, 20: 2, 30: 3, 31: 4, 1000: 100} {
		if got := tenth(n); got != want {
			t.Errorf("10 %% of %d is %d, want %d", n, got, want)
		}
	}
}

// TestQuestions labels questions, once with the sentence's tree and once without.
func TestQuestions(t *testing.T) {
	for _, c := range []struct {
		tree    string
		want    int
		untreed int // without the tree
	}{
		{"(SBARQ (WHNP (WP Who)) (SQ (VP (VBD came))) (. ?))", 1, 1},
		{"(SQ (VBD Did) (NP-SBJ (PRP he)) (VP (VB come)) (. /?))", 1, 1},
		{"(S (NP-SBJ (PRP He)) (VP (VBD came)) (. ?))", 1, 1},
		{"(SQ (`` ``) (VBZ Is) (NP-SBJ (PRP it)) (ADJP-PRD (JJ far)) (. ?) ('' ''))", 1, 1},
		{"(FRAG (-LRB- -LRB-) (WHADVP (WRB Why)) (. ?) (-RRB- -RRB-))", 1, 1},
		// A question written as a statement.
		{"(SBARQ (WHADVP (WRB When)) (SQ (VBD did) (NP-SBJ (PRP he)) (VP (VB come))) (. .))", 1, 0},
		// A question in a statement.
		{"(S (`` ``) (SQ (VBZ Is) (NP-SBJ (PRP it)) (ADJP-PRD (JJ far)) (. ?)) ('' '') (NP-SBJ (PRP she)) (VP (VBD asked)) (. .))", 0, 0},
		{"(S (NP-SBJ (PRP I)) (VP (VBP wonder) (SBAR (WHNP (WP who)) (S (VP (VBD came))))) (. .))", 0, 0},
		{"(S (NP-SBJ (PRP He)) (VP (VBD came)))", 0, 0},
		{"(FRAG (. ?))", 1, 1},
	} {
		d := annotated(t, c.tree)
		labels, skipped := hasQuestion(d)
		if skipped != "" || !slices.Equal(labels, []int{c.want}) {
			t.Errorf("%s: %v, want %d, skipped %q", c.tree, labels, c.want, skipped)
		}
		d.Sentences[0].Tree = nil
		if labels, _ := hasQuestion(d); !slices.Equal(labels, []int{c.untreed}) {
			t.Errorf("%s without its tree: %v, want %d", c.tree, labels, c.untreed)
		}
	}
}

// annotated reads a document of any length in the notation of the sample corpus, without a header.
func annotated(t *testing.T, src string) *datasets.Document {
	d, err := notation.ParseBlocks("document", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
