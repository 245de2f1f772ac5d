package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// unsupervised is the label folder of IMDB's archive whose texts have no label.
const unsupervised = "unsup"

// splitFolders returns the folders of a set laid out as IMDB's archive is, one text a file:
// train/pos/0_9.txt. It is empty for any other folder.
func splitFolders(path string, entries []os.DirEntry) ([]setFile, error) {
	var out []setFile
	trains := false
	for _, e := range entries {
		split, _ := fileSplit(e.Name())
		if !e.IsDir() || split == "" {
			continue
		}
		folder := filepath.Join(path, e.Name())
		labels, err := subfolders(folder)
		if err != nil {
			return nil, err
		}
		if len(labels) > 0 {
			trains = trains || split == Train
			out = append(out, setFile{folder, split})
		}
	}
	if !trains {
		return nil, nil
	}
	return out, nil
}

func subfolders(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read set: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// eachText calls each for the texts of a split's folder in the order of labels and names; file is
// slash-separated and relative to the folder.
func eachText(folder string, each func(label, file string, text []byte) error) error {
	labels, err := subfolders(folder)
	if err != nil {
		return err
	}
	for _, label := range labels {
		entries, err := os.ReadDir(filepath.Join(folder, label))
		if err != nil {
			return fmt.Errorf("read set: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() || filepath.Ext(e.Name()) != ".txt" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(folder, label, e.Name()))
			if err != nil {
				return fmt.Errorf("read set: %w", err)
			}
			if err := each(label, label+"/"+e.Name(), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// ReadFolder is the sheet of a split's folder with a folder of .txt files for each label, one text
// a file: columns text and label. The label unsup stands for none.
func ReadFolder(folder string) *Sheet {
	return &Sheet{File: folder, Columns: []string{"text", "label"}, Named: true, Read: func(columns []int, each func(Record) error) error {
		return eachText(folder, func(label, file string, text []byte) error {
			if !utf8.Valid(text) {
				return &Error{File: filepath.Join(folder, filepath.FromSlash(file)), Msg: "is not UTF-8"}
			}
			if label == unsupervised {
				label = ""
			}
			r := Record{File: file, Fields: make([]string, len(columns))}
			for i, c := range columns {
				r.Fields[i] = []string{string(text), label}[c]
			}
			return each(r)
		})
	}}
}
