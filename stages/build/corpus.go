package build

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"taskvec/datasets"
	"taskvec/datasets/sample"
	"taskvec/internal/experiment"
)

// corpusPath is the name under which ResolveCorpus gives the corpus's place on disk.
const corpusPath = "corpus"

// summaryShare is the length of the reference summaries, as a share of the document's words.
const summaryShare = 0.1

// CorpusSettings are what determines an experiment's documents: part of the settings of every
// stage that reads them.
type CorpusSettings struct {
	Format string               `json:"format"`
	Digest string               `json:"digest"` // of the corpus's files
	Genres []string             `json:"genres,omitempty"`
	Split  datasets.SplitCounts `json:"split,omitzero"`
	Seed   int64                `json:"seed,omitempty"` // of the draw; 0 where none is made
}

// A Corpus is the documents of an experiment, each with its split.
type Corpus struct {
	Name      string // for messages
	Documents []*datasets.Document
	Summaries map[string]string // reference summaries by Document.Key
}

// digests remembers the digest of each experiment's corpus: all its stages and jobs share it, and
// reading a large corpus once a job would take long.
var digests sync.Map // *experiment.Experiment → func() (string, error)

// ResolveCorpus returns the settings of an experiment's corpus and where it lies, for a stage's
// Resolve.
func ResolveCorpus(e *experiment.Experiment) (CorpusSettings, map[string]string, error) {
	set := CorpusSettings{Format: e.Corpus.Format, Genres: e.Corpus.Genres, Split: datasets.SplitCounts(e.Corpus.Split)}
	if set.Split != (datasets.SplitCounts{}) {
		set.Seed = e.Seed
	}
	paths := map[string]string{}
	if e.Corpus.Path != "" {
		paths[corpusPath] = e.Resolve(e.Corpus.Path)
	}
	digest, _ := digests.LoadOrStore(e, sync.OnceValues(func() (string, error) {
		_, files, err := set.open(paths)
		if err != nil {
			return "", err
		}
		return files.Digest()
	}))
	var err error
	set.Digest, err = digest.(func() (string, error))()
	return set, paths, err
}

// open finds the corpus's files.
func (s *CorpusSettings) open(paths map[string]string) (name string, files *datasets.Corpus, err error) {
	switch s.Format {
	case "sample":
		name = "the sample corpus"
		files, err = datasets.OpenFS(name, sample.Files())
	case "conll2012":
		name = paths[corpusPath]
		files, err = datasets.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = &datasets.Error{File: name, Msg: "there is no such corpus: set corpus.path"}
		}
	default:
		err = fmt.Errorf("no reader for corpus format %q", s.Format)
	}
	return name, files, err
}

// Load reads the documents; path gives the paths of ResolveCorpus by name, as pipeline.Work.Path
// does. It is an error when the files are no longer those of the settings, or when the corpus has
// documents in no split's folder and no split is drawn.
func (s *CorpusSettings) Load(path func(string) string) (*Corpus, error) {
	name, files, err := s.open(map[string]string{corpusPath: path(corpusPath)})
	if err != nil {
		return nil, err
	}
	digest, err := files.Digest()
	if err != nil {
		return nil, err
	}
	if digest != s.Digest {
		return nil, fmt.Errorf("%s was changed while the experiment was running: run it again", name)
	}
	c := &Corpus{Name: name, Summaries: map[string]string{}}
	c.Documents, err = files.Documents(datasets.Options{Genres: s.Genres, Split: s.Split, Seed: s.Seed})
	if err != nil {
		return nil, err
	}
	for _, d := range c.Documents {
		if d.Split == "" {
			return nil, &datasets.Error{File: d.File, Line: d.Line, Msg: fmt.Sprintf("document %s lies in no folder train, development or test: set corpus.split in the experiment", d.ID)}
		}
	}
	if s.Format == "sample" {
		err = c.addSummaries(sample.Files(), sample.Summaries)
	}
	return c, err
}

// Load reads the documents of an experiment as it stands now, outside of any job.
func Load(e *experiment.Experiment) (*Corpus, error) {
	set, paths, err := ResolveCorpus(e)
	if err != nil {
		return nil, err
	}
	return set.Load(func(name string) string { return paths[name] })
}

// addSummaries takes the summaries of documents in one part from a file.
func (c *Corpus) addSummaries(fsys fs.FS, name string) error {
	summaries, err := datasets.ReadSummaries(fsys, name)
	if err != nil {
		return err
	}
	for _, s := range summaries {
		if s.Share == summaryShare {
			c.Summaries[(&datasets.Document{ID: s.Document}).Key()] = s.Summary
		}
	}
	return nil
}

// summariesDigest is the SHA-256 of the reference summaries, "" when the format has none.
func (s *CorpusSettings) summariesDigest() (string, error) {
	if s.Format != "sample" {
		return "", nil
	}
	text, err := fs.ReadFile(sample.Files(), sample.Summaries)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
