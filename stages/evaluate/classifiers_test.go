package evaluate

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"taskvec/internal/pipeline"
	"taskvec/internal/table"
	"taskvec/internal/trainer"
)

// TestPredictions: what a container's trainer left is taken when it is a label for every test example, is
// bad data when it is anything else, and its absence leaves the adapter untested.
func TestPredictions(t *testing.T) {
	for content, want := range map[string]string{
		"[1, 0, 1]": "tested", "": "untested",
		"[0, 2, 1]": "bad", "[0, -1, 1]": "bad", "[0, null, 1]": "bad", "null": "bad", "[0, 1]": "bad", "[0, 1, 1, 0]": "bad", "{": "bad",
	} {
		dir := t.TempDir()
		if content != "" {
			file := filepath.Join(dir, filepath.FromSlash(trainer.PredictionsFile))
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		// Two of three test examples are tested.
		own := &task{name: "has-date", kind: "classification", labels: []string{"no", "yes"}, rows: []table.Example{{ID: "a", Label: 1}, {ID: "b"}}, test: 3}
		e := &evaluation{work: &pipeline.Work{Log: io.Discard}, set: &settings{}}
		err := e.classify(t.Context(), &tested{name: "m", tasks: []*task{own}, adapters: []trained{{label: own.name, own: own, dir: dir}}})
		var bad *table.Error
		got := "tested"
		switch {
		case errors.As(err, &bad) && filepath.Base(bad.File) == "predictions.json":
			got = "bad"
		case err != nil:
			t.Errorf("%q: %v", content, err)
		case len(e.report.Untested) == 1 && len(e.answers) == 2:
			got = "untested"
		}
		if got != want || want == "tested" && (len(e.answers) != 4 || e.answers[2].Answer != "yes" || e.answers[3].Answer != "no") {
			t.Errorf("%q is %s, want %s; answers %+v", content, got, want, e.answers)
		}
	}
}
