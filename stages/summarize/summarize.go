// Package summarize is the stage that has a model of an Ollama server write the reference summaries of
// a summary task: documents → summaries.
//
// How a server is asked is package ollama's, and that nothing is asked twice package answers's; this
// package says what is asked, and looks whether what came back is as long as it should be.
package summarize

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"taskvec/datasets"
	"taskvec/internal/answers"
	"taskvec/internal/experiment"
	"taskvec/internal/ollama"
	"taskvec/internal/pipeline"
	"taskvec/stages/build"
	"taskvec/tasks"
)

// Kind is the summarize stage: one job a summary task.
var Kind = pipeline.Kind{Name: "summarize", Version: 2, Publish: "results", Resolve: resolve, Run: run}

// settings determine the summaries. The model's digest is among them where the experiment names it;
// without it the name stands for the model, so that planning asks no server.
type settings struct {
	Task    string               `json:"task"`
	Share   float64              `json:"share"`
	Model   string               `json:"model"`
	Digest  string               `json:"digest,omitempty"`
	Prompt  string               `json:"prompt"`
	Chat    bool                 `json:"chat"`
	Context int                  `json:"num_ctx"`
	Seed    int                  `json:"seed"`
	Corpus  build.CorpusSettings `json:"corpus"`
}

func resolve(e *experiment.Experiment, s *experiment.Stage, c pipeline.Cell) (any, map[string]string, error) {
	w := s.With.(*experiment.SummarizeWith)
	corpus, paths, err := build.ResolveCorpus(e)
	if err != nil {
		return nil, nil, err
	}
	if err := answers.Where(paths, w.Server); err != nil {
		return nil, nil, err
	}
	return settings{
		Task: c["task"], Share: tasks.Lookup(c["task"]).SummaryShare,
		Model: w.Model, Digest: strings.TrimPrefix(w.Digest, "sha256:"), Prompt: w.Prompt, Chat: w.Template, Context: w.NumCtx, Seed: int(e.Seed), Corpus: corpus,
	}, paths, nil
}

// A Report says how the summaries of a task came about.
type Report struct {
	Task      string         `json:"task"`
	Model     string         `json:"model"`
	Digest    string         `json:"digest"`
	Prompt    string         `json:"prompt"`
	Options   map[string]any `json:"options"` // num_predict aside, which goes by the document's length
	Documents int            `json:"documents"`
	Summaries int            `json:"summaries"`
	Again     int            `json:"asked_again"` // as the first summary was too short, too long or cut
	// OffLength are the documents whose summary is too short or too long nevertheless, Cut those whose
	// summary ends where the server stopped it, Empty those for which nothing was written: they have none.
	OffLength []Length `json:"off_length"`
	Cut       []string `json:"cut"`
	Empty     []string `json:"empty"`
}

// A Length is how long a summary is and should be, in words between spaces.
type Length struct {
	Document string `json:"document"`
	Words    int    `json:"words"`
	Target   int    `json:"target"`
}

// A draft is a document on its way to a summary.
type draft struct {
	document *datasets.Document
	words    int // of the document
	target   int // of the summary
	answer   ollama.Response
	summary  string
}

// off is how many words the draft's summary is too long or too short.
func (d *draft) off() int { return distance(d.summary, d.target) }

func distance(summary string, target int) int {
	n := len(strings.Fields(summary)) - target
	return max(n, -n)
}

// fits says whether the summary's length will do: within half of the target, and within three words of
// a short one. One word is the least.
func (d *draft) fits() bool { return d.summary != "" && d.off() <= max(d.target/2, 3) }

// ended says whether the model itself ended the summary.
func (d *draft) ended() bool { return d.answer.DoneReason == ollama.DoneStop }

// take takes an answer as the draft's summary if it is better than the one it has: an answer that ended
// before one that was cut or given up on, then the nearer length.
func (d *draft) take(answer ollama.Response) {
	text := plain(answer.Text)
	if text == "" {
		return
	}
	ended := answer.DoneReason == ollama.DoneStop
	if d.summary == "" || ended && !d.ended() || ended == d.ended() && distance(text, d.target) < d.off() {
		d.answer, d.summary = answer, text
	}
}

// request asks for the draft's summary; before is what stands before the prompt.
func (d *draft) request(set *settings, before string) ollama.Request {
	prompt := strings.NewReplacer("{document}", d.document.Text(), "{words}", strconv.Itoa(d.target)).Replace(set.Prompt)
	return ollama.Request{
		Model: set.Model, Prompt: before + prompt, Chat: set.Chat, Seed: set.Seed, Context: set.Context,
		Predict: 4*d.target + 32, // a word is rarely more than three tokens; what is longer is asked for again
	}
}

// again is said before the prompt when the first summary is not as long as it should be, was cut, or is
// not there. (Said after it,
// it was taken for a part of the document by a small model, which repeated it.)
func (d *draft) again() string {
	n, much := len(strings.Fields(d.summary)), "many"
	switch {
	case n < d.target:
		much = "few"
	case d.fits(): // it was cut
		return fmt.Sprintf("Write about %d words, and end the last sentence.\n\n", d.target)
	}
	return fmt.Sprintf("Write about %d words; %d words are too %s.\n\n", d.target, n, much)
}

