package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
)

// sets is an experiment with classification sets: files by path, and the mapping of sets.
func sets(t *testing.T, files map[string]string, declared string) *experiment.Experiment {
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	e, err := experiment.Parse(filepath.Join(dir, "x.yaml"), []byte(`experiment: x
seed: 7
models: {tiny: {family: roberta, architecture: {}}}
sets: {`+declared+`}
stages: [{name: examples, uses: build, with: {tasks: [has-date]}}]
`), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const wnli = "index\tsentence1\tsentence2\tlabel\n" +
	"0\tThe jug stood on the shelf until it broke.\tThe shelf broke.\t0\n" +
	"1\tMia thanked Ida because she had helped.\tIda had helped.\t1\n" +
	"2\tTwo fields\t0\n" +
	"3\tNobody knows.\tWho knows.\t-1\n"

// TestSet builds a pair set of GLUE and a Parquet set of one's own with three labels.
func TestSet(t *testing.T) {
	parquet, err := os.ReadFile("../../internal/table/testdata/pyarrow.parquet")
	if err != nil {
		t.Fatal(err)
	}
	e := sets(t, map[string]string{
		"WNLI/train.tsv":                wnli,
		"WNLI/dev.tsv":                  "index\tsentence1\tsentence2\tlabel\n0\tThe cat saw the mouse before it hid.\tThe mouse hid.\t1\n",
		"WNLI/test.tsv":                 "index\tsentence1\tsentence2\n0\tA\tB\n",
		"WNLI/dev_extra.tsv":            "",
		"p/train.parquet":               string(parquet),
		"p/validation.jsonl":            "",
		"p/test-00000-of-00001.csv":     "",
		"p/validation-0-of-1.parquet":   string(parquet),
		"p/test-00000-of-00001.parquet": string(parquet),
	}, "wnli: {path: WNLI}, mine: {path: p, text: sentence1, label: label, labels: [maybe, sure, never]}")
	for task, want := range map[string]struct {
		rows         []table.Example
		meta, report string
	}{
		"wnli": {
			// The test split has no labels of its own: the train row whose digest of seed and texts
			// is the least (by Python's hashlib) is drawn for it.
			[]table.Example{
				{ID: "train.tsv:2", Split: "train", Text: "The jug stood on the shelf until it broke.", TextPair: "The shelf broke.", Label: 0},
				{ID: "dev.tsv:2", Split: "validation", Text: "The cat saw the mouse before it hid.", TextPair: "The mouse hid.", Label: 1},
				{ID: "train.tsv:3", Split: "test", Text: "Mia thanked Ida because she had helped.", TextPair: "Ida had helped.", Label: 1},
			},
			`["not_entailment","entailment"]`,
			`rows map[test:1 train:1 validation:1], 3 rows, skipped map[has 3 fields where the first line has 4:1 no label:2], drawn [test], left out [dev_extra.tsv], problems [train.tsv:4: has 3 fields where the first line has 4]`,
		},
		"mine": {
			[]table.Example{
				{ID: "train.parquet:1", Split: "train", Text: "The hens, all nine, are back."},
				{ID: "train.parquet:2", Split: "train", Text: "She said \"no\"\nand left.", Label: 1},
				{ID: "validation-0-of-1.parquet:1", Split: "validation", Text: "The hens, all nine, are back."},
				{ID: "validation-0-of-1.parquet:2", Split: "validation", Text: "She said \"no\"\nand left.", Label: 1},
				{ID: "test-00000-of-00001.parquet:1", Split: "test", Text: "The hens, all nine, are back."},
				{ID: "test-00000-of-00001.parquet:2", Split: "test", Text: "She said \"no\"\nand left.", Label: 1},
			},
			`["maybe","sure","never"]`,
			`rows map[test:2 train:2 validation:2], 6 rows, skipped map[has no text:3 no label:6], drawn [], left out [test-00000-of-00001.csv validation.jsonl], problems [train.parquet:4: has no text validation-0-of-1.parquet:4: has no text test-00000-of-00001.parquet:4: has no text]`,
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
		wantMeta := map[string]string{"task": task, "family": "classification", "kind": "classification", "labels": want.meta}
		if !reflect.DeepEqual(rows, want.rows) || !reflect.DeepEqual(meta, wantMeta) {
			t.Errorf("%s:\n%+v\n%v\nwant\n%+v\n%v", task, rows, meta, want.rows, wantMeta)
		}
		var r Report
		b, err := os.ReadFile(filepath.Join(dir, ReportFile))
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("rows %v, %d %s, skipped %v, drawn %v, left out %v, problems %v", r.Rows, r.Documents, r.Unit, r.Skipped, r.Drawn, r.LeftOut, r.Problems); got != want.report {
			t.Errorf("%s: report\n%s\nwant\n%s", task, got, want.report)
		}
	}
}

// TestSetSettings holds that a set's job reads the set alone, and the jobs of a corpus none.
func TestSetSettings(t *testing.T) {
	resolve := func(e *experiment.Experiment, task string) (string, map[string]string) {
		set, paths, err := Kind.Resolve(e, &e.Stages[0], pipeline.Cell{"task": task})
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		return string(b), paths
	}
	files := map[string]string{"WNLI/train.tsv": wnli, "WNLI/notes.md": "x"}
	base, paths := resolve(sets(t, files, "wnli: {path: WNLI}"), "wnli")
	if strings.Contains(base, "corpus") || len(paths) != 1 || filepath.Base(paths[setPath]) != "WNLI" {
		t.Errorf("settings %s, paths %v", base, paths)
	}
	files["WNLI/notes.md"] = "y"
	if again, _ := resolve(sets(t, files, "wnli: {path: WNLI}"), "wnli"); again != base {
		t.Errorf("the same set elsewhere gives %s, not %s", again, base)
	}
	if other, _ := resolve(sets(t, files, "wnli: {path: WNLI, split: {train: 1, validation: 1, test: 1}}"), "wnli"); other == base {
		t.Error("other counts give the same settings")
	}
	files["WNLI/train.tsv"] += "4\tA b.\tB c.\t1\n"
	if other, _ := resolve(sets(t, files, "wnli: {path: WNLI}"), "wnli"); other == base {
		t.Error("other files give the same settings")
	}
	with, _ := resolve(sets(t, files, "wnli: {path: WNLI}"), "has-date")
	without, _ := resolve(sets(t, nil, ""), "has-date")
	if with != without || strings.Contains(with, "set") {
		t.Errorf("sets change the settings of a corpus's task: %s, without %s", with, without)
	}
}

// TestSetErrors says what is wrong with a set and that it is bad input data.
func TestSetErrors(t *testing.T) {
	const mine = "mine: {path: p, text: t, pair: u, label: l, labels: [no, yes]}"
	for _, c := range []struct {
		files    map[string]string
		declared string
		want     string
	}{
		{nil, mine, "DIR: there is no such set: set sets.mine.path"},
		{map[string]string{"p/README.md": ""}, mine, "DIR: has no train file, such as train.tsv, train.csv, train.jsonl or train.parquet; it holds README.md"},
		{map[string]string{"p/train.csv": "t,u,label\na,b,yes\n"}, mine, `DIR/train.csv:1: has no column "l"; it has t, u, label`},
		{map[string]string{"p/train.csv": "t,u,l\na,b,yes\nc,d,perhaps\n"}, mine, `DIR/train.csv:3: label "perhaps" is none of no, yes, 0 to 1`},
		{map[string]string{"p/train.csv": "t,u,l\na,b,yes\nc,d,\n,e,1\n"}, mine, "DIR: task mine finds no train example (rows skipped: 1: has no text; 1: no label)"},
		{map[string]string{"p/train.parquet": "PAR1"}, mine, "DIR/train.parquet: is not Parquet: "},
	} {
		e := sets(t, c.files, c.declared)
		_, err := job(t, e, "mine")
		dir := filepath.Join(filepath.Dir(e.File), "p")
		var bad *datasets.Error
		var badTable *table.Error
		if got := strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"); !errors.As(err, &bad) && !errors.As(err, &badTable) || !strings.HasPrefix(got, c.want) {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestSetChanged refuses files that are not those the job was planned with.
func TestSetChanged(t *testing.T) {
	e := sets(t, map[string]string{"WNLI/train.tsv": wnli}, "wnli: {path: WNLI}")
	cell := pipeline.Cell{"task": "wnli"}
	set, paths, err := Kind.Resolve(e, &e.Stages[0], cell)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(paths[setPath], "train.tsv"), []byte(wnli+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	w, err := pipeline.NewWork("examples/wnli", cell, t.TempDir(), set, paths, nil, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := Kind.Run(context.Background(), w); err == nil || !strings.HasSuffix(err.Error(), "was changed while the experiment was running: run it again") {
		t.Errorf("error %v", err)
	}
}
