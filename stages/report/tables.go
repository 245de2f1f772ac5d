package report

import (
	"fmt"
	"slices"
	"strings"
)

// arrow names an ordered pair for people.
func arrow(k pair) string { return k.source + " → " + k.target }

// tablePairs returns the ordered pairs of a model: those published first, in the publication's
// order, then the others.
func (in *Input) tablePairs(model string) []pair {
	var first, rest []pair
	for _, p := range in.Published.Projection {
		k := pair{model, p.Pair[0], p.Pair[1]}
		if slices.Contains(in.Results.pairs, k) {
			first = append(first, k)
		}
	}
	for _, k := range in.Results.pairs {
		if k.model == model && !slices.Contains(first, k) {
			rest = append(rest, k)
		}
	}
	return append(first, rest...)
}

// dropEmpty removes the columns from the given one on that no row fills.
func dropEmpty(t *Table, from int) *Table {
	for i := len(t.Columns) - 1; i >= from; i-- {
		if slices.ContainsFunc(t.Rows, func(r []Cell) bool { return r[i] != (Cell{}) }) {
			continue
		}
		t.Columns = slices.Delete(t.Columns, i, i+1)
		for j := range t.Rows {
			t.Rows[j] = slices.Delete(t.Rows[j], i, i+1)
		}
	}
	return t
}

// comparedWith says which published columns a report's models are compared with.
const comparedWith = "Published values are those of Mistral-7B, the instruct or the base model by the variant of ours; difference is ours minus published."

// projectionTable is the poster's first table: L_1 and REC of each ordered pair.
func (in *Input) projectionTable() *Table {
	t := &Table{
		Name:  "table1-projection",
		Title: "Spectral projection of task j on the axes of task i (i → j)",
		Notes: []string{
			"L_1 is Σ|S₁ − S₂| on raw spectra, REC is Σ min(S₁/ΣS₁, |S₂|/Σ|S₂|); both averaged over layers and then over module types.",
			"Raw L_1 mostly ranks the size of the source adapter: compare REC, not L_1, between sources. E_core is the share of task j's ΔW that lies in task i's column and row space. Negatives is the mean number of axes on which S₂ is below zero.",
			"z: standard deviations above the mean for a task like j whose column space is chance, its row space and spectrum being j's (64 draws a module), averaged likewise. Task j is in task i where z of E_core is high.",
			intervalNote,
		},
		Columns: []string{"model", "i → j", "L_1", "L_1 low", "L_1 high", "L_1 z", "REC", "REC low", "REC high", "REC z", "E_core", "E_core z", "negatives", "L_1 published", "L_1 difference", "REC published", "REC difference"},
	}
	compared := false
	for _, model := range in.Results.Models {
		for _, k := range in.tablePairs(model) {
			row := make([]Cell, len(t.Columns))
			row[0], row[1] = text(model), text(arrow(k))
			for i, m := range []string{"l1", "", "", "l1_z", "rec", "", "", "rec_z", "e_core", "e_core_z", "negatives"} {
				if v, ok := in.Results.Projection(m, k); ok {
					row[2+i] = number(v)
				}
			}
			row[3], row[4] = in.projectionInterval("l1", k)
			row[7], row[8] = in.projectionInterval("rec", k)
			if pub, ok := in.Published.projection(k.source, k.target, in.Variants[model]); ok && row[2].IsNumber && row[6].IsNumber {
				compared = true
				row[13], row[14] = number(pub.L1), difference(row[2].Number-pub.L1)
				row[15], row[16] = number(pub.REC), difference(row[6].Number-pub.REC)
			}
			t.Rows = append(t.Rows, row)
		}
	}
	if compared {
		t.Notes = append(t.Notes, comparedWith)
	}
	t.Notes = append(t.Notes, in.noiseNotes(&in.Results.noise.projections, in.Results.Models, "l1", "rec", "e_core")...)
	return in.finish(t)
}

