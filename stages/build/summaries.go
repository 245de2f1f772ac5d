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

// fromStage stands for the digest of summaries that a summarize job writes: its key says what they are.
const fromStage = "stage"

// resolveSummaries returns the SHA-256 of the reference summaries, "" when there are none, and adds
// the place of a file of them to paths.
func resolveSummaries(e *experiment.Experiment, paths map[string]string) (string, error) {
	if e.Summaries.From == experiment.FromOllama {
		return fromStage, nil
	}
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
// SHA-256 is digest, unless a job wrote them.
func (c *Corpus) addSummaries(file, digest string) error {
	if file == "" && digest == fromStage {
		return &datasets.Error{File: c.Name, Msg: "its summaries are written by a summarize stage: run it, and to see the examples here give what it wrote, results/" + SummariesFile("TASK") + ", as a file (summaries: {from: file, path: …})"}
	}
	text, err := readSummaries(file)
	if err != nil {
		return err
	}
	if digest != fromStage && digestOf(text) != digest {
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
