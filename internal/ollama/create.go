package ollama

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ollama/ollama/api"

	"taskvec/internal/adapter"
)

// CreateFromFolder makes a model from a Hugging Face folder of the Llama layout (config.json,
// model.safetensors, tokenizer.json). The GGUF file is made here, not by the server: see
// adapter.ExportModelGGUF.
func (c *Client) CreateFromFolder(ctx context.Context, name, folder string) error {
	work, err := os.MkdirTemp("", "taskvec-gguf-")
	if err != nil {
		return fmt.Errorf("ollama model %q: %w", name, err)
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, "model.gguf")
	if err := adapter.ExportModelGGUF(folder, file); err != nil {
		return err
	}
	return c.CreateFromGGUF(ctx, name, file)
}

// small is the size in bytes of models that one thread runs fastest. The threads of the server's engine
// wait for each other by spinning, a hundred times as long as they work where other programs use the cores.
const small = 64 << 20

// CreateFromGGUF makes a model from a GGUF file.
func (c *Client) CreateFromGGUF(ctx context.Context, name, file string) error {
	files, err := c.upload(ctx, name, []string{file})
	if err != nil {
		return err
	}
	r := &api.CreateRequest{Model: name, Files: files}
	if info, err := os.Stat(file); err == nil && info.Size() < small {
		r.Parameters = map[string]any{"num_thread": 1}
	}
	return c.create(ctx, r)
}

// plain and likeliest are how a model with an adapter answers, unless it is asked to do otherwise: to the
// prompt as it is, since adapters are trained without a chat template, with the likeliest token each time.
var (
	plain     = "{{ .Prompt }}"
	likeliest = map[string]any{"temperature": 0, "repeat_penalty": 1}
)

// CreateWithAdapter makes a model from another one of the server and an adapter's GGUF file. An adapter
// that does not fit the other model is an *Error, and no model is left behind.
func (c *Client) CreateWithAdapter(ctx context.Context, name, from, gguf string) error {
	// A model that is not there would be downloaded silently.
	if _, err := c.Model(ctx, from); err != nil {
		return err
	}
	files, err := c.upload(ctx, name, []string{gguf})
	if err != nil {
		return err
	}
	err = c.create(ctx, &api.CreateRequest{Model: name, From: from, Adapters: files, Template: plain, Parameters: likeliest})
	var bad *Error
	if errors.As(err, &bad) && strings.Contains(bad.Msg, ended) && c.load(ctx, from) == nil {
		// The server's engine says why in the server's log alone.
		return &Error{name, fmt.Sprintf("%s cannot be loaded with the adapter %s, and can without it: the adapter was trained on another base model", from, gguf)}
	}
	return err
}

// create makes a model and loads it once, since the server looks no earlier whether it can; one that
// cannot be loaded is removed.
func (c *Client) create(ctx context.Context, r *api.CreateRequest) error {
	status := ""
	err := c.api.Create(ctx, r, func(p api.ProgressResponse) error {
		status = p.Status
		return nil
	})
	if err != nil {
		return c.fault(ctx, "create it", r.Model, err)
	}
	if status != "success" {
		return c.brokenOff("create it", r.Model)
	}
	if err := c.load(ctx, r.Model); err != nil {
		return errors.Join(err, c.Delete(context.WithoutCancel(ctx), r.Model))
	}
	return nil
}

// upload sends files to the server and returns the digest of each by its name.
func (c *Client) upload(ctx context.Context, name string, paths []string) (map[string]string, error) {
	digests := map[string]string{}
	for _, path := range paths {
		digest, err := c.uploadFile(ctx, name, path)
		if err != nil {
			return nil, err
		}
		digests[filepath.Base(path)] = digest
	}
	return digests, nil
}

func (c *Client) uploadFile(ctx context.Context, name, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("ollama model %q: %w", name, err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("ollama model %q: read %s: %w", name, path, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("ollama model %q: read %s: %w", name, path, err)
	}
	digest := fmt.Sprintf("sha256:%x", sum.Sum(nil))
	if err := c.api.CreateBlob(ctx, digest, f); err != nil {
		return "", c.fault(ctx, "send "+path, name, err)
	}
	return digest, nil
}
