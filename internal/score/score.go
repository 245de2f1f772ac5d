// Package score says how well an answer does a task: measures of texts, of lists and of labels, each
// 1 for the reference itself.
//
// It compares strings and labels. Which measures are a task's is the evaluate stage's to say, and
// what an answer is made by is nobody's concern here.
package score

import (
	"strings"
	"unicode"
)

// F1 is the harmonic mean of precision and recall over two multisets: the share of the answer's
// items that the reference has, and of the reference's that the answer has, an item counted as
// often as both have it. It is 1 when both are empty.
func F1(reference, answer []string) float64 {
	if len(reference) == 0 && len(answer) == 0 {
		return 1
	}
	counts := map[string]int{}
	for _, r := range reference {
		counts[r]++
	}
	common := 0
	for _, a := range answer {
		if counts[a] > 0 {
			counts[a]--
			common++
		}
	}
	return f1(common, len(reference), len(answer))
}

// f1 is 2PR/(P+R) of a number of items in common, 0 where a side has none.
func f1(common, reference, answer int) float64 {
	if common == 0 {
		return 0
	}
	return 2 * float64(common) / float64(reference+answer)
}

// Overlap is the F1 of the words, which are what letters and digits of any script make up, case
// folded. Their order does not count.
func Overlap(reference, answer string) float64 {
	words := func(text string) []string {
		return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	}
	return F1(words(reference), words(answer))
}

// Exact is 1 when both texts are the same but for white space, else 0.
func Exact(reference, answer string) float64 {
	if strings.Join(strings.Fields(reference), " ") == strings.Join(strings.Fields(answer), " ") {
		return 1
	}
	return 0
}

// EditSimilarity is 1 − d/n, with d the least number of words to insert, delete or replace to make
// one text of the other (Levenshtein 1966), and n the number of words of the longer one. Words are
// what stands between spaces.
func EditSimilarity(reference, answer string) float64 {
	a, b := strings.Fields(reference), strings.Fields(answer)
	if len(a) == 0 && len(b) == 0 {
		return 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := 1
			if x == y {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return 1 - float64(row[len(b)])/float64(max(len(a), len(b)))
}
