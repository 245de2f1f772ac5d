// Package sample is the corpus that comes with taskvec: 48 English documents written and annotated
// for it in OntoNotes style, embedded as CoNLL-2012 files.
//
// The files below data are generated from the notation in source (see README.md) and never edited
// by hand. It is no reader: package datasets reads it like any other corpus.
package sample

import (
	"embed"
	"io/fs"
)

// Summaries is the name of the file of reference summaries in Files.
const Summaries = "summaries.jsonl"

//go:embed data
var data embed.FS

// Files is the corpus: train, development and test folders of *.gold_conll files by genre, and
// the summaries.
func Files() fs.FS {
	files, err := fs.Sub(data, "data")
	if err != nil {
		panic(err) // only an invalid path can fail
	}
	return files
}
