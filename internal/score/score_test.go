package score

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-12 {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// TestTexts are values worked out by hand.
func TestTexts(t *testing.T) {
	const reference, answer = "The cat sat on the mat.", "the cat lay on a mat"
	// Six tokens each; the, cat, on and mat are common, in that order; of the pairs only "the cat" is.
	near(t, "ROUGE-1", RougeN(1, reference, answer), 8.0/12)
	near(t, "ROUGE-2", RougeN(2, reference, answer), 2.0/10)
	near(t, "ROUGE-L", RougeL(reference, answer), 8.0/12)
	// The order counts: of "mat the on" only one token is in order.
	near(t, "ROUGE-L reversed", RougeL("the on mat", "mat on the"), 2.0/6)
	near(t, "ROUGE-1 reversed", RougeN(1, "the on mat", "mat on the"), 1)
	near(t, "ROUGE-1 repeated", RougeN(1, "the cat", "the the the the"), 2.0/6)
	near(t, "ROUGE-2 of a word", RougeN(2, "one", "one"), 0)
	near(t, "ROUGE-L of nothing", RougeL("one", ""), 0)
	near(t, "overlap", Overlap(reference, answer), 8.0/12)
	near(t, "overlap of other scripts", Overlap("Żółw śpi", "żółw biegnie"), 2.0/4)
	near(t, "exact", Exact("On Monday\n", " On  Monday"), 1)
	near(t, "not exact", Exact("On Monday", "on Monday"), 0)
	// One word replaced, one inserted: 2 of 5.
	near(t, "edit", EditSimilarity("a b c d", "a x c d e"), 1-2.0/5)
	near(t, "edit of nothing", EditSimilarity("a b", ""), 0)
	near(t, "edit of both empty", EditSimilarity("", " "), 1)
}

// TestLists reads the lists of docs/tasks.md.
func TestLists(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []string
		want string
	}{
		{"entities", Entities("DATE: Monday, April; GPE: Tolme; PERSON: Ama Oke, Oke"), "date\tmonday|date\tapril|gpe\ttolme|person\tama oke|person\toke"},
		{"no entities", Entities("There are none."), ""},
		{"mentions", Mentions(`"the old ferry Freya" refers also to "She", "the Freya" and "the ferry". "Tolme" refers also to "the town".`),
			"the old ferry freya|she|the freya|the ferry|tolme|the town"},
		{"propositions", Propositions(`leave.01("the old ferry Freya","the harbour of Tolme"); sail.01("She",""); broken.01("She"`),
			"leave.01\tthe old ferry freya\tthe harbour of tolme|sail.01\tshe\t"},
		{"predicates", Predicates(`leave.01("the old ferry Freya","the harbour of Tolme"); sail.01("She","")`), "leave.01|sail.01"},
		{"items", Items("the old ferry Freya; She;  the  town;"), "the old ferry freya|she|the town"},
	} {
		if got := strings.Join(c.got, "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	near(t, "F1", F1([]string{"a", "b", "b"}, []string{"b", "c"}), 2.0/5)
	near(t, "F1 of nothing", F1(nil, nil), 1)
	near(t, "F1 of an empty answer", F1([]string{"a"}, nil), 0)
}

// TestLabels are values worked out by hand: 2×2 counts 3 right yes, 1 missed, 2 false yes, 4 right no.
func TestLabels(t *testing.T) {
	reference := []int{1, 1, 1, 1, 0, 0, 0, 0, 0, 0}
	answer := []int{1, 1, 1, 0, 1, 1, 0, 0, 0, 0}
	near(t, "accuracy", Accuracy(reference, answer), 0.7)
	near(t, "macro F1", MacroF1(reference, answer), (6.0/9+8.0/11)/2)
	near(t, "Matthews", Matthews(reference, answer), (3*4-2*1)/math.Sqrt(5*4*6*5))
	constant := make([]int, 10)
	near(t, "Matthews of a constant", Matthews(reference, constant), 0)
	near(t, "macro F1 of a constant", MacroF1(reference, constant), (12.0/16)/2)
	near(t, "Matthews swapped", Matthews([]int{0, 1, 1}, []int{1, 0, 0}), -1)
	near(t, "macro F1 without a label", MacroF1([]int{2, 2}, []int{2, 2}), 1)
}

// TestBounds holds that every measure is in [0, 1] and 1 for the reference itself, for any text.
func TestBounds(t *testing.T) {
	measures := map[string]func(r, a string) float64{
		"ROUGE-1": func(r, a string) float64 { return RougeN(1, r, a) }, "ROUGE-L": RougeL, "overlap": Overlap, "exact": Exact, "edit": EditSimilarity,
		"entities": func(r, a string) float64 { return F1(Entities(r), Entities(a)) }, "mentions": func(r, a string) float64 { return F1(Mentions(r), Mentions(a)) },
		"predicates": func(r, a string) float64 { return F1(Predicates(r), Predicates(a)) }, "items": func(r, a string) float64 { return F1(Items(r), Items(a)) },
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab ,;:"().]{0,30}`)
		r, a := text.Draw(t, "reference"), text.Draw(t, "answer")
		for name, f := range measures {
			if v := f(r, a); v < 0 || v > 1 || v != f(a, r) {
				t.Fatalf("%s(%q, %q) = %v, turned round %v", name, r, a, v, f(a, r))
			}
			if v := f(r, r); v != 1 && !(strings.HasPrefix(name, "ROUGE") && len(rougeTokens(r)) == 0) {
				t.Fatalf("%s(%q) with itself = %v", name, r, v)
			}
		}
	})
}
