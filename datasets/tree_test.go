package datasets

import (
	"slices"
	"testing"
)

// The sentence is "The bag of Mona 's sister vanished today ." bracketed
// (TOP (S (NP (NP The bag) (PP of (NP (NP Mona 's) sister))) (VP vanished (ADVP today)) .))
var bagTree = Tree{
	{"TOP", Span{0, 9}, -1, 9},
	{"S", Span{0, 9}, 0, 9},
	{"NP-SBJ", Span{0, 6}, 1, 7},
	{"NP", Span{0, 2}, 2, 4},
	{"PP", Span{2, 6}, 2, 7},
	{"NP", Span{3, 6}, 4, 7},
	{"NP", Span{3, 5}, 5, 7},
	{"VP", Span{6, 8}, 1, 9},
	{"ADVP-TMP", Span{7, 8}, 7, 9},
}

func TestTree(t *testing.T) {
	for i, want := range map[int][]int{0: {1}, 1: {2, 7}, 2: {3, 4}, 3: nil, 5: {6}, 8: nil} {
		if got := bagTree.Children(i); !slices.Equal(got, want) {
			t.Errorf("children of %d are %v, want %v", i, got, want)
		}
	}
	for k, want := range []int{3, 3, 4, 6, 6, 5, 7, 8, 1} {
		if got := bagTree.Parent(k); got != want {
			t.Errorf("token %d is a leaf of %d, want %d", k, got, want)
		}
	}
	for span, want := range map[Span]int{
		{0, 9}: -1, {0, 2}: -1, {1, 2}: -1, // a constituent, and leaves
		{6, 9}: -1, {2, 6}: -1, {0, 8}: -1, // sisters: VP and full stop; a PP; NP and VP
		{1, 3}: 3, {0, 4}: 4, {5, 7}: 2, {4, 6}: 6, {7, 9}: 7,
	} {
		if got := bagTree.Crosses(span); got != want {
			t.Errorf("%v crosses %d, want %d", span, got, want)
		}
	}
	for label, want := range map[string]string{"NP-SBJ-2": "NP", "NP=1": "NP", "S": "S", "-NONE-": "-NONE-", "WHNP-1": "WHNP"} {
		if got := (&Node{Label: label}).Category(); got != want {
			t.Errorf("category of %s is %s, want %s", label, got, want)
		}
	}
}
