package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/tasks"
)

// row is one token of a CoNLL-2012 file: its word and named entity.
type row struct{ word, name string }

// conll is a CoNLL-2012 file of one document; every sentence is flat and has no predicate.
func conll(id string, part int, sentences ...[]row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#begin document (%s); part %03d\n", id, part)
	for _, s := range sentences {
		for k, r := range s {
			parse := "*"
			if k == 0 {
				parse = "(TOP(S*"
			}
			if k == len(s)-1 {
				parse += "))"
			}
			fmt.Fprintf(&b, "%s %d %d %s NN %s - - - - %s -\n", id, part, k, r.word, parse, r.name)
		}
		b.WriteByte('\n')
	}
	return b.String() + "#end document\n"
}

var (
	annCame  = []row{{"Ann", "(PERSON)"}, {"came", "*"}, {"Monday", "(DATE)"}, {".", "*"}}
	rainFell = []row{{"Rain", "*"}, {"fell", "*"}, {".", "*"}}
	oslo     = []row{{"Oslo", "(GPE)"}, {"slept", "*"}}
)

// corpus writes files below a folder next to an experiment and returns the experiment.
func corpus(t *testing.T, files map[string]string, settings string) *experiment.Experiment {
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, "corpus", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return parse(t, filepath.Join(dir, "x.yaml"), "{format: conll2012, path: corpus"+settings+"}", "")
}

