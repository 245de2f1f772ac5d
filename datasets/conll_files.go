package datasets

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Open finds the CoNLL-2012 corpus at a path: one file, or those below a folder whose names end in
// conll (gold_conll, v4_gold_conll) or skel (gold_skel: skeletons, which say [WORD] for every
// word), packed (.gz) or not. Left out are files named auto_conll and auto_skel, whose annotation
// is a program's, and skeletons beside whose folder's file of the same document has the words. A
// folder without any is an *Error.
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
	var files, skeletons []string
	worded := map[string]bool{} // folder and name, without endings, of files with words
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch unpacked := strings.TrimSuffix(file, packed); {
		case strings.HasSuffix(unpacked, "auto_conll"):
		case strings.HasSuffix(unpacked, "conll"):
			files = append(files, file)
			worded[stem(file)] = true
		case strings.HasSuffix(unpacked, "skel") && !strings.HasSuffix(unpacked, "auto_skel"):
			skeletons = append(skeletons, file)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open corpus %s: %w", name, err)
	}
	for _, file := range skeletons {
		if !worded[stem(file)] {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return nil, &Error{File: name, Msg: "holds no CoNLL-2012 file: their names end in conll, such as cnn_0001.gold_conll, or in skel"}
	}
	return conllCorpus(name, fsys, files), nil
}

// packed is how the name of a file packed by gzip ends.
const packed = ".gz"

// stem is a path up to the first dot of its last part.
func stem(file string) string {
	dir, base := path.Split(file)
	base, _, _ = strings.Cut(base, ".")
	return dir + base
}

// Files longer than longFile are read in pieces of about pieceSize, so that a corpus in one file is
// read in parallel too and never held as a whole. Packed files count ten times.
const (
	longFile  = 4 << 20
	pieceSize = 256 << 10
)

// conllCorpus is the corpus of CoNLL-2012 files.
func conllCorpus(name string, fsys fs.FS, files []string) *Corpus {
	slices.Sort(files)
	c := &Corpus{name: name, fsys: fsys, files: files}
	c.units = func(yield func(Unit, error) bool) {
		for _, file := range files {
			var size int64
			if info, err := fs.Stat(fsys, file); err == nil { // opening the file says what is wrong
				size = info.Size()
			}
			if strings.HasSuffix(file, packed) {
				size *= 10
			}
			var more bool
			if size > longFile {
				more = c.pieces(file, pieceSize, yield)
			} else {
				more = yield(c.wholeFile(file), nil)
			}
			if !more {
				return
			}
		}
	}
	return c
}

// buffers are those that no file is being read into.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// wholeFile is a file as one unit.
func (c *Corpus) wholeFile(file string) Unit {
	return Unit{Name: file, Files: []string{file}, Read: func() ([]*Document, []Problem, error) {
		f, err := c.open(file)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		text := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(text)
		text.Reset()
		_, err = text.ReadFrom(f)
		fault, err := f.fault(err)
		docs, problems := newReader(f.name, text.String()).all()
		return docs, append(problems, fault...), err
	}}
}

// pieces gives a file to yield in units of whole documents, each of about size bytes or one
// document. It says whether yield wants more.
func (c *Corpus) pieces(file string, size int, yield func(Unit, error) bool) bool {
	f, err := c.open(file)
	if err != nil {
		return yield(Unit{}, err)
	}
	defer f.Close()
	text := &bytes.Buffer{} // what is read and not yet in a piece
	for line := 0; ; {
		// A document longer than size doubles what is read until its end is found.
		want := int64(max(size, text.Len()))
		n, err := text.ReadFrom(io.LimitReader(f, want))
		last := err != nil || n < want
		fault, err := f.fault(err)
		if err != nil {
			return yield(Unit{}, err)
		}
		piece := text.String()
		if !last {
			piece = piece[:lastDocument(piece)]
		}
		text.Next(len(piece))
		if piece != "" || last {
			r := newReader(f.name, piece)
			r.line, r.begun = line, line > 0
			line += strings.Count(piece, "\n")
			unit := Unit{Name: file, Files: []string{file}, Read: func() ([]*Document, []Problem, error) {
				docs, problems := r.all()
				return docs, append(problems, fault...), nil
			}}
			if !yield(unit, nil) {
				return false
			}
		}
		if last {
			return true
		}
	}
}

// lastDocument is where the last document begins that follows another's #end line, 0 when none
// does.
func lastDocument(text string) int {
	for {
		at := strings.LastIndex(text, "\n#")
		if at < 0 {
			return 0
		}
		begins := isBegin(text[at+1:])
		text = text[:at]
		before := strings.TrimRight(text, " \t\r\n")
		if begins && isEnd(before[strings.LastIndexByte(before, '\n')+1:]) {
			return at + 1
		}
	}
}

// A source is an open file of a corpus, unpacked as it is read.
type source struct {
	name     string // for messages
	file     fs.File
	unpacked io.Reader // nil before the first Read of a packed file
}

func (c *Corpus) open(file string) (*source, error) {
	f, err := c.fsys.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read corpus: %w", err)
	}
	s := &source{name: path.Join(filepath.ToSlash(c.name), file), file: f}
	if !strings.HasSuffix(file, packed) {
		s.unpacked = f
	}
	return s, nil
}

func (s *source) Read(p []byte) (int, error) {
	if s.unpacked == nil {
		z, err := gzip.NewReader(s.file)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		s.unpacked = z
	}
	return s.unpacked.Read(p)
}

func (s *source) Close() error { return s.file.Close() }

// fault takes the error of a Read apart: bad data of a packed file are a problem, of which what
// was read up to there is no part.
func (s *source) fault(err error) ([]Problem, error) {
	var system *fs.PathError
	switch {
	case err == nil:
		return nil, nil
	case s.unpacked == s.file || errors.As(err, &system):
		return nil, fmt.Errorf("read corpus: %w", err)
	}
	return []Problem{{File: s.name, Message: fmt.Sprintf("cannot be unpacked to its end: %v", err)}}, nil
}
