// Package projection is the stage that lays one task on the singular axes of another and measures
// what the axes hold of it, for ordered pairs of tasks and each module.
//
// It averages nothing and judges nothing; the report does.
package projection

import (
	"context"
	"errors"
	"fmt"
	"math"
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
var Kind = pipeline.Kind{Name: "projection", Version: 4, Publish: "results", Resolve: resolve, Run: run}

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
	SAR           = "sar"            // ‖U_lᵀ·ΔW_j‖/‖ΔW_j‖, the l leading axes leaving at most a twentieth of ‖ΔW_i‖, in [0, 1] (arXiv 2502.04959, eqs. 5 and 6)
)

// Measures are all measures in the order of the rows.
var Measures = []string{L1, L2, Lp, L1Unit, L2Unit, LpUnit, Rec, EntropySource, Entropy, Negatives, EDiag, ECore, ECol, ERow, SAR}

// matched are the measures that the matched null is given for, as MEASURE_null_mean, MEASURE_null_sd
// and MEASURE_z.
var matched = []string{L1, Rec, Entropy, ECore}

// NullMeasures are the measures of the matched null in the order of the rows, after Measures: what a
// measure is for a target like j whose column space has nothing to do with any task's, its row space
// and spectrum being j's; and how many standard deviations above that the value lies (0 where there
// are none).
var NullMeasures = func() (names []string) {
	for _, m := range matched {
		names = append(names, m+"_null_mean", m+"_null_sd", m+"_z")
	}
	return names
}()

