package score

import "strings"

// rougeTokens are the tokens of rouge-score 0.1.2 without stemming: runs of a–z and 0–9, case folded.
func rougeTokens(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// RougeN is ROUGE-N (Lin 2004) as F1: the sequences of n tokens that both texts have.
func RougeN(n int, reference, answer string) float64 {
	grams := func(text string) []string {
		tokens := rougeTokens(text)
		var out []string
		for i := n; i <= len(tokens); i++ {
			out = append(out, strings.Join(tokens[i-n:i], " "))
		}
		return out
	}
	r, a := grams(reference), grams(answer)
	if len(r) == 0 || len(a) == 0 {
		return 0 // as rouge-score has it, both empty among them
	}
	return F1(r, a)
}

// RougeL is ROUGE-L (Lin 2004) as F1, of the texts whole: their longest common subsequence of tokens.
func RougeL(reference, answer string) float64 {
	r, a := rougeTokens(reference), rougeTokens(answer)
	row := make([]int, len(a)+1) // lengths of the longest common subsequence of what was read of r and each start of a
	for _, x := range r {
		diagonal := 0
		for j, y := range a {
			above := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return f1(row[len(a)], len(r), len(a))
}
