package datasets

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"testing/fstest"
)

// TestCount counts the standard file by hand and goes on after documents that cannot be read.
func TestCount(t *testing.T) {
	src, err := os.ReadFile("testdata/standard.gold_conll")
	if err != nil {
		t.Fatal(err)
	}
	bad := "#begin document (nw/a); part 0\nrow\n#end document\n" + // line 1
		"#begin document (nw/b); part 0\n#end document\n" + // line 4
		"#begin document (nw/c); part 0\n" + // line 6: never ended
		"#begin document (nw/b); part 0\n#end document\n" + // line 7: again
		"#begin document (nw/d); part 0\n#end document\nx\n" // line 9
	c := open(t, fstest.MapFS{"standard.gold_conll": {Data: src}, "bad.gold_conll": {Data: []byte(bad)}})
	got, err := Count(c)
	if err != nil {
		t.Fatal(err)
	}
	want := &Counts{
		Files: 2, Documents: 4, Sentences: 4, Tokens: 15,
		NamedEntities: map[string]int{"PERSON": 1, "DATE": 2},
		Frames:        2, Arguments: map[string]int{"ARG0": 1, "ARG1": 2, "V": 2},
		Mentions: 5, Chains: 4, NonverbalPredicates: 1, DocumentsWithoutCoref: 3,
		Problems: []Problem{
			{"corpus/bad.gold_conll", 2, "has 1 columns: a row has 12 and one a predicate"},
			{"corpus/bad.gold_conll", 7, "expected #end document of document nw/c begun in line 6, not \"#begin document (nw/b); part 0\""},
			{"corpus/bad.gold_conll", 7, "document nw/b part 0 stands at corpus/bad.gold_conll:4 already: give each document once"},
			{"corpus/bad.gold_conll", 11, "expected `#begin document (ID); part N`, not \"x\""},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// TestCountJSON holds the JSON of `taskvec corpus` to its contract.
func TestCountJSON(t *testing.T) {
	n, err := Count()
	if err != nil {
		t.Fatal(err)
	}
	n.Problems = append(n.Problems, Problem{"f", 1, "m"})
	got, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"files":0,"documents":0,"sentences":0,"tokens":0,"named_entities":{},"frames":0,"arguments":{},` +
		`"mentions":0,"chains":0,"nonverbal_predicates":0,"documents_without_coref":0,"problems":[{"file":"f","line":1,"message":"m"}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
