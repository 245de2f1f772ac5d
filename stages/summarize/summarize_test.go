package summarize

import (
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/sample"
	"taskvec/internal/ollama"
)

// document is a document of n words between spaces, in sentences of five.
func document(n int) *datasets.Document {
	d := &datasets.Document{ID: "nw/made"}
	for range n / 5 {
		var s datasets.Sentence
		for range 4 {
			s.Tokens = append(s.Tokens, datasets.Token{Word: "word"})
		}
		s.Tokens = append(s.Tokens, datasets.Token{Word: "end"}, datasets.Token{Word: "."}) // no space before it
		d.Sentences = append(d.Sentences, s)
	}
	return d
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		words  int
		share  float64
		target int
	}{{100, 0.1, 10}, {105, 0.1, 11}, {5, 0.1, 1}, {30, 0.1, 3}, {30, 0.5, 15}, {35, 0.5, 18}} {
		drafts := newDrafts([]*datasets.Document{document(c.words)}, c.share)
		if len(drafts) != 1 || drafts[0].words != c.words || drafts[0].target != c.target {
			t.Errorf("%g of %d words: %+v, want %d", c.share, c.words, drafts, c.target)
		}
	}
	if drafts := newDrafts([]*datasets.Document{{ID: "nw/empty"}}, 0.1); len(drafts) != 0 {
		t.Errorf("a document without words: %+v", drafts)
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		target, words int
		fits          bool
	}{{20, 20, true}, {20, 10, true}, {20, 9, false}, {20, 30, true}, {20, 31, false}, {2, 5, true}, {2, 6, false}, {3, 0, false}, {3, 1, true}} {
		d := draft{target: c.target, summary: strings.Repeat("word ", c.words)}
		if d.fits() != c.fits {
			t.Errorf("%d words where %d are asked for: %v, want %v", c.words, c.target, d.fits(), c.fits)
		}
	}
}

// TestRequests: the prompt holds the document word by word and the length; braces in a document stay.
func TestRequests(t *testing.T) {
	files, err := datasets.OpenFS("sample", sample.Files())
	if err != nil {
		t.Fatal(err)
	}
	documents, _, err := files.Documents(datasets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set := &settings{Prompt: "In {words} words: {document}", Context: 2048, Seed: 5, Chat: true}
	for _, d := range newDrafts(documents, 0.1) {
		r := d.request(set, "")
		if !strings.HasSuffix(r.Prompt, " words: "+d.document.Text()) || r.Context != 2048 || r.Seed != 5 || !r.Chat || r.Predict < 2*d.target {
			t.Fatalf("%s: %+v", d.document.Key(), r)
		}
	}
	d := newDrafts([]*datasets.Document{document(50)}, 0.1)[0]
	d.document.Sentences[0].Tokens[0].Word = "{words}"
	if got := d.request(set, "! ").Prompt; !strings.HasPrefix(got, "! In 5 words: {words} word") {
		t.Errorf("the prompt is %q", got)
	}
	for summary, want := range map[string]string{"one two": "Write about 5 words; 2 words are too few.\n\n", strings.Repeat("x ", 12): "Write about 5 words; 12 words are too many.\n\n"} {
		if d.summary = summary; d.again() != want {
			t.Errorf("the second request says %q, want %q", d.again(), want)
		}
	}
}

// TestTake: of two answers the one that ended is taken, whatever its length, then the nearer one; what the
// server gave up on counts as cut.
func TestTake(t *testing.T) {
	answer := func(words int, reason string) ollama.Response {
		return ollama.Response{Text: strings.Repeat("word ", words), DoneReason: reason}
	}
	for _, c := range []struct {
		first, second ollama.Response
		words         int // taken of a target of 10
		ended         bool
	}{
		{answer(10, ollama.DoneLength), answer(20, ollama.DoneStop), 20, true},
		{answer(20, ollama.DoneStop), answer(10, ollama.DoneLength), 20, true},
		{answer(20, ollama.DoneStop), answer(15, ollama.DoneStop), 15, true},
		{answer(15, ollama.DoneLength), answer(20, ollama.DoneLength), 15, false},
		{answer(20, ollama.DoneStop), answer(10, ollama.DoneRepeat), 20, true},
		{answer(10, ollama.DoneRepeat), answer(0, ollama.DoneStop), 10, false},
	} {
		d := draft{target: 10}
		d.take(c.first)
		d.take(c.second)
		if n := len(strings.Fields(d.summary)); n != c.words || d.ended() != c.ended {
			t.Errorf("of %+v and %+v one of %d words is taken, ended %v; want %d, %v", c.first, c.second, n, d.ended(), c.words, c.ended)
		}
	}
	if d := (draft{target: 10, summary: strings.Repeat("word ", 11)}); !strings.Contains(d.again(), "end the last sentence") {
		t.Errorf("a cut summary is asked for again with %q", d.again())
	}
}
