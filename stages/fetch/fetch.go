// Package fetch is the stage that downloads a base model from the Hugging Face Hub: a repository at
// one commit → a folder that trainers read offline.
//
// It takes what loading a model needs, no pickles and no second copies in other formats, and trains
// nothing.
package fetch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/stages/pretrain"
)

// Kind is the fetch stage: one job a model.
var Kind = pipeline.Kind{Name: "fetch", Version: 1, Resolve: resolve, Run: run}

// The environment: where the Hub is, and who asks. The token reaches no file and no log.
const (
	endpointVariable = "HF_ENDPOINT"
	tokenVariable    = "HF_TOKEN"
	defaultEndpoint  = "https://huggingface.co"
)

// settings determine the files.
type settings struct {
	Repository string `json:"repository"`
	Revision   string `json:"revision"`
}

func resolve(e *experiment.Experiment, _ *experiment.Stage, c pipeline.Cell) (any, map[string]string, error) {
	m := e.Model(c["model"])
	return settings{m.Base, m.Revision}, nil, nil
}

// A file is one file of a repository.
type file struct {
	Name string `json:"rfilename"`
	Size int64  `json:"size"`
	LFS  *struct {
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	} `json:"lfs"`
}

func (f *file) size() int64 {
	if f.LFS != nil {
		return f.LFS.Size
	}
	return f.Size
}

func run(ctx context.Context, w *pipeline.Work) error {
	var set settings
	if err := w.Settings(&set); err != nil {
		return err
	}
	h := &hub{endpoint: strings.TrimSuffix(cmp.Or(os.Getenv(endpointVariable), defaultEndpoint), "/"), token: os.Getenv(tokenVariable), settings: set}
	files, err := h.list(ctx)
	if err != nil {
		return err
	}
	total, done := int64(0), int64(0)
	for i := range files {
		total += files[i].size()
	}
	// Files that are whole wait in the checkpoint folder, so that a stopped download goes on.
	parts := filepath.Join(w.CheckpointDir(), "files")
	for i := range files {
		f := &files[i]
		fmt.Fprintf(w.Log, "%s, %d bytes\n", f.Name, f.size())
		err := h.download(ctx, f, filepath.Join(parts, filepath.FromSlash(f.Name)), func(n int64) {
			w.Progress((done+n)>>20, total>>20, "MiB "+f.Name)
		})
		if err != nil {
			return err
		}
		done += f.size()
	}
	return os.Rename(parts, filepath.Join(w.Dir, pretrain.ModelDir))
}

// A hub is one repository of the Hub at one commit.
type hub struct {
	endpoint, token string
	settings
}

// get asks for a path of the Hub, from a byte on.
func (h *hub) get(ctx context.Context, path string, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.endpoint+path, nil)
	if err != nil {
		return nil, err
	}
	if h.token != "" {
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, &pipeline.TryAgain{Err: fmt.Errorf("fetch %s: %w", h.Repository, err)}
	}
	if resp.StatusCode == http.StatusOK && from == 0 || resp.StatusCode == http.StatusPartialContent {
		return resp, nil
	}
	resp.Body.Close()
	err = fmt.Errorf("fetch %s at %s: the Hub answers %s", h.Repository, h.Revision, resp.Status)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return nil, fmt.Errorf("%w: accept the model's licence on its page and set %s to a token of yours", err, tokenVariable)
	case code == http.StatusNotFound:
		return nil, fmt.Errorf("%w: there is no such repository or revision, or it is private (%s)", err, tokenVariable)
	case code == http.StatusTooManyRequests || code >= 500 || code == http.StatusOK:
		return nil, &pipeline.TryAgain{Err: err}
	}
	return nil, err
}

// list returns the files that loading the model needs.
func (h *hub) list(ctx context.Context) ([]file, error) {
	resp, err := h.get(ctx, "/api/models/"+h.Repository+"/revision/"+url.PathEscape(h.Revision)+"?blobs=true", 0)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var repository struct {
		Siblings []file `json:"siblings"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&repository); err != nil {
		return nil, fmt.Errorf("fetch %s: read the list of its files: %w", h.Repository, err)
	}
	var files []file
	weights := false
	for _, f := range repository.Siblings {
		if !needed(f.Name) {
			continue
		}
		weights = weights || path.Ext(f.Name) == ".safetensors"
		files = append(files, f)
	}
	if !weights {
		return nil, fmt.Errorf("fetch %s at %s: it holds no weights as safetensors", h.Repository, h.Revision)
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// needed says whether loading a model needs a file: those of the top folder that are configuration,
// tokenizer or weights as safetensors.
func needed(name string) bool {
	if strings.Contains(name, "/") || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return false
	}
	switch path.Ext(name) {
	case ".json", ".safetensors", ".model", ".txt":
		return !strings.HasPrefix(name, "consolidated") // Mistral's second copy
	}
	return false
}

// download brings a file to its place, going on where an earlier attempt ended.
func (h *hub) download(ctx context.Context, f *file, dst string, progress func(int64)) (err error) {
	if _, err := os.Stat(dst); err == nil {
		return nil // whole: it is renamed last
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o777); err != nil {
		return err
	}
	part, err := os.OpenFile(dst+".part", os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, part.Close()) }()
	sum := sha256.New()
	have, err := io.Copy(sum, part)
	if err != nil {
		return err
	}
	if have < f.size() || f.size() == 0 {
		resp, err := h.get(ctx, "/"+h.Repository+"/resolve/"+url.PathEscape(h.Revision)+"/"+url.PathEscape(f.Name), have)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.MultiWriter(part, sum), &counted{resp.Body, have, progress}); err != nil {
			return &pipeline.TryAgain{Err: fmt.Errorf("fetch %s of %s: %w", f.Name, h.Repository, err)}
		}
	}
	info, err := part.Stat()
	if err != nil {
		return err
	}
	got := hex.EncodeToString(sum.Sum(nil))
	if info.Size() != f.size() || f.LFS != nil && got != f.LFS.SHA256 {
		return &pipeline.TryAgain{Err: errors.Join(
			fmt.Errorf("fetch %s of %s: %d bytes came with SHA-256 %s, not the %d bytes the Hub lists", f.Name, h.Repository, info.Size(), got, f.size()),
			os.Remove(dst+".part"))}
	}
	return os.Rename(dst+".part", dst)
}

// counted tells how far a reader has come.
type counted struct {
	io.Reader
	n        int64
	progress func(int64)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	c.progress(c.n)
	return n, err
}
