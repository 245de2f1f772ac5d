// Package similarity is the stage that measures how far apart two tasks of one model are: the
// symmetric distances of package subspace, for each pair of tasks and each module. Beside them it
// measures every adapter by itself, and against the base model's weights where these are at hand.
//
// It averages nothing and judges nothing; the report does.
package similarity

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/subspace"
	"taskvec/internal/table"
	"taskvec/stages/collect"
)

// Kind is the similarity stage: factors.arrow and base models → similarity.arrow and adapters.arrow.
var Kind = pipeline.Kind{Name: "similarity", Version: 5, Publish: "results", Resolve: resolve, Run: run}

// Names of the files the stage writes.
const (
	File         = "similarity.arrow"
	AdaptersFile = "adapters.arrow"
)

// The measures' names, as in similarity.arrow. All but Phi, Alignment, STI and those of the null are
// distances: 0 for a task and itself.
const (
	Grassmann      = "grassmann"           // √Σθ², the geodesic distance of the spaces (arXiv 2503.05491, eq. 10)
	GrassmannSum   = "grassmann_sum"       // Σθ, in radians
	GrassmannPaper = "grassmann_paper"     // √Σθ² with cosines clamped to ±0.9999, as the paper's public code has it
	Chordal        = "chordal"             // √Σ sin²θ
	Asimov         = "asimov"              // θ_max
	FubiniStudy    = "fubini_study"        // arccos Π cosθ
	Martin         = "martin"              // √(−2 ln Π cosθ); +Inf where some θ = π/2
	BinetCauchy    = "binet_cauchy"        // √(1 − Π cos²θ)
	Procrustes     = "procrustes"          // 2·√Σ sin²(θ/2)
	Projection     = "projection"          // sin θ_max
	NullMean       = "grassmann_null_mean" // mean of Grassmann over random spaces of these dimensions
	NullSD         = "grassmann_null_sd"   // its standard deviation
	Z              = "grassmann_z"         // (Grassmann − mean)/sd; 0 where sd is 0
	Phi            = "phi"                 // ‖U_iᵀU_j‖_F²/min(k_i, k_j), a similarity in [0, 1]
	Cosine         = "cosine"              // 1 − ⟨ΔW_i,ΔW_j⟩/(‖ΔW_i‖‖ΔW_j‖), in [0, 2]
	L2             = "l2"                  // ‖ΔW_i−ΔW_j‖_F
	SpectralL2     = "spectral_l2"         // ‖S_i−S_j‖₂
	Alignment      = "knots_alignment"     // ‖ΔW_iᵀΔW_j‖²/(‖ΔW_iΔW_iᵀ‖‖ΔW_jΔW_jᵀ‖) in [0, 1], and of the transposes: ours, after arXiv 2410.19735
	STI            = "sti"                 // singular task interference ‖(UᵀU−I)Σ(VᵀV−I)‖₁ (arXiv 2412.00081, eq. 6)
	SignConflict   = "sign_conflict"       // share of the entries of ΔW_i and ΔW_j with opposite signs
	Trimmed        = "sign_conflict_ties"  // the same of what TIES trims the two to, as a share of all entries (arXiv 2306.01708)
)

// angular are the measures that are functions of the angles of one side, in their order.
var angular = []struct {
	name string
	of   func(theta []float64) float64
}{
	{Grassmann, subspace.Grassmann}, {GrassmannSum, subspace.GrassmannSum}, {GrassmannPaper, subspace.GrassmannPaper},
	{Chordal, subspace.Chordal}, {Asimov, subspace.Asimov}, {FubiniStudy, subspace.FubiniStudy}, {Martin, subspace.Martin},
	{BinetCauchy, subspace.BinetCauchy}, {Procrustes, subspace.Procrustes}, {Projection, subspace.ProjectionDistance},
}

// Measures are all measures in the order of the rows. Those up to Alignment are taken for the column and
// the row space; the others are of the whole ΔW and given once, with side column.
var Measures = slices.Concat(Factored, []string{SignConflict, Trimmed})

// Factored are the measures that take ΔW's factors alone: all but the last two, which look at every entry.
var Factored = slices.Concat(sided, []string{Cosine, L2, SpectralL2, STI})

