package report

import "fmt"

// The row side is suspiciously near when its mean distance is below this share of its null.
const sharedStart = 0.9

// startWarning says so when the row spaces of a model's tasks are much nearer to each other than chance, "" otherwise.
func (in *Input) startWarning(model string) string {
	var ratio, n float64
	tasks := in.Results.Tasks[model]
	for i, a := range tasks {
		for _, b := range tasks[i+1:] {
			distance, ok := in.Results.pairDistance(model, "grassmann/row", a, b)
			null, there := in.Results.pairDistance(model, "grassmann_null_mean/row", a, b)
			if ok && there && null > 0 {
				ratio += distance / null
				n++
			}
		}
	}
	if share := ratio / n; n > 0 && share < sharedStart {
		return fmt.Sprintf("on the row side tasks are on average %.0f %% as far apart as unrelated ones. Adapters that start from the same A look alike there whatever their task (arXiv 2509.25414): read the column side, or train with another init_seed for each task.", 100*share)
	}
	return ""
}

// nullTables set T̄ of the Grassmann distance of each pair beside what it is for unrelated tasks, one
// table a model; models without a null have none.
func (in *Input) nullTables() []*Table {
	var out []*Table
	for _, model := range in.Results.Models {
		t := &Table{
			Name:  fileName("null", model),
			Title: titleOf("Grassmann distance against unrelated tasks", model),
			Notes: []string{
				"Null: the mean distance of two random spaces of the same dimensions, simulated. z: how many standard deviations of the null a module's distance lies above it, averaged as T̄ is. Unrelated tasks have z near 0, tasks nearer than chance a negative one. The raw distance of unrelated tasks is near its largest value and hardly varies, so read z.",
				intervalNote,
			},
			Columns: []string{"i, j", "T̄ columns", "columns low", "columns high", "null columns", "z columns", "T̄ rows", "rows low", "rows high", "null rows", "z rows"},
		}
		tasks := in.Results.Tasks[model]
		for i, a := range tasks {
			for _, b := range tasks[i+1:] {
				row := make([]Cell, len(t.Columns))
				row[0] = text(a + ", " + b)
				for s, side := range []string{"", "/row"} {
					for k, measure := range []string{"grassmann", "", "", "grassmann_null_mean", "grassmann_z"} {
						if v, ok := in.Results.pairDistance(model, measure+side, a, b); ok {
							row[1+5*s+k] = number(v)
						}
					}
					row[2+5*s], row[3+5*s] = in.distanceInterval(model, "grassmann"+side, a, b)
				}
				if row[4].IsNumber || row[9].IsNumber {
					t.Rows = append(t.Rows, row)
				}
			}
		}
		if w := in.startWarning(model); w != "" {
			t.Notes = append(t.Notes, "Warning: "+w)
		}
		t.Notes = append(t.Notes, in.noiseNotes(&in.Results.noise.distances, []string{model}, "grassmann", "grassmann_z", "grassmann/row", "grassmann_z/row")...)
		if len(t.Rows) > 0 {
			out = append(out, dropEmpty(t, 1))
		}
	}
	return out
}
