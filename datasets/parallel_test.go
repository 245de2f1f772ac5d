package datasets

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"
)

// slowUnits are units of one document each, the first of which take the longest. running counts
// those being read, most the most at a time.
func slowUnits(n int, running, most *atomic.Int64) []Unit {
	var units []Unit
	for i := range n {
		name := fmt.Sprintf("train/%03d", n-1-i) // against the order
		units = append(units, Unit{Name: name, Files: []string{name + ".b", name + ".a"}, Read: func() ([]*Document, []Problem, error) {
			now := running.Add(1)
			for at := most.Load(); now > at && !most.CompareAndSwap(at, now); at = most.Load() {
			}
			time.Sleep(time.Duration(i%7) * time.Millisecond)
			defer running.Add(-1)
			d := &Document{ID: "nw/" + name, File: name, Line: 1, Sentences: []Sentence{{Tokens: make([]Token, i)}}}
			return []*Document{d}, []Problem{{File: name, Line: 3, Message: "x"}}, nil
		}})
	}
	return units
}

// TestUnits reads a corpus of any format in the order of its units, whichever is done first, with
// a window of them in flight.
func TestUnits(t *testing.T) {
	var running, most atomic.Int64
	const n = 60
	fsys := fstest.MapFS{}
	for i := range n {
		fsys[fmt.Sprintf("train/%03d.a", i)] = &fstest.MapFile{Data: []byte("a")}
		fsys[fmt.Sprintf("train/%03d.b", i)] = &fstest.MapFile{Data: []byte("b")}
	}
	c := NewCorpus("corpus", fsys, slowUnits(n, &running, &most))
	docs, problems, err := c.Documents(Options{})
	if err != nil || len(docs) != n || len(problems) != n {
		t.Fatalf("%d documents, %d problems, error %v", len(docs), len(problems), err)
	}
	for i, d := range docs {
		if want := fmt.Sprintf("train/%03d", i); d.File != want || problems[i] != (Problem{want, 3, "x"}) || d.Split != Train {
			t.Errorf("document %d is of %s (%s) with problem %v, want %s", i, d.File, d.Split, problems[i], want)
		}
	}
	counts, err := Count(c, c)
	if err != nil {
		t.Fatal(err)
	}
	// Sentences of 0 to 59 tokens; the second time every document is one seen already.
	if counts.Files != 4*n || counts.Documents != n || counts.Tokens != n*(n-1)/2 || len(counts.Problems) != 3*n {
		t.Errorf("%d files, %d documents, %d tokens, %d problems", counts.Files, counts.Documents, counts.Tokens, len(counts.Problems))
	}
	if limit := int64(4*runtime.GOMAXPROCS(0) + 2); most.Load() > limit || most.Load() < 2 {
		t.Errorf("%d units were in flight, want 2 to %d", most.Load(), limit)
	}
	digest, err := c.Digest()
	if again, _ := NewCorpus("elsewhere", fsys, slowUnits(n, &running, &most)).Digest(); err != nil || digest != again {
		t.Errorf("digests %s and %s, error %v", digest, again, err)
	}
}

// TestUnitError ends at the first unit that cannot be opened, in the order of the units, and
// leaves nothing running.
func TestUnitError(t *testing.T) {
	var running, most atomic.Int64
	units := slowUnits(60, &running, &most)
	first := errors.New("first")
	for _, i := range []int{30, 31, 40} { // named 029, 028 and 019
		units[i].Read = func() ([]*Document, []Problem, error) {
			if i == 40 {
				return nil, nil, first
			}
			return nil, nil, errors.New("later")
		}
	}
	c := NewCorpus("corpus", fstest.MapFS{}, units)
	if _, _, err := c.Documents(Options{}); err != first {
		t.Errorf("error %v, want %v", err, first)
	}
	if n, err := Count(c); err != first || n != nil {
		t.Errorf("error %v, want %v", err, first)
	}
	if n := running.Load(); n != 0 {
		t.Errorf("%d units are still being read", n)
	}
}

// TestThreads reads and counts the same whatever the number of processors.
func TestThreads(t *testing.T) {
	fsys := fstest.MapFS{}
	for i := range 40 {
		f := file(fmt.Sprintf("nw/%d", i), fmt.Sprintf("nw/%d", i/2), fmt.Sprintf("nw/x%d 1", i))
		f.Data = append(f.Data, "stray\n"...)
		fsys[fmt.Sprintf("%d.conll", i)] = f
	}
	c := open(t, fsys)
	read := func() (string, *Counts) {
		docs, problems, err := c.Documents(Options{})
		if err != nil {
			t.Fatal(err)
		}
		n, err := Count(c)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(problems, n.Problems) {
			t.Fatalf("reading has the problems\n%v\ncounting\n%v", problems, n.Problems)
		}
		return list(docs), n
	}
	docs, counts := read()
	if counts.Documents != 80 || len(counts.Problems) != 80 {
		t.Errorf("%d documents and %d problems, want 80 and 80", counts.Documents, len(counts.Problems))
	}
	for _, threads := range []int{1, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		if d, n := read(); d != docs || !reflect.DeepEqual(n, counts) {
			t.Errorf("%d threads read something else", threads)
		}
	}
}
