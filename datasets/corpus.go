package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Corpus is the CoNLL-2012 files of a folder, or one file.
type Corpus struct {
	name  string // what stands before the files' names in errors
	fsys  fs.FS
	files []string // sorted, slash-separated, relative to fsys
}

// Options choose documents of a corpus.
type Options struct {
	Genres []string    // keep only these; none means all
	Split  SplitCounts // documents to draw; all zero means the corpus's own folders
	Seed   int64       // of the draw
}

// Open finds the corpus at a path: one file, or all files below a folder whose names end in conll
// (gold_conll, v4_gold_conll). Files named auto_conll are left out: their annotation is a
// program's. A folder without any is an *Error.
func Open(path string) (*Corpus, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open corpus: %w", err)
	}
	if !info.IsDir() {
		dir, base := filepath.Split(path)
		return &Corpus{name: dir, fsys: os.DirFS(filepath.Clean(dir)), files: []string{base}}, nil
	}
	return OpenFS(path, os.DirFS(path))
}

// OpenFS is Open on a file system; name stands for it in errors.
func OpenFS(name string, fsys fs.FS) (*Corpus, error) {
	c := &Corpus{name: name, fsys: fsys}
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(file, "conll") && !strings.HasSuffix(file, "auto_conll") {
			c.files = append(c.files, file)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open corpus %s: %w", name, err)
	}
	if len(c.files) == 0 {
		return nil, &Error{File: name, Msg: "holds no CoNLL-2012 file: their names end in conll, such as cnn_0001.gold_conll"}
	}
	slices.Sort(c.files)
	return c, nil
}

// Documents reads the corpus's documents in the order of the files and sets their Split. A file
// that is not in the standard layout, and a document that occurs twice, is an *Error.
func (c *Corpus) Documents(o Options) ([]*Document, error) {
	var docs []*Document
	seen := map[string]string{}
	for _, file := range c.files {
		r, err := c.reader(file)
		if err != nil {
			return nil, err
		}
		for {
			d, err := r.next()
			if err != nil {
				return nil, err
			}
			if d == nil {
				break
			}
			if err := once(seen, d); err != nil {
				return nil, err
			}
			if len(o.Genres) > 0 && !slices.Contains(o.Genres, d.Genre()) {
				continue
			}
			d.Split = pathSplit(file)
			docs = append(docs, d)
		}
	}
	if len(docs) == 0 {
		return nil, &Error{File: c.name, Msg: fmt.Sprintf("holds no document of the genres %s", strings.Join(o.Genres, ", "))}
	}
	if o.Split == (SplitCounts{}) {
		return docs, nil
	}
	docs, err := Draw(docs, o.Split, o.Seed)
	if err != nil {
		return nil, &Error{File: c.name, Msg: err.Error()}
	}
	return docs, nil
}

// once notes where a document stands, by its key, and reports one seen before.
func once(seen map[string]string, d *Document) error {
	if first, ok := seen[d.Key()]; ok {
		return &Error{File: d.File, Line: d.Line, Msg: fmt.Sprintf("document %s part %d stands at %s already: give each document once", d.ID, d.Part, first)}
	}
	seen[d.Key()] = fmt.Sprintf("%s:%d", d.File, d.Line)
	return nil
}

// reader opens a file of the corpus.
func (c *Corpus) reader(file string) (*reader, error) {
	text, err := fs.ReadFile(c.fsys, file)
	if err != nil {
		return nil, fmt.Errorf("read corpus: %w", err)
	}
	return newReader(path.Join(filepath.ToSlash(c.name), file), string(text)), nil
}

// Digest is the SHA-256, in hexadecimal, over the files' relative names and contents in order.
func (c *Corpus) Digest() (string, error) {
	h := sha256.New()
	for _, file := range c.files {
		text, err := fs.ReadFile(c.fsys, file)
		if err != nil {
			return "", fmt.Errorf("read corpus: %w", err)
		}
		fmt.Fprintf(h, "%s\x00%d\x00", file, len(text))
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
