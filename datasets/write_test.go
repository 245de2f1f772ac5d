package datasets

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestWrite writes a sentence with everything in it; the rows are written by hand.
func TestWrite(t *testing.T) {
	d := *standard[0]
	d.Sentences = slices.Clone(d.Sentences)
	tree := slices.Clone(d.Sentences[0].Tree)
	tree[2].Label = "NP-SBJ" // function tags are left out
	tree[5].Label = "NP=2"
	d.Sentences[0].Tree = tree
	want := `#begin document (bc/own/00/own_0001); part 000
bc/own/00/own_0001 0 0 Ines   NNP (TOP(S(NP(NP* -      -  - Tom_Reed (PERSON) (ARG0* *       (3|(0
bc/own/00/own_0001 0 1 's     POS *)            -      -  - Tom_Reed *        *      *       0)
bc/own/00/own_0001 0 2 sister NN  *)            sister -  - Tom_Reed *        *)     *       3)
bc/own/00/own_0001 0 3 made   VBD (VP*          make   LV 2 Tom_Reed *        (V*)   *       -
bc/own/00/own_0001 0 4 a      DT  (NP*          -      -  - Tom_Reed *        (ARG1* (ARG1*) -
bc/own/00/own_0001 0 5 visit  NN  *))           visit  01 - Tom_Reed *        *)     (V*)    -
bc/own/00/own_0001 0 6 /.     .   *))           -      -  - Tom_Reed *        *      *       -

bc/own/00/own_0001 0 0 Yes UH (TOP(INTJ*)) - - - - * -

bc/own/00/own_0001 0 0 The   DT  (TOP(NP* - - - Ana (DATE* (5
bc/own/00/own_0001 0 1 tenth JJ  *        - - - Ana *)     -
bc/own/00/own_0001 0 2 of    IN  (PP*     - - - Ana *      (5
bc/own/00/own_0001 0 3 May   NNP (NP*)))) - - - Ana (DATE) (7)|5)|5)

#end document
`
	var b bytes.Buffer
	if err := WriteCoNLL(&b, &d); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// anyDocument draws documents that the layout can say: trees, entities that do not overlap,
// arguments and mentions of a chain that lie in one another or apart.
func anyDocument(t *rapid.T) *Document {
	d := &Document{ID: "nw/x/00/" + rapid.StringMatching(`[a-z_0-9]{1,8}`).Draw(t, "id"), Part: rapid.IntRange(0, 120).Draw(t, "part"), File: "f", Line: 1}
	word := rapid.OneOf(rapid.StringMatching(`[^\s\x00-\x1f]{1,6}`), rapid.SampledFrom([]string{"-", "*", "(", "#", "(1)", "-LRB-", "/.", "é"}))
	label := rapid.SampledFrom([]string{"S", "NP", "VP", "X1"})
	chains := map[int][]Mention{}
	for i := range rapid.IntRange(0, 3).Draw(t, "sentences") {
		n := rapid.IntRange(1, 8).Draw(t, "tokens")
		s := Sentence{Tokens: make([]Token, n), Speaker: rapid.StringMatching(`|[A-Z]\w*`).Draw(t, "speaker")}
		for k := range s.Tokens {
			s.Tokens[k] = Token{Word: word.Draw(t, "word"), POS: rapid.SampledFrom([]string{"NN", "VBD", "."}).Draw(t, "pos")}
		}
		if rapid.Bool().Draw(t, "parsed") {
			s.Tree = Tree{{"TOP", Span{0, n}, -1, 1}}
			grow(t, &s.Tree, 0, label)
		} else {
			for k := range s.Tokens {
				s.Tokens[k].POS = "XX"
			}
		}
		for _, span := range apart(t, Span{0, n}, "names") {
			s.Entities = append(s.Entities, Entity{rapid.SampledFrom([]string{"GPE", "WORK_OF_ART"}).Draw(t, "type"), span})
		}
		for k := range s.Tokens {
			if rapid.IntRange(0, 3).Draw(t, "predicate") == 0 {
				s.Tokens[k].Lemma, s.Tokens[k].Sense = "do", "1"
				f := Frame{Token: k, Lemma: "do", Frameset: rapid.SampledFrom([]string{"01", "LV"}).Draw(t, "frameset")}
				for _, span := range apart(t, Span{0, n}, "arguments") {
					f.Arguments = append(f.Arguments, Argument{rapid.SampledFrom([]string{"V", "R-ARG0", "ARGM-TMP"}).Draw(t, "label"), span})
				}
				s.Frames = append(s.Frames, f)
			}
		}
		for c := range 3 {
			for _, span := range apart(t, Span{0, n}, "mentions") {
				chains[c] = append(chains[c], Mention{i, span})
				if span.Len() > 2 && rapid.Bool().Draw(t, "nested") {
					chains[c] = append(chains[c], Mention{i, Span{span.Start + 1, span.End}})
				}
			}
		}
		d.Sentences = append(d.Sentences, s)
	}
	for c := range 3 {
		if len(chains[c]) > 0 {
			d.Chains = append(d.Chains, Chain{c, chains[c]})
		}
	}
	SortChains(d.Chains)
	return d
}

// apart draws spans within another that do not overlap, in order.
func apart(t *rapid.T, in Span, what string) []Span {
	var spans []Span
	for k := in.Start; k < in.End; {
		n := rapid.IntRange(1, in.End-k).Draw(t, what)
		if rapid.Bool().Draw(t, what) {
			spans = append(spans, Span{k, k + n})
		}
		k += n
	}
	return spans
}

// grow draws the descendants of node i.
func grow(t *rapid.T, tree *Tree, i int, label *rapid.Generator[string]) {
	if len(*tree) < 10 {
		for _, span := range apart(t, (*tree)[i].Span, "tree") {
			*tree = append(*tree, Node{label.Draw(t, "label"), span, i, 0})
			grow(t, tree, len(*tree)-1, label)
		}
	}
	(*tree)[i].Next = len(*tree)
}

// TestWriteRead reads back whatever is written.
func TestWriteRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyDocument(t)
		var b bytes.Buffer
		if err := WriteCoNLL(&b, want); err != nil {
			t.Fatal(err)
		}
		got, err := ReadCoNLL("f", b.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Fatalf("comes back as\n%+v\nfrom\n%+v\nthrough\n%s", got[0], want, b.String())
		}
	})
}
