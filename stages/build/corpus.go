package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"taskvec/datasets"
	"taskvec/datasets/ontonotes"
	"taskvec/datasets/sample"
	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
)

// corpusPath is the name under which ResolveCorpus gives the corpus's place on disk.
const corpusPath = "corpus"

// CorpusSettings are what determines an experiment's documents: part of the settings of every
// stage that reads them.
type CorpusSettings struct {
	Format string               `json:"format"`
	Digest string               `json:"digest"` // of the corpus's files
	Edited bool                 `json:"edited,omitempty"`
	Genres []string             `json:"genres,omitempty"`
	Split  datasets.SplitCounts `json:"split,omitzero"`
	Seed   int64                `json:"seed,omitempty"` // of the draw; 0 where none is made
	// Lists are the SHA-256 of the files that list each split's documents.
	Lists map[datasets.Split]string `json:"lists,omitempty"`
}

// A Corpus is the documents of an experiment, each with its split.
type Corpus struct {
	Name      string // for messages
	Documents []*datasets.Document
	Summaries map[summaryKey]string // reference summaries
	// Problems are what is wrong in the corpus, which was read without it; files are relative to it.
	Problems []datasets.Problem
	// OutsideLists is how many documents were left out as none of the lists names them.
	OutsideLists int
}

// A summaryKey names a reference summary: of a document, by Document.Key, and of a length, as a
// share of the document's words.
type summaryKey struct {
	document string
	share    float64
}

// digests remembers the digest of each experiment's corpus: all its stages and jobs share it, and
// reading a large corpus once a job would take long.
var digests sync.Map // *experiment.Experiment → func() (string, error)

// ResolveCorpus returns the settings of an experiment's corpus and where it lies, for a stage's
// Resolve.
func ResolveCorpus(e *experiment.Experiment) (CorpusSettings, map[string]string, error) {
	set := CorpusSettings{Format: e.Corpus.Format, Edited: e.Corpus.Edited, Genres: e.Corpus.Genres, Split: datasets.SplitCounts(e.Corpus.Split)}
	if set.Split != (datasets.SplitCounts{}) {
		set.Seed = e.Seed
	}
	paths := map[string]string{}
	if e.Corpus.Path != "" {
		paths[corpusPath] = e.Resolve(e.Corpus.Path)
	}
	for split, file := range map[datasets.Split]string{
		datasets.Train: e.Corpus.Lists.Train, datasets.Validation: e.Corpus.Lists.Validation, datasets.Test: e.Corpus.Lists.Test,
	} {
		if file == "" {
			continue
		}
		file = e.Resolve(file)
		digest, err := pipeline.FileDigest(file)
		if errors.Is(err, fs.ErrNotExist) {
			return set, nil, &datasets.Error{File: file, Msg: fmt.Sprintf("there is no such file: it is to list the %s documents", split)}
		}
		if err != nil {
			return set, nil, fmt.Errorf("read the list of %s documents: %w", split, err)
		}
		if set.Lists == nil {
			set.Lists = map[datasets.Split]string{}
		}
		set.Lists[split] = digest
		paths[listPath(split)] = file
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

// listPath is the name under which ResolveCorpus gives the place of a split's list.
func listPath(s datasets.Split) string { return "lists/" + string(s) }

// assign puts the documents into the splits of the lists.
func (s *CorpusSettings) assign(c *Corpus, path func(string) string) error {
	lists := map[datasets.Split]*datasets.List{}
	for split := range s.Lists {
		file := path(listPath(split))
		src, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read the list of %s documents: %w", split, err)
		}
		if lists[split], err = datasets.ReadList(file, src); err != nil {
			return err
		}
	}
	var err error
	c.Documents, c.OutsideLists, err = datasets.Assign(c.Documents, lists)
	return err
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
	case "ontonotes":
		name = paths[corpusPath]
		files, err = ontonotes.Open(name, ontonotes.Options{Edited: s.Edited})
	default:
		err = fmt.Errorf("no reader for corpus format %q", s.Format)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = &datasets.Error{File: name, Msg: "there is no such corpus: set corpus.path"}
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
		return nil, changed(name)
	}
	c := &Corpus{Name: name}
	var problems []datasets.Problem
	c.Documents, problems, err = files.Documents(datasets.Options{Genres: s.Genres, Split: s.Split, Seed: s.Seed})
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		if file, err := filepath.Rel(name, p.File); err == nil {
			p.File = filepath.ToSlash(file) // the report is the same wherever the corpus lies
		}
		c.Problems = append(c.Problems, p)
	}
	if s.Lists != nil {
		if err := s.assign(c, path); err != nil {
			return nil, err
		}
	}
	for _, d := range c.Documents {
		if d.Split == "" {
			return nil, &datasets.Error{File: d.File, Line: d.Line, Msg: fmt.Sprintf("document %s lies in no folder train, development or test: set corpus.split or corpus.lists in the experiment", d.ID)}
		}
	}
	if err := datasets.OneSplit(c.Documents); err != nil {
		return nil, err
	}
	return c, nil
}

// changed says that the files at path are no longer those a job was planned with.
func changed(path string) error {
	return fmt.Errorf("%s was changed while the experiment was running: run it again", path)
}

// Load reads the documents of an experiment as it stands now, outside of any job.
func Load(e *experiment.Experiment) (*Corpus, error) {
	set, paths, err := ResolveCorpus(e)
	if err != nil {
		return nil, err
	}
	return set.Load(func(name string) string { return paths[name] })
}