// sided are the measures taken for each side: those of angular, the null's, phi and the alignment.
var sided = []string{Grassmann, GrassmannSum, GrassmannPaper, Chordal, Asimov, FubiniStudy, Martin, BinetCauchy,
	Procrustes, Projection, NullMean, NullSD, Z, Phi, Alignment}

// Sides of a similarity, as in similarity.arrow.
const (
	Column = "column" // Im(ΔW) = span(B)
	Row    = "row"    // span(Aᵀ)
)

type settings struct {
	Measures []string `json:"measures"`
	Seed     int64    `json:"seed"` // of the simulated null
}

func resolve(e *experiment.Experiment, s *experiment.Stage, _ pipeline.Cell) (any, map[string]string, error) {
	measures, err := chosen(s.With.(*experiment.SimilarityWith).Measures)
	// The bytes of a base model from outside are in the keys of the trainings, which are inputs.
	paths := map[string]string{}
	for _, m := range e.Models {
		if m.Local() {
			paths[basePath+m.Name] = e.Resolve(m.Base)
		}
	}
	return settings{measures, e.Seed}, paths, err
}

// chosen returns the measures asked for, all when none is, in the order of Measures.
func chosen(asked []string) ([]string, error) {
	for _, name := range asked {
		if !slices.Contains(Measures, name) {
			return nil, errors.New(experiment.Unknown("similarity measure", name, Measures))
		}
	}
	return slices.DeleteFunc(slices.Clone(Measures), func(name string) bool {
		return len(asked) > 0 && !slices.Contains(asked, name)
	}), nil
}

func run(ctx context.Context, w *pipeline.Work) error {
	var set settings
	if err := w.Settings(&set); err != nil {
		return err
	}
	layout, err := collect.Read(w)
	if err != nil {
		return err
	}
	bases, err := basesOf(w, layout)
	if err != nil {
		return err
	}
	defer bases.Close()
	rows, adapters, err := Compute(ctx, layout, set.Measures, bases, set.Seed, w.Progress)
	if err != nil {
		return err
	}
	if err := table.Write(filepath.Join(w.Dir, File), rows, nil); err != nil {
		return err
	}
	return table.Write(filepath.Join(w.Dir, AdaptersFile), adapters, nil)
}

// Compute returns the measures, all when none is named, of every pair of tasks of every model,
// ordered by model, layer, module, pair, measure and side, and those of every adapter; seed is the null's.
// Factors without any pair are an error.
func Compute(ctx context.Context, l *collect.Layout, measures []string, bases *Bases, seed int64, progress func(done, total int64, note string)) ([]table.Similarity, []table.Adapter, error) {
	measures, err := chosen(measures)
	if err != nil {
		return nil, nil, err
	}
	type numbers struct {
		pairs    *Values
		adapters []table.Adapter
	}
	trims, err := TrimsOf(ctx, l, measures, progress)
	if err != nil {
		return nil, nil, err
	}
	modules, err := collect.Each(ctx, l, progress, func(m *collect.Module) (n numbers, err error) {
		if n.pairs, err = Of(m, measures, trims, seed); err != nil {
			return n, err
		}
		n.adapters, err = bases.Adapters(m, seed)
		return n, err
	})
	if err != nil {
		return nil, nil, err
	}
	var rows []table.Similarity
	var adapters []table.Adapter
	for _, m := range modules {
		rows = m.pairs.Rows(slices.Grow(rows, len(m.pairs.values)), 0, m.pairs.Pairs())
		adapters = append(adapters, m.adapters...)
	}
	if len(rows) == 0 {
		return nil, nil, errors.New("no two tasks of one model to compare: distances take at least two adapters")
	}
	return rows, adapters, nil
}

// Values are measures of every pair of tasks at one module, which become rows when they are needed:
// a number takes a tenth of the memory of its row.
type Values struct {
	module  collect.Module // without its set
	pairs   [][2]int       // ascending
	columns []column
	values  []float64 // pairs × columns
}

// A column is one measure of one side.
type column struct{ side, measure string }

