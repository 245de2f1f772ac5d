package datasets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// openText is ReadSheet on a file, ReadFolder on a folder.
func openText(file string) (*Sheet, error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return ReadFolder(file), nil
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return ReadSheet(file, src)
}

// own is the set of testdata/sets/own.
var own = NewSet("own", "remark", "answer", "kind", []string{"talk", "order"})

// TestLayouts reads a small set in each layout; what stands in the files was written by hand, and
// so was this.
func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		dir      string
		set      *Set
		rows     []string // split file:line label | text | pair, of the rows with labels
		blank    int      // rows without
		problems []string
		leftOut  []string
	}{
		{dir: "rte", set: KnownSet("rte"), rows: []string{
			`train train.tsv:2 entailment | The mill on the Orle closed in May, and "nobody" bought it. | The mill closed.`,
			`train train.tsv:3 not_entailment | Ada sold her boat to a neighbour. | Ada bought a boat.`,
			`validation dev.tsv:2 entailment | Rain fell all week in the valley. | The valley was wet.`,
		}, blank: 1, problems: []string{"train.tsv:4: has 5 fields where the first line has 4"}},
		{dir: "sst2", set: KnownSet("sst2"), rows: []string{
			`train train.tsv:2 positive | a warm , patient film about bees`,
			`train train.tsv:3 negative | a "comedy" that forgets to be funny`,
			`validation dev.tsv:2 positive | worth every minute of the queue`,
		}, blank: 1},
		{dir: "cola", set: KnownSet("cola"), rows: []string{
			`train train.tsv:1 acceptable | The gardener watered the beans.`,
			`train train.tsv:2 unacceptable | The gardener watered to the beans the.`,
			`validation dev.tsv:1 acceptable | Whose ladder did you borrow?`,
		}, blank: 1},
		{dir: "mrpc", set: KnownSet("mrpc"), rows: []string{
			`train msr_paraphrase_train.txt:2 equivalent | The council approved the plan on Friday. | On Friday the plan was approved by the council.`,
			`train msr_paraphrase_train.txt:3 not_equivalent | "We are late," he said. | He said they were early.`,
			`test msr_paraphrase_test.txt:2 equivalent | Prices rose by two percent. | Prices went up two percent.`,
		}},
		{dir: "mnli", set: KnownSet("mnli"), rows: []string{
			`train train.tsv:2 contradiction | The clock in the hall has stopped. | The clock works well.`,
			`train train.tsv:3 entailment | She wrote to her aunt twice a year. | She had an aunt.`,
			`train train.tsv:4 neutral | They met in a café. | They met in spring.`,
			`validation dev_matched.tsv:2 neutral | The tea is cold. | The tea was hot once.`,
		}, blank: 1, leftOut: []string{"dev_mismatched.tsv"}},
		{dir: "qnli", set: KnownSet("qnli"), rows: []string{
			`train train.tsv:2 entailment | Who keeps the key of the tower? | The key of the tower is kept by the baker.`,
			`train train.tsv:3 not_entailment | When was the well dug? | The well is forty feet deep.`,
			`validation dev.tsv:2 entailment | Where do the geese sleep? | The geese sleep on the island.`,
		}},
		{dir: "qqp", set: KnownSet("qqp"), rows: []string{
			`train train.tsv:2 duplicate | How do I sharpen a chisel? | What is the way to sharpen a chisel?`,
			`train train.tsv:6 not_duplicate | Is the pass open in May? | Is the pass steep?`,
			`validation dev.tsv:2 duplicate | Can goats swim? | Do goats swim?`,
		}, problems: []string{ // a line break within a question, and an empty one
			"train.tsv:3: has 4 fields where the first line has 6",
			"train.tsv:4: has 3 fields where the first line has 6",
			"train.tsv:5: has no text",
		}},
		{dir: "wnli", set: KnownSet("wnli"), rows: []string{
			`train train.tsv:2 not_entailment | The jug stood on the shelf until it broke. | The shelf broke.`,
			`train train.tsv:3 entailment | Mia thanked Ida because she had helped. | Ida had helped.`,
		}},
		{dir: "snli", set: KnownSet("snli"), rows: []string{
			`train snli_1.0_train.jsonl:1 neutral | A man leans on a gate. | A man waits for his cows.`,
			`train snli_1.0_train.jsonl:3 contradiction | A dog sleeps under a cart. | A dog is running.`,
			`validation snli_1.0_dev.jsonl:1 entailment | A woman in a red coat rows a boat. | A woman rows.`,
			`test snli_1.0_test.jsonl:1 entailment | Boys throw snow at a wall. | It has snowed.`,
		}, blank: 1, leftOut: []string{"snli_1.0_train.txt"}},
		{dir: "imdb", set: KnownSet("imdb"), rows: []string{
			`train train.csv:2 neg | A dull hour.<br /><br />I "left" early, twice.`,
			"train train.csv:3 pos | A film to see\nwith an old friend.",
			`test test.csv:2 pos | Grand.`,
		}, leftOut: []string{"unsupervised.csv"}},
		{dir: "aclImdb", set: KnownSet("imdb"), rows: []string{
			"train neg/0_2.txt:0 neg | An hour of rain.<br /><br />No umbrella.",
			"train pos/0_9.txt:0 pos | The goat steals the film.",
			"train pos/1_8.txt:0 pos | Kind, and short.",
			"test neg/0_1.txt:0 neg | Why?",
			"test pos/0_10.txt:0 pos | Go.",
		}, blank: 1},
		{dir: "yelp_polarity", set: KnownSet("yelp_polarity"), rows: []string{
			`train train.csv:1 negative | Cold soup, and a "warm" beer.`,
			`train train.csv:2 positive | The baker knows\nher trade.`,
			`test test.csv:1 positive | We will come again.`,
		}},
		{dir: "hf/rte", set: KnownSet("rte"), rows: []string{
			`train train.csv:2 entailment | The hens, all nine, are back. | The hens are back.`,
			`train train.csv:3 not_entailment | Nobody swam. | Some swam.`,
			`validation validation.csv:2 not_entailment | The lamp is lit. | The lamp is out.`,
		}, blank: 1},
		{dir: "hf/mnli", set: KnownSet("mnli"), rows: []string{
			`train train-00000-of-00002.jsonl:1 entailment | Eve came by train. | Eve came.`,
			`train train-00001-of-00002.jsonl:1 contradiction | It is noon. | It is dark.`,
			`validation validation_matched-00000-of-00001.jsonl:1 neutral | Lew hums. | Lew is glad.`,
		}, leftOut: []string{"validation_mismatched-00000-of-00001.jsonl"}},
		{dir: "hf/yelp_polarity", set: KnownSet("yelp_polarity"), rows: []string{
			`train train.csv:2 negative | Stale bread.`,
			`train train.csv:3 positive | Good stew.`,
		}},
		{dir: "own/all.csv", set: own, rows: []string{
			`train all.csv:2 talk | Is it far? | Yes, an hour.`,
			`train all.csv:3 order | Shut the door. | No.`,
			`train all.csv:4 order | Sing! | Why?`,
			`train all.csv:6 talk | Is it late? | Ten.`,
		}, blank: 1},
	} {
		t.Run(c.dir, func(t *testing.T) {
			path := filepath.Join("testdata", "sets", filepath.FromSlash(c.dir))
			files, err := FindSet(path)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(files.LeftOut, c.leftOut) {
				t.Errorf("left out %q, want %q", files.LeftOut, c.leftOut)
			}
			var rows, problems []string
			blank := 0
			for _, f := range files.files {
				sheet, err := openText(f.path)
				if err != nil {
					t.Fatal(err)
				}
				all, bad, err := c.set.Rows(sheet, f.split)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range all {
					if r.Label == Unlabelled {
						blank++
						continue
					}
					rows = append(rows, format(c.set, r))
				}
				for _, p := range bad {
					problems = append(problems, fmt.Sprintf("%s:%d: %s", filepath.Base(p.File), p.Line, p.Msg))
				}
			}
			if !slices.Equal(rows, c.rows) {
				t.Errorf("rows\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(c.rows, "\n"))
			}
			if blank != c.blank || !slices.Equal(problems, c.problems) {
				t.Errorf("%d unlabelled, want %d; problems %q, want %q", blank, c.blank, problems, c.problems)
			}
		})
	}
}

