package datasets

import (
	"bytes"
	"crypto/sha256"
	"fmt"
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
