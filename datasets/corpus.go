package datasets

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
)

// A Corpus is documents in files of one format. It is read when it is asked, every time anew.
type Corpus struct {
	name  string // what stands before the files' names in errors
	fsys  fs.FS
	files []string // sorted, slash-separated, relative to fsys
	units iter.Seq2[Unit, error]
}

// A Unit is the least of a corpus that is read on its own: a CoNLL file or a piece of a long one,
// or all layers of one document of a release. Units are read side by side.
type Unit struct {
	Name  string   // slash-separated, relative: the order of the corpus, and its folders tell the split
	Files []string // the unit's files in the corpus's file system
	// Read returns the unit's documents in order, each with File and Line, and what is wrong with
	// the unit. A problem leaves out at most the document it is in. The error is for files that
	// cannot be opened.
	Read func() ([]*Document, []Problem, error)
}

// A Problem is one thing wrong in a corpus, which was read on without the document it is in, or
// without what the message says.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // 0 means the file as a whole
	Message string `json:"message"`
}

// Err is the problem as an error.
func (p Problem) Err() error { return &Error{p.File, p.Line, p.Message} }

// NewCorpus is a corpus of units, which it sorts by name; name stands for it in errors.
func NewCorpus(name string, fsys fs.FS, units []Unit) *Corpus {
	units = slices.SortedFunc(slices.Values(units), func(a, b Unit) int { return strings.Compare(a.Name, b.Name) })
	c := &Corpus{name: name, fsys: fsys, units: func(yield func(Unit, error) bool) {
		for _, u := range units {
			if !yield(u, nil) {
				return
			}
		}
	}}
	for _, u := range units {
		c.files = append(c.files, u.Files...)
	}
	slices.Sort(c.files)
	return c
}

// Options choose documents of a corpus.
type Options struct {
	Genres []string    // keep only these; none means all
	Split  SplitCounts // documents to draw; all zero means the corpus's own folders
	Seed   int64       // of the draw
}

// Documents reads the corpus's documents in order and sets their Split, and returns with them what
// is wrong in the corpus. A document that occurs twice is such a problem and left out the second
// time. A corpus of which nothing is left is an *Error.
func (c *Corpus) Documents(o Options) ([]*Document, []Problem, error) {
	var docs []*Document
	var problems []Problem
	seen := map[string]string{}
	err := inOrder(c.units, Unit.read, func(r reading) error {
		for _, d := range r.docs {
			if p, again := once(seen, d); again {
				r.problems = append(r.problems, p)
			} else if len(o.Genres) == 0 || slices.Contains(o.Genres, d.Genre()) {
				docs = append(docs, d)
			}
		}
		problems = append(problems, inPlace(r.problems)...)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if len(docs) == 0 && len(problems) > 0 {
		return nil, nil, problems[0].Err()
	}
	if len(docs) == 0 {
		return nil, nil, &Error{File: c.name, Msg: fmt.Sprintf("holds no document of the genres %s", strings.Join(o.Genres, ", "))}
	}
	if o.Split == (SplitCounts{}) {
		return docs, problems, nil
	}
	docs, err = Draw(docs, o.Split, o.Seed)
	if err != nil {
		return nil, nil, &Error{File: c.name, Msg: err.Error()}
	}
	return docs, problems, nil
}

// A reading is what a unit holds.
type reading struct {
	docs     []*Document
	problems []Problem
}

// read reads the unit and sets its documents' split.
func (u Unit) read() (reading, error) {
	docs, problems, err := u.Read()
	for _, d := range docs {
		d.Split = pathSplit(u.Name)
	}
	return reading{docs, problems}, err
}

// once notes where a document stands, by its key, and reports one seen before.
func once(seen map[string]string, d *Document) (p Problem, again bool) {
	key := d.Key()
	if first, ok := seen[key]; ok {
		return Problem{d.File, d.Line, fmt.Sprintf("document %s part %d stands at %s already: give each document once", d.ID, d.Part, first)}, true
	}
	seen[key] = fmt.Sprintf("%s:%d", d.File, d.Line)
	return Problem{}, false
}

// inPlace puts the problems of a unit into the order of its files and lines.
func inPlace(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return problems
}

// Digest is the SHA-256, in hexadecimal, over the files' relative names, sizes and contents in
// order.
func (c *Corpus) Digest() (string, error) {
	h := sha256.New()
	for _, name := range c.files {
		f, err := c.fsys.Open(name)
		if err != nil {
			return "", fmt.Errorf("read corpus: %w", err)
		}
		err = digestFile(h, name, f)
		f.Close()
		if err != nil {
			return "", fmt.Errorf("read corpus: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func digestFile(w io.Writer, name string, f fs.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\x00%d\x00", name, info.Size())
	if n, err := io.Copy(w, f); err != nil || n == info.Size() {
		return err
	}
	return fmt.Errorf("%s was changed while it was read", name)
}
