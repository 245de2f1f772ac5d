package build

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/internal/experiment"
	"taskvec/internal/table"
)

// TestOwn builds tasks that the experiment declares: by a rule and by a file of targets.
func TestOwn(t *testing.T) {
	e := corpus(t, standard, "")
	dir := filepath.Dir(e.File)
	targets := `{"document": "nw/a", "target": "Wet."}
{"document": "nw/c", "part": 1, "target": "Dull."}
{"document": "bn/d", "target": "Mixed."}
{"document": "bn/none", "target": "Unused."}
`
	if err := os.WriteFile(filepath.Join(dir, "moods.jsonl"), []byte(targets), 0o666); err != nil {
		t.Fatal(err)
	}
	e = parse(t, e.File, "{format: conll2012, path: corpus}", `halves: {prompt: Halve., target: {first: 50% words}}, mood: {family: summary, prompt: Mood, targets: moods.jsonl}`)
	for task, want := range map[string]struct{ family, rows, skipped string }{
		"halves": {"own", "nw/a/0 Halve.|Rain fell. > Rain fell; nw/b/0 Halve.|Rain fell. Ann came Monday. > Rain fell. Ann; nw/c/1 Halve.|Oslo slept > Oslo; bn/d/0 Halve.|Ann came Monday. Oslo slept > Ann came Monday", "map[]"},
		"mood":   {"summary", "nw/a/0 Mood|Rain fell. > Wet.; nw/c/1 Mood|Oslo slept > Dull.; bn/d/0 Mood|Ann came Monday. Oslo slept > Mixed.", "map[no target supplied:1]"},
	} {
		out, err := job(t, e, task)
		if err != nil {
			t.Fatal(err)
		}
		rows, meta, err := table.Read[table.Example](filepath.Join(out, ExamplesFile))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rows {
			prompt, rest, _ := strings.Cut(r.Prompt, "\n\n### Document:\n")
			document, _, _ := strings.Cut(rest, "\n\n")
			got = append(got, r.ID+" "+prompt+"|"+document+" > "+strings.TrimSuffix(r.Completion, "\n"))
		}
		var report Report
		b, err := os.ReadFile(filepath.Join(out, ReportFile))
		if err == nil {
			err = json.Unmarshal(b, &report)
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "; ") != want.rows || meta["family"] != want.family || string(report.Family) != want.family {
			t.Errorf("%s (%s):\n%s\nwant\n%s", task, meta["family"], strings.Join(got, "; "), want.rows)
		}
		if s, err := json.Marshal(report.Skipped); err != nil || strings.NewReplacer("{", "map[", "}", "]", `"`, "").Replace(string(s)) != want.skipped {
			t.Errorf("%s: skipped %s, want %s", task, s, want.skipped)
		}
	}
}

