package evaluate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"taskvec/internal/adapter"
	"taskvec/internal/answers"
	"taskvec/internal/ollama"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/internal/tokenizer"
	"taskvec/tasks"
)

// find finds the tokenizer of a language model and the model of the server that stands for its base, if one
// does. A folder without the one is an *adapter.Error, a model that cannot be the adapters' base an *ollama.Error.
func (e *evaluation) find(ctx context.Context, m *tested) error {
	if m.tasks[0].kind == tasks.Classification {
		return nil
	}
	read, err := tokenizer.Load(filepath.Join(m.base, tokenizer.FileName))
	if err != nil {
		return &adapter.Error{File: m.base, Msg: fmt.Sprintf("%v: whether the server reads the trainer's tokens cannot be told: put the model's own %s there", err, tokenizer.FileName)}
	}
	m.tokens = read
	from, ok := e.set.From[m.name]
	if !ok {
		return nil
	}
	base, err := e.asker.Client.Base(ctx, from.Model, from.Digest)
	if err != nil {
		return err
	}
	layout, err := adapter.ReadLayout(m.base)
	if err != nil {
		return err
	}
	if other := layout.Difference(base.Layout); other != "" {
		return &ollama.Error{Model: from.Model, Msg: fmt.Sprintf("is not the base model in %s: %s", m.base, other)}
	}
	if e.report.From == nil {
		e.report.From = map[string]ServerModel{}
	}
	e.report.From[m.name] = ServerModel{base.Name, base.Digest, base.Quantization}
	fmt.Fprintf(e.work.Log, "model %s is %s of the server, digest %s, %s\n", m.name, base.Name, base.Digest, base.Quantization)
	m.server = &base
	return nil
}

// generate tests a language model and its adapters on an Ollama server. What it makes there, it
// removes.
func (e *evaluation) generate(ctx context.Context, m *tested) error {
	if m.server == nil {
		name := e.serverName(m.name)
		// It refuses a folder whose tokenizer cannot be written here.
		if err := e.asker.Client.CreateFromFolder(ctx, name, m.base); err != nil {
			return err
		}
		defer e.remove(ctx, name)
		made, err := e.asker.Client.Model(ctx, name)
		if err != nil {
			return err
		}
		m.server = &made
	}
	base := *m.server
	if err := e.tryAll(ctx, m, None, base); err != nil {
		return err
	}
	for _, a := range m.adapters {
		if err := e.tryAdapter(ctx, m, a, base); err != nil {
			return fmt.Errorf("adapter %s: %w", a.label, err)
		}
	}
	return nil
}

// remove removes a model that was made for this job. That it could not be is for the log: the answers
// are there, and the next job of this kind has other names.
func (e *evaluation) remove(ctx context.Context, name string) {
	if err := e.asker.Client.Delete(context.WithoutCancel(ctx), name); err != nil {
		fmt.Fprintf(e.work.Log, "left on the server: %v\n", err)
	}
}

// tryAdapter tests one adapter.
func (e *evaluation) tryAdapter(ctx context.Context, m *tested, a trained, base ollama.Model) error {
	if err := os.MkdirAll(e.work.CheckpointDir(), 0o777); err != nil {
		return err
	}
	file := filepath.Join(e.work.CheckpointDir(), "adapter.gguf")
	if err := adapter.ExportGGUF(filepath.Join(a.dir, "out", "adapter"), m.base, file); err != nil {
		return err
	}
	digest, err := pipeline.FileDigest(file)
	if err != nil {
		return err
	}
	name := e.serverName(m.name + "-" + a.label)
	if err := e.asker.Client.CreateWithAdapter(ctx, name, base.Name, file); err != nil {
		return err
	}
	defer e.remove(ctx, name)
	model := base
	// The server's own digest of such a model holds the name of the base model, which is another for
	// each job.
	model.Name, model.Digest = name, base.Digest+"+"+digest
	return e.tryAll(ctx, m, a.label, model)
}

var notInNames = regexp.MustCompile(`[^a-z0-9.-]+`)

// serverName is what a model made for this job is called on the server: nothing else has that name, and
// when the job is killed and run again, it is the same.
func (e *evaluation) serverName(what string) string {
	store, err := filepath.Abs(filepath.Dir(e.work.Dir))
	if err != nil {
		store = e.work.Dir
	}
	sum := sha256.Sum256([]byte(store + "\x00" + e.work.Key))
	return "taskvec-" + hex.EncodeToString(sum[:6]) + "-" + notInNames.ReplaceAllString(what, "-")
}

