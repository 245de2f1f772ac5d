package ollama

import (
	"context"
	"fmt"

	"github.com/ollama/ollama/api"
)

// A Request asks a model what it writes after a prompt: the likeliest token each time.
type Request struct {
	Model   string
	Prompt  string // as it is; the start token is the server's, where the model has one
	Chat    bool   // puts the prompt into the model's own chat template, as one message of the user
	Seed    int
	Context int      // tokens of prompt and answer together (num_ctx)
	Predict int      // tokens of the answer at most (num_predict)
	Stop    []string // texts that end the answer and are left out of it
	Threads int      // of the server for this model; 0 for its own choice. It should bear on the time alone
}

// Options are the options that the server gets: every one that bears on the answer, so that none comes
// from the model or the server.
func (r Request) Options() map[string]any {
	stop := r.Stop
	if stop == nil {
		stop = []string{}
	}
	return map[string]any{
		"num_ctx": r.Context, "num_predict": r.Predict, "num_keep": 0, "seed": r.Seed, "stop": stop,
		"temperature": 0.0, "top_k": 1, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0,
		"repeat_last_n": 0, "repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "mirostat": 0,
	}
}

// The reasons for which an answer ends.
const (
	DoneStop   = "stop"   // the model's end token, or a stop text
	DoneLength = "length" // Request.Predict tokens
	DoneRepeat = "repeat" // the server gave up on a model that wrote one token 30 times in a row
)

// A Response is what a model wrote.
type Response struct {
	Text         string
	PromptTokens int // the start token included
	OutputTokens int // 0 when the reason is DoneRepeat, of which the server does not count them
	DoneReason   string
}

// Generate asks for an answer. Ollama cuts the middle out of a prompt that is longer than the context and
// says nothing, and forgets the prompt's beginning when the answer outgrows it: both are an *Error here.
func (c *Client) Generate(ctx context.Context, r Request) (*Response, error) {
	if r.Context < 1 || r.Predict < 1 {
		return nil, &Error{r.Model, fmt.Sprintf("a context of %d tokens and an answer of at most %d: both must be at least 1", r.Context, r.Predict)}
	}
	if r.Prompt == "" {
		return nil, &Error{r.Model, "the prompt is empty: the server would answer nothing"}
	}
	last, err := c.generate(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &Response{Text: last.Response, PromptTokens: last.PromptEvalCount, OutputTokens: last.EvalCount, DoneReason: last.DoneReason}
	if !last.Done {
		// The counts are missing then: one token more tells the prompt's.
		out.DoneReason = DoneRepeat
		r.Predict = 1
		if last, err = c.generate(ctx, r); err != nil {
			return nil, err
		}
		out.PromptTokens = last.PromptEvalCount
	}
	if used := out.PromptTokens + out.OutputTokens; out.PromptTokens >= r.Context || used > r.Context {
		return nil, &Error{r.Model, fmt.Sprintf("a prompt of %d tokens or more and an answer of %d do not fit the context of %d, and the server would leave out a part without a word: raise the context, or take a model of a longer one", out.PromptTokens, out.OutputTokens, r.Context)}
	}
	return out, nil
}

// generate makes one request. The answer comes in one piece, since an answer in pieces that was cut off
// looks to the API like one that has ended.
func (c *Client) generate(ctx context.Context, r Request) (*api.GenerateResponse, error) {
	whole := false
	options := r.Options()
	if r.Threads > 0 {
		options["num_thread"] = r.Threads
	}
	var last *api.GenerateResponse
	err := c.api.Generate(ctx, &api.GenerateRequest{Model: r.Model, Prompt: r.Prompt, Raw: !r.Chat, Stream: &whole, Options: options}, func(g api.GenerateResponse) error {
		last = &g
		return nil
	})
	if err != nil {
		return nil, c.fault(ctx, "generate", r.Model, err)
	}
	if last == nil {
		return nil, c.brokenOff("generate", r.Model)
	}
	return last, nil
}

// load has the server load a model, which finds what does not fit together.
func (c *Client) load(ctx context.Context, name string) error {
	loaded := false
	err := c.api.Generate(ctx, &api.GenerateRequest{Model: name, Raw: true}, func(g api.GenerateResponse) error {
		loaded = g.Done
		return nil
	})
	if err != nil {
		return c.fault(ctx, "load it", name, err)
	}
	if !loaded {
		return c.brokenOff("load it", name)
	}
	return nil
}
