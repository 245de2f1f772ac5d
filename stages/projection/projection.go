// Package projection is the stage that lays one task on the singular axes of another and measures
// what the axes hold of it, for ordered pairs of tasks and each module.
//
// It averages nothing and judges nothing; the report does.
package projection

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
	"taskvec/internal/subspace"
	"taskvec/internal/table"
	"taskvec/stages/collect"
)

// Kind is the projection stage: factors.arrow → projection.arrow and spectra.arrow.
var Kind = pipeline.Kind{Name: "projection", Version: 1, Publish: "results", Resolve: resolve, Run: run}

// Names of the files the stage writes. The metadata of File holds "p" and "sign".
const (
	File        = "projection.arrow"
	SpectraFile = "spectra.arrow"
)

// The measures' names, as in projection.arrow. i is the source, j the target; S1 are the singular
// values of ΔW_i = U·diag(S1)·Vᵀ and S2 = diag(Uᵀ·ΔW_j·V), its negative entries counted as the
// option sign says.
const (
	L1            = "l1"             // Σ|S1−S2|, which mostly ranks the size of the source
	L2            = "l2"             // √Σ(S1−S2)²
	Lp            = "lp"             // (Σ|S1−S2|^p)^{1/p}
	L1Unit        = "l1_unit"        // l1 of S1/ΣS1 and S2/Σ|S2|
	L2Unit        = "l2_unit"        // l2 of the same
	LpUnit        = "lp_unit"        // lp of the same
	Rec           = "rec"            // Σ min(S1/ΣS1, S2/Σ|S2|), in [0, 1]
	EntropySource = "entropy_source" // H(S1) = −Σ p·ln p / ln k, p = S1/ΣS1, in [0, 1]
	Entropy       = "entropy"        // H(S2), likewise
	Negatives     = "negatives"      // how many entries of S2 are below 0, before sign
	EDiag         = "e_diag"         // ΣS2²/‖ΔW_j‖², before sign: share of the target on the source's axes, in [0, 1]
	ECore         = "e_core"         // ‖Uᵀ·ΔW_j·V‖²/‖ΔW_j‖²: share inside both of the source's spaces
	ECol          = "e_col"          // ‖Uᵀ·ΔW_j‖²/‖ΔW_j‖²: share inside its column space
	ERow          = "e_row"          // ‖ΔW_j·V‖²/‖ΔW_j‖²: share inside its row space
)

// Measures are all measures in the order of the rows.
var Measures = []string{L1, L2, Lp, L1Unit, L2Unit, LpUnit, Rec, EntropySource, Entropy, Negatives, EDiag, ECore, ECol, ERow}

// Options are what a projection may be asked for. The zero value stands for all pairs, p = 3 and
// abs.
type Options struct {
	Pairs [][2]string   `json:"pairs"` // ordered (source, target); all pairs of a model when empty
	P     float64       `json:"p"`     // order of lp and lp_unit, at least 1
	Sign  subspace.Sign `json:"sign"`  // what negative entries of S2 count as
}

// checked returns the options with defaults filled in.
func (o Options) checked() (Options, error) {
	if o.P == 0 {
		o.P = 3
	}
	if o.Sign == "" {
		o.Sign = subspace.Abs
	}
	if !(o.P >= 1) || o.P > 1e6 {
		return o, fmt.Errorf("p is %v: a norm's order is at least 1, and at most 1e6 here", o.P)
	}
	if signs := []subspace.Sign{subspace.Abs, subspace.Clip, subspace.Signed}; !slices.Contains(signs, o.Sign) {
		return o, fmt.Errorf("sign is %q: it is one of %v", o.Sign, signs)
	}
	return o, nil
}

func resolve(_ *experiment.Experiment, s *experiment.Stage, _ pipeline.Cell) (any, map[string]string, error) {
	with := s.With.(*experiment.ProjectionWith)
	o := Options{P: with.P, Sign: subspace.Sign(with.Sign)}
	for _, pair := range with.Pairs {
		if len(pair) != 2 {
			return nil, nil, fmt.Errorf("pair %v is not [source, target]", pair)
		}
		o.Pairs = append(o.Pairs, [2]string(pair))
	}
	o, err := o.checked()
	return o, nil, err
}

