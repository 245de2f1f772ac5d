// Package ontonotes reads the release of OntoNotes 5 as the LDC ships it: for each document a file a
// layer (.parse .name .coref .prop .sense .speaker) or the .onf file that holds all of them. It
// writes documents in both forms too.
//
// It gives datasets.Documents as CoNLL-2012 has them, without traces and disfluencies but with the
// trees' function tags. It builds no tasks, and the corpus itself comes from the LDC.
package ontonotes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"taskvec/datasets"
)

// The layers of a document, by the ending of their files.
const (
	parseLayer   = "parse"
	nameLayer    = "name"
	corefLayer   = "coref"
	propLayer    = "prop"
	senseLayer   = "sense"
	speakerLayer = "speaker"
	onfLayer     = "onf"
)

var layers = []string{parseLayer, nameLayer, corefLayer, propLayer, senseLayer, speakerLayer, onfLayer}

// Options say what of a document is taken.
type Options struct {
	// Edited keeps the words that a speaker corrected (EDITED); CoNLL-2012 and the default leave
	// them out.
	Edited bool
}

// Open finds the documents of the release below a folder. Where a folder has one for each language,
// as data/files/data has, English is read.
func Open(dir string, o Options) (*datasets.Corpus, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open corpus: %w", err)
	}
	return OpenFS(dir, os.DirFS(dir), o)
}

// OpenFS is Open on a file system; name stands for it in errors.
func OpenFS(name string, fsys fs.FS, o Options) (*datasets.Corpus, error) {
	found := map[string]*document{}
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !english(file) {
			return err
		}
		stem, layer, ok := cutLast(file, ".")
		if !ok || !slices.Contains(layers, layer) {
			return nil
		}
		if found[stem] == nil {
			found[stem] = &document{fsys: fsys, name: name, stem: stem, options: o, files: map[string]string{}}
		}
		found[stem].files[layer] = file
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open corpus %s: %w", name, err)
	}
	var units []datasets.Unit
	for stem, d := range found {
		var files []string
		switch {
		case d.files[parseLayer] != "":
			delete(d.files, onfLayer) // the layers say the same
		case d.files[onfLayer] != "":
			d.files = map[string]string{onfLayer: d.files[onfLayer]}
		default:
			continue // a name layer alone has no sentences to stand on
		}
		for _, f := range d.files {
			files = append(files, f)
		}
		slices.Sort(files)
		units = append(units, datasets.Unit{Name: stem, Files: files, Read: d.read})
	}
	if len(units) == 0 {
		return nil, &datasets.Error{File: name, Msg: "holds no document of OntoNotes: they are files such as bn/cnn/00/cnn_0001.parse or .onf"}
	}
	return datasets.NewCorpus(name, fsys, units), nil
}

// english says whether a file is not in the folder of another language of the release.
func english(file string) bool {
	before, _, ok := strings.Cut(file, "/annotations/")
	return !ok || !slices.Contains([]string{"arabic", "chinese"}, path.Base(before))
}

// cutLast cuts s around the last occurrence of sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// A document is the files of one document.
type document struct {
	fsys    fs.FS
	name    string // of the corpus
	stem    string // path without ending
	files   map[string]string
	options Options
}

// place is what a file is called in errors.
func (d *document) place(file string) string { return path.Join(filepath.ToSlash(d.name), file) }

// text reads the file of a layer; "" when there is none.
func (d *document) text(layer string) (text, place string, err error) {
	file := d.files[layer]
	if file == "" {
		return "", "", nil
	}
	b, err := fs.ReadFile(d.fsys, file)
	if err != nil {
		return "", "", fmt.Errorf("read corpus: %w", err)
	}
	return string(b), d.place(file), nil
}

// id is the document's id: what follows annotations/ in its path, else the path.
func (d *document) id() string {
	if _, after, ok := cutLast(d.stem, "annotations/"); ok {
		return after
	}
	return d.stem
}

// A sentence is one tree with what the layers say of it, in positions that count traces.
type sentence struct {
	*tree
	speaker  string
	entities []datasets.Entity
	frames   []frame
	mentions []mention
	senses   []sense
	part     int
}

// A mention is a span of a chain.
type mention struct {
	chain string
	datasets.Span
}

// A sense is the word sense of a token.
type sense struct {
	token        int
	lemma, sense string
}

