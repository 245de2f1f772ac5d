// Package similarity is the stage that measures how far apart two tasks of one model are: the
// symmetric distances of package subspace, for each pair of tasks and each module.
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

// Kind is the similarity stage: factors.arrow → similarity.arrow.
var Kind = pipeline.Kind{Name: "similarity", Version: 2, Publish: "results", Resolve: resolve, Run: run}

// File is the name of the file the stage writes.
const File = "similarity.arrow"

// The measures' names, as in similarity.arrow. All but Phi and those of the null are distances: 0 for
// a task and itself.
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

// Measures are all measures in the order of the rows. Those up to Phi are taken for the column and
// the row space; the others are of the whole ΔW and given once, with side column.
var Measures = append(slices.Clone(sided), Cosine, L2, SpectralL2)

// sided are the measures taken for each side: those of angular, the null's, and phi.
var sided = []string{Grassmann, GrassmannSum, GrassmannPaper, Chordal, Asimov, FubiniStudy, Martin, BinetCauchy,
	Procrustes, Projection, NullMean, NullSD, Z, Phi}

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
	return settings{measures, e.Seed}, nil, err
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
	rows, err := Compute(ctx, layout, set.Measures, set.Seed, w.Progress)
	if err != nil {
		return err
	}
	return table.Write(filepath.Join(w.Dir, File), rows, nil)
}

// Compute returns the measures, all when none is named, of every pair of tasks of every model,
// ordered by model, layer, module, pair, measure and side; seed is the null's. Factors without any pair are an error.
func Compute(ctx context.Context, l *collect.Layout, measures []string, seed int64, progress func(done, total int64, note string)) ([]table.Similarity, error) {
	measures, err := chosen(measures)
	if err != nil {
		return nil, err
	}
	modules, err := collect.Each(ctx, l, progress, func(m *collect.Module) (*Values, error) { return Of(m, measures, seed) })
	if err != nil {
		return nil, err
	}
	var rows []table.Similarity
	for _, v := range modules {
		rows = v.Rows(slices.Grow(rows, len(v.values)), 0, v.Pairs())
	}
	if len(rows) == 0 {
		return nil, errors.New("no two tasks of one model to compare: distances take at least two adapters")
	}
	return rows, nil
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

// Of returns these measures, in the order of Measures, of every pair of tasks at one module; seed is
// the null's.
func Of(m *collect.Module, measures []string, seed int64) (*Values, error) {
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
	null := slices.ContainsFunc(measures, func(name string) bool { return slices.Contains([]string{NullMean, NullSD, Z}, name) })
	err := collect.Spread(len(v.pairs), func(from, to int) error {
		all := make([]float64, len(Measures)+len(sided))
		for p := from; p < to; p++ {
			i, j := v.pairs[p][0], v.pairs[p][1]
			if err := pairValues(all, m.Set, null, seed, i, j); err != nil {
				return fmt.Errorf("compare %s and %s at %s: %w", m.Tasks[i], m.Tasks[j], m.Name, err)
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

// pairValues puts the measures of a pair of updates into all: in the order of Measures, and then those of
// sided for the row space. The null is simulated only where it is asked for.
func pairValues(all []float64, s *subspace.Set, simulate bool, seed int64, i, j int) error {
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
		if simulate {
			if null, err = s.Null(side, i, j, uint64(seed)); err != nil {
				return err
			}
			if null.SD > 0 {
				z = (values[0] - null.Mean) / null.SD
			}
		}
		copy(values[len(angular):], []float64{null.Mean, null.SD, z, s.Phi(side, i, j)})
	}
	copy(all[len(sided):], []float64{s.Cosine(i, j), s.L2(i, j), s.SpectralL2(i, j)})
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
