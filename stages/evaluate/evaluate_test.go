package evaluate

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/answers"
	"taskvec/internal/experiment"
	"taskvec/internal/ollama"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/internal/tokenizer"
	"taskvec/stages/build"
	"taskvec/tasks"
)

// TestMeasures: the first is the task's score.
func TestMeasures(t *testing.T) {
	for _, c := range []struct{ task, main string }{
		{"sum", "rouge_l"}, {"ner", "rouge_l"}, {"ner-list", "entity_f1"}, {"coref-list", "mention_f1"}, {"srl-list", "predicate_f1"},
		{"syntax-list", "item_f1"}, {"every-2-words", "edit_similarity"}, {"has-date", "macro_f1"},
	} {
		known := tasks.Lookup(c.task)
		all := measuresOf(&task{name: c.task, kind: known.Kind, family: known.Family})
		if all[0].name != c.main {
			t.Errorf("the score of %s is %s, want %s", c.task, all[0].name, c.main)
		}
		seen := map[string]bool{}
		for _, m := range all {
			if seen[m.name] || (m.text == nil) == (m.labels == nil) {
				t.Errorf("%s: measure %s is there twice or not whole", c.task, m.name)
			}
			seen[m.name] = true
			if m.text != nil {
				reference := `TYPE: a, b; on.01("c","")`
				if v := m.text(reference, reference); v != 1 {
					t.Errorf("%s of the reference itself is %v", m.name, v)
				}
			}
		}
	}
}

func TestFrequent(t *testing.T) {
	rows := func(labels ...int32) (out []table.Example) {
		for _, l := range labels {
			out = append(out, table.Example{Label: l})
		}
		return out
	}
	for want, r := range map[int][]table.Example{0: rows(0, 1, 1, 0), 1: rows(1, 0, 1), 2: rows(2, 1, 2, 0, 1, 2)} {
		if got := frequent(r); got != want {
			t.Errorf("the most frequent label of %v is %d, want %d", r, got, want)
		}
	}
}

