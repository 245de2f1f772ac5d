package datasets

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestColumns cuts any line where its spaces are, wherever in a text it stands.
func TestColumns(t *testing.T) {
	piece := rapid.SampledFrom([]string{" ", "  ", "\t", "\r", "a", "bc", "!", "\x1f", "\x00", "\x0c", "\x8d", "\xa0", "\x89", "é", "\n", "(TOP(S(NP(NP*", "        "})
	rapid.Check(t, func(t *rapid.T) {
		before := strings.Join(rapid.SliceOfN(piece, 0, 5).Draw(t, "before"), "")
		line := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "line"), "")
		text := before + line + strings.Join(rapid.SliceOfN(piece, 0, 5).Draw(t, "after"), "")
		var got []string
		for _, c := range appendColumns(nil, text, len(before), len(before)+len(line)) {
			got = append(got, text[c.from:c.to])
		}
		var want []string
		for _, f := range strings.Split(strings.NewReplacer("\t", " ", "\r", " ").Replace(line), " ") {
			if f != "" {
				want = append(want, f)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q is cut into %q, want %q", line, got, want)
		}
	})
}
