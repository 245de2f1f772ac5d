// Package answers asks an Ollama server many things at once and keeps what it answered, by the model's
// digest, the prompt and the options: nothing is asked twice in a workspace, since answers cost time
// and, even at temperature 0, are not the same on every server.
//
// What is asked, and what is made of the answers, is the stages'.
package answers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"taskvec/internal/experiment"
	"taskvec/internal/ollama"
	"taskvec/internal/pipeline"
)

// An Asker asks one server and keeps its answers.
type Asker struct {
	Client *ollama.Client
	Folder string // of the kept answers
	Server experiment.Server

	Asked, Known int64 // how many answers came from the server, and from the folder
}

// serverPath is the name under which a stage's Resolve says how its server is asked.
const serverPath = "server"

// Where adds how the server is asked to the paths that a stage's Resolve returns: it should not bear on
// the answers (see experiment.Server).
func Where(paths map[string]string, s experiment.Server) error {
	b, err := json.Marshal(s)
	paths[serverPath] = string(b)
	return err
}

// New returns the asker of a job whose Resolve called Where.
func New(w *pipeline.Work) (*Asker, error) {
	a := &Asker{Folder: filepath.Join(w.Cache, "answers")}
	if err := json.Unmarshal([]byte(w.Path(serverPath)), &a.Server); err != nil {
		return nil, fmt.Errorf("how to ask the server: %w", err)
	}
	var err error
	a.Client, err = ollama.New(a.Server.Host)
	return a, err
}

// attempts is how often a question is asked whose failure may pass, and firstWait how long is waited
// before the second time; each further wait is twice the last.
const (
	attempts  = 3
	firstWait = time.Second
)

// A kept answer is a file of the folder.
type kept struct {
	Model   string          `json:"model"` // digest
	Prompt  string          `json:"prompt"`
	Chat    bool            `json:"chat"`
	Options map[string]any  `json:"options"`
	Answer  ollama.Response `json:"answer"`
}

// A Question is a request with a name for messages: what it is about.
type Question struct {
	Name string
	ollama.Request
}

// All returns the answers of a model to the questions, in their order; done is told how many there are
// so far, one call at a time. The first failure ends it, and what was answered by then is kept.
func (a *Asker) All(ctx context.Context, model ollama.Model, questions []Question, done func(n int)) ([]ollama.Response, error) {
	out := make([]ollama.Response, len(questions))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(a.Server.Concurrency)
	finished := make(chan struct{}, len(questions))
	told := make(chan struct{})
	go func() {
		defer close(told)
		n := 0
		for range finished {
			n++
			done(n)
		}
	}()
	for i, q := range questions {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r := q.Request
			r.Model, r.Threads = model.Name, a.Server.Threads
			answer, err := a.one(ctx, model.Digest, r)
			if err != nil {
				return fmt.Errorf("%s: %w", q.Name, err)
			}
			out[i] = *answer
			finished <- struct{}{}
			return nil
		})
	}
	err := group.Wait()
	close(finished)
	<-told
	return out, err
}

// one returns the kept answer, or asks and keeps it.
func (a *Asker) one(ctx context.Context, digest string, r ollama.Request) (*ollama.Response, error) {
	k := kept{Model: digest, Prompt: r.Prompt, Chat: r.Chat, Options: r.Options()}
	key, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encode a request: %w", err)
	}
	sum := sha256.Sum256(key)
	name := hex.EncodeToString(sum[:])
	path := filepath.Join(a.Folder, name[:2], name+".json")
	if b, err := os.ReadFile(path); err == nil {
		// What is not this request with an answer is asked for again: it is a copy.
		if answer, ok := read(b, key); ok {
			atomic.AddInt64(&a.Known, 1)
			return answer, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read a kept answer: %w", err)
	}
	answer, err := a.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	atomic.AddInt64(&a.Asked, 1)
	k.Answer = *answer
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, fmt.Errorf("keep an answer: %w", err)
	}
	if err := pipeline.WriteJSON(path, k); err != nil {
		return nil, fmt.Errorf("keep an answer: %w", err)
	}
	return answer, nil
}

// read is the answer in a file, if that holds the request of which key is the JSON.
func read(b, key []byte) (*ollama.Response, bool) {
	var k kept
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // a large seed stays what it is
	if d.Decode(&k) != nil || k.Answer.DoneReason == "" {
		return nil, false
	}
	answer := k.Answer
	k.Answer = ollama.Response{} // as it was when the key was made
	of, err := json.Marshal(k)
	return &answer, err == nil && bytes.Equal(of, key)
}

// ask asks the server, again where that may help.
func (a *Asker) ask(ctx context.Context, r ollama.Request) (*ollama.Response, error) {
	wait := firstWait
	for n := 1; ; n++ {
		answer, err := a.Client.Generate(ctx, r)
		var again *pipeline.TryAgain
		if err == nil || n == attempts || !errors.As(err, &again) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
			wait *= 2
		}
	}
}