// entropyTable is the poster's second table: the entropies of both spectra of each ordered pair.
func (in *Input) entropyTable() *Table {
	t := &Table{
		Name:  "table2-entropy",
		Title: "Entropy of the spectra: H(S₁) of the source, H(S₂) of the target on the source's axes",
		Notes: []string{
			"H = −Σ p ln p / ln k with p = |S|/Σ|S|: 1 when all directions weigh the same, 0 when one has all the weight. Averaged over layers and then over module types.",
			"z: standard deviations of H(S₂) above its mean for a task like j whose column space is chance, averaged likewise.",
			intervalNote,
		},
		Columns: []string{"model", "i → j", "H(S₁)", "H(S₂)", "H(S₂) low", "H(S₂) high", "H(S₂) z", "H(S₁) published", "H(S₁) difference", "H(S₂) published", "H(S₂) difference"},
	}
	compared := false
	for _, model := range in.Results.Models {
		for _, k := range in.tablePairs(model) {
			row := make([]Cell, len(t.Columns))
			row[0], row[1] = text(model), text(arrow(k))
			for i, m := range []string{"entropy_source", "entropy", "", "", "entropy_z"} {
				if v, ok := in.Results.Projection(m, k); ok {
					row[2+i] = number(v)
				}
			}
			if pub, ok := in.Published.entropy(k.source, k.target, in.Variants[model]); ok && row[2].IsNumber && row[3].IsNumber {
				compared = true
				row[7], row[8] = number(pub.H1), difference(row[2].Number-pub.H1)
				row[9], row[10] = number(pub.H2), difference(row[3].Number-pub.H2)
			}
			row[4], row[5] = in.projectionInterval("entropy", k)
			t.Rows = append(t.Rows, row)
		}
	}
	if compared {
		t.Notes = append(t.Notes, comparedWith)
	}
	t.Notes = append(t.Notes, in.noiseNotes(&in.Results.noise.projections, in.Results.Models, "entropy_source", "entropy")...)
	return in.finish(t)
}

// finish drops the columns nobody fills, the model's among them when there is but one unnamed.
func (in *Input) finish(t *Table) *Table {
	t = dropEmpty(t, 2)
	if slices.Equal(in.Results.Models, []string{""}) {
		t.Columns = t.Columns[1:]
		for i := range t.Rows {
			t.Rows[i] = t.Rows[i][1:]
		}
	}
	return t
}

// A distance is a measure of which the report shows T̄.
type distance struct {
	measure string
	title   string
}

// distances are the measures shown as tables and heat maps.
var distances = []distance{
	{"grassmann", "Grassmann distance of the column spaces"},
	{"grassmann/row", "Grassmann distance of the row spaces"},
	{"cosine", "cosine distance"},
	{"l2", "L2 (Frobenius) distance"},
}

// fileName joins parts to a file name, leaving empty ones out.
func fileName(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.ReplaceAll(strings.Join(parts, "-"), "/", "-")
}

// distanceTables are T̄ of each model and measure as tasks × tasks.
func (in *Input) distanceTables() []*Table {
	var out []*Table
	for _, model := range in.Results.Models {
		for _, d := range distances {
			m, ok := in.Results.Distance(model, d.measure)
			if !ok {
				continue
			}
			tasks := in.Results.Tasks[model]
			t := &Table{
				Name:    fileName("distance", model, d.measure),
				Title:   titleOf(d.title, model),
				Columns: append([]string{"task"}, tasks...),
				Notes:   []string{"T̄(i, j): the mean over layers within each module type, then over module types."},
			}
			t.Notes = append(t.Notes, in.noiseNotes(&in.Results.noise.distances, []string{model}, d.measure)...)
			for i, task := range tasks {
				row := []Cell{text(task)}
				for _, v := range m[i] {
					row = append(row, number(v))
				}
				t.Rows = append(t.Rows, row)
			}
			out = append(out, t)
		}
	}
	return out
}

// titleOf names what a table or figure shows, and of which model.
func titleOf(what, model string) string {
	what = strings.ToUpper(what[:1]) + what[1:]
	if model == "" {
		return what
	}
	return fmt.Sprintf("%s, %s", what, model)
}

// tables are all the tables of the report in their order.
func (in *Input) tables() ([]*Table, error) {
	out := []*Table{in.warningsTable(), in.projectionTable(), in.entropyTable()}
	out = append(out, in.distanceTables()...)
	out = append(out, in.nullTables()...)
	out = append(out, in.sharingTable(), in.adaptersTable())
	cluster, err := in.clusterTable()
	if err != nil {
		return nil, err
	}
	order, err := in.orderTables()
	if err != nil {
		return nil, err
	}
	prediction, err := in.predictionTable()
	if err != nil {
		return nil, err
	}
	out = append(append(out, cluster), order...)
	out = append(append(out, in.skillTables()...), prediction, in.evaluationTable())
	out = append(out, in.examplesTable(), in.trainingTable())
	return slices.DeleteFunc(out, func(t *Table) bool { return len(t.Rows) == 0 }), nil
}