// format is a row in one line.
func format(s *Set, r LabelledRow) string {
	line := fmt.Sprintf("%s %s:%d %s | %s", r.Split, r.File, r.Line, s.Labels[r.Label], r.Text)
	if r.Pair != "" {
		line += " | " + r.Pair
	}
	return line
}

// TestLabels holds what a label column may hold.
func TestLabels(t *testing.T) {
	rte, stars := KnownSet("rte"), NewSet("stars", "text", "", "stars", []string{"1", "2", "3"})
	for _, c := range []struct {
		set   *Set
		field string
		want  int
		ok    bool
	}{
		{rte, "entailment", 0, true}, {rte, "1", 1, true}, {rte, "1.0", 1, true}, {rte, "", -1, true}, {rte, "-", -1, true},
		{rte, "-1", -1, true}, {rte, "-1.0", -1, true}, {rte, "2", 0, false}, {rte, "-2", 0, false}, {rte, "NaN", 0, false}, {rte, "1e300", 0, false},
		// Labels that are numbers are names: 1 is the first of them, and 0 is none.
		{stars, "1", 0, true}, {stars, "3", 2, true}, {stars, "0", 0, false}, {stars, "-1", -1, true},
	} {
		got, ok := c.set.label(&c.set.layouts[0], c.field)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s %q: %d, %v", c.set.Name, c.field, got, ok)
		}
	}
}

