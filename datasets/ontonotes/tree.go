package ontonotes

import (
	"fmt"
	"slices"
	"strings"

	"taskvec/datasets"
)

// A tree is a tree of the treebank, traces included.
type tree struct {
	line   int // where it begins
	nodes  []node
	leaves []leaf
}

// A node is one constituent, preterminals not among them, in preorder.
type node struct {
	label string
	datasets.Span
	parent int // -1 for the root
	next   int // the first node after all descendants
}

// A leaf is one token of the treebank.
type leaf struct {
	word, tag string
	line      int
	parent    int // node
}

// traceTag is the tag of an empty element.
const traceTag = "-NONE-"

func errorf(place string, line int, format string, args ...any) error {
	return &datasets.Error{File: place, Line: line, Msg: fmt.Sprintf(format, args...)}
}

// maxDepth bounds the nesting of a tree: none of a sentence comes near it.
const maxDepth = 500

// readTrees reads bracketed trees, one after the other: `(TOP (S …))` or `( (S …))`.
func readTrees(place, text string) ([]*tree, error) {
	line := 1
	next := func() string { // the next bracket or word, "" at the end
		for text != "" && strings.ContainsRune(" \t\r\n", rune(text[0])) {
			if text[0] == '\n' {
				line++
			}
			text = text[1:]
		}
		n := strings.IndexAny(text, "() \t\r\n")
		switch {
		case n < 0:
			n = len(text)
		case n == 0:
			n = 1
		}
		token := text[:n]
		text = text[n:]
		return token
	}
	// label takes what follows an opening bracket, "" when another bracket does.
	label := func() string {
		rest := strings.TrimLeft(text, " \t\r\n")
		if rest == "" || rest[0] == '(' || rest[0] == ')' {
			return ""
		}
		return next()
	}
	var trees []*tree
	for {
		switch token := next(); token {
		case "":
			return trees, nil
		case "(":
		default:
			return nil, errorf(place, line, "expected a tree, ( and a label, not %q", token)
		}
		t := &tree{line: line}
		if err := t.read(place, &line, label, next); err != nil {
			return nil, err
		}
		trees = append(trees, t)
	}
}

// read reads a tree whose first bracket is read already.
func (t *tree) read(place string, line *int, label, next func() string) error {
	root := label()
	if root == "" {
		root = "TOP"
	}
	t.nodes = append(t.nodes, node{label: root, parent: -1})
	open := []int{0}
	for len(open) > 0 {
		at := open[len(open)-1]
		switch token := next(); token {
		case "":
			return errorf(place, t.line, "the file ends within the tree begun here: ) is missing")
		case "(":
			name := label()
			if name == "" {
				return errorf(place, *line, "expected a label after (")
			}
			if len(open) > maxDepth {
				return errorf(place, *line, "the tree is nested more than %d deep", maxDepth)
			}
			open = append(open, len(t.nodes))
			t.nodes = append(t.nodes, node{label: name, Span: datasets.Span{Start: len(t.leaves)}, parent: at})
		case ")":
			n := &t.nodes[at]
			if n.Start == len(t.leaves) {
				return errorf(place, *line, "the constituent %s holds no word", n.label)
			}
			n.End, n.next = len(t.leaves), len(t.nodes)
			open = open[:len(open)-1]
		default: // a word: its bracket was a preterminal
			if at != len(t.nodes)-1 || t.nodes[at].Start != len(t.leaves) || at == 0 {
				return errorf(place, *line, "the word %q stands outside of a bracket of its own: (TAG WORD)", token)
			}
			if end := next(); end != ")" {
				return errorf(place, *line, "expected ) after the word %q, not %q", token, end)
			}
			t.leaves = append(t.leaves, leaf{word: token, tag: t.nodes[at].label, line: *line, parent: t.nodes[at].parent})
			t.nodes = t.nodes[:at]
			open = open[:len(open)-1]
		}
	}
	return nil
}

// A words maps positions of a tree, traces counted, to those of its words: element k is how many
// words stand before leaf k.
type words []int

func (w words) span(s datasets.Span) datasets.Span {
	return datasets.Span{Start: w[s.Start], End: w[s.End]}
}

// dropped are the constituents whose words are no part of the text: marks of the transcript and,
// unless they are kept, what a speaker corrected.
var dropped = []string{"CODE", "META", "EDITED"}

// words says which leaves are words of the text.
func (t *tree) words(o Options) words {
	w := make(words, len(t.leaves)+1)
	for k, l := range t.leaves {
		w[k+1] = w[k]
		if l.tag != traceTag && !slices.Contains(dropped, l.tag) && !t.within(l.parent, o) {
			w[k+1]++
		}
	}
	return w
}

// within says whether a node or one above it is dropped.
func (t *tree) within(i int, o Options) bool {
	for ; i >= 0; i = t.nodes[i].parent {
		if label := t.nodes[i].label; slices.Contains(dropped, label) && !(o.Edited && label == "EDITED") {
			return true
		}
	}
	return false
}

// constituents are the nodes that hold words.
func (t *tree) constituents(w words) datasets.Tree {
	var out datasets.Tree
	index := make([]int, len(t.nodes)) // of a node, or of the nearest kept one above it
	for i := range t.nodes {
		n := &t.nodes[i]
		at := w.span(n.Span)
		parent := -1
		if n.parent >= 0 {
			parent = index[n.parent]
		}
		if at.Len() == 0 {
			index[i] = parent
			continue
		}
		index[i] = len(out)
		out = append(out, datasets.Node{Label: n.label, Span: at, Parent: parent})
	}
	// The first node after a node's descendants is the first that does not lie below it.
	for i := range out {
		next := i + 1
		for next < len(out) && below(out, next, i) {
			next++
		}
		out[i].Next = next
	}
	return out
}

// below says whether node i lies below node top.
func below(t datasets.Tree, i, top int) bool {
	for ; i > top; i = t[i].Parent {
	}
	return i == top
}

// pointer returns the leaves of the constituent height levels above a leaf, 0 being the leaf's own
// bracket, and the constituent's label.
func (t *tree) pointer(token, height int) (s datasets.Span, label string, ok bool) {
	if token < 0 || token >= len(t.leaves) || height < 0 {
		return s, "", false
	}
	if height == 0 {
		return datasets.Span{Start: token, End: token + 1}, t.leaves[token].tag, true
	}
	i := t.leaves[token].parent
	for ; height > 1 && i >= 0; height-- {
		i = t.nodes[i].parent
	}
	if i < 0 {
		return s, "", false
	}
	return t.nodes[i].Span, t.nodes[i].label, true
}