func run(ctx context.Context, w *pipeline.Work) error {
	var set settings
	if err := w.Settings(&set); err != nil {
		return err
	}
	corpus, err := set.Corpus.Load(w.Path)
	if err != nil {
		return err
	}
	asker, err := answers.New(w)
	if err != nil {
		return err
	}
	model, err := asker.Client.Pinned(ctx, set.Model, set.Digest)
	if err != nil {
		return err
	}
	set.Context = model.Bounded(set.Context)
	drafts := newDrafts(corpus.Documents, set.Share)
	report := &Report{Task: set.Task, Model: set.Model, Digest: model.Digest, Prompt: set.Prompt, Documents: len(drafts), OffLength: []Length{}, Cut: []string{}, Empty: []string{}}
	report.Options = ollama.Request{Seed: set.Seed, Context: set.Context}.Options()
	delete(report.Options, "num_predict")
	if err := write(ctx, w, asker, model, &set, drafts, report); err != nil {
		return err
	}
	fmt.Fprintf(w.Log, "%s: %d summaries of %d documents by %s (%s); %d answers asked for, %d known; %d documents asked again, %d off length, %d cut, %d empty\n",
		set.Task, report.Summaries, report.Documents, model.Name, model.Digest, asker.Asked, asker.Known, report.Again, len(report.OffLength), len(report.Cut), len(report.Empty))
	if report.Summaries == 0 {
		return &ollama.Error{Model: set.Model, Msg: "wrote nothing for any of the documents: is it a model that follows instructions?"}
	}
	return save(w.Dir, &set, drafts, report)
}

// newDrafts are the documents with words, in the corpus's order, and how long their summaries should
// be.
func newDrafts(documents []*datasets.Document, share float64) []*draft {
	var drafts []*draft
	for _, d := range documents {
		if n := len(strings.Fields(d.Text())); d.Layers().Words && n > 0 {
			drafts = append(drafts, &draft{document: d, words: n, target: int(math.Ceil(share*float64(n) - 1e-9))})
		}
	}
	return drafts
}

// write fills in the drafts' summaries: asked for once, and a second time where the length will not do
// or the server stopped it, of which the better one is taken.
func write(ctx context.Context, w *pipeline.Work, asker *answers.Asker, model ollama.Model, set *settings, drafts []*draft, report *Report) error {
	// The longest first, so that one that does not fit is found at once.
	todo := slices.Clone(drafts)
	slices.SortStableFunc(todo, func(a, b *draft) int { return cmp.Compare(b.words, a.words) })
	first, err := ask(ctx, asker, model, set, todo, func(*draft) string { return "" }, func(n int) { w.Progress(int64(n), int64(len(todo)), "") })
	if err != nil {
		return err
	}
	var again []*draft
	for i, d := range todo {
		d.take(first[i])
		if !d.fits() || !d.ended() {
			again = append(again, d)
		}
	}
	report.Again = len(again)
	second, err := ask(ctx, asker, model, set, again, (*draft).again, func(n int) {
		w.Progress(int64(len(todo)), int64(len(todo)), fmt.Sprintf("%d of %d asked again", n, len(again)))
	})
	if err != nil {
		return err
	}
	for i, d := range again {
		d.take(second[i])
	}
	for _, d := range drafts {
		switch {
		case d.summary == "":
			report.Empty = append(report.Empty, d.document.Key())
			continue
		case !d.ended():
			report.Cut = append(report.Cut, d.document.Key())
		}
		report.Summaries++
		if !d.fits() {
			report.OffLength = append(report.OffLength, Length{d.document.Key(), len(strings.Fields(d.summary)), d.target})
		}
	}
	return nil
}

// ask asks for the drafts' summaries; before is what stands before the prompt of each.
func ask(ctx context.Context, asker *answers.Asker, model ollama.Model, set *settings, drafts []*draft, before func(*draft) string, done func(int)) ([]ollama.Response, error) {
	questions := make([]answers.Question, len(drafts))
	for i, d := range drafts {
		questions[i] = answers.Question{Name: "document " + d.document.Key(), Request: d.request(set, before(d))}
	}
	return asker.All(ctx, model, questions, done)
}

// plain is an answer as running text: the target of a summary task is one paragraph.
func plain(text string) string { return strings.Join(strings.Fields(text), " ") }

// save writes the summaries and the report.
func save(dir string, set *settings, drafts []*draft, report *Report) error {
	var lines []byte
	for _, d := range drafts {
		if d.summary == "" {
			continue
		}
		b, err := json.Marshal(datasets.Summary{Document: d.document.ID, Part: d.document.Part, Share: set.Share, Summary: d.summary})
		if err != nil {
			return fmt.Errorf("encode a summary: %w", err)
		}
		lines = append(append(lines, b...), '\n')
	}
	if err := os.WriteFile(filepath.Join(dir, build.SummariesFile(set.Task)), lines, 0o666); err != nil {
		return fmt.Errorf("write the summaries: %w", err)
	}
	return pipeline.WriteJSON(filepath.Join(dir, "summarize-"+set.Task+".json"), report)
}