// TestBadSets reads files with one fault each; the .err beside it is the message.
func TestBadSets(t *testing.T) {
	files, err := filepath.Glob("testdata/bad-sets/*")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range files {
		name := filepath.Base(file)
		if filepath.Ext(name) == ".err" {
			continue
		}
		count++
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join("testdata/bad-sets", strings.ReplaceAll(name, ".", "-")+".err"))
			if err != nil {
				t.Fatal(err)
			}
			sheet, err := ReadSheet(name, src)
			if err == nil {
				_, _, err = KnownSet("rte").Rows(sheet, Train)
			}
			var bad *Error
			if !errors.As(err, &bad) || err.Error()+"\n" != string(want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
	if count < 15 {
		t.Errorf("only %d files", count)
	}
}

// TestFileSplit holds which file names name which split.
func TestFileSplit(t *testing.T) {
	for name, want := range map[string]Split{
		"train": Train, "snli_1.0_train": Train, "msr_paraphrase_test": Test, "train-00003-of-00012": Train, "dev": Validation,
		"valid": Validation, "val": Validation, "validation-00000-of-00001": Validation, "dev_matched": Validation,
		"validation_matched": Validation, "dev_mismatched": "", "dev_ids": "", "matched": "", "unsupervised": "", "mytrain": "", "TRAIN": Train, "-": "",
	} {
		if got, _ := fileSplit(name); got != want {
			t.Errorf("%s: split %q, want %q", name, got, want)
		}
	}
}

// write makes files in a new folder.
func write(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// rows is a TSV file of n labelled rows.
func rows(n int) string {
	var b strings.Builder
	b.WriteString("sentence\tlabel\n")
	for i := range n {
		fmt.Fprintf(&b, "row %d\t%d\n", i, i%2)
	}
	return b.String()
}

// TestSetSplits draws the splits that a set's files do not have, and as many rows as are asked for.
func TestSetSplits(t *testing.T) {
	blank := "index\tsentence\n0\tnobody knows\n"
	for _, c := range []struct {
		name                    string
		files                   map[string]string
		counts                  SplitCounts
		train, validation, test int
		drawn                   []Split
		err                     string
	}{
		{"all there", map[string]string{"train.tsv": rows(20), "dev.tsv": rows(4), "test.tsv": rows(5)}, SplitCounts{}, 20, 4, 5, nil, ""},
		{"GLUE", map[string]string{"train.tsv": rows(21), "dev.tsv": rows(4), "test.tsv": blank}, SplitCounts{}, 18, 4, 3, []Split{Test}, ""},
		{"train alone", map[string]string{"train.tsv": rows(20)}, SplitCounts{}, 16, 2, 2, []Split{Validation, Test}, ""},
		{"large", map[string]string{"train.tsv": rows(20000)}, SplitCounts{}, 18000, 1000, 1000, []Split{Validation, Test}, ""},
		{"counts", map[string]string{"train.tsv": rows(20), "dev.tsv": rows(9)}, SplitCounts{7, 4, 3}, 7, 4, 3, []Split{Test}, ""},
		{"too few to train", map[string]string{"train.tsv": rows(20)}, SplitCounts{17, 2, 2}, 0, 0, 0, nil, "DIR: the split draws 17 train rows and 16 labelled train rows are left: lower its counts"},
		{"too few of its own", map[string]string{"train.tsv": rows(20), "dev.tsv": rows(1)}, SplitCounts{1, 2, 1}, 0, 0, 0, nil, "DIR: the split draws 2 validation rows and 1 labelled ones are left: lower its counts"},
		{"no train", map[string]string{"dev.tsv": rows(3)}, SplitCounts{}, 0, 0, 0, nil, "DIR: has no train file, such as train.tsv, train.csv, train.jsonl or train.parquet; it holds dev.tsv"},
		{"two trains", map[string]string{"train.tsv": rows(3), "my_train.tsv": rows(3)}, SplitCounts{}, 0, 0, 0, nil, "DIR: my_train.tsv and train.tsv both hold train rows: leave one of them there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, c.files)
			read := func(seed int64) (*SetRows, error) {
				files, err := FindSet(dir)
				if err != nil {
					return nil, err
				}
				return files.Read(KnownSet("sst2"), SetOptions{Split: c.counts, Seed: seed}, openText)
			}
			got, err := read(7)
			if c.err != "" {
				var bad *Error
				if !errors.As(err, &bad) || strings.ReplaceAll(err.Error(), dir, "DIR") != c.err {
					t.Errorf("got  %v\nwant %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n := map[Split]int{}
			place := map[string]bool{}
			for i, r := range got.Rows {
				n[r.Split]++
				at := fmt.Sprintf("%s:%d", r.File, r.Line)
				if place[at] {
					t.Errorf("row %s stands in two splits", at)
				}
				place[at] = true
				if i > 0 && got.Rows[i-1].Split == r.Split && got.Rows[i-1].Line >= r.Line {
					t.Errorf("row %s is out of order", at)
				}
			}
			if n[Train] != c.train || n[Validation] != c.validation || n[Test] != c.test || !slices.Equal(got.Drawn, c.drawn) {
				t.Errorf("%v, drawn %v", n, got.Drawn)
			}
			again, err := read(7)
			if err != nil || !reflect.DeepEqual(got, again) {
				t.Errorf("the same seed draws other rows (%v)", err)
			}
			if other, err := read(8); err != nil || c.drawn != nil && reflect.DeepEqual(got.Rows, other.Rows) {
				t.Errorf("another seed draws the same rows (%v)", err)
			}
		})
	}
}

// TestDrawTogether keeps rows of the same texts in one split when a split is drawn.
func TestDrawTogether(t *testing.T) {
	twice := rows(40) + strings.TrimPrefix(rows(40), "sentence\tlabel\n")
	for seed := range int64(20) {
		files, err := FindSet(write(t, map[string]string{"train.tsv": twice}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := files.Read(KnownSet("sst2"), SetOptions{Seed: seed}, openText)
		if err != nil {
			t.Fatal(err)
		}
		split := map[string]Split{}
		for _, r := range got.Rows {
			if s, ok := split[r.Text]; ok && s != r.Split {
				t.Errorf("seed %d: %q stands in %s and %s", seed, r.Text, s, r.Split)
			}
			split[r.Text] = r.Split
		}
		if len(got.Rows) != 80 {
			t.Errorf("%d rows of 80", len(got.Rows))
		}
	}
}

// TestSetDigest changes with a file's bytes and name, and not with its folder.
func TestSetDigest(t *testing.T) {
	digest := func(files map[string]string) string {
		f, err := FindSet(write(t, files))
		if err != nil {
			t.Fatal(err)
		}
		d, err := f.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	base := digest(map[string]string{"train.tsv": rows(3), "dev.tsv": rows(2)})
	if digest(map[string]string{"train.tsv": rows(3), "dev.tsv": rows(2), "README.txt": "not read"}) != base {
		t.Error("a file that is not read changes the digest")
	}
	for _, other := range []map[string]string{
		{"train.tsv": rows(3), "dev.tsv": rows(3)}, {"train.tsv": rows(3), "test.tsv": rows(2)}, {"train.tsv": rows(3)},
	} {
		if digest(other) == base {
			t.Errorf("%v: the same digest", other)
		}
	}
}

// TestSetFolder reports a text of another label and one that is not UTF-8 by their files, and
// notices a change of one.
func TestSetFolder(t *testing.T) {
	dir := t.TempDir()
	read := func(name, text string) (string, error) {
		for name, text := range map[string]string{"train/pos/a.txt": "One.", "train/neg/b.txt": "Two.", name: text} {
			file := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		files, err := FindSet(dir)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := files.Digest()
		if err != nil {
			t.Fatal(err)
		}
		_, err = files.Read(KnownSet("imdb"), SetOptions{}, openText)
		return digest, err
	}
	one, err := read("train/pos/c.txt", "Three.")
	if err != nil {
		t.Fatal(err)
	}
	if same, err := read("train/notes.txt", "not read"); err != nil || same != one {
		t.Errorf("a file that is no text changes the digest (%v)", err)
	}
	if other, err := read("train/pos/c.txt", "Four."); err != nil || other == one {
		t.Errorf("a change of a text does not change the digest (%v)", err)
	}
	for name, want := range map[string]string{"train/pos/c.txt": "train/pos/c.txt: is not UTF-8", "train/meh/d.txt": `train/meh/d.txt: label "meh" is none of neg, pos, 0 to 1`} {
		text := "Five.\xff"
		if strings.Contains(name, "meh") {
			text = "Six."
		}
		_, err := read(name, text)
		var bad *Error
		if !errors.As(err, &bad) || filepath.ToSlash(strings.TrimPrefix(err.Error(), dir+string(filepath.Separator))) != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzReadSheet looks for panics, for errors that are not *Error and for rows that have another
// number of fields than was asked for.
func FuzzReadSheet(f *testing.F) {
	for _, pattern := range []string{"testdata/sets/*/*.*", "testdata/bad-sets/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			if i := slices.Index(TextFormats, filepath.Ext(file)); i >= 0 {
				src, err := os.ReadFile(file)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(uint8(i), src)
			}
		}
	}
	f.Fuzz(func(t *testing.T, format uint8, src []byte) {
		s, err := ReadSheet("f"+TextFormats[int(format)%len(TextFormats)], src)
		if err == nil {
			all := make([]int, len(s.Columns))
			for i := range all {
				all[i] = i
			}
			last := 0
			err = s.Read(all, func(r Record) error {
				if r.Line <= last {
					t.Fatalf("line %d after line %d", r.Line, last)
				}
				last = r.Line
				if (r.Fields == nil) != (r.Problem != "") || r.Fields != nil && len(r.Fields) != len(all) {
					t.Fatalf("%d fields of %d, problem %q", len(r.Fields), len(all), r.Problem)
				}
				return nil
			})
			for _, set := range []*Set{KnownSet("cola"), own} {
				if _, _, err := set.Rows(s, Test); err != nil {
					checkBad(t, err)
				}
			}
		}
		if err != nil {
			checkBad(t, err)
		}
	})
}

// checkBad wants an *Error.
func checkBad(t *testing.T, err error) {
	var bad *Error
	if !errors.As(err, &bad) {
		t.Fatalf("%T: %v", err, err)
	}
}
