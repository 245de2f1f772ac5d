package datasets

import "strings"

// A Tree is the constituents of a sentence in preorder: a node stands before its descendants and
// those before its next sister. Tokens are not nodes: a constituent's tokens that lie in none of
// its children are its own leaves. Tree[0] is the root, labelled TOP.
type Tree []Node

// A Node is one constituent.
type Node struct {
	Label string // as in the file, with function tags where the file has them: NP-SBJ
	Span
	Parent int // index of the parent, -1 for the root
	Next   int // index of the first node after all descendants
}

// Category is the label without function tags and indices: NP for NP-SBJ-2 and NP=1. Labels that
// begin with a hyphen, such as -NONE-, stay whole.
func (n *Node) Category() string {
	if i := strings.IndexAny(n.Label, "-="); i > 0 {
		return n.Label[:i]
	}
	return n.Label
}

// Children returns the indices of the child constituents of node i in text order.
func (t Tree) Children(i int) []int {
	var c []int
	for j := i + 1; j < t[i].Next; j = t[j].Next {
		c = append(c, j)
	}
	return c
}

// Parent returns the index of the constituent that token k is a leaf of.
func (t Tree) Parent(k int) int {
	at := 0
	for j := 1; j < len(t); {
		if t[j].Start <= k && k < t[j].End {
			at = j
			j++
		} else {
			j = t[j].Next
		}
	}
	return at
}

// Crosses returns the index of a constituent that s cuts, one that it overlaps without containing
// it or lying in it, or -1. A span that cuts none is a run of sisters: constituents and leaves
// that follow one another in the same parent.
func (t Tree) Crosses(s Span) int {
	for i := range t {
		if n := t[i].Span; n.Overlaps(s) && !n.Contains(s) && !s.Contains(n) {
			return i
		}
	}
	return -1
}
