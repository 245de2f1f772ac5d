package datasets

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// SetFiles are the files of a classification set.
type SetFiles struct {
	Path string // the file or folder they were found at
	// LeftOut are the names of the folder's files of rows that are not read: those of no split,
	// such as dev_mismatched.tsv, and those of another format than the rest.
	LeftOut []string
	files   []setFile // in the order of the splits, then of the names
}

type setFile struct {
	path  string
	split Split
}

// setFormats are the endings of files of rows, the most exact first: of a folder that holds its
// rows in several formats the first is read.
var setFormats = append([]string{".parquet"}, TextFormats...)

// splitWords are the words that name a split at the end of a file's name.
var splitWords = map[string]Split{
	"train": Train, "dev": Validation, "val": Validation, "valid": Validation, "validation": Validation, "test": Test,
}

// shard is what Hugging Face adds to the names of files: 00000-of-00002.
var shard = regexp.MustCompile(`-\d+-of-\d+$`)

// fileSplit returns the split a file's name without its ending says: by its last word, and the
// name without a shard number. MNLI's dev_matched is its validation split; dev_mismatched and
// MRPC's dev_ids are none.
func fileSplit(name string) (split Split, stem string) {
	stem = shard.ReplaceAllString(name, "")
	words := strings.FieldsFunc(strings.ToLower(stem), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	if n := len(words); n > 1 && words[n-1] == "matched" {
		words = words[:n-1]
	}
	if len(words) == 0 {
		return "", stem
	}
	return splitWords[words[len(words)-1]], stem
}

// FindSet finds the files of a set: the one file at path, which then holds all rows, or the files
// of a folder, each of which holds the split its name says (train, dev, valid, validation or test
// as its last word), or the folders of one that is laid out as IMDB's archive is, with a file for
// each text. A folder without a train file or folder is an *Error.
func FindSet(path string) (*SetFiles, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open set: %w", err)
	}
	f := &SetFiles{Path: path}
	if !info.IsDir() {
		f.files = []setFile{{path, Train}}
		return f, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("open set: %w", err)
	}
	type candidate struct {
		name, format, stem string
		split              Split
	}
	var found []candidate
	format := len(setFormats)
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		i := slices.Index(setFormats, ext)
		if e.IsDir() || i < 0 {
			continue
		}
		split, stem := fileSplit(strings.TrimSuffix(e.Name(), ext))
		found = append(found, candidate{e.Name(), ext, stem, split})
		if split == Train {
			format = min(format, i)
		}
	}
	if format == len(setFormats) {
		if f.files, err = splitFolders(path, entries); err != nil || f.files != nil {
			return f.sorted(), err
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		has := "is empty"
		if names != nil {
			has = "holds " + strings.Join(names[:min(len(names), 10)], ", ")
		}
		return nil, &Error{File: path, Msg: "has no train file, such as train.tsv, train.csv, train.jsonl or train.parquet; it " + has}
	}
	stems := map[Split]candidate{}
	for _, c := range found {
		if c.split == "" || c.format != setFormats[format] {
			f.LeftOut = append(f.LeftOut, c.name)
			continue
		}
		if first, ok := stems[c.split]; ok && first.stem != c.stem {
			return nil, &Error{File: path, Msg: fmt.Sprintf("%s and %s both hold %s rows: leave one of them there", first.name, c.name, c.split)}
		}
		stems[c.split] = c
		f.files = append(f.files, setFile{filepath.Join(path, c.name), c.split})
	}
	return f.sorted(), nil
}

// sorted puts the files into the order of the splits.
func (f *SetFiles) sorted() *SetFiles {
	slices.SortStableFunc(f.files, func(a, b setFile) int {
		return cmp.Compare(slices.Index(Splits, a.split), slices.Index(Splits, b.split))
	})
	return f
}

// Digest is the SHA-256, in hexadecimal, over the files' base names and contents in order.
func (f *SetFiles) Digest() (string, error) {
	h := sha256.New()
	for _, file := range f.files {
		content := sha256.New()
		if err := file.hash(content); err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s\x00%x\x00", filepath.Base(file.path), content.Sum(nil))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hash writes what a file or a split's folder holds to h.
func (f setFile) hash(h io.Writer) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("read set: %w", err)
	}
	if info.IsDir() {
		return eachText(f.path, func(_, file string, text []byte) error {
			fmt.Fprintf(h, "%s\x00%d\x00", file, len(text))
			_, err := h.Write(text)
			return err
		})
	}
	r, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("read set: %w", err)
	}
	defer r.Close()
	if _, err := io.Copy(h, r); err != nil {
		return fmt.Errorf("read set: %w", err)
	}
	return nil
}

