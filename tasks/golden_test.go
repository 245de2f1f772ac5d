package tasks

import (
	"os"
	"strings"
	"testing"

	"taskvec/datasets"
)

// TestDocuments holds each linguistic task to documents whose targets were worked by hand. A file
// is documents in the notation of the sample corpus below `== what it is about`; lines of the
// target start with =>, and are joined by a space. `=> skipped: reason` is a document that cannot
// carry the task.
func TestDocuments(t *testing.T) {
	for _, task := range catalogue {
		if task.Family != LinguisticFamily {
			continue
		}
		src, err := os.ReadFile("testdata/" + task.Name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		cases := strings.Split("\n"+string(src), "\n== ")[1:]
		if len(cases) < 10 {
			t.Errorf("%s: %d documents, want 10 at least", task.Name, len(cases))
		}
		for _, c := range cases {
			about, rest, _ := strings.Cut(c, "\n")
			var tree, want []string
			for line := range strings.Lines(rest) {
				if target, ok := strings.CutPrefix(line, "=>"); ok {
					want = append(want, strings.TrimSpace(target))
				} else {
					tree = append(tree, line)
				}
			}
			d := annotated(t, strings.Join(tree, ""))
			got := ""
			if examples, skipped := task.Examples(&Input{Document: d}); skipped != "" {
				got = "skipped: " + skipped
			} else {
				got = strings.TrimSuffix(examples[0].Completion, "\n")
			}
			if want := strings.Join(want, " "); got != want || want == "" {
				t.Errorf("%s: %s: %s\n%s\nwant\n%s", task.Name, about, d.Text(), got, want)
			}
		}
	}
}

// TestContinuedVerb: corpora have C-V, which the notation of the documents above has not.
func TestContinuedVerb(t *testing.T) {
	d := annotated(t, "(S (NP (NNP Mona)) (VP (VBD took) (NP (DT the) (NN hat)) (PRT (RP off))) (. .))\np: take.01@took ARG0=\"Mona\" ARG1=\"the hat\"")
	f := &d.Sentences[0].Frames[0]
	f.Arguments = append(f.Arguments, datasets.Argument{Label: "C-V", Span: datasets.Span{Start: 4, End: 5}})
	if got, _ := coreArguments(&Input{Document: d}); got != "Mona took the hat off." {
		t.Error(got)
	}
	if got, _ := predicateList(&Input{Document: d}); got != `take.01("Mona","the hat")` {
		t.Error(got)
	}
}

// TestDocumentation holds the worked examples of docs/tasks.md to what is built.
func TestDocumentation(t *testing.T) {
	src, err := os.ReadFile("testdata/example.txt")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/tasks.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	in := &Input{Document: annotated(t, string(src)), Summary: "A summary."}
	if !strings.Contains(page, "\n> "+in.Text()+"\n") {
		t.Errorf("the document is not on the page: %s", in.Text())
	}
	for _, task := range catalogue {
		examples, skipped := task.Examples(in)
		if skipped != "" {
			t.Errorf("%s: skipped %q", task.Name, skipped)
			continue
		}
		var want []string // on the page
		switch task.Family {
		case LinguisticFamily:
			want = []string{"### " + task.Name + "\n`" + task.Prompt + "`\n", "\n> " + strings.TrimSuffix(examples[0].Completion, "\n") + "\n"}
		case CountingFamily:
			prompt := strings.TrimPrefix(task.Prompt, "In the following document, ")
			want = []string{"| `" + task.Name + "` | " + prompt + " | " + strings.TrimSuffix(examples[0].Completion, "\n") + " |\n"}
		case SummaryFamily:
			want = []string{"`" + task.Name + "`", "`" + task.Prompt + "`"}
		case ClassificationFamily:
			var labels []string
			for _, e := range examples {
				labels = append(labels, task.Labels[e.Label])
			}
			want = []string{"| `" + task.Name + "` | ", " | " + strings.Join(labels, " ") + " |\n"}
		}
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("%s: not on the page: %s", task.Name, w)
			}
		}
	}
}
