package tasks

import "taskvec/datasets"

// A span is the positions from start up to, not including, end, by step.
type span struct{ start, end, step int }

// What portion can keep of as many words or sentences.
func firstTenth(of int) span { return span{0, tenth(of), 1} }
func lastTenth(of int) span  { return span{of - tenth(of), of, 1} }
func every10(of int) span    { return span{0, of, 10} }
func every2(of int) span     { return span{0, of, 2} }

// tenth is 10 % of n: ceil(n/10), so at least 1 of any.
func tenth(n int) int { return (n + 9) / 10 }

// words is the words of a document that keep says, given how many there are, as running text.
// Punctuation marks are words.
func words(keep func(of int) span) func(*Input) (answer, skipped string) {
	return func(in *Input) (answer, skipped string) {
		if in.Words() == 0 {
			return "", empty
		}
		return datasets.Detokenize(portion(allWords(in), keep)), ""
	}
}

// sentences is the sentences of a document that keep says, given how many there are.
func sentences(keep func(of int) span) func(*Input) (answer, skipped string) {
	return func(in *Input) (answer, skipped string) {
		if in.Words() == 0 {
			return "", empty
		}
		kept := datasets.Document{Sentences: portion(in.Sentences, keep)}
		return kept.Text(), ""
	}
}

const empty = "no sentence"

// portion returns the items that keep says.
func portion[T any](items []T, keep func(of int) span) (kept []T) {
	s := keep(len(items))
	for i := s.start; i < s.end; i += s.step {
		kept = append(kept, items[i])
	}
	return kept
}

// allWords returns the tokens of all sentences in a slice of their own.
func allWords(in *Input) []datasets.Token {
	words := make([]datasets.Token, 0, in.Words())
	for i := range in.Sentences {
		words = append(words, in.Sentences[i].Tokens...)
	}
	return words
}