// Of returns these measures, in the order of Measures, of every pair of tasks at one module; trims are
// TrimsOf's and seed is the null's.
func Of(m *collect.Module, measures []string, trims Trims, seed int64) (*Values, error) {
	v := &Values{module: *m}
	v.module.Set = nil
	var at []int // where a column is in what pairValues returns
	for k, name := range Measures {
		if !slices.Contains(measures, name) {
			continue
		}
		v.columns, at = append(v.columns, column{Column, name}), append(at, k)
		if k < len(sided) {
			v.columns, at = append(v.columns, column{Row, name}), append(at, len(Measures)+k)
		}
	}
	n := len(m.Tasks)
	v.pairs = make([][2]int, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			v.pairs = append(v.pairs, [2]int{i, j})
		}
	}
	v.values = make([]float64, len(v.pairs)*len(v.columns))
	var of asked
	of.null = slices.ContainsFunc(measures, func(name string) bool { return slices.Contains([]string{NullMean, NullSD, Z}, name) })
	of.alignment, of.interference = slices.Contains(measures, Alignment), slices.Contains(measures, STI)
	var conflicts [2]subspace.Matrix // SignConflict, Trimmed
	if slices.Contains(measures, SignConflict) {
		conflicts[0] = m.Set.SignConflicts(nil)
	}
	if slices.Contains(measures, Trimmed) {
		conflicts[1] = m.Set.SignConflicts(trims.of(m))
	}
	err := collect.Spread(len(v.pairs), func(from, to int) error {
		all := make([]float64, len(Measures)+len(sided))
		for p := from; p < to; p++ {
			i, j := v.pairs[p][0], v.pairs[p][1]
			if err := pairValues(all, m.Set, of, seed, i, j); err != nil {
				return fmt.Errorf("compare %s and %s at %s: %w", m.Tasks[i], m.Tasks[j], m.Name, err)
			}
			for k, c := range conflicts {
				if c.Rows > 0 {
					all[len(Factored)+k] = c.Row(i)[j]
				}
			}
			for c, k := range at {
				v.values[p*len(at)+c] = all[k]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// asked are the measures that take time of their own.
type asked struct{ null, alignment, interference bool }

// pairValues puts the measures of a pair of updates into all: in the order of Measures, but for the
// last two, and then those of sided for the row space. What is not asked for is 0.
func pairValues(all []float64, s *subspace.Set, of asked, seed int64, i, j int) error {
	for side, values := range [][]float64{subspace.Column: all, subspace.Row: all[len(Measures):]} {
		side := subspace.Side(side)
		theta, err := s.Angles(side, i, j)
		if err != nil {
			return err
		}
		for k, d := range angular {
			values[k] = d.of(theta)
		}
		var null subspace.Null
		z := 0.0
		if of.null {
			if null, err = s.Null(side, i, j, uint64(seed)); err != nil {
				return err
			}
			if null.SD > 0 {
				z = (values[0] - null.Mean) / null.SD
			}
		}
		alignment := 0.0
		if of.alignment {
			alignment = s.Alignment(side, i, j)
		}
		copy(values[len(angular):], []float64{null.Mean, null.SD, z, s.Phi(side, i, j), alignment})
	}
	sti := 0.0
	if of.interference {
		sti = s.TaskInterference(i, j)
	}
	copy(all[len(sided):], []float64{s.Cosine(i, j), s.L2(i, j), s.SpectralL2(i, j), sti})
	return nil
}

// Pairs returns the number of pairs.
func (v *Values) Pairs() int { return len(v.pairs) }

// Rows appends the rows of the pairs number from to to-1 to dst.
func (v *Values) Rows(dst []table.Similarity, from, to int) []table.Similarity {
	for p, pair := range v.pairs[from:to] {
		row := table.Similarity{Model: v.module.Model, TaskI: v.module.Tasks[pair[0]], TaskJ: v.module.Tasks[pair[1]],
			Layer: v.module.Layer, Module: v.module.Type}
		for k, c := range v.columns {
			row.Side, row.Measure, row.Value = c.side, c.measure, v.values[(from+p)*len(v.columns)+k]
			dst = append(dst, row)
		}
	}
	return dst
}
