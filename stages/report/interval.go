package report

import (
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
)

// bootstrapped are the measures whose averages are shown with an interval.
var bootstrapped = []string{"grassmann", "grassmann/row", "l1", "rec", "entropy"}

// maxBootstrapped is how many pairs have intervals: the values of every layer are kept for them, and
// nobody reads a table of more.
const maxBootstrapped = 4000

const (
	resamples = 1000
	level     = 0.95
)

// keep notes a layer's value of the last pair.
func (a *averages) keep(measure, module string, v float64) {
	byModule := a.layers[measure]
	if byModule == nil {
		byModule = map[string][][]float64{}
		a.layers[measure] = byModule
	}
	pairs := byModule[module]
	if len(pairs) <= a.at {
		pairs = append(pairs, make([][]float64, a.at+1-len(pairs))...)
		byModule[module] = pairs
	}
	pairs[a.at] = append(pairs[a.at], v)
}

// interval is the percentile bootstrap interval of the average of a measure of a pair (Efron and
// Tibshirani 1993, chapter 13): layers are drawn with replacement within each module type. The cells
// are empty where a type has fewer than two layers. The same values and seed give the same interval.
func (a *averages) interval(measure string, k pair, seed int64) (low, high Cell) {
	at, ok := a.number[k]
	if !ok {
		return Cell{}, Cell{}
	}
	var types [][]float64
	h := fnv.New64a()
	for _, module := range slices.Sorted(maps.Keys(a.layers[measure])) {
		if pairs := a.layers[measure][module]; at < len(pairs) && pairs[at] != nil {
			types = append(types, pairs[at])
			h.Write([]byte(module))
		}
	}
	if len(types) == 0 || slices.ContainsFunc(types, func(values []float64) bool { return len(values) < 2 }) {
		return Cell{}, Cell{}
	}
	rng := rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
	means := make([]float64, resamples)
	for i := range means {
		for _, values := range types {
			total := 0.0
			for range values {
				total += values[rng.IntN(len(values))]
			}
			means[i] += total / float64(len(values)) / float64(len(types))
		}
	}
	slices.Sort(means)
	tail := int((1 - level) / 2 * resamples)
	return number(means[tail]), number(means[resamples-1-tail])
}

// projectionInterval is the interval of a projection measure of a pair.
func (in *Input) projectionInterval(measure string, k pair) (low, high Cell) {
	return in.Results.projections.interval(measure, k, in.Seed)
}

// distanceInterval is the interval of a distance of two tasks.
func (in *Input) distanceInterval(model, measure, a, b string) (low, high Cell) {
	low, high = in.Results.distances.interval(measure, pair{model, a, b}, in.Seed)
	if low == (Cell{}) {
		low, high = in.Results.distances.interval(measure, pair{model, b, a}, in.Seed)
	}
	return low, high
}

// intervalNote explains low and high.
const intervalNote = "Low and high bound 95 % of the averages over layers drawn with replacement (percentile bootstrap, 1000 draws): how much the average hangs on single layers, not on another training."
