package datasets

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Set is a classification set: texts, or pairs of texts, each with one of a few labels. It says
// how to read the set's files.
type Set struct {
	Name    string
	Labels  []string // in the order of their numbers
	layouts []layout // ways its files are laid out; the first that fits a file is taken
}

// A layout says in which columns of a file the texts and the label stand.
type layout struct {
	text, pair, label string   // pair is "" where a row is one text
	header            []string // the columns of files that have no header line
	values            []string // what files write for each label, where that is neither its name nor its number
}

// Pairs says whether each row is two texts.
func (s *Set) Pairs() bool { return s.layouts[0].pair != "" }

// NewSet is a set of a user's own: the columns of its texts and its label. pair may be "".
func NewSet(name, text, pair, label string, labels []string) *Set {
	return &Set{Name: name, Labels: labels, layouts: []layout{{text: text, pair: pair, label: label}}}
}

// KnownSet returns the set of that name whose layouts are built in, or nil.
func KnownSet(name string) *Set {
	for _, s := range knownSets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// KnownSets returns the names of the sets whose layouts are built in.
func KnownSets() []string {
	names := make([]string, len(knownSets))
	for i, s := range knownSets {
		names[i] = s.Name
	}
	return names
}

// knownSets are the sets of the published experiments: first the layout of the set's own release
// (GLUE's archives; SNLI 1.0; the Yelp reviews' CSV), then that of Hugging Face's exports. Labels
// are in the order of their numbers there.
var knownSets = []*Set{
	{Name: "rte", Labels: []string{"entailment", "not_entailment"}, layouts: []layout{
		{text: "sentence1", pair: "sentence2", label: "label"},
		{text: "premise", pair: "hypothesis", label: "label"}, // SuperGLUE
	}},
	{Name: "sst2", Labels: []string{"negative", "positive"}, layouts: []layout{
		{text: "sentence", label: "label"},
	}},
	{Name: "cola", Labels: []string{"unacceptable", "acceptable"}, layouts: []layout{
		{text: "sentence", label: "label"},
		{text: "sentence", label: "label", header: []string{"source", "label", "mark", "sentence"}},
	}},
	{Name: "mrpc", Labels: []string{"not_equivalent", "equivalent"}, layouts: []layout{
		{text: "#1 String", pair: "#2 String", label: "Quality"},
		{text: "sentence1", pair: "sentence2", label: "label"},
	}},
	{Name: "mnli", Labels: []string{"entailment", "neutral", "contradiction"}, layouts: []layout{
		{text: "sentence1", pair: "sentence2", label: "gold_label"},
		{text: "premise", pair: "hypothesis", label: "label"},
	}},
	{Name: "qnli", Labels: []string{"entailment", "not_entailment"}, layouts: []layout{
		{text: "question", pair: "sentence", label: "label"},
	}},
	{Name: "qqp", Labels: []string{"not_duplicate", "duplicate"}, layouts: []layout{
		{text: "question1", pair: "question2", label: "is_duplicate"},
		{text: "question1", pair: "question2", label: "label"},
	}},
	{Name: "wnli", Labels: []string{"not_entailment", "entailment"}, layouts: []layout{
		{text: "sentence1", pair: "sentence2", label: "label"},
	}},
	{Name: "snli", Labels: []string{"entailment", "neutral", "contradiction"}, layouts: []layout{
		{text: "sentence1", pair: "sentence2", label: "gold_label"},
		{text: "premise", pair: "hypothesis", label: "label"},
	}},
	{Name: "imdb", Labels: []string{"neg", "pos"}, layouts: []layout{
		{text: "text", label: "label"},
	}},
	{Name: "yelp_polarity", Labels: []string{"negative", "positive"}, layouts: []layout{
		{text: "text", label: "label"},
		{text: "text", label: "label", header: []string{"label", "text"}, values: []string{"1", "2"}},
	}},
}

// A LabelledRow is one row of a classification set.
type LabelledRow struct {
	File  string // the file's base name; label/name where each row is a file
	Line  int    // where it stands there; 0 where each row is a file
	Split Split
	Text  string
	Pair  string // "" where rows are one text
	Label int    // index into Set.Labels; -1 = unlabelled
}

// Unlabelled is the label of a row that has none.
const Unlabelled = -1

// Rows reads the rows of a sheet. Rows that cannot be read as one, and those without a text, are
// problems and left out. A file without the set's columns or with another label is an *Error; a
// test file may lack the label column, as GLUE's do, and is unlabelled then.
func (s *Set) Rows(sheet *Sheet, split Split) (rows []LabelledRow, problems []*Error, err error) {
	l, columns, err := s.fit(sheet, split)
	if err != nil {
		return nil, nil, err
	}
	header := !sheet.Named && l.header == nil
	base := filepath.Base(sheet.File)
	at := func(r Record, msg string) *Error {
		if r.File != "" {
			return &Error{File: filepath.Join(sheet.File, filepath.FromSlash(r.File)), Msg: msg}
		}
		return &Error{File: sheet.File, Line: r.Line, Msg: msg}
	}
	err = sheet.Read(columns, func(r Record) error {
		if header {
			header = false
			return nil
		}
		if r.Problem != "" {
			problems = append(problems, at(r, r.Problem))
			return nil
		}
		row := LabelledRow{File: cmp.Or(r.File, base), Line: r.Line, Split: split, Text: strings.TrimSpace(r.Fields[0]), Label: Unlabelled}
		rest := r.Fields[1:]
		if l.pair != "" {
			row.Pair, rest = strings.TrimSpace(rest[0]), rest[1:]
		}
		if row.Text == "" || l.pair != "" && row.Pair == "" {
			problems = append(problems, at(r, "has no text"))
			return nil
		}
		if len(rest) > 0 {
			label, ok := s.label(l, strings.TrimSpace(rest[0]))
			if !ok {
				return at(r, fmt.Sprintf("label %q is none of %s", rest[0], s.describeLabels(l)))
			}
			row.Label = label
		}
		rows = append(rows, row)
		return nil
	})
	return rows, problems, err
}

// fit finds the layout of a sheet and the indices of its text, its pair where there is one and its
// label where there is one.
func (s *Set) fit(sheet *Sheet, split Split) (l *layout, columns []int, err error) {
	found := func(l *layout, labelled bool) ([]int, string) {
		names, wanted := sheet.Columns, []string{l.text}
		if l.header != nil {
			if sheet.Named || len(sheet.Columns) != len(l.header) {
				return nil, l.text
			}
			names = l.header
		}
		if l.pair != "" {
			wanted = append(wanted, l.pair)
		}
		if labelled {
			wanted = append(wanted, l.label)
		}
		var at []int
		for _, w := range wanted {
			i := slices.Index(names, w)
			if i < 0 {
				return at, w
			}
			at = append(at, i)
		}
		return at, ""
	}
	missing, most := "", -1
	for _, labelled := range []bool{true, false} {
		if !labelled && split != Test {
			break
		}
		for i := range s.layouts {
			at, lacks := found(&s.layouts[i], labelled)
			if lacks == "" {
				return &s.layouts[i], at, s.once(sheet, &s.layouts[i], at)
			}
			if len(at) > most {
				missing, most = lacks, len(at)
			}
		}
	}
	return nil, nil, &Error{File: sheet.File, Line: 1, Msg: fmt.Sprintf("has no column %q; it has %s", missing, strings.Join(sheet.Columns, ", "))}
}

// once checks that the columns taken are the only ones of their names.
func (s *Set) once(sheet *Sheet, l *layout, columns []int) error {
	if l.header != nil {
		return nil
	}
	for _, c := range columns {
		if slices.Contains(sheet.Columns[c+1:], sheet.Columns[c]) {
			return &Error{File: sheet.File, Line: 1, Msg: fmt.Sprintf("has two columns %q", sheet.Columns[c])}
		}
	}
	return nil
}

// label returns the index of the label that a field holds: what the layout writes for it, its
// name, or its number from 0 where labels are not numbers themselves. Nothing, - and -1 mean
// unlabelled.
func (s *Set) label(l *layout, field string) (int, bool) {
	names := s.Labels
	if l.values != nil {
		names = l.values
	}
	if i := slices.Index(names, field); i >= 0 {
		return i, true
	}
	if field == "" || field == "-" {
		return Unlabelled, true
	}
	// Programs that know no missing integers write 1.0.
	x, err := strconv.ParseFloat(field, 64)
	switch {
	case err != nil:
		return 0, false
	case x == Unlabelled:
		return Unlabelled, true
	case x != float64(int(x)) || x < 0 || int(x) >= len(names) || numeric(names):
		return 0, false
	}
	return int(x), true
}

// numeric says whether every label is a number, so that a number is a name and not an index.
func numeric(labels []string) bool {
	return !slices.ContainsFunc(labels, func(name string) bool {
		_, err := strconv.ParseFloat(name, 64)
		return err != nil
	})
}

// describeLabels lists what a label column may hold, for messages.
func (s *Set) describeLabels(l *layout) string {
	if l.values != nil {
		return strings.Join(l.values, ", ")
	}
	names := strings.Join(s.Labels, ", ")
	if !numeric(s.Labels) {
		names += fmt.Sprintf(", 0 to %d", len(s.Labels)-1)
	}
	return names
}
