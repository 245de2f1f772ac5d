package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"taskvec/datasets"
	"taskvec/internal/experiment"
	"taskvec/internal/table"
	"taskvec/tasks"
)

// setPath is the name under which Resolve gives the place of a classification set.
const setPath = "set"

// A labelledSet is what determines the rows of a classification set. Columns and labels are those
// of a user's own set; the layouts of the known ones are built in.
type labelledSet struct {
	Text   string               `json:"text,omitempty"`
	Pair   string               `json:"pair,omitempty"`
	Label  string               `json:"label,omitempty"`
	Labels []string             `json:"labels,omitempty"`
	Digest string               `json:"digest"` // of the set's files
	Split  datasets.SplitCounts `json:"split,omitzero"`
	Seed   int64                `json:"seed"` // of the draw
}

// resolveSet resolves a set and adds its place to paths.
func resolveSet(e *experiment.Experiment, s *experiment.Set, paths map[string]string) (*labelledSet, error) {
	path := e.Resolve(s.Path)
	files, err := datasets.FindSet(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &datasets.Error{File: path, Msg: fmt.Sprintf("there is no such set: set sets.%s.path", s.Name)}
	}
	if err != nil {
		return nil, err
	}
	digest, err := files.Digest()
	if err != nil {
		return nil, err
	}
	paths[setPath] = path
	return &labelledSet{
		Text: s.Text, Pair: s.Pair, Label: s.Label, Labels: s.Labels,
		Digest: digest, Split: datasets.SplitCounts(s.Split), Seed: e.Seed,
	}, nil
}

// examples reads the rows of the set named name at path. It is an error when its files are no
// longer those of the settings, and a *datasets.Error when a split has no rows.
func (l *labelledSet) examples(name, path string) (*tasks.Task, []table.Example, *Report, error) {
	set := (&experiment.Set{Name: name, Text: l.Text, Pair: l.Pair, Label: l.Label, Labels: l.Labels}).Declare()
	t := tasks.Labelled(name, set.Labels)
	files, err := datasets.FindSet(path)
	if err != nil {
		return t, nil, nil, err
	}
	digest, err := files.Digest()
	if err != nil {
		return t, nil, nil, err
	}
	if digest != l.Digest {
		return t, nil, nil, changed(path)
	}
	read, err := files.Read(set, datasets.SetOptions{Split: l.Split, Seed: l.Seed}, openSheet)
	if err != nil {
		return t, nil, nil, err
	}
	report := newReport(t)
	report.Unit = rowUnit
	report.Documents = read.Labelled
	report.Drawn, report.LeftOut = read.Drawn, files.LeftOut
	if read.Unlabelled > 0 {
		report.Skipped["no label"] = read.Unlabelled
	}
	for _, p := range read.Problems {
		report.Skipped[p.Msg]++
		if len(report.Problems) < maxProblems {
			report.Problems = append(report.Problems, (&datasets.Error{File: filepath.Base(p.File), Line: p.Line, Msg: p.Msg}).Error())
		}
	}
	var rows []table.Example
	for _, r := range read.Rows {
		report.Rows[r.Split]++
		rows = append(rows, table.Example{
			ID: rowID(r), Split: string(r.Split), Text: r.Text, TextPair: r.Pair, Label: int32(r.Label),
		})
	}
	err = report.complete(t, path, rows)
	return t, rows, report, err
}

// rowID is where a row stands.
func rowID(r datasets.LabelledRow) string {
	if r.Line == 0 {
		return r.File
	}
	return fmt.Sprintf("%s:%d", r.File, r.Line)
}

// openSheet opens a file of rows of any format, or a folder of texts.
func openSheet(path string) (*datasets.Sheet, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return datasets.ReadFolder(path), nil
	}
	if filepath.Ext(path) != ".parquet" {
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read set: %w", err)
		}
		return datasets.ReadSheet(path, src)
	}
	columns, err := table.ParquetColumns(path)
	if err != nil {
		return nil, err
	}
	return &datasets.Sheet{File: path, Columns: columns, Named: true, Read: func(at []int, each func(datasets.Record) error) error {
		return table.ReadParquet(path, at, func(row int, fields []string) error {
			return each(datasets.Record{Line: row, Fields: fields})
		})
	}}, nil
}
