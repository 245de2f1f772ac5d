package datasets

import (
	"path"
	"strings"
)

// OntoGUM's layout: rows of word number, word and coreference, tabs between, and nothing said as
// an underscore. Its documents may be one long sentence.
const (
	shortBeginMark = "# begin document"
	shortEndMark   = "# end document"
	shortColumns   = 3
	shortNone      = "_"
)

// shortBegin takes a document's id off its `# begin document ID` line. Where none stands, the id is
// the file's name up to its first dot.
func (r *reader) shortBegin(d *Document, line string) error {
	d.ID = trim(line[len(shortBeginMark):])
	if d.ID == "" {
		d.ID, _, _ = strings.Cut(path.Base(r.file), ".")
	}
	if d.ID == "" || strings.ContainsAny(d.ID, " \t\r") {
		return r.errorf(r.line, "expected `# begin document ID`, not %s", excerpt(line))
	}
	return nil
}

// shortLayers reads the words. Numbers may go on from sentence to sentence. The words are tagged
// as those of a sentence without parse.
func (r *reader) shortLayers(s *Sentence, width int) error {
	first, _ := number(r.column(0))
	for k := range s.Tokens {
		row := k * width
		if n, ok := number(r.column(row)); !ok || n != first+k {
			return r.errorf(r.first+k, "word number %s: want %d", excerpt(r.column(row)), first+k)
		}
		s.Tokens[k] = Token{Word: r.column(row + 1), POS: "XX"}
	}
	return nil
}