// letters is a tokenizer of x and y, whose texts begin with a start token or not.
func letters(t *testing.T, starts bool) *tokenizer.Tokenizer {
	t.Helper()
	after := "null"
	if starts {
		after = `{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}`
	}
	file := filepath.Join(t.TempDir(), tokenizer.FileName)
	text := `{"added_tokens": [{"id": 2, "content": "<s>", "special": true}], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
		"post_processor": ` + after + `, "model": {"type": "BPE", "vocab": {"x": 0, "y": 1}, "merges": []}}`
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	k, err := tokenizer.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestQuestions: how long an answer may be, and what does not fit.
func TestQuestions(t *testing.T) {
	e := &evaluation{set: &settings{NumPredict: 100, NumCtx: 200, Seed: 9}}
	row := func(prompt, completion int) table.Example {
		return table.Example{Prompt: strings.Repeat("x", prompt), Completion: strings.Repeat("y", completion)}
	}
	for _, c := range []struct {
		prompt, completion, model int
		context, predict          int // 0: does not fit
	}{
		{50, 10, 0, 200, 52},     // twice the reference and 32
		{50, 60, 0, 200, 100},    // the stage's limit
		{50, 99, 0, 200, 100},    // with the end of the reference
		{50, 100, 0, 200, 0},     // the end of the reference would be cut
		{150, 20, 4096, 200, 48}, // what is left of the context
		{150, 20, 180, 180, 28},  // of the model's
		{150, 20, 170, 0, 0},     // the reference would not fit
		{300, 1, 0, 0, 0},
	} {
		q := e.question(row(c.prompt, c.completion), ollama.Model{Context: c.model}, letters(t, true))
		switch {
		case c.predict == 0 && q != nil:
			t.Errorf("%+v: is asked: %+v", c, q.request)
		case c.predict > 0 && (q == nil || q.request.Context != c.context || q.request.Predict != c.predict || q.request.Seed != 9 || q.request.Chat):
			t.Errorf("%+v: %+v", c, q)
		}
	}
}

// TestLeftOut: what does not fit is counted for each model and adapter, and a task of which nothing is
// left is not lost.
func TestLeftOut(t *testing.T) {
	e := &evaluation{work: &pipeline.Work{}, set: &settings{NumPredict: 5, NumCtx: 200}, asker: &answers.Asker{Server: experiment.Server{Concurrency: 1}}}
	e.report.TooLong = map[string]map[string]int{}
	long := &task{name: "ner", kind: tasks.Causal, rows: []table.Example{{ID: "a", Prompt: "x", Completion: "yyyyy"}, {ID: "b", Prompt: "x", Completion: "yyyyyy"}}}
	for _, model := range []string{"m", "n"} {
		for _, adapter := range []string{None, "ner"} {
			if err := e.try(t.Context(), &tested{name: model, tokens: letters(t, false)}, adapter, ollama.Model{Name: model}, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	if e.report.TooLong["m"]["ner"] != 2 || e.report.TooLong["n"]["ner"] != 2 {
		t.Errorf("left out are %v", e.report.TooLong)
	}
	if len(e.rows) != 4 || e.rows[1] != (table.Evaluation{Model: "m", Adapter: "ner", Task: "ner", Measure: "left_out", Value: 1}) {
		t.Errorf("the rows are %+v", e.rows)
	}
}

// TestStartToken: a server that reads a prompt without the start token its tokenizer has, or with one
// that it has not, is found out.
func TestStartToken(t *testing.T) {
	for _, c := range []struct {
		starts bool
		counts int // by the server, of a prompt of four tokens
		ok     bool
	}{{true, 5, true}, {true, 4, false}, {true, 6, false}, {false, 4, true}, {false, 5, false}} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"response": "y", "done": true, "done_reason": "stop", "prompt_eval_count": %d, "eval_count": 2}`, c.counts)
		}))
		defer s.Close()
		client, err := ollama.New(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		e := &evaluation{
			work: &pipeline.Work{}, set: &settings{NumPredict: 100, NumCtx: 200},
			asker: &answers.Asker{Client: client, Folder: t.TempDir(), Server: experiment.Server{Concurrency: 1}},
		}
		asked := &task{name: "ner", kind: tasks.Causal, rows: []table.Example{{ID: "a", Prompt: "xxxx", Completion: "y"}}}
		err = e.try(t.Context(), &tested{name: "m", tokens: letters(t, c.starts)}, None, ollama.Model{Name: "m"}, asked)
		var bad *ollama.Error
		if (err == nil) != c.ok || err != nil && !errors.As(err, &bad) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestServerNames: models of two jobs and two workspaces have different names, which Ollama accepts.
func TestServerNames(t *testing.T) {
	e := func(dir, key string) *evaluation { return &evaluation{work: &pipeline.Work{Dir: dir, Key: key}} }
	a := e("/runs/store/tmp-a", "k").serverName("m-ner#1235")
	if !strings.HasSuffix(a, "-m-ner-1235") || a != e("/runs/store/tmp-b", "k").serverName("m-ner#1235") {
		t.Errorf("the name is %s", a)
	}
	if a == e("/other/store/tmp-a", "k").serverName("m-ner#1235") || a == e("/runs/store/tmp-a", "l").serverName("m-ner#1235") {
		t.Error("two jobs share a name")
	}
}

// TestNoTestExamples: a task without any is bad data, not a score of nothing.
func TestNoTestExamples(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, build.ExamplesFile)
	if err := table.Write(file, []table.Example{{ID: "a", Split: "train"}}, map[string]string{"task": "ner", "kind": "causal"}); err != nil {
		t.Fatal(err)
	}
	if _, err := readTask(pipeline.Input{Dir: dir}, 0); err == nil || !strings.Contains(err.Error(), "no test examples") {
		t.Errorf("%v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := readTask(pipeline.Input{Dir: dir}, 0); err == nil {
		t.Error("a missing file is accepted")
	}
}

// TestGain: the interval of a gain that is the same for every example is that gain; one of a half that is
// 1 and a half −1 holds 0, about ±1.96/√n wide.
func TestGain(t *testing.T) {
	for _, c := range []struct {
		gains     func(i int) float64
		low, high float64
	}{{func(int) float64 { return 0.25 }, 0.25, 0.25}, {func(i int) float64 { return float64(2*(i%2) - 1) }, -0.196, 0.196}} {
		e := &evaluation{set: &settings{Seed: 1}}
		e.gain("m", "ner", &task{name: "ner"}, 100, func(sample []int) (g float64) {
			for _, i := range sample {
				g += c.gains(i) / 100
			}
			return g
		})
		if len(e.rows) != 2 || math.Abs(e.rows[0].Value-c.low) > 0.03 || math.Abs(e.rows[1].Value-c.high) > 0.03 {
			t.Errorf("%+v, want from %v to %v", e.rows, c.low, c.high)
		}
	}
}
