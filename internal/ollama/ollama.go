// Package ollama talks to an Ollama server: which models it has, what they write after a prompt, and
// new models from a folder, a GGUF file, or another model with an adapter.
//
// It never downloads a model: one that is not on the server is an error that says what to type. It
// knows no tasks and keeps nothing; what comes back is cached by those who ask. A prompt is what the
// caller gives, word by word, unless the model's chat template is asked for.
package ollama

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"

	"taskvec/internal/adapter"
	"taskvec/internal/pipeline"
)

// defaultPort is where Ollama listens unless it is told otherwise.
const defaultPort = "11434"

// An Error is a request that the server, or this package, refused, and that would be refused again:
// bad input data. A server that is down is a *pipeline.TryAgain instead.
type Error struct {
	Model string // the model it is about
	Msg   string
}

func (e *Error) Error() string { return fmt.Sprintf("ollama model %q: %s", e.Model, e.Msg) }

// A Client is a connection to one server. It may be used by several goroutines.
type Client struct {
	api  *api.Client
	host string
}

// New returns a client of the server at host, HOST, HOST:PORT or a URL; "" is what OLLAMA_HOST says,
// or http://127.0.0.1:11434. It does not connect yet.
func New(host string) (*Client, error) {
	if host == "" {
		host = strings.TrimSpace(os.Getenv("OLLAMA_HOST"))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	text := host
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the address of Ollama, %q, is none: give HOST, HOST:PORT or http://HOST:PORT", host)
	}
	if u.Port() == "" && !strings.Contains(host, "://") {
		u.Host = net.JoinHostPort(u.Hostname(), defaultPort)
	}
	return &Client{api: api.NewClient(u, http.DefaultClient), host: u.String()}, nil
}

// Host is the server's address.
func (c *Client) Host() string { return c.host }

// A Model is a model of the server.
type Model struct {
	Name         string // as asked for
	Digest       string // SHA-256 of what the model consists of: the same model has the same everywhere
	Family       string // such as llama
	Architecture string // of its GGUF file, such as llama
	Context      int    // tokens it was trained on at once
	Quantization string // of most of its weights, such as F16 or Q4_K_M

	Layout adapter.Layout // zero unless the architecture is llama

	adapted bool // holds an adapter
}

// Bounded is a context of n tokens, or the model's own where that is shorter: asked for more, the server
// takes that one without a word, and cuts the prompt to it.
func (m Model) Bounded(n int) int {
	if m.Context > 0 {
		return min(n, m.Context)
	}
	return n
}

// Model describes a model that the server has. One that it does not have is an *Error.
func (c *Client) Model(ctx context.Context, name string) (Model, error) {
	list, err := c.api.List(ctx)
	if err != nil {
		return Model{}, c.fault(ctx, "list the models", name, err)
	}
	m := Model{Name: name}
	wanted := model.ParseName(name)
	for _, l := range list.Models {
		if model.ParseName(l.Name).EqualFold(wanted) {
			m.Digest = l.Digest
		}
	}
	if m.Digest == "" {
		return Model{}, c.missing(name)
	}
	shown, err := c.api.Show(ctx, &api.ShowRequest{Model: name})
	if err != nil {
		return Model{}, c.fault(ctx, "show it", name, err)
	}
	m.Family, m.Quantization = shown.Details.Family, shown.Details.QuantizationLevel
	m.adapted = adapterLine.MatchString(shown.Modelfile)
	m.Architecture, _ = shown.ModelInfo["general.architecture"].(string)
	size := func(key string) int {
		n, _ := shown.ModelInfo[m.Architecture+"."+key].(float64) // 0 when absent
		return int(n)
	}
	m.Context = size("context_length")
	if m.Architecture == "llama" {
		theta, _ := shown.ModelInfo["llama.rope.freq_base"].(float64)
		m.Layout = adapter.Layout{
			Layers: size("block_count"), Hidden: size("embedding_length"), Intermediate: size("feed_forward_length"),
			Heads: size("attention.head_count"), KVHeads: size("attention.head_count_kv"), HeadDim: size("attention.key_length"),
			Vocabulary: size("vocab_size"), RopeTheta: float32(theta),
		}
	}
	return m, nil
}

