package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"taskvec/internal/pipeline"
)

// repository is what the test's Hub holds.
var repository = map[string]string{
	"config.json": `{"a": 1}`, "model.safetensors": strings.Repeat("weights ", 1000), "tokenizer.json": "{}", "pytorch_model.bin": "pickle",
	"consolidated.safetensors": "second copy", "original/params.json": "{}", ".gitattributes": "x", "README.md": "y",
}

// serve starts a Hub with the repository org/tiny at commit abc; spoil may change an answer.
func serve(t *testing.T, spoil func(w http.ResponseWriter, r *http.Request) bool) *[]string {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("Range"))
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if spoil != nil && spoil(w, r) {
			return
		}
		if r.URL.Path == "/api/models/org/tiny/revision/abc" && r.URL.Query().Get("blobs") == "true" {
			var list []map[string]any
			for name, text := range repository {
				f := map[string]any{"rfilename": name, "size": len(text)}
				if strings.HasSuffix(name, ".safetensors") {
					sum := sha256.Sum256([]byte(text))
					f["lfs"] = map[string]any{"sha256": hex.EncodeToString(sum[:]), "size": len(text)}
				}
				list = append(list, f)
			}
			if err := json.NewEncoder(w).Encode(map[string]any{"siblings": list}); err != nil {
				t.Error(err)
			}
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, "/org/tiny/resolve/abc/")
		if text, there := repository[name]; ok && there {
			http.ServeContent(w, r, name, time.Time{}, bytes.NewReader([]byte(text)))
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	t.Setenv(endpointVariable, server.URL)
	t.Setenv(tokenVariable, "secret")
	return &asked
}

// fetch runs the stage in a folder and returns its log.
func fetch(t *testing.T, dir, revision string) (string, error) {
	var log bytes.Buffer
	w, err := pipeline.NewWork("fetch/tiny", nil, dir, settings{"org/tiny", revision}, nil, nil, &log)
	if err != nil {
		t.Fatal(err)
	}
	return log.String(), run(context.Background(), w)
}

// TestFetch takes what loading needs, whole, and nothing else; the token stands nowhere.
func TestFetch(t *testing.T) {
	serve(t, nil)
	dir := t.TempDir()
	log, err := fetch(t, dir, "abc")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		got[filepath.Base(path)] = string(b)
		if strings.Contains(string(b), "secret") || filepath.Dir(path) != filepath.Join(dir, "model") {
			t.Errorf("%s is there", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json"} {
		if got[name] != repository[name] {
			t.Errorf("%s is %q", name, got[name])
		}
		delete(got, name)
	}
	if len(got) > 0 || strings.Contains(log, "secret") {
		t.Errorf("besides there is %v; log %q", got, log)
	}
}

// TestFetchResumes goes on in the middle of a file, and refuses bytes that are not the listed ones.
func TestFetchResumes(t *testing.T) {
	dir := t.TempDir()
	cut := true
	asked := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !cut || !strings.HasSuffix(r.URL.Path, "/model.safetensors") {
			return false
		}
		cut = false
		w.Header().Set("Content-Length", fmt.Sprint(len(repository["model.safetensors"])))
		fmt.Fprint(w, repository["model.safetensors"][:3000])
		return true
	})
	_, err := fetch(t, dir, "abc")
	var again *pipeline.TryAgain
	if !errors.As(err, &again) {
		t.Fatalf("a cut connection gives %v, not a failure to try again", err)
	}
	if _, err := fetch(t, dir, "abc"); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(*asked, "\n"); strings.Count(text, "/config.json") != 1 || !strings.Contains(text, "/model.safetensors bytes=3000-") {
		t.Errorf("asked for\n%s", text)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "model", "model.safetensors")); err != nil || string(b) != repository["model.safetensors"] {
		t.Errorf("got %d bytes, %v", len(b), err)
	}

	serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/model.safetensors") {
			return false
		}
		fmt.Fprint(w, strings.ReplaceAll(repository["model.safetensors"], "w", "W"))
		return true
	})
	dir = t.TempDir()
	if _, err := fetch(t, dir, "abc"); !errors.As(err, &again) || !strings.Contains(err.Error(), "came with SHA-256") {
		t.Errorf("other bytes give %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "checkpoint", "files", "model*")); err != nil || left != nil {
		t.Errorf("other bytes are kept: %v %v", left, err)
	}
}

// TestFetchErrors says what to do.
func TestFetchErrors(t *testing.T) {
	serve(t, nil)
	if _, err := fetch(t, t.TempDir(), "def"); err == nil || !strings.HasSuffix(err.Error(), "404 Not Found: there is no such repository or revision, or it is private (HF_TOKEN)") {
		t.Errorf("got %v", err)
	}
	t.Setenv(tokenVariable, "")
	if _, err := fetch(t, t.TempDir(), "abc"); err == nil || !strings.HasSuffix(err.Error(), "401 Unauthorized: accept the model's licence on its page and set HF_TOKEN to a token of yours") {
		t.Errorf("got %v", err)
	}
	serve(t, func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, `{"siblings": [{"rfilename": "pytorch_model.bin", "size": 1}]}`)
		return true
	})
	if _, err := fetch(t, t.TempDir(), "abc"); err == nil || err.Error() != "fetch org/tiny at abc: it holds no weights as safetensors" {
		t.Errorf("got %v", err)
	}
	serve(t, func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true })
	var again *pipeline.TryAgain
	if _, err := fetch(t, t.TempDir(), "abc"); !errors.As(err, &again) {
		t.Errorf("a server that is down gives %v", err)
	}
}
