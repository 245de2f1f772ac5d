package report

import (
	"math"
	"slices"

	"taskvec/internal/experiment"
)

// adaptersTable says of each adapter how large its change is, how many directions it has, and how it
// stands to the base model's weights: means over the layers of each module type.
func (in *Input) adaptersTable() *Table {
	t := &Table{
		Name:  "adapters",
		Title: "The adapters: size, directions, and the base model's weights",
		Notes: []string{
			"Means over the layers of a module type that were trained, and over seeds; untrained counts the others. Size: ‖ΔW‖. Stable rank: ‖ΔW‖²/‖ΔW‖₂² of Frobenius and spectral norm; effective rank: the exponential of the spectrum's entropy. Both are 1 when one direction has all the weight and k, the rank, when all weigh the same.",
			"Amplification: ‖ΔW‖/‖UᵀW₀V‖, how much larger the change is than what the base model has in the change's own directions (LoRA, section 7.3); where it has nothing there, the amplification is infinite, and such modules are counted beside the mean of the others. Intruders: how many of the 10 leading left singular vectors of W₀ + ΔW have no like among those of W₀ (largest cosine below 1/2; arXiv 2410.21228). Of a W₀ with more than 128 rows and columns only the 64 leading singular vectors are searched: the count is an upper bound. Both take the base model's weights.",
		},
		Columns: []string{"model", "task", "module", "size", "rank", "stable rank", "effective rank", "amplification", "infinite", "intruders (at most)", "untrained"},
	}
	measures := []string{"norm", "rank", "stable_rank", "effective_rank", "amplification", "intruders"}
	type module struct {
		model, task, module string
		layer               int32
	}
	untrained := map[module]bool{} // where ΔW is zero there are no directions to measure
	for _, r := range in.Adapters {
		if r.Measure == "norm" && r.Value == 0 {
			untrained[module{r.Model, r.Task, r.Module, r.Layer}] = true
		}
	}
	type place struct{ model, task, module string }
	var places []place
	type means struct {
		of                  []sum
		infinite, untrained int64
	}
	at := map[place]*means{}
	for _, r := range in.Adapters {
		k := place{r.Model, experiment.TaskOf(r.Task), r.Module}
		if at[k] == nil {
			places, at[k] = append(places, k), &means{of: make([]sum, len(measures))}
		}
		i := slices.Index(measures, r.Measure)
		switch {
		case untrained[module{r.Model, r.Task, r.Module, r.Layer}]:
			if r.Measure == "norm" {
				at[k].untrained++
			}
		case math.IsInf(r.Value, 1):
			at[k].infinite++
		case i >= 0:
			at[k].of[i].total += r.Value
			at[k].of[i].n++
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { // rows come by layer
		if a.model != b.model {
			return slices.Index(in.Results.Models, a.model) - slices.Index(in.Results.Models, b.model)
		}
		tasks := in.Results.Tasks[a.model]
		return slices.Index(tasks, a.task) - slices.Index(tasks, b.task)
	})
	for _, k := range places {
		row := []Cell{text(k.model), text(k.task), text(k.module)}
		count := func(n int64) Cell {
			if n == 0 {
				return Cell{}
			}
			return integer(n)
		}
		for i, s := range at[k].of {
			if s.n == 0 {
				row = append(row, Cell{})
			} else {
				row = append(row, number(s.total/float64(s.n)))
			}
			if measures[i] == "amplification" {
				row = append(row, count(at[k].infinite))
			}
		}
		t.Rows = append(t.Rows, append(row, count(at[k].untrained)))
	}
	return in.finish(t)
}

// sharingTable sets beside each other what two tasks have in common by the measures that merging
// methods go by.
func (in *Input) sharingTable() *Table {
	t := &Table{
		Name:  "sharing",
		Title: "What two tasks share, and how they would be in each other's way when merged",
		Notes: []string{
			"φ: share of the smaller column space that lies in the other. Alignment: how far both put their weight on the same column directions, those of the joint basis of KnOTS (after arXiv 2410.19735, which measures it on data); 0 to 1. SAR: share of j's norm in the leading column directions of i (subspace alignment ratio, arXiv 2502.04959, with i for the merged model), and of i's in those of j.",
			"STI: singular task interference (arXiv 2412.00081), which grows with the adapters' sizes. Sign conflict: share of the entries of ΔW with opposite signs; unrelated tasks have 0.5. After trimming: share of all entries that are opposite once TIES (arXiv 2306.01708) has set all but the largest fifth of each whole task vector to 0; 0.02 where large entries lie in unrelated places. compare measures both with --sign-conflict only.",
			"Averaged over layers and then over module types.",
		},
		Columns: []string{"model", "i, j", "φ", "alignment", "SAR i → j", "SAR j → i", "STI", "sign conflict", "after trimming"},
	}
	for _, model := range in.Results.Models {
		tasks := in.Results.Tasks[model]
		for i, a := range tasks {
			for _, b := range tasks[i+1:] {
				row := make([]Cell, len(t.Columns))
				row[0], row[1] = text(model), text(a+", "+b)
				for c, measure := range map[int]string{2: "phi", 3: "knots_alignment", 6: "sti", 7: "sign_conflict", 8: "sign_conflict_ties"} {
					if v, ok := in.Results.pairDistance(model, measure, a, b); ok {
						row[c] = number(v)
					}
				}
				for c, k := range map[int]pair{4: {model, a, b}, 5: {model, b, a}} {
					if v, ok := in.Results.Projection("sar", k); ok {
						row[c] = number(v)
					}
				}
				if slices.ContainsFunc(row[2:], func(c Cell) bool { return c.IsNumber }) {
					t.Rows = append(t.Rows, row)
				}
			}
		}
	}
	t.Notes = append(t.Notes, in.noiseNotes(&in.Results.noise.distances, in.Results.Models, "phi", "knots_alignment", "sti", "sign_conflict", "sign_conflict_ties")...)
	return in.finish(t)
}