// adapterLine is how the server shows the file of an adapter: below that of the model, before all texts.
var adapterLine = regexp.MustCompile(`(?m)^FROM .*\nADAPTER `)

// Base describes a model of the server that an adapter can be laid on. One that takes none, one that has one
// already, and one of another digest than the given one, unless that is "", is an *Error.
func (c *Client) Base(ctx context.Context, name, digest string) (Model, error) {
	m, err := c.Pinned(ctx, name, digest)
	switch {
	case err != nil:
		return Model{}, err
	case m.Architecture != "llama":
		return Model{}, &Error{name, fmt.Sprintf("its architecture is %s, and adapters are written for llama alone", m.Architecture)}
	case m.adapted:
		return Model{}, &Error{name, "has an adapter already, so it is no base model: name the one that it was made of"}
	}
	return m, nil
}

// Pinned describes a model that the server has and that must have the digest, unless that is "".
func (c *Client) Pinned(ctx context.Context, name, digest string) (Model, error) {
	m, err := c.Model(ctx, name)
	if err == nil && digest != "" && m.Digest != digest {
		err = &Error{name, fmt.Sprintf("has the digest %s on the server at %s, and the experiment names %s: get that one, or name this", m.Digest, c.host, digest)}
	}
	return m, err
}

func (c *Client) missing(name string) error {
	return &Error{name, fmt.Sprintf("is not on the server at %s: type `ollama pull %s`, or name one that `ollama list` shows", c.host, name)}
}

// Delete removes a model from the server.
func (c *Client) Delete(ctx context.Context, name string) error {
	if err := c.api.Delete(ctx, &api.DeleteRequest{Model: name}); err != nil {
		return c.fault(ctx, "delete it", name, err)
	}
	return nil
}

// ended is what the server says when its engine could not load a model.
const ended = "runner process has terminated"

// passing are words of faults that may be gone next time.
var passing = []string{"server busy", "requires more system memory", "signal: killed", "unexpected EOF", "unexpected end of JSON input", "connection reset", "timed out"}

// refused are words of faults that are in the model, and what to say of them.
var refused = []struct{ words, advice string }{
	{"unsupported architecture", "Ollama runs models of the Llama layout, not this one"},
	{"unknown architecture", "its config.json names no architecture"},
	{"unknown type", "the file is no GGUF file"},
	{"not in GGUF format", "the file is no GGUF file"},
	{"unable to load model", "the file is no model that this server can run"},
	{ended, "the server cannot run this model"},
	{"does not support", "it cannot write text"},
	{"invalid model name", "a name is letters, digits, - _ . with / and : between its parts"},
}

// brokenOff is the fault of an answer that the server ended, without an error, before it was complete: the
// API takes that for an end.
func (c *Client) brokenOff(doing, name string) error {
	return &pipeline.TryAgain{Err: fmt.Errorf("ollama model %q: %s: the server at %s ended its answer too early: see its log, and run the same command again", name, doing, c.host)}
}

// fault says what an error of the API means.
func (c *Client) fault(ctx context.Context, doing, name string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("ollama model %q: %s: %w", name, doing, context.Cause(ctx))
	}
	var network *url.Error
	if errors.As(err, &network) {
		return &pipeline.TryAgain{Err: fmt.Errorf("no Ollama server answers at %s (%w): start it with `ollama serve`, or set OLLAMA_HOST to where it runs", c.host, network.Err)}
	}
	text := err.Error()
	for _, words := range passing {
		if strings.Contains(text, words) {
			return &pipeline.TryAgain{Err: fmt.Errorf("ollama model %q: %s at %s: %w", name, doing, c.host, err)}
		}
	}
	if strings.Contains(text, "model") && strings.Contains(text, "not found") {
		return c.missing(name)
	}
	for _, r := range refused {
		if strings.Contains(text, r.words) {
			return &Error{name, fmt.Sprintf("%s: %s (the server says: %s)", doing, r.advice, text)}
		}
	}
	return fmt.Errorf("ollama model %q: %s at %s: %w", name, doing, c.host, err)
}
