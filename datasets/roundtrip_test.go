package datasets_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"taskvec/datasets"
	"taskvec/datasets/sample"
)

// tokenize cuts a sentence into tokens by the rules of the Penn Treebank: quotation marks become “
// and ”, brackets their names, punctuation stands apart except inside of numbers and abbreviations,
// contractions and possessives are cut off, and the sentence's full stop is a token although the
// abbreviation before it has one. Hyphens are not cut.
func tokenize(sentence string) (tokens []string) {
	s := sentence
	for _, rule := range tokenRules {
		s = rule.pattern.ReplaceAllString(s, rule.replacement)
	}
	tokens = strings.Fields(s)
	if n := len(tokens); n > 0 {
		end := n - 1
		for end > 0 && (tokens[end] == "''" || tokens[end] == "-RRB-" || tokens[end] == "'") {
			end--
		}
		if word, ok := strings.CutSuffix(tokens[end], "."); ok && strings.Trim(word, ".") != "" {
			if abbreviation.MatchString(tokens[end]) {
				word += "."
			}
			tokens = slices.Replace(tokens, end, end+1, word, ".")
		}
	}
	return tokens
}

var abbreviation = regexp.MustCompile(`^((\pL\.)+|Mr\.|Mrs\.|Ms\.|Dr\.|St\.|Inc\.|Co\.|Corp\.|Jr\.|etc\.)$`)

var tokenRules = func() (rules []struct {
	pattern     *regexp.Regexp
	replacement string
}) {
	for _, r := range [][2]string{
		{`(^|[\s(\['])"`, "$1`` "},
		{`"`, ` '' `},
		{`(^|\s)'(\pL)`, "$1` $2"}, // an opening quotation mark, but for
		{"` ((?i:em|tis|twas))\\b", "'$1"},
		{`\(`, " -LRB- "}, {`\)`, " -RRB- "}, {`\[`, " -LSB- "}, {`\]`, " -RSB- "},
		{`(\.\.\.|--)`, ` $1 `},
		{`([,:;])(['\s]|$)`, ` $1 $2`},
		{`([?!%])([^\w]|$)`, ` $1 $2`},
		{`([$£€])`, `$1 `},
		{`(\pL)(n't|N'T)\b`, `$1 $2`},
		{`(?i)(\pL)('(?:s|re|ve|ll|d|m))\b`, `$1 $2`},
		{`(\pL)'(\s|$)`, `$1 ' $2`},
		{`(?i)\b(gon|wan)(na)\b`, `$1 $2`}, {`(?i)\b(got)(ta)\b`, `$1 $2`}, {`(?i)\b(lem|gim)(me)\b`, `$1 $2`}, {`(?i)('t)(is|was)\b`, `$1 $2`},
	} {
		rules = append(rules, struct {
			pattern     *regexp.Regexp
			replacement string
		}{regexp.MustCompile(r[0]), r[1]})
	}
	return rules
}()

// TestRoundTrip detokenises sentences and cuts the text into tokens again: they are the same.
func TestRoundTrip(t *testing.T) {
	for _, words := range []string{
		"`` Go , '' she said .",
		"He said : `` She told me ` stay ' and left . ''",
		"`` ` Stay , ' he said , '' she wrote .",
		"The mayor -LRB- a baker -RRB- spoke -LRB- `` Rain , '' he said -RRB- .",
		"It -LSB- the boat -RSB- sank -LRB- in May -RRB- .",
		"It cost $ 3 million , US$ 4.50 , C$ 5 , £ 6 and € 7,000 .",
		"Prices rose 4.5 % , then 10 % ; rents fell 3 % .",
		"I 'm sure they 'll say we 've said you 'd go , do n't you think she 's right ?",
		"He ca n't , wo n't and DO N'T .",
		"Mona 's bag and the sailors ' ship 's crew .",
		"The twins ' , the cook 's and James 's hats .",
		"Well ... no , he said ... and left .",
		"He left -- at noon -- and came back .",
		"See http://www.example.org/a_b?c=1&d=2 or write to mona@example.org .",
		"J. R. Low met Dr. Ana P. Ruiz and Mr. Oke of Lumen Inc. on St. John 's Day .",
		"He works for Lumen Inc. .",
		"She lives in the U.S. .",
		"`` I left the U.S. . ''",
		"At 5:30 p.m. , 1,200 people -- 3.5 % -- came .",
		"Who came ? Ana !",
		"You 're gon na say I got ta go ; lem me think , gim me time .",
		"Catch 'em in the '90s .",
		"'T was late .",
		"A well-known man and his twenty-one-year-old son .",
		"`` Who ? ''",
		"She asked `` Why ? '' and he said `` No ! ''",
		"AT&T 's R&D cost 1/2 .",
	} {
		if text := datasets.Detokenize(tagged(words)); strings.Join(tokenize(text), " ") != words {
			t.Errorf("%s\nreads %s\nwhose tokens are\n%s", words, text, strings.Join(tokenize(text), " "))
		}
	}
}

// tagged makes tokens of words.
func tagged(words string) (tokens []datasets.Token) {
	for _, w := range strings.Fields(words) {
		tokens = append(tokens, datasets.Token{Word: w})
	}
	return tokens
}

// TestRoundTripSample does the same to the sample corpus.
func TestRoundTripSample(t *testing.T) {
	c, err := datasets.OpenFS("sample", sample.Files())
	if err != nil {
		t.Fatal(err)
	}
	docs, _, err := c.Documents(datasets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sentences := 0
	for _, d := range docs {
		for i := range d.Sentences {
			s := &d.Sentences[i]
			var words []string
			for _, token := range s.Tokens {
				words = append(words, token.Word)
			}
			sentences++
			if got := tokenize(s.Text()); !slices.Equal(got, words) {
				t.Errorf("%q\nreads %s\nwhose tokens are\n%q", words, s.Text(), got)
			}
		}
	}
	if sentences < 300 {
		t.Errorf("%d sentences", sentences)
	}
}