// tryAll has a model of the server do every task.
func (e *evaluation) tryAll(ctx context.Context, m *tested, adapter string, model ollama.Model) error {
	for _, t := range m.tasks {
		if err := e.try(ctx, m, adapter, model, t); err != nil {
			return fmt.Errorf("task %s: %w", t.name, err)
		}
	}
	return nil
}

// A question is a test example on its way to an answer.
type question struct {
	row     table.Example
	tokens  int // of the prompt, by the trainer's tokenizer and without a start token
	request ollama.Request
	answer  ollama.Response
}

// try has a model do the test examples of a task, and scores its answers.
func (e *evaluation) try(ctx context.Context, m *tested, adapter string, model ollama.Model, t *task) error {
	var asked []*question
	for _, r := range t.rows {
		q := e.question(r, model, m.tokens)
		if q == nil {
			continue
		}
		asked = append(asked, q)
	}
	if left := len(t.rows) - len(asked); left > 0 {
		if e.report.TooLong[m.name] == nil {
			e.report.TooLong[m.name] = map[string]int{}
		}
		e.report.TooLong[m.name][t.name] = left // the same for each adapter
		e.row(m.name, adapter, t, len(asked), "left_out", float64(left)/float64(len(t.rows)))
	}
	before := e.done + int64(len(t.rows)-len(asked))
	// The longest first, so that what does not fit is found at once.
	ordered := slices.Clone(asked)
	slices.SortStableFunc(ordered, func(a, b *question) int { return cmp.Compare(len(b.row.Prompt), len(a.row.Prompt)) })
	questions := make([]answers.Question, len(ordered))
	for i, q := range ordered {
		questions[i] = answers.Question{Name: "example " + q.row.ID, Request: q.request}
	}
	got, err := e.asker.All(ctx, model, questions, func(n int) {
		e.work.Progress(before+int64(n), e.total, adapter+" on "+t.name)
	})
	if err != nil {
		return err
	}
	e.done += int64(len(t.rows))
	for i, q := range ordered {
		q.answer = got[i]
		want := q.tokens
		if m.tokens.Starts() {
			want++
		}
		if n := q.answer.PromptTokens; n != want {
			return &ollama.Error{Model: model.Name, Msg: fmt.Sprintf("reads the prompt of example %s as %d tokens and the trainer as %d, the start token included: the server's tokenizer is not the model's", q.row.ID, n, want)}
		}
	}
	e.texts(m.name, adapter, t, asked)
	return nil
}

// question asks for the answer of a test example, nil when prompt and reference do not fit the context,
// or the reference with its end is longer than an answer may be: the reference itself would be cut then,
// and scored low. An answer may be twice as long as the reference, and somewhat more: what goes on beyond
// that is wrong anyway.
func (e *evaluation) question(r table.Example, model ollama.Model, read *tokenizer.Tokenizer) *question {
	q := &question{row: r, tokens: len(read.Encode(r.Prompt))}
	reference := len(read.Encode(r.Completion))
	context := model.Bounded(e.set.NumCtx)
	room := min(context-q.tokens-2, e.set.NumPredict) // a start token, and one to spare
	if room < reference+1 {
		return nil
	}
	q.request = ollama.Request{Prompt: r.Prompt, Seed: e.set.Seed, Context: context, Predict: min(2*reference+32, room)}
	return q
}

// texts scores the answers of an adapter to a task's test examples.
func (e *evaluation) texts(model, adapter string, t *task, asked []*question) {
	measures := measuresOf(t)
	values := make([]float64, len(measures))
	cut := 0
	scores := make([]float64, len(asked))
	for k, q := range asked {
		for i, m := range measures {
			v := m.text(q.row.Completion, q.answer.Text)
			values[i] += v / float64(len(asked))
			if i == 0 {
				scores[k] = v
			}
		}
		if q.answer.DoneReason != ollama.DoneStop {
			cut++
		}
		e.answers = append(e.answers, table.Answer{
			Model: model, Adapter: adapter, Task: t.name, ID: q.row.ID, Reference: q.row.Completion, Answer: q.answer.Text, Ended: q.answer.DoneReason,
		})
	}
	if len(asked) == 0 {
		return
	}
	e.score(model, adapter, t, len(asked), values)
	if adapter == None {
		t.none = scores
	} else {
		e.gain(model, adapter, t, len(asked), func(sample []int) (g float64) {
			for _, i := range sample {
				g += (scores[i] - t.none[i]) / float64(len(sample))
			}
			return g
		})
	}
	e.row(model, adapter, t, len(asked), "cut", float64(cut)/float64(len(asked)))
}
