package answers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"taskvec/internal/experiment"
	"taskvec/internal/ollama"
	"taskvec/internal/pipeline"
)

// server answers /api/generate by what answer says; it stands for faults that a real server cannot be
// made to have.
func server(t *testing.T, answer func(call int64, prompt string) (status int, body string)) (*ollama.Client, *atomic.Int64) {
	t.Helper()
	var calls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Prompt string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		status, body := answer(calls.Add(1), asked.Prompt)
		w.WriteHeader(status)
		fmt.Fprintln(w, body)
	}))
	t.Cleanup(s.Close)
	client, err := ollama.New(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return client, &calls
}

func said(text string) string {
	return fmt.Sprintf(`{"response": %q, "done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 1}`, text)
}

func questions(n int) (out []Question) {
	for i := range n {
		out = append(out, Question{Name: fmt.Sprint("question ", i), Request: ollama.Request{Prompt: fmt.Sprint("prompt ", i), Seed: 1<<62 + 1, Context: 64, Predict: 8}})
	}
	return out
}

var model = ollama.Model{Name: "m", Digest: "d1"}

// TestAll: answers come in the order of the questions, no more at a time than allowed, and are asked once
// for each digest, prompt and options.
func TestAll(t *testing.T) {
	var running, most atomic.Int64
	client, calls := server(t, func(_ int64, prompt string) (int, string) {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		running.Add(-1)
		return http.StatusOK, said("answer to " + prompt)
	})
	folder := t.TempDir()
	ask := func(m ollama.Model, q []Question, asked, known int64) {
		t.Helper()
		a := &Asker{Client: client, Folder: folder, Server: experiment.Server{Concurrency: 3}}
		told := 0
		got, err := a.All(context.Background(), m, q, func(n int) { told++ })
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range got {
			if r.Text != "answer to "+q[i].Prompt || r.PromptTokens != 3 || r.DoneReason != ollama.DoneStop {
				t.Errorf("answer %d is %+v", i, r)
			}
		}
		if a.Asked != asked || a.Known != known || told != len(q) {
			t.Errorf("%d asked, %d known, %d told; want %d, %d, %d", a.Asked, a.Known, told, asked, known, len(q))
		}
	}
	ask(model, questions(10), 10, 0)
	if most.Load() != 3 {
		t.Errorf("%d requests at once, want 3", most.Load())
	}
	ask(ollama.Model{Name: "renamed", Digest: "d1"}, questions(12), 2, 10)
	ask(ollama.Model{Name: "m", Digest: "d2"}, questions(1), 1, 0)
	other := questions(2)
	other[0].Predict, other[1].Chat = 9, true
	ask(model, other, 2, 0)

	// A kept answer that is damaged, says nothing or is of another request is asked for again.
	request := ollama.Request{Prompt: "prompt 99", Context: 64, Predict: 8}
	stray, err := json.Marshal(kept{Model: "d1", Prompt: request.Prompt, Options: request.Options(), Answer: ollama.Response{Text: "of 99", DoneReason: ollama.DoneStop}})
	if err != nil {
		t.Fatal(err)
	}
	damages := []string{"{", "{}", string(stray)}
	for _, content := range damages {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return os.WriteFile(path, []byte(content), 0o666)
		})
		if err != nil {
			t.Fatal(err)
		}
		ask(model, questions(3), 3, 0)
		ask(model, questions(3), 0, 3)
	}
	if calls.Load() != 10+2+1+2+3*int64(len(damages)) {
		t.Errorf("%d calls", calls.Load())
	}
}

// TestFaults: what may pass is asked again, three times in all; what will not is not; and what was
// answered before is kept.
func TestFaults(t *testing.T) {
	a := &Asker{Folder: t.TempDir(), Server: experiment.Server{Concurrency: 1}}
	var calls *atomic.Int64
	a.Client, calls = server(t, func(call int64, prompt string) (int, string) {
		if prompt == "prompt 1" && call < 4 {
			return http.StatusServiceUnavailable, `{"error": "server busy, please try again.  maximum pending requests exceeded"}`
		}
		return http.StatusOK, said("yes")
	})
	if _, err := a.All(context.Background(), model, questions(2), func(int) {}); err != nil || calls.Load() != 4 {
		t.Errorf("busy twice: %v after %d calls, want an answer after 4", err, calls.Load())
	}

	a.Client, calls = server(t, func(call int64, prompt string) (int, string) {
		if prompt == "prompt 3" {
			return http.StatusNotFound, `{"error": "model \"m\" not found, try pulling it first"}`
		}
		return http.StatusOK, said("yes")
	})
	var missing *ollama.Error
	_, err := a.All(context.Background(), model, questions(4), func(int) {})
	if !errors.As(err, &missing) || !strings.HasPrefix(err.Error(), "question 3: ") || calls.Load() != 2 {
		t.Errorf("a missing model: %v after %d calls, want an *ollama.Error about question 3 after 2", err, calls.Load())
	}

	a.Client, calls = server(t, func(int64, string) (int, string) { return http.StatusOK, said("yes") })
	if _, err := a.All(context.Background(), model, questions(4), func(int) {}); err != nil || calls.Load() != 1 {
		t.Errorf("%v after %d calls, want 1: the others were answered before the fault", err, calls.Load())
	}

	client, err := ollama.New("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	a.Client, a.Folder = client, t.TempDir()
	var again *pipeline.TryAgain
	if _, err := a.All(ctx, model, questions(1), func(int) {}); !errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &again) {
		t.Errorf("a stop while waiting: %v", err)
	}
}

// TestNew: what Where says is what New gets.
func TestNew(t *testing.T) {
	paths := map[string]string{}
	want := experiment.Server{Host: "gpu1", Concurrency: 4, Threads: 2}
	if err := Where(paths, want); err != nil {
		t.Fatal(err)
	}
	w, err := pipeline.NewWork("teacher", nil, t.TempDir(), nil, paths, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Cache = "runs/cache"
	a, err := New(w)
	if err != nil || a.Server != want || a.Client.Host() != "http://gpu1:11434" || a.Folder != filepath.Join("runs", "cache", "answers") {
		t.Errorf("%+v, %v", a, err)
	}
}
