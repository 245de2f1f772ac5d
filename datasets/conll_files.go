package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Open finds the CoNLL-2012 corpus at a path: one file, or all files below a folder whose names
// end in conll (gold_conll, v4_gold_conll). Files named auto_conll are left out: their annotation
// is a program's. A folder without any is an *Error.
func Open(path string) (*Corpus, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open corpus: %w", err)
	}
	if !info.IsDir() {
		dir, base := filepath.Split(path)
		return conllCorpus(dir, os.DirFS(filepath.Clean(dir)), []string{base}), nil
	}
	return OpenFS(path, os.DirFS(path))
}

// OpenFS is Open on a file system; name stands for it in errors.
func OpenFS(name string, fsys fs.FS) (*Corpus, error) {
	var files []string
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(file, "conll") && !strings.HasSuffix(file, "auto_conll") {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open corpus %s: %w", name, err)
	}
	if len(files) == 0 {
		return nil, &Error{File: name, Msg: "holds no CoNLL-2012 file: their names end in conll, such as cnn_0001.gold_conll"}
	}
	return conllCorpus(name, fsys, files), nil
}

// conllCorpus is the corpus of CoNLL-2012 files.
func conllCorpus(name string, fsys fs.FS, files []string) *Corpus {
	slices.Sort(files)
	c := &Corpus{name: name, fsys: fsys, files: files}
	c.units = func(yield func(Unit, error) bool) {
		for _, file := range files {
			if !yield(c.conllUnit(file), nil) {
				return
			}
		}
	}
	return c
}

// conllUnit is a file that is read at once.
func (c *Corpus) conllUnit(file string) Unit {
	return Unit{Name: file, Files: []string{file}, Read: func() ([]*Document, []Problem, error) {
		text, err := fs.ReadFile(c.fsys, file)
		if err != nil {
			return nil, nil, fmt.Errorf("read corpus: %w", err)
		}
		docs, problems := newReader(path.Join(filepath.ToSlash(c.name), file), string(text)).all()
		return docs, problems, nil
	}}
}

// all reads what is left of the file.
func (r *reader) all() (docs []*Document, problems []Problem) {
	for {
		d, err := r.next()
		var bad *Error
		switch {
		case errors.As(err, &bad):
			problems = append(problems, Problem{bad.File, bad.Line, bad.Msg})
			r.skip()
		case d == nil:
			return docs, problems
		default:
			docs = append(docs, d)
		}
	}
}
