package datasets

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Split is what a document is used for.
type Split string

// The splits, in the order of reports.
const (
	Train      Split = "train"
	Validation Split = "validation"
	Test       Split = "test"
)

// Splits are all splits in order.
var Splits = []Split{Train, Validation, Test}

// Folder is the name of the split's folder in a CoNLL-2012 corpus.
func (s Split) Folder() string {
	if s == Validation {
		return "development"
	}
	return string(s)
}

// FolderSplit returns the split whose folder has that name.
func FolderSplit(folder string) (Split, bool) {
	for _, s := range Splits {
		if s.Folder() == folder {
			return s, true
		}
	}
	return "", false
}

// pathSplit returns the split of the innermost folder of a slash-separated path that is named for
// one, "" when none is.
func pathSplit(name string) Split {
	folders := strings.Split(name, "/")
	for _, f := range slices.Backward(folders[:len(folders)-1]) {
		if s, ok := FolderSplit(f); ok {
			return s
		}
	}
	return ""
}

// A List names documents of a split.
type List struct {
	File string
	ids  []string
	line map[string]int // where each id stands
}

// ReadList reads a list of documents: one id a line, or the path of a file of the document, of
// which what follows annotations/ counts, without its endings. Empty lines and what follows a # are
// left out. name stands for the file in errors. An id that stands twice is an *Error.
func ReadList(name string, src []byte) (*List, error) {
	l := &List{File: name, line: map[string]int{}}
	number := 0
	for line := range strings.Lines(string(src)) {
		number++
		id, _, _ := strings.Cut(line, "#")
		if id = strings.TrimSpace(id); id == "" {
			continue
		}
		if _, after, ok := strings.Cut(id, "annotations/"); ok {
			id = after
		}
		dir, base := path.Split(id)
		base, _, _ = strings.Cut(base, ".")
		id = dir + base
		switch {
		case base == "" || strings.ContainsAny(id, " \t"):
			return nil, &Error{File: name, Line: number, Msg: fmt.Sprintf("%q is no document id, such as bn/cnn/00/cnn_0001", strings.TrimSpace(line))}
		case l.line[id] > 0:
			return nil, &Error{File: name, Line: number, Msg: fmt.Sprintf("document %s stands in line %d already", id, l.line[id])}
		}
		l.ids = append(l.ids, id)
		l.line[id] = number
	}
	return l, nil
}

// Assign puts documents into the splits whose lists name them, all parts of a document together,
// and leaves out those in none; outside is how many. A listed document that is not there, and one
// in two lists, is an *Error.
func Assign(docs []*Document, lists map[Split]*List) (assigned []*Document, outside int, err error) {
	there := map[string]bool{}
	for _, d := range docs {
		there[d.ID] = true
	}
	split := map[string]Split{}
	for _, s := range Splits {
		l := lists[s]
		if l == nil {
			continue
		}
		for _, id := range l.ids {
			if first, ok := split[id]; ok {
				other := lists[first]
				return nil, 0, &Error{File: l.File, Line: l.line[id], Msg: fmt.Sprintf("document %s is in the list of %s already (%s:%d): a document belongs to one split", id, first, other.File, other.line[id])}
			}
			if !there[id] {
				return nil, 0, &Error{File: l.File, Line: l.line[id], Msg: fmt.Sprintf("the corpus has no document %s, or not in the chosen genres", id)}
			}
			split[id] = s
		}
	}
	for _, d := range docs {
		if d.Split = split[d.ID]; d.Split == "" {
			outside++
			continue
		}
		assigned = append(assigned, d)
	}
	return assigned, outside, nil
}

// OneSplit reports, as an *Error, a document of which two parts lie in different splits: what is
// learned from one would help with the other.
func OneSplit(docs []*Document) error {
	first := map[string]*Document{}
	for _, d := range docs {
		if f := first[d.ID]; f == nil {
			first[d.ID] = d
		} else if f.Split != d.Split {
			return &Error{File: d.File, Line: d.Line, Msg: fmt.Sprintf("document %s part %d is in %s and its part %d in %s (%s:%d): a document belongs to one split", d.ID, d.Part, d.Split, f.Part, f.Split, f.File, f.Line)}
		}
	}
	return nil
}

// SplitCounts is how many documents each split draws.
type SplitCounts struct{ Train, Validation, Test int }

// Draw gives documents to splits at random: it orders the ids by the SHA-256 of seed and id, so
// that neither the order of files nor documents added elsewhere change which of two comes first,
// and takes as many as n says. The parts of a document stay together and count as one. It returns
// the drawn documents in their given order with Split set; it is an error when there are too few.
func Draw(docs []*Document, n SplitCounts, seed int64) ([]*Document, error) {
	type ticket struct {
		id  string
		sum [sha256.Size]byte
	}
	var tickets []ticket
	split := map[string]Split{}
	for _, d := range docs {
		if _, ok := split[d.ID]; !ok {
			split[d.ID] = ""
			tickets = append(tickets, ticket{d.ID, sha256.Sum256(fmt.Appendf(nil, "%d\n%s", seed, d.ID))})
		}
	}
	if want := n.Train + n.Validation + n.Test; want > len(tickets) {
		return nil, fmt.Errorf("the split draws %d documents (train %d, validation %d, test %d) and there are %d: lower its counts or name more genres",
			want, n.Train, n.Validation, n.Test, len(tickets))
	}
	slices.SortFunc(tickets, func(a, b ticket) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	for i, t := range tickets[:n.Train+n.Validation+n.Test] {
		switch {
		case i < n.Train:
			split[t.id] = Train
		case i < n.Train+n.Validation:
			split[t.id] = Validation
		default:
			split[t.id] = Test
		}
	}
	var drawn []*Document
	for _, d := range docs {
		if split[d.ID] != "" {
			d.Split = split[d.ID]
			drawn = append(drawn, d)
		}
	}
	return drawn, nil
}
