package score

import "math"

// Accuracy is the share of the rows whose label is the reference's.
func Accuracy(reference, answer []int) float64 {
	same := 0
	for i, r := range reference {
		if answer[i] == r {
			same++
		}
	}
	return float64(same) / float64(len(reference))
}

// MacroF1 is the mean over labels of their F1; labels that occur in neither do not count.
func MacroF1(reference, answer []int) float64 {
	total, labels := 0.0, 0
	for _, c := range confusion(reference, answer) {
		if c.reference+c.answer > 0 {
			labels++
			total += f1(c.both, c.reference, c.answer)
		}
	}
	return total / float64(labels)
}

// Matthews is the correlation coefficient of Matthews 1975, for more than two labels that of Gorodkin
// 2004: 1 when all are right, 0 for a constant or chance answer, −1 when two labels are swapped.
func Matthews(reference, answer []int) float64 {
	n, right, cross, squaresR, squaresA := float64(len(reference)), 0.0, 0.0, 0.0, 0.0
	for _, c := range confusion(reference, answer) {
		r, a := float64(c.reference), float64(c.answer)
		right += float64(c.both)
		cross += r * a
		squaresR += r * r
		squaresA += a * a
	}
	below := math.Sqrt((n*n - squaresR) * (n*n - squaresA))
	if below == 0 {
		return 0
	}
	return (right*n - cross) / below
}

// A count is how often a label occurs.
type count struct{ reference, answer, both int }

// confusion counts each label from 0.
func confusion(reference, answer []int) []count {
	var counts []count
	at := func(label int) *count {
		for len(counts) <= label {
			counts = append(counts, count{})
		}
		return &counts[label]
	}
	for i, r := range reference {
		at(r).reference++
		at(answer[i]).answer++
		if answer[i] == r {
			at(r).both++
		}
	}
	return counts
}