// read reads the document: one for each of its parts. What is malformed leaves it out.
func (d *document) read() ([]*datasets.Document, []datasets.Problem, error) {
	sentences, place, err := d.sentences()
	var bad *datasets.Error
	if errors.As(err, &bad) {
		return nil, []datasets.Problem{{File: bad.File, Line: bad.Line, Message: bad.Msg}}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return assemble(d.id(), place, sentences, d.options), nil, nil
}

// sentences reads the layers; place is the file the trees stand in.
func (d *document) sentences() (list []*sentence, place string, err error) {
	if d.files[onfLayer] != "" {
		text, place, err := d.text(onfLayer)
		if err != nil {
			return nil, "", err
		}
		list, err = readONF(place, text)
		return list, place, err
	}
	text, place, err := d.text(parseLayer)
	if err != nil {
		return nil, "", err
	}
	trees, err := readTrees(place, text)
	if err != nil {
		return nil, "", err
	}
	for _, t := range trees {
		list = append(list, &sentence{tree: t})
	}
	for _, layer := range []struct {
		name string
		read func(place, text string, list []*sentence) error
	}{
		{nameLayer, readNames}, {corefLayer, readCoref}, {propLayer, readProps}, {senseLayer, readSenses}, {speakerLayer, readSpeakers},
	} {
		text, at, err := d.text(layer.name)
		if err != nil {
			return nil, "", err
		}
		if at == "" {
			continue // not annotated
		}
		if err := layer.read(at, text, list); err != nil {
			return nil, "", err
		}
	}
	return list, place, nil
}

// assemble makes documents of the sentences, one a part.
func assemble(id, place string, list []*sentence, o Options) []*datasets.Document {
	var docs []*datasets.Document
	var chains map[string]int // of the present part: name → index in Chains
	for _, s := range list {
		if len(docs) == 0 || docs[len(docs)-1].Part != s.part {
			docs = append(docs, &datasets.Document{ID: id, Part: s.part, File: place, Line: s.line})
			chains = map[string]int{}
		}
		d := docs[len(docs)-1]
		out, words := s.assemble(o)
		if len(out.Tokens) == 0 {
			continue // of a sentence of disfluencies nothing is left
		}
		d.Sentences = append(d.Sentences, out)
		for _, m := range s.mentions {
			at := words.span(m.Span)
			if at.Len() == 0 {
				continue // a trace
			}
			i, ok := chains[m.chain]
			if !ok {
				i = len(d.Chains)
				chains[m.chain] = i
				d.Chains = append(d.Chains, datasets.Chain{ID: i})
			}
			whole := datasets.Mention{Sentence: len(d.Sentences) - 1, Span: at}
			if !slices.Contains(d.Chains[i].Mentions, whole) {
				d.Chains[i].Mentions = append(d.Chains[i].Mentions, whole)
			}
		}
	}
	for _, d := range docs {
		// A chain of which only one mention has words refers to nothing else in the text.
		d.Chains = slices.DeleteFunc(d.Chains, func(c datasets.Chain) bool { return len(c.Mentions) < 2 })
		datasets.SortChains(d.Chains)
	}
	return docs
}

// assemble makes a sentence of the words that stay, and says which those are.
func (s *sentence) assemble(o Options) (datasets.Sentence, words) {
	w := s.words(o)
	out := datasets.Sentence{Speaker: s.speaker}
	for k, l := range s.leaves {
		if w[k+1] > w[k] {
			out.Tokens = append(out.Tokens, datasets.Token{Word: l.word, POS: l.tag})
		}
	}
	if len(out.Tokens) == 0 {
		return out, w
	}
	out.Tree = s.constituents(w)
	for _, n := range s.senses {
		if at := w.span(datasets.Span{Start: n.token, End: n.token + 1}); at.Len() > 0 {
			out.Tokens[at.Start].Sense, out.Tokens[at.Start].Lemma = n.sense, n.lemma
		}
	}
	for _, e := range s.entities {
		if at := w.span(e.Span); at.Len() > 0 {
			out.Entities = append(out.Entities, datasets.Entity{Type: e.Type, Span: at})
		}
	}
	for _, f := range s.frames {
		if at := w.span(datasets.Span{Start: f.token, End: f.token + 1}); at.Len() > 0 {
			out.Frames = append(out.Frames, f.assemble(s.tree, w, at.Start))
			out.Tokens[at.Start].Lemma = f.lemma
		}
	}
	slices.SortStableFunc(out.Frames, func(a, b datasets.Frame) int { return a.Token - b.Token })
	return out, w
}
