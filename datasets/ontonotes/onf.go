package ontonotes

import (
	"regexp"
	"strconv"
	"strings"

	"taskvec/datasets"
)

// An onf reads an .onf file: for each sentence the blocks Plain sentence, Treebanked sentence, Speaker
// information, Tree and Leaves, each under a rule of hyphens, and after each section of a document its
// Coreference chains under a rule of equals signs.
type onf struct {
	file  string
	lines []string
	at    int // index of the next line
	list  []*sentence
	first int // the first sentence of the section
	part  int

	speaker string // of the sentence begun
	leaf    int    // the leaf whose annotation is read
	frame   *frame // the predicate whose arguments are read
}

// readONF reads the sentences of an .onf file.
func readONF(file, text string) ([]*sentence, error) {
	r := &onf{file: file, lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}
	for {
		title, ok := r.next()
		if !ok {
			return r.list, nil
		}
		var err error
		switch {
		case title == "Plain sentence:" || title == "Treebanked sentence:":
			r.body()
		case title == "Speaker information:":
			r.readSpeaker(r.body())
		case title == "Tree:":
			line := r.at + 1
			err = r.readTree(r.body(), line)
		case title == "Leaves:":
			line := r.at + 1
			err = r.readLeaves(r.body(), line)
		case strings.HasPrefix(title, "Coreference chains for section"):
			r.body()
			// The section's sentences stand before its chains.
			for _, s := range r.list[r.first:] {
				s.part = r.part
			}
			r.first = len(r.list)
			r.part++
		default:
			err = errorf(file, r.at, "expected a block such as Tree: or Leaves:, not %q", title)
		}
		if err != nil {
			return nil, err
		}
	}
}

// rule is a line of hyphens or equals signs.
var rule = regexp.MustCompile(`^\s*(-{3,}|={3,})\s*$`)

// next returns the next line that is neither empty nor a rule.
func (r *onf) next() (string, bool) {
	for r.at < len(r.lines) {
		line := strings.TrimSpace(r.lines[r.at])
		r.at++
		if line != "" && !rule.MatchString(line) {
			return line, true
		}
	}
	return "", false
}

// title is the first line of a block.
var title = regexp.MustCompile(`^(Plain sentence|Treebanked sentence|Speaker information|Tree|Leaves|Coreference chains for section .*):\s*$`)

// body returns the lines of a block up to the next.
func (r *onf) body() []string {
	start := r.at
	for r.at < len(r.lines) && !title.MatchString(r.lines[r.at]) {
		r.at++
	}
	return r.lines[start:r.at]
}

// readSpeaker reads `name: …`.
func (r *onf) readSpeaker(body []string) {
	for _, line := range body {
		key, value, ok := strings.Cut(line, ":")
		if f := strings.Fields(value); ok && strings.TrimSpace(key) == "name" && len(f) > 0 && f[0] != "-" {
			r.speaker = f[0]
		}
	}
}

// readTree reads the tree, whose block begins in the given line, and begins a sentence with it.
func (r *onf) readTree(body []string, line int) error {
	text := make([]string, len(body))
	for i, l := range body {
		if !rule.MatchString(l) {
			text[i] = l
		}
	}
	trees, err := readTrees(r.file, strings.Repeat("\n", line-1)+strings.Join(text, "\n"))
	if err != nil {
		return err
	}
	if len(trees) != 1 {
		return errorf(r.file, line, "the block Tree holds %d trees, not one", len(trees))
	}
	// A section that no chains follow is the last.
	r.list = append(r.list, &sentence{tree: trees[0], speaker: r.speaker, part: r.part})
	r.speaker = ""
	return nil
}

// The lines of the block Leaves.
var (
	leafLine  = regexp.MustCompile(`^\s{0,8}(\d+)\s+(\S+)\s*$`)
	corefLine = regexp.MustCompile(`^\s+coref:\s+(\S+)\s+(\S+)\s+(\d+)-(\d+)(\s.*)?$`)
	nameLine  = regexp.MustCompile(`^\s+name:\s+(\S+)\s+(\d+)-(\d+)(\s.*)?$`)
	senseLine = regexp.MustCompile(`^\s+sense:\s+(\S+)-[a-z]\.(\S+)\s*$`)
	propLine  = regexp.MustCompile(`^\s+prop:\s+(\S+)\.(\S+)\s*$`)
	argLine   = regexp.MustCompile(`^\s+([A-Za-z]\S*)?\s*([*&,;])?\s*->\s+(\d+:\d+)(,.*)?$`)
)

