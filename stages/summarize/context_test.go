package summarize

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"taskvec/internal/answers"
	"taskvec/internal/experiment"
	"taskvec/internal/ollama"
	"taskvec/internal/pipeline"
	"taskvec/stages/build"
)

// TestShortContext: a server cuts prompts to the context of the model, whatever is asked for: with a
// model of 64 tokens the sample's documents do not fit. The stand-in reports the tokens it has read, as Ollama
// does.
func TestShortContext(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/tags":
			fmt.Fprint(w, `{"models": [{"name": "short:latest", "digest": "d"}]}`)
		case "/api/show":
			fmt.Fprint(w, `{"model_info": {"general.architecture": "llama", "llama.context_length": 64}}`)
		default:
			fmt.Fprint(w, `{"response": "a summary", "done": true, "done_reason": "stop", "prompt_eval_count": 64, "eval_count": 3}`)
		}
	}))
	defer s.Close()
	corpus, paths, err := build.ResolveCorpus(&experiment.Experiment{Corpus: experiment.Corpus{Format: "sample"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := answers.Where(paths, experiment.Server{Host: s.URL, Concurrency: 1}); err != nil {
		t.Fatal(err)
	}
	set := settings{Task: "sum", Share: 0.1, Model: "short", Prompt: "{document}", Context: 8192, Corpus: corpus}
	w, err := pipeline.NewWork("teacher", nil, t.TempDir(), set, paths, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	w.Cache = t.TempDir()
	var bad *ollama.Error
	if err := run(t.Context(), w); !errors.As(err, &bad) || !strings.Contains(err.Error(), "context of 64") {
		t.Errorf("%v, want an *ollama.Error about the context of 64", err)
	}
}