// SetOptions choose rows of a classification set.
type SetOptions struct {
	Split SplitCounts // labelled rows to draw for each split; all zero means all there are
	Seed  int64       // of the draw
}

// SetRows are the labelled rows of a set and what was left out.
type SetRows struct {
	Rows       []LabelledRow // in the order of the splits, then of the files
	Labelled   int           // rows with a label in the files, drawn or not
	Unlabelled int           // rows without
	Problems   []*Error      // rows that cannot be read
	Drawn      []Split       // splits without labelled rows of their own, drawn from the train files
}

// maxDrawn is how many rows a validation or test split is given, at most, that has none of its own
// and no count in the options; it is given a tenth of the train rows where that is less.
const maxDrawn = 1000

// Read reads the set's rows through open. A split without labelled rows of its own (a set in one
// file, GLUE's test files) is drawn from the train rows by seed; with counts in the options, so
// many rows of each split are drawn. Rows are drawn in the order of the SHA-256 of seed and texts,
// so that neither the order of rows nor other rows change which of two comes first. It is an
// *Error when there are too few.
func (f *SetFiles) Read(s *Set, o SetOptions, open func(file string) (*Sheet, error)) (*SetRows, error) {
	out := &SetRows{}
	rows := map[Split][]LabelledRow{}
	for _, file := range f.files {
		sheet, err := open(file.path)
		if err != nil {
			return nil, err
		}
		all, problems, err := s.Rows(sheet, file.split)
		if err != nil {
			return nil, err
		}
		out.Problems = append(out.Problems, problems...)
		for _, r := range all {
			if r.Label == Unlabelled {
				out.Unlabelled++
				continue
			}
			out.Labelled++
			rows[file.split] = append(rows[file.split], r)
		}
	}
	train := shuffled(rows[Train], o.Seed)
	tooFew := func(split Split, want, have int, of string) error {
		return &Error{File: f.Path, Msg: fmt.Sprintf("the split draws %d %s rows and %d %s are left: lower its counts", want, split, have, of)}
	}
	counts := map[Split]int{Train: o.Split.Train, Validation: o.Split.Validation, Test: o.Split.Test}
	tenth := min(maxDrawn, (len(train)+9)/10)
	for _, split := range []Split{Validation, Test} {
		if own := rows[split]; len(own) > 0 {
			n := cmp.Or(counts[split], len(own))
			if n > len(own) {
				return nil, tooFew(split, n, len(own), "labelled ones")
			}
			rows[split] = shuffled(own, o.Seed)[:n]
			continue
		}
		out.Drawn = append(out.Drawn, split)
		n := cmp.Or(counts[split], min(tenth, len(train)))
		if n > len(train) {
			return nil, tooFew(split, n, len(train), "labelled train rows")
		}
		for counts[split] == 0 && n > 0 && n < len(train) && train[n].Text == train[n-1].Text && train[n].Pair == train[n-1].Pair {
			n++ // rows of the same texts stand together: keep them in one split
		}
		rows[split], train = train[:n], train[n:]
	}
	n := cmp.Or(counts[Train], len(train))
	if n > len(train) {
		return nil, tooFew(Train, n, len(train), "labelled train rows")
	}
	rows[Train] = train[:n]
	for _, split := range Splits {
		slices.SortStableFunc(rows[split], func(a, b LabelledRow) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
		})
		for _, r := range rows[split] {
			r.Split = split
			out.Rows = append(out.Rows, r)
		}
	}
	return out, nil
}

// shuffled returns the rows in the order of the SHA-256 of seed and texts.
func shuffled(rows []LabelledRow, seed int64) []LabelledRow {
	type ticket struct {
		row LabelledRow
		sum [sha256.Size]byte
	}
	tickets := make([]ticket, len(rows))
	for i, r := range rows {
		tickets[i] = ticket{r, sha256.Sum256(fmt.Appendf(nil, "%d\n%s\x00%s", seed, r.Text, r.Pair))}
	}
	slices.SortStableFunc(tickets, func(a, b ticket) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	out := make([]LabelledRow, len(rows))
	for i, t := range tickets {
		out[i] = t.row
	}
	return out
}