func run(ctx context.Context, w *pipeline.Work) error {
	var o Options
	if err := w.Settings(&o); err != nil {
		return err
	}
	layout, err := collect.Read(w)
	if err != nil {
		return err
	}
	rows, spectra, err := Compute(ctx, layout, o, w.Progress)
	if err != nil {
		return err
	}
	if err := table.Write(filepath.Join(w.Dir, File), rows, o.Metadata()); err != nil {
		return err
	}
	return table.Write(filepath.Join(w.Dir, SpectraFile), spectra, nil)
}

// Metadata returns the metadata of projection.arrow: p and sign.
func (o Options) Metadata() map[string]string {
	return map[string]string{"p": strconv.FormatFloat(o.P, 'g', -1, 64), "sign": string(o.Sign)}
}

// Compute returns the measures and spectra of the ordered pairs of every model, by model, layer,
// module, pair and measure. A pair of which a model lacks a task is left out there when another
// model has both; a pair that no model has is an error, as are factors without any pair.
func Compute(ctx context.Context, l *collect.Layout, o Options, progress func(done, total int64, note string)) ([]table.Projection, []table.Spectrum, error) {
	o, err := o.checked()
	if err != nil {
		return nil, nil, err
	}
	if err := o.fits(l); err != nil {
		return nil, nil, err
	}
	type result struct {
		rows    []table.Projection
		spectra []table.Spectrum
	}
	modules, err := collect.Each(ctx, l, progress, func(m *collect.Module) (result, error) {
		rows, spectra := Rows(m, o)
		return result{rows, spectra}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	var rows []table.Projection
	var spectra []table.Spectrum
	for _, m := range modules {
		rows = append(rows, m.rows...)
		spectra = append(spectra, m.spectra...)
	}
	if len(rows) == 0 {
		return nil, nil, errors.New("no two tasks of one model to project: a projection takes at least two adapters")
	}
	return rows, spectra, nil
}

// fits checks that some model has both tasks of each pair.
func (o Options) fits(l *collect.Layout) error {
	for _, pair := range o.Pairs {
		if pair[0] == pair[1] {
			return fmt.Errorf("pair %v: a task is not projected on itself", pair)
		}
		if !slices.ContainsFunc(l.Models, func(model string) bool {
			return slices.Contains(l.Tasks[model], pair[0]) && slices.Contains(l.Tasks[model], pair[1])
		}) {
			return fmt.Errorf("pair %v: no model has adapters of both tasks", pair)
		}
	}
	return nil
}

// Rows returns the measures and spectra of the pairs at one module, those of which it has both
// tasks. The options' p and sign are set.
func Rows(m *collect.Module, o Options) ([]table.Projection, []table.Spectrum) {
	var rows []table.Projection
	var spectra []table.Spectrum
	pair := func(i, j int) {
		p := m.Set.Project(i, j)
		for k, s1 := range p.S1 {
			spectra = append(spectra, table.Spectrum{Model: m.Model, Source: m.Tasks[i], Target: m.Tasks[j],
				Layer: m.Layer, Module: m.Type, Index: int32(k), S1: s1, S2: p.S2[k]})
		}
		for k, v := range values(p, o) {
			rows = append(rows, table.Projection{Model: m.Model, Source: m.Tasks[i], Target: m.Tasks[j],
				Layer: m.Layer, Module: m.Type, Measure: Measures[k], Value: v})
		}
	}
	if len(o.Pairs) == 0 {
		for i := range m.Tasks {
			for j := range m.Tasks {
				if i != j {
					pair(i, j)
				}
			}
		}
	}
	for _, p := range o.Pairs {
		if i, j := slices.Index(m.Tasks, p[0]), slices.Index(m.Tasks, p[1]); i >= 0 && j >= 0 {
			pair(i, j)
		}
	}
	return rows, spectra
}

// values returns the measures of one projection, in the order of Measures.
func values(p subspace.Projection, o Options) []float64 {
	s2 := o.Sign.Apply(p.S2)
	unit1, unit2 := subspace.Unit(p.S1), subspace.Unit(s2)
	return []float64{
		subspace.Lp(1, p.S1, s2), subspace.Lp(2, p.S1, s2), subspace.Lp(o.P, p.S1, s2),
		subspace.Lp(1, unit1, unit2), subspace.Lp(2, unit1, unit2), subspace.Lp(o.P, unit1, unit2),
		subspace.Rec(p.S1, s2), subspace.Entropy(p.S1), subspace.Entropy(s2), float64(subspace.Negatives(p.S2)),
		p.Diag, p.Core, p.Col, p.Row,
	}
}