// Options are what a projection may be asked for. The zero value stands for all pairs, p = 3 and
// abs.
type Options struct {
	Pairs [][2]string   `json:"pairs"` // ordered (source, target); all pairs of a model when empty
	P     float64       `json:"p"`     // order of lp and lp_unit, at least 1
	Sign  subspace.Sign `json:"sign"`  // what negative entries of S2 count as
	Nulls bool          `json:"nulls"` // whether the matched null is simulated
	Seed  int64         `json:"seed"`  // of the null
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

func resolve(e *experiment.Experiment, s *experiment.Stage, _ pipeline.Cell) (any, map[string]string, error) {
	with := s.With.(*experiment.ProjectionWith)
	o := Options{P: with.P, Sign: subspace.Sign(with.Sign), Nulls: true, Seed: e.Seed}
	for _, pair := range with.Pairs {
		if len(pair) != 2 {
			return nil, nil, fmt.Errorf("pair %v is not [source, target]", pair)
		}
		for _, source := range e.Labels(pair[0]) {
			for _, target := range e.Labels(pair[1]) {
				o.Pairs = append(o.Pairs, [2]string{source, target})
			}
		}
	}
	for _, p := range o.Pairs { // other seeds of one task say what two trainings of it differ in
		for _, other := range e.Labels(experiment.TaskOf(p[0])) {
			if same := [2]string{p[0], other}; p[0] != other && !slices.Contains(o.Pairs, same) {
				o.Pairs = append(o.Pairs, same)
			}
		}
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
	modules, err := collect.Each(ctx, l, progress, func(m *collect.Module) (*Values, error) { return Of(m, o), nil })
	if err != nil {
		return nil, nil, err
	}
	var rows []table.Projection
	var spectra []table.Spectrum
	for _, v := range modules {
		rows = v.Rows(slices.Grow(rows, len(v.values)), 0, v.Pairs())
		spectra = v.Spectra(slices.Grow(spectra, len(v.s2)), 0, v.Pairs())
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

// Values are the measures and spectra of the pairs of tasks at one module, which become rows when
// they are needed: a number takes a tenth of the memory of its row.
type Values struct {
	module collect.Module // without its set
	pairs  [][2]int       // source, target
	names  []string       // of the measures: Measures, and NullMeasures where they are wanted
	values []float64      // pairs × names
	s1     [][]float64    // by task
	s2     []float64      // pair by pair, as long as the source's s1
	start  []int          // of each pair in s2, and its end
}

// Of returns the measures and spectra of the pairs at one module, those of which it has both tasks.
// The options' p and sign are set.
func Of(m *collect.Module, o Options) *Values {
	v := &Values{module: *m}
	v.module.Set = nil
	for i := range m.Tasks {
		v.s1 = append(v.s1, slices.Clone(m.Set.Update(i).S))
	}
	v.pairs = o.at(m)
	v.names = Measures
	if o.Nulls {
		v.names = slices.Concat(Measures, NullMeasures)
	}
	v.start = make([]int, 1, len(v.pairs)+1)
	for p, pair := range v.pairs {
		v.start = append(v.start, v.start[p]+len(v.s1[pair[0]]))
	}
	v.s2 = make([]float64, v.start[len(v.pairs)])
	v.values = make([]float64, len(v.pairs)*len(v.names))
	_ = collect.Spread(len(v.pairs), func(from, to int) error { // no error is returned
		for k := from; k < to; k++ {
			p := m.Set.Project(v.pairs[k][0], v.pairs[k][1])
			copy(v.s2[v.start[k]:], p.S2)
			row := appendValues(v.values[k*len(v.names):][:0:len(v.names)], p, o)
			if o.Nulls {
				appendNull(row, m.Set, v.pairs[k], o)
			}
		}
		return nil
	})
	return v
}

// at returns the pairs asked for at one module.
func (o Options) at(m *collect.Module) [][2]int {
	var pairs [][2]int
	for _, p := range o.Pairs {
		if i, j := slices.Index(m.Tasks, p[0]), slices.Index(m.Tasks, p[1]); i >= 0 && j >= 0 {
			pairs = append(pairs, [2]int{i, j})
		}
	}
	if len(o.Pairs) > 0 {
		return pairs
	}
	n := len(m.Tasks)
	pairs = make([][2]int, 0, n*(n-1))
	for i := range n {
		for j := range n {
			if i != j {
				pairs = append(pairs, [2]int{i, j})
			}
		}
	}
	return pairs
}

// Pairs returns the number of pairs.
func (v *Values) Pairs() int { return len(v.pairs) }

// Rows appends the rows of the measures of the pairs number from to to-1 to dst.
func (v *Values) Rows(dst []table.Projection, from, to int) []table.Projection {
	for p, pair := range v.pairs[from:to] {
		row := table.Projection{Model: v.module.Model, Source: v.module.Tasks[pair[0]], Target: v.module.Tasks[pair[1]],
			Layer: v.module.Layer, Module: v.module.Type}
		for k, name := range v.names {
			row.Measure, row.Value = name, v.values[(from+p)*len(v.names)+k]
			dst = append(dst, row)
		}
	}
	return dst
}

// Spectra appends the rows of the spectra of the pairs number from to to-1 to dst.
func (v *Values) Spectra(dst []table.Spectrum, from, to int) []table.Spectrum {
	for p, pair := range v.pairs[from:to] {
		row := table.Spectrum{Model: v.module.Model, Source: v.module.Tasks[pair[0]], Target: v.module.Tasks[pair[1]],
			Layer: v.module.Layer, Module: v.module.Type}
		for k, s2 := range v.s2[v.start[from+p]:v.start[from+p+1]] {
			row.Index, row.S1, row.S2 = int32(k), v.s1[pair[0]][k], s2
			dst = append(dst, row)
		}
	}
	return dst
}

// appendValues appends the measures of one projection, in the order of Measures, to dst.
func appendValues(dst []float64, p subspace.Projection, o Options) []float64 {
	s2 := o.Sign.Apply(p.S2)
	unit1, unit2 := subspace.Unit(p.S1), subspace.Unit(s2)
	return append(dst,
		subspace.Lp(1, p.S1, s2), subspace.Lp(2, p.S1, s2), subspace.Lp(o.P, p.S1, s2),
		subspace.Lp(1, unit1, unit2), subspace.Lp(2, unit1, unit2), subspace.Lp(o.P, unit1, unit2),
		subspace.Rec(p.S1, s2), subspace.Entropy(p.S1), subspace.Entropy(s2), float64(subspace.Negatives(p.S2)),
		p.Diag, p.Core, p.Col, p.Row, p.Aligned)
}

// certain is the relative spread of a null below which it is rounding: there is no chance, as where a
// space is the whole one.
const certain = 1e-10

// appendNull appends the matched null of a pair whose measures stand at the end of dst.
func appendNull(dst []float64, s *subspace.Set, pair [2]int, o Options) []float64 {
	values := dst[len(dst)-len(Measures):]
	var first, sum, squares [4]float64 // of matched, centred at the first draw
	drawn := false
	s.ProjectMatched(pair[0], pair[1], uint64(o.Seed), func(p subspace.Projection) {
		s2 := o.Sign.Apply(p.S2)
		draw := [4]float64{subspace.Lp(1, p.S1, s2), subspace.Rec(p.S1, s2), subspace.Entropy(s2), p.Core}
		if !drawn {
			first, drawn = draw, true
		}
		for k, v := range draw {
			sum[k] += v - first[k]
			squares[k] += (v - first[k]) * (v - first[k])
		}
	})
	const n = subspace.MatchedDraws
	for k, name := range matched {
		mean := sum[k] / n
		sd := math.Sqrt(max(0, (squares[k]-n*mean*mean)/(n-1)))
		mean += first[k]
		z := 0.0
		if sd > certain*math.Abs(mean) {
			z = (values[slices.Index(Measures, name)] - mean) / sd
		} else {
			sd = 0
		}
		dst = append(dst, mean, sd, z)
	}
	return dst
}