// readLeaves reads what the layers say of each leaf of the last sentence.
func (r *onf) readLeaves(body []string, line int) error {
	if len(r.list) == 0 {
		return errorf(r.file, line, "the block Leaves stands before any Tree")
	}
	s := r.list[len(r.list)-1]
	leaves := 0
	r.frame = nil
	done := func() {
		if r.frame != nil {
			s.frames = append(s.frames, *r.frame)
			r.frame = nil
		}
	}
	for i, text := range body {
		at := line + i
		if strings.TrimSpace(text) == "" || rule.MatchString(text) {
			continue
		}
		if m := leafLine.FindStringSubmatch(text); m != nil {
			done()
			if leaves >= len(s.leaves) || m[1] != strconv.Itoa(leaves) || plain(m[2]) != plain(s.leaves[leaves].word) {
				return errorf(r.file, at, "leaf %s %q is not that of the tree, which has %d", m[1], m[2], len(s.leaves))
			}
			r.leaf = leaves
			leaves++
			continue
		}
		if leaves == 0 {
			return errorf(r.file, at, "annotation stands before the first leaf: %q", strings.TrimSpace(text))
		}
		if err := r.readAnnotation(text, at, s, done); err != nil {
			return err
		}
	}
	done()
	if leaves != len(s.leaves) {
		return errorf(r.file, line, "the block Leaves has %d leaves and the tree %d", leaves, len(s.leaves))
	}
	return nil
}

// readAnnotation reads one line of what the layers say of a leaf.
func (r *onf) readAnnotation(text string, at int, s *sentence, done func()) error {
	if m := corefLine.FindStringSubmatch(text); m != nil {
		span, err := r.span(m[3], m[4], at, s)
		if err == nil && m[1] == "IDENT" {
			s.mentions = append(s.mentions, mention{m[2], span})
		}
		return err
	}
	if m := nameLine.FindStringSubmatch(text); m != nil {
		span, err := r.span(m[2], m[3], at, s)
		s.entities = append(s.entities, datasets.Entity{Type: m[1], Span: span})
		return err
	}
	if m := senseLine.FindStringSubmatch(text); m != nil {
		s.senses = append(s.senses, sense{r.leaf, m[1], m[2]})
		return nil
	}
	if m := propLine.FindStringSubmatch(text); m != nil {
		done()
		r.frame = &frame{token: r.leaf, lemma: m[1], frameset: m[2]}
		return nil
	}
	m := argLine.FindStringSubmatch(text)
	if m == nil || r.frame == nil || m[1] == "" && len(r.frame.arguments) == 0 {
		return errorf(r.file, at, "expected coref:, name:, sense:, prop: or an argument, not %q", strings.TrimSpace(text))
	}
	p, err := readPlace(r.file, at, m[3], s.tree)
	if err != nil {
		return err
	}
	if m[1] != "" {
		label := m[1]
		if label == "v" {
			label = predicateLabel
		}
		r.frame.arguments = append(r.frame.arguments, argument{label: label, links: [][]place{{p}}})
		return nil
	}
	a := &r.frame.arguments[len(r.frame.arguments)-1]
	if m[2] == "," || m[2] == ";" { // a further piece of the link
		last := &a.links[len(a.links)-1]
		*last = append(*last, p)
	} else {
		a.links = append(a.links, []place{p})
	}
	return nil
}

// span reads the first and last leaf of a span.
func (r *onf) span(first, last string, at int, s *sentence) (datasets.Span, error) {
	a, err1 := strconv.Atoi(first)
	b, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || a > b || b >= len(s.leaves) {
		return datasets.Span{}, errorf(r.file, at, "the span %s-%s leaves the tree, which has %d leaves", first, last, len(s.leaves))
	}
	return datasets.Span{Start: a, End: b + 1}, nil
}