// parse makes an experiment of a corpus and of tasks of its own.
func parse(t *testing.T, file, corpus, own string) *experiment.Experiment {
	e, err := experiment.Parse(file, []byte(`experiment: x
seed: 7
corpus: `+corpus+`
models: {tiny: {family: llama, architecture: {}}}
tasks: {`+own+`}
stages: [{name: examples, uses: build, with: {tasks: [sum, ner, has-date]}}]
`), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// standard has one document a split; the first of train has no names.
var standard = map[string]string{
	"train/nw/a.gold_conll":       conll("nw/a", 0, rainFell),
	"train/nw/b.gold_conll":       conll("nw/b", 0, rainFell, annCame),
	"development/nw/c.gold_conll": conll("nw/c", 1, oslo),
	"test/bn/d.gold_conll":        conll("bn/d", 0, annCame, oslo),
}

// job resolves and runs the build of a task and returns the folder it wrote.
func job(t *testing.T, e *experiment.Experiment, task string) (string, error) {
	cell := pipeline.Cell{"task": task}
	settings, paths, err := Kind.Resolve(e, &e.Stages[0], cell)
	if err != nil {
		return "", err
	}
	dir := t.TempDir()
	w, err := pipeline.NewWork("examples/"+task, cell, dir, settings, paths, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return dir, Kind.Run(context.Background(), w)
}

// TestRun builds a causal and a classification task and reads what was written.
func TestRun(t *testing.T) {
	e := corpus(t, standard, "")
	prompt := func(text string) string {
		return tasks.Lookup("ner").Prompt + "\n\n### Document:\n" + text + "\n\n### Answer:\n"
	}
	for task, want := range map[string]struct {
		rows   []table.Example
		meta   map[string]string
		report string
	}{
		"ner": {
			rows: []table.Example{
				{ID: "nw/b/0", Split: "train", Prompt: prompt("Rain fell. Ann came Monday."), Completion: "Ann came Monday.\n"},
				{ID: "nw/c/1", Split: "validation", Prompt: prompt("Oslo slept"), Completion: "Oslo slept\n"},
				{ID: "bn/d/0", Split: "test", Prompt: prompt("Ann came Monday. Oslo slept"), Completion: "Ann came Monday. Oslo slept\n"},
			},
			meta: map[string]string{"task": "ner", "family": "linguistic", "kind": "causal"},
			report: `{"task":"ner","family":"linguistic","kind":"causal","rows":{"test":1,"train":1,"validation":1},` +
				`"documents":3,"skipped":{"named entities not annotated":1},"words":91,"supervised_words":10,"supervised_share":0.10989010989010989,` +
				`"empty_targets":0,"duplicates_within_splits":0,"duplicates_across_splits":0}`,
		},
		"has-date": {
			rows: []table.Example{
				{ID: "nw/b/0/0", Split: "train", Text: "Rain fell."},
				{ID: "nw/b/0/1", Split: "train", Text: "Ann came Monday.", Label: 1},
				{ID: "nw/c/1/0", Split: "validation", Text: "Oslo slept"},
				{ID: "bn/d/0/0", Split: "test", Text: "Ann came Monday.", Label: 1},
				{ID: "bn/d/0/1", Split: "test", Text: "Oslo slept"},
			},
			meta: map[string]string{"task": "has-date", "family": "classification", "kind": "classification", "labels": `["no","yes"]`},
			report: `{"task":"has-date","family":"classification","kind":"classification","rows":{"test":2,"train":2,"validation":1},` +
				`"documents":3,"skipped":{"named entities not annotated":1},"words":12,"supervised_words":0,"supervised_share":0,` +
				`"labels":{"no":3,"yes":2},"empty_targets":0,"duplicates_within_splits":0,"duplicates_across_splits":2}`,
		},
	} {
		dir, err := job(t, e, task)
		if err != nil {
			t.Fatal(err)
		}
		rows, meta, err := table.Read[table.Example](filepath.Join(dir, ExamplesFile))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(rows, want.rows) || !reflect.DeepEqual(meta, want.meta) {
			t.Errorf("%s:\n%+v\n%v\nwant\n%+v\n%v", task, rows, meta, want.rows, want.meta)
		}
		report, err := os.ReadFile(filepath.Join(dir, ReportFile))
		if err != nil {
			t.Fatal(err)
		}
		var line bytes.Buffer
		if err := json.Compact(&line, report); err != nil || line.String() != want.report {
			t.Errorf("%s: report\n%s\nwant\n%s\n%v", task, line.String(), want.report, err)
		}
	}
}

// TestProblems builds from a corpus that has a fault and says in the report what was wrong, with
// the file's name in the corpus.
func TestProblems(t *testing.T) {
	files := map[string]string{"train/nw/faulty.gold_conll": conll("nw/f", 0, oslo) + "#begin document (nw/g); part 0\nx\n#end document\n"}
	for name, text := range standard {
		files[name] = text
	}
	e := corpus(t, files, "")
	dir, err := job(t, e, "ner")
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(filepath.Join(dir, ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(src, &got); err != nil {
		t.Fatal(err)
	}
	problem := "train/nw/faulty.gold_conll:7: has 1 columns: a row has 12 and one a predicate"
	if got.Rows[datasets.Train] != 2 || got.CorpusProblems != 1 || !reflect.DeepEqual(got.Problems, []string{problem}) {
		t.Errorf("%d training examples, %d problems: %q", got.Rows[datasets.Train], got.CorpusProblems, got.Problems)
	}
	if log := got.String(); !strings.Contains(log, "\n  problems in the corpus, read without what they concern: 1\n    "+problem) {
		t.Errorf("log %s", log)
	}
}

// TestResolve holds settings to what determines the examples: nothing more, nothing less.
func TestResolve(t *testing.T) {
	resolve := func(e *experiment.Experiment, task string) (s settings) {
		set, paths, err := Kind.Resolve(e, &e.Stages[0], pipeline.Cell{"task": task})
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(filepath.Dir(e.File), "corpus"); e.Corpus.Path != "" && paths["corpus"] != want {
			t.Errorf("path %s, want %s", paths["corpus"], want)
		}
		return set.(settings)
	}
	base := resolve(corpus(t, standard, ""), "ner")
	if base.Corpus.Digest == "" || base.Corpus.Seed != 0 || base.Summaries != "" || base.Task != "ner" {
		t.Errorf("settings %+v", base)
	}
	if again := resolve(corpus(t, standard, ""), "ner"); !reflect.DeepEqual(again, base) {
		t.Errorf("the same corpus elsewhere gives %+v, not %+v", again, base)
	}
	changed := map[string]string{}
	for name, text := range standard {
		changed[name] = strings.ReplaceAll(text, "Oslo", "Rome")
	}
	if other := resolve(corpus(t, changed, ""), "ner"); other.Corpus.Digest == base.Corpus.Digest {
		t.Error("another corpus has the same digest")
	}
	drawn := resolve(corpus(t, standard, ", genres: [nw], split: {train: 1, validation: 1, test: 1}"), "ner")
	if want := (datasets.SplitCounts{Train: 1, Validation: 1, Test: 1}); drawn.Corpus.Seed != 7 || drawn.Corpus.Split != want || !reflect.DeepEqual(drawn.Corpus.Genres, []string{"nw"}) {
		t.Errorf("settings of a draw %+v", drawn)
	}
	e := parse(t, "x.yaml", "{format: sample}", "")
	if sum, ner := resolve(e, "sum"), resolve(e, "ner"); sum.Summaries == "" || ner.Summaries != "" {
		t.Errorf("summaries %q and %q: they belong to the task sum alone", sum.Summaries, ner.Summaries)
	}
}

// TestDraw takes as many documents of the genres as the split says.
func TestDraw(t *testing.T) {
	c, err := Load(corpus(t, standard, ", genres: [nw], split: {train: 1, validation: 1, test: 1}"))
	if err != nil {
		t.Fatal(err)
	}
	splits := map[datasets.Split]int{}
	for _, d := range c.Documents {
		splits[d.Split]++
	}
	if want := map[datasets.Split]int{datasets.Train: 1, datasets.Validation: 1, datasets.Test: 1}; !reflect.DeepEqual(splits, want) {
		t.Errorf("splits %v", splits)
	}
}

// TestErrors says what is wrong with a corpus and that it is bad input data.
func TestErrors(t *testing.T) {
	without := func(name string) map[string]string {
		files := map[string]string{"loose.gold_conll": conll("wb/e", 0, oslo)}
		for n, text := range standard {
			if n != name {
				files[n] = text
			}
		}
		if name != "" {
			delete(files, "loose.gold_conll")
		}
		return files
	}
	skeletons := map[string]string{"train/a.gold_skel": conll("nw/a", 0, []row{{datasets.MissingWord, "(GPE)"}})}
	for _, c := range []struct {
		files                map[string]string
		settings, task, want string
	}{
		{standard, "", "sum", "DIR: task sum finds no train example (documents skipped: 4: no reference summary of this length): give summaries of this length in a file (summaries: {from: file, path: …}), or take the task out"},
		{without("train/nw/b.gold_conll"), "", "ner", "DIR: task ner finds no train example (documents skipped: 1: named entities not annotated)"},
		{without("test/bn/d.gold_conll"), "", "ner", "DIR: task ner finds no test example (documents skipped: 1: named entities not annotated)"},
		{standard, ", genres: [bn]", "ner", "DIR: task ner finds no train example"},
		{without(""), "", "ner", "DIR/loose.gold_conll:1: document wb/e lies in no folder train, development or test: set corpus.split or corpus.lists in the experiment"},
		{standard, ", genres: [mz]", "ner", "DIR: holds no document of the genres mz"},
		{map[string]string{"train/a.gold_conll": "x\n"}, "", "ner", "DIR/train/a.gold_conll:1: expected `#begin document (ID); part N`, not \"x\""},
		{map[string]string{"a.txt": ""}, "", "ner", "DIR: holds no CoNLL-2012 file: their names end in conll, such as cnn_0001.gold_conll, or in skel"},
		{skeletons, "", "every-2-words", "DIR: task every-2-words finds no train example (documents skipped: 1: words missing: a skeleton of the annotation)"},
	} {
		e := corpus(t, c.files, c.settings)
		_, err := job(t, e, c.task)
		var bad *datasets.Error
		dir := filepath.Join(filepath.Dir(e.File), "corpus")
		if got := strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"); !errors.As(err, &bad) || got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestChanged refuses files that are not those the job was planned with.
func TestChanged(t *testing.T) {
	e := corpus(t, standard, "")
	set, paths, err := ResolveCorpus(e)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(paths[corpusPath], "train", "nw", "b.gold_conll")
	if err := os.WriteFile(file, []byte(conll("nw/b", 0, oslo)), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err = set.Load(func(name string) string { return paths[name] }); err == nil || !strings.HasSuffix(err.Error(), "was changed while the experiment was running: run it again") {
		t.Errorf("error %v", err)
	}
}

// TestSummaryShares takes the summaries of the task's own length: the sample corpus has those of
// 10 % alone.
func TestSummaryShares(t *testing.T) {
	e := parse(t, filepath.Join(t.TempDir(), "x.yaml"), "{format: sample}", "")
	c, err := Load(e)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := resolveSummaries(e, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.addSummaries("", digest); err != nil {
		t.Fatal(err)
	}
	rows, _, err := Examples(tasks.Lookup("sum"), c)
	if err != nil || len(rows) != len(c.Documents) {
		t.Fatalf("%d examples of %d documents, %v", len(rows), len(c.Documents), err)
	}
	_, _, err = Examples(tasks.Lookup("sum-50pct"), c)
	var bad *datasets.Error
	if want := "48: no reference summary of this length"; !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	first := c.Documents[0]
	c.Summaries[summaryKey{first.Key(), 0.5}] = "Half of it."
	if _, report, _ := Examples(tasks.Lookup("sum-50pct"), c); report.Documents != 1 {
		t.Errorf("%d documents carry sum-50pct, want the one with a summary", report.Documents)
	}
}
