package build

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"taskvec/datasets"
	"taskvec/datasets/sample"
	"taskvec/internal/experiment"
)

// summariesPath is the name under which resolve gives the place of a file of reference summaries.
const summariesPath = "summaries"

// resolveSummaries returns the SHA-256 of the reference summaries, "" when there are none, and adds
// the place of a file of them to paths.
func resolveSummaries(e *experiment.Experiment, paths map[string]string) (string, error) {
	file := e.Summaries.Path
	if file != "" {
		file = e.Resolve(file)
		paths[summariesPath] = file
	} else if e.Corpus.Format != "sample" {
		return "", nil
	}
	text, err := readSummaries(file)
	if err != nil {
		return "", err
	}
	return digestOf(text), nil
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// readSummaries reads a file of summaries, or the sample corpus's own when it is "".
func readSummaries(file string) ([]byte, error) {
	if file == "" {
		return fs.ReadFile(sample.Files(), sample.Summaries)
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &datasets.Error{File: file, Msg: "there is no such file: it is to hold the reference summaries"}
	}
	if err != nil {
		return nil, fmt.Errorf("read summaries: %w", err)
	}
	return text, nil
}

// addSummaries gives the corpus the reference summaries of a file, or the sample corpus's own, whose
// SHA-256 is digest.
func (c *Corpus) addSummaries(file, digest string) error {
	text, err := readSummaries(file)
	if err != nil {
		return err
	}
	if digestOf(text) != digest {
		return changed(file)
	}
	name := file
	if file == "" {
		name = sample.Summaries
	}
	summaries, err := datasets.ReadSummaries(name, text)
	if err != nil {
		return err
	}
	c.Summaries = map[summaryKey]string{}
	for _, s := range summaries {
		c.Summaries[summaryKey{(&datasets.Document{ID: s.Document, Part: s.Part}).Key(), s.Share}] = s.Summary
	}
	return nil
}
