package argo

import (
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

// TestRenderKeepsText writes texts of every kind as artifacts and reads them back: a file that travels
// must arrive in the same bytes, since keys hang on its digest.
func TestRenderKeepsText(t *testing.T) {
	check := func(t rapid.TB, text string) {
		w := &wfv1.Workflow{}
		w.Spec.Arguments.Artifacts = wfv1.Artifacts{{Name: "experiment", ArtifactLocation: wfv1.ArtifactLocation{Raw: &wfv1.RawArtifact{Data: text}}}}
		b, _, err := render(w, "x.yaml")
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Spec struct {
				Arguments struct {
					Artifacts []struct{ Raw struct{ Data string } }
				}
			}
		}
		if err := yaml.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %v in\n%s", text, err, b)
		}
		if back := got.Spec.Arguments.Artifacts[0].Raw.Data; back != text {
			t.Fatalf("%q comes back as %q in\n%s", text, back, b)
		}
	}
	for _, text := range []string{
		"a: b\n", "no end", "two\r\nlines\r\n", "\n leads\n", "  indented\nless\n", "trailing \nspace \n", "tab\tand\n\ttab\n",
		"---\n...\n", "# only\n\n\n", "ü → 漢\u2028x\n", "nul\x00\n", "\ufeffmark\n", "- a\n -b\n\n\n  c", "\t\n", "{\"a\": [1, 2]}\n",
	} {
		check(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.OneOf(rapid.String(), rapid.StringMatching(`[ \t]*[-#:a-z{}'"|>]*[ \t\r]*`))).Draw(t, "lines")
		check(t, strings.ToValidUTF8(strings.Join(lines, "\n"), "?"))
	})
}
