package tasks

import "taskvec/datasets"

// tenth is 10 % of n: ceil(n/10), so at least 1 of any.
func tenth(n int) int { return (n + 9) / 10 }

// firstSentences is the first 10 % of the sentences.
func firstSentences(in *Input) (answer, skipped string) {
	if len(in.Sentences) == 0 {
		return "", empty
	}
	head := datasets.Document{Sentences: in.Sentences[:tenth(len(in.Sentences))]}
	return head.Text(), ""
}

// firstWords is the first 10 % of the words, punctuation marks being words.
func firstWords(in *Input) (answer, skipped string) {
	words := allWords(in)
	if len(words) == 0 {
		return "", empty
	}
	return datasets.Detokenize(words[:tenth(len(words))]), ""
}

// everyOtherWord is the first, third, fifth, … word.
func everyOtherWord(in *Input) (answer, skipped string) {
	words := allWords(in)
	if len(words) == 0 {
		return "", empty
	}
	kept := words[:0]
	for i := 0; i < len(words); i += 2 {
		kept = append(kept, words[i])
	}
	return datasets.Detokenize(kept), ""
}

const empty = "no sentence"

// allWords returns the tokens of all sentences in a slice of their own.
func allWords(in *Input) []datasets.Token {
	words := make([]datasets.Token, 0, in.Words())
	for i := range in.Sentences {
		words = append(words, in.Sentences[i].Tokens...)
	}
	return words
}
