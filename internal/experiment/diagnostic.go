package experiment

import (
	"fmt"
	"sort"
	"strings"
)

// A Diagnostic is one thing wrong with an experiment file: where, and what to do.
type Diagnostic struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1; 0 when the value came from --set
	Col  int    `json:"col"`  // from 1, in characters
	Msg  string `json:"message"`

	source string // the line it points into
}

// String gives `file:line:col: message`, then the line and a caret under the column.
func (d Diagnostic) String() string {
	if d.Line == 0 {
		return fmt.Sprintf("%s: %s", d.File, d.Msg)
	}
	s := fmt.Sprintf("%s:%d:%d: %s", d.File, d.Line, d.Col, d.Msg)
	if d.source == "" {
		return s
	}
	// The pad keeps tabs, so that the caret stands under its column however wide a tab is.
	pad := []rune(d.source)
	if d.Col-1 < len(pad) {
		pad = pad[:d.Col-1]
	}
	for i, r := range pad {
		if r != '\t' {
			pad[i] = ' '
		}
	}
	return fmt.Sprintf("%s\n    %s\n    %s^", s, d.source, string(pad))
}

// Errors are all the diagnostics of one experiment file, in the order of the file.
type Errors []Diagnostic

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, d := range e {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the diagnostics by position, those of --set first, without repetitions.
func (e Errors) sorted() Errors {
	sort.SliceStable(e, func(i, j int) bool {
		if e[i].Line != e[j].Line {
			return e[i].Line < e[j].Line
		}
		return e[i].Col < e[j].Col
	})
	var out Errors
	seen := map[string]bool{}
	for _, d := range e {
		if k := d.String(); !seen[k] {
			seen[k] = true
			out = append(out, d)
		}
	}
	return out
}

// didYouMean returns `; did you mean "x"?` for the candidate nearest to word, "" when none is near.
func didYouMean(word string, candidates []string) string {
	best, dist := "", len(word)/2+1
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(word), strings.ToLower(c)); d < dist {
			best, dist = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// Unknown is the message for a word that is none of the candidates.
func Unknown(what, word string, candidates []string) string {
	if hint := didYouMean(word, candidates); hint != "" {
		return fmt.Sprintf("unknown %s %q%s", what, word, hint)
	}
	if len(candidates) == 0 {
		return fmt.Sprintf("unknown %s %q: there is none", what, word)
	}
	return fmt.Sprintf("unknown %s %q: use one of %s", what, word, strings.Join(candidates, ", "))
}

// editDistance is the Levenshtein distance of a and b in bytes, adjacent swaps counting one.
func editDistance(a, b string) int {
	before, prev := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev = prev, cur
	}
	return prev[len(b)]
}
