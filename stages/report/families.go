package report

import (
	"fmt"

	"taskvec/internal/stats"
)

// clusterTable tests for each model and measure whether tasks of a family are nearer to each other
// than to others, and how far the measure agrees with the Grassmann distance.
func (in *Input) clusterTable() (*Table, error) {
	t := &Table{
		Name:  "families",
		Title: "Do families cluster? Do measures agree?",
		Notes: []string{
			"Within and between: mean T̄ of pairs of one family and of two. p: the share of relabellings of the tasks for which between − within is at least as large, all of them up to 20 000, else 9999 drawn ones; p adjusted holds the false discovery rate of this table (Benjamini and Hochberg). With few tasks p cannot be small: the number of relabellings is its resolution.",
			"Mantel r: correlation of the measure's T̄ with that of the Grassmann distance of the column spaces over all pairs of tasks; its p is by permutation of the tasks, and adjusted in the same way over this column.",
		},
		Columns: []string{"model", "measure", "within", "between", "p", "p adjusted", "relabellings", "Mantel r", "Mantel p", "Mantel p adjusted"},
	}
	var p []float64
	var tested []int // rows with a p
	var mantel []float64
	var agreeing []int // rows with a Mantel p
	for _, model := range in.Results.Models {
		grassmann, hasGrassmann := in.Results.Distance(model, "grassmann")
		for _, d := range distances {
			m, ok := in.Results.Distance(model, d.measure)
			if !ok {
				continue
			}
			row := make([]Cell, len(t.Columns))
			row[0], row[1] = text(model), text(d.title)
			sub, group := in.inFamilies(model, m)
			c, clusters, err := stats.Cluster(sub, group, uint64(in.Seed))
			if err != nil {
				return nil, fmt.Errorf("test whether families cluster by %s of %s: %w", d.measure, model, err)
			}
			if clusters {
				row[2], row[3], row[4], row[6] = number(c.Within), number(c.Between), pValue(c.P), integer(int64(c.Relabellings))
				p, tested = append(p, c.P), append(tested, len(t.Rows))
			}
			agrees := false
			if hasGrassmann && d.measure != "grassmann" {
				var r stats.Correlation
				if r, agrees, err = stats.Mantel(grassmann, m, uint64(in.Seed)); err != nil {
					return nil, fmt.Errorf("compare %s of %s with the Grassmann distance: %w", d.measure, model, err)
				}
				if agrees {
					row[7], row[8] = number(r.R), pValue(r.P)
					mantel, agreeing = append(mantel, r.P), append(agreeing, len(t.Rows))
				}
			}
			if clusters || agrees {
				t.Rows = append(t.Rows, row)
			}
		}
	}
	for i, v := range stats.BenjaminiHochberg(p) {
		t.Rows[tested[i]][5] = pValue(v)
	}
	for i, v := range stats.BenjaminiHochberg(mantel) {
		t.Rows[agreeing[i]][9] = pValue(v)
	}
	return in.finish(t), nil
}

// pValue is a number shown with the digits that 9999 draws have.
func pValue(v float64) Cell { return Cell{Number: v, IsNumber: true, Decimals: 4} }

// inFamilies returns the part of a model's distance matrix whose tasks have a known family, and
// those families by number.
func (in *Input) inFamilies(model string, m [][]float64) (sub [][]float64, group []int) {
	number := map[string]int{}
	var kept []int
	for i, task := range in.Results.Tasks[model] {
		family := in.family(task)
		if family == "" {
			continue
		}
		if _, ok := number[family]; !ok {
			number[family] = len(number)
		}
		kept, group = append(kept, i), append(group, number[family])
	}
	for _, i := range kept {
		row := make([]float64, len(kept))
		for k, j := range kept {
			row[k] = m[i][j]
		}
		sub = append(sub, row)
	}
	return sub, group
}

// family returns the family of a task that was built here; of adapters from elsewhere, that of the task
// of this name in the catalogue. It is "" when neither is known.
func (in *Input) family(task string) string {
	for _, b := range in.Builds {
		if b.Task == task {
			return string(b.Family)
		}
	}
	if of := family(task); len(in.Builds) == 0 && of != "other" {
		return of
	}
	return ""
}

// orderTables list the tasks of each model as the leaves of the average-linkage tree, with their
// places on a map by classical multidimensional scaling of the Grassmann T̄.
func (in *Input) orderTables() ([]*Table, error) {
	var out []*Table
	for _, model := range in.Results.Models {
		m, ok := in.Results.Distance(model, "grassmann")
		if !ok || len(m) < 3 {
			continue
		}
		_, order, err := stats.AverageLinkage(m)
		if err != nil {
			return nil, fmt.Errorf("order the tasks of %s: %w", model, err)
		}
		places, err := stats.MDS(m)
		if err != nil {
			return nil, fmt.Errorf("place the tasks of %s: %w", model, err)
		}
		t := &Table{
			Name:  fileName("order", model),
			Title: titleOf("tasks in the order of average linkage", model),
			Notes: []string{fmt.Sprintf("By the Grassmann distance of the column spaces. x and y: classical multidimensional scaling, with %.0f %% and %.0f %% of the eigenvalues' absolute sum.",
				100*places.Explained[0], 100*places.Explained[1])},
			Columns: []string{"task", "family", "x", "y"},
		}
		for _, i := range order {
			task := in.Results.Tasks[model][i]
			t.Rows = append(t.Rows, []Cell{text(task), text(in.family(task)), number(places.Points[i][0]), number(places.Points[i][1])})
		}
		out = append(out, dropEmpty(t, 1))
	}
	return out, nil
}