// TestOwnKey gives each declaration and each file of targets a key of its own.
func TestOwnKey(t *testing.T) {
	e := corpus(t, standard, "")
	file := filepath.Join(filepath.Dir(e.File), "moods.jsonl")
	seen := map[string]string{}
	for _, own := range []string{
		"x: {prompt: A., target: {first: 1 words}}", "x: {prompt: B., target: {first: 1 words}}", "x: {prompt: A., target: {first: 2 words}}",
		"x: {prompt: A., target: {last: 1 words}}", "x: {prompt: A., family: counting, target: {first: 1 words}}", "x: {prompt: A., targets: moods.jsonl}",
	} {
		if err := os.WriteFile(file, []byte(own), 0o666); err != nil {
			t.Fatal(err)
		}
		e := parse(t, e.File, "{format: conll2012, path: corpus}", own)
		set, _, err := Kind.Resolve(e, &e.Stages[0], map[string]string{"task": "x"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[string(b)]; ok {
			t.Errorf("%s has the key of %s", own, other)
		}
		seen[string(b)] = own
	}
}

// TestOwnErrors names what is wrong with a file of targets.
func TestOwnErrors(t *testing.T) {
	e := corpus(t, standard, "")
	file := filepath.Join(filepath.Dir(e.File), "moods.jsonl")
	e = parse(t, e.File, "{format: conll2012, path: corpus}", "mood: {prompt: Mood, targets: moods.jsonl}")
	for text, want := range map[string]string{
		"":                                    "FILE: there is no such file: it is to hold the targets of task mood",
		"[]":                                  `task mood: FILE:1: is no target, {"document": …, "part": 0, "target": …}: json: cannot unmarshal array into Go value of type datasets.Target`,
		`{"document": "nw/z", "target": "x"}`: "DIR: task mood finds no train example (documents skipped: 4: no target supplied)",
	} {
		if text != "" {
			if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		_, err := job(t, e, "mood")
		var bad *datasets.Error
		if !errors.As(err, &bad) {
			t.Fatalf("%v is not bad input", err)
		}
		if got := strings.NewReplacer(file, "FILE", filepath.Join(filepath.Dir(file), "corpus"), "DIR").Replace(err.Error()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLists takes the documents of each split from files.
func TestLists(t *testing.T) {
	e := corpus(t, standard, ", lists: {train: train.txt, validation: val.txt, test: test.txt}")
	dir := filepath.Dir(e.File)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("train.txt", "# ours\nbn/d\n\n")
	write("val.txt", "data/annotations/nw/b.v4_gold_conll\n")
	write("test.txt", "nw/c # the last")
	c, err := Load(e)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]datasets.Split{}
	for _, d := range c.Documents {
		got[d.Key()] = d.Split
	}
	want := map[string]datasets.Split{"bn/d/0": datasets.Train, "nw/b/0": datasets.Validation, "nw/c/1": datasets.Test}
	if !reflect.DeepEqual(got, want) || c.OutsideLists != 1 {
		t.Errorf("got %v and %d outside, want %v and 1", got, c.OutsideLists, want)
	}
	before, _, err := ResolveCorpus(e)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"nw/c\nnw/c":    "DIR/test.txt:2: document nw/c stands in line 1 already",
		"nw/zz":         "DIR/test.txt:1: the corpus has no document nw/zz, or not in the chosen genres",
		"\nbn/d":        "DIR/test.txt:2: document bn/d is in the list of train already (DIR/train.txt:2): a document belongs to one split",
		"nw/c and nw/d": `DIR/test.txt:1: "nw/c and nw/d" is no document id, such as bn/cnn/00/cnn_0001`,
		"nw/":           `DIR/test.txt:1: "nw/" is no document id, such as bn/cnn/00/cnn_0001`,
	} {
		write("test.txt", text)
		_, err := Load(e)
		var bad *datasets.Error
		if !errors.As(err, &bad) || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if after, _, err := ResolveCorpus(e); err != nil || reflect.DeepEqual(after, before) {
		t.Errorf("another list leaves the settings as they are (%v)", err)
	}
}

// TestOneSplit refuses a document whose parts lie in two splits.
func TestOneSplit(t *testing.T) {
	e := corpus(t, map[string]string{
		"train/nw/a.gold_conll": conll("nw/a", 0, annCame), "test/nw/a.gold_conll": conll("nw/a", 1, annCame), "development/nw/b.gold_conll": conll("nw/b", 0, annCame),
	}, "")
	_, err := Load(e)
	want := "DIR/train/nw/a.gold_conll:1: document nw/a part 0 is in train and its part 1 in test (DIR/test/nw/a.gold_conll:1): a document belongs to one split"
	if err == nil || strings.ReplaceAll(err.Error(), filepath.Join(filepath.Dir(e.File), "corpus"), "DIR") != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestSummaries takes reference summaries from a file, by document and part.
func TestSummaries(t *testing.T) {
	e := corpus(t, standard, "")
	file := filepath.Join(filepath.Dir(e.File), "summaries.jsonl")
	e.Summaries = experiment.Summaries{From: "file", Path: "summaries.jsonl"}
	text := `{"document": "nw/b", "share": 0.1, "summary": "Wet."}
{"document": "nw/a", "share": 0.5, "summary": "Too long."}
{"document": "nw/c", "part": 1, "share": 0.1, "summary": "Dull."}
{"document": "bn/d", "share": 0.1, "summary": "Mixed."}
`
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	dir, err := job(t, e, "sum")
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := table.Read[table.Example](filepath.Join(dir, ExamplesFile))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, r.ID+" "+strings.TrimSpace(r.Completion))
	}
	if want := "nw/b/0 Wet.; nw/c/1 Dull.; bn/d/0 Mixed."; strings.Join(got, "; ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "; "), want)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	var bad *datasets.Error
	if _, err := job(t, e, "sum"); !errors.As(err, &bad) || err.Error() != file+": there is no such file: it is to hold the reference summaries" {
		t.Errorf("got %v", err)
	}
}
