package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// A noise is what two trainings of one task with different seeds differ in: a difference between
// tasks that is no larger says nothing.
type noise struct{ distances, projections averages }

func newNoise() noise { return noise{newAverages(), newAverages()} }

// floor is the mean and the range of a measure over the pairs of a model; n is how many there are.
func (a *averages) floor(model, measure string) (mean, low, high float64, n int) {
	low, high = math.Inf(1), math.Inf(-1)
	pairs := slices.Collect(maps.Keys(a.number))
	slices.SortFunc(pairs, func(x, y pair) int { return a.number[x] - a.number[y] }) // sums round by their order
	for _, k := range pairs {
		if k.model != model {
			continue
		}
		if v, ok := a.value(measure, k); ok {
			mean += v
			low, high = min(low, v), max(high, v)
			n++
		}
	}
	return mean / float64(n), low, high, n
}

// noiseNotes say, for each model, what measures are between seeds of one task; none where every task
// was trained once.
func (in *Input) noiseNotes(of *averages, models []string, measures ...string) []string {
	var notes []string
	for _, model := range models {
		var parts []string
		for _, m := range measures {
			if mean, low, high, n := of.floor(model, m); n > 0 {
				parts = append(parts, fmt.Sprintf("%s %.3f (from %.3f to %.3f, %d pairs)", m, mean, low, high, n))
			}
		}
		if parts != nil {
			notes = append(notes, fmt.Sprintf("Noise floor%s, the same task trained with another seed: %s. Differences between tasks within this range are no findings.",
				in.ofModel(model), strings.Join(parts, "; ")))
		}
	}
	return notes
}

// ofModel names a model in a note where there are several.
func (in *Input) ofModel(model string) string {
	if len(in.Results.Models) < 2 {
		return ""
	}
	return " of " + model
}
