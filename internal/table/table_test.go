package table

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func factors(n int) []Factor {
	rows := make([]Factor, n)
	for i := range rows {
		rows[i] = Factor{
			Model: "m", Task: fmt.Sprint("task", i), Layer: int32(i) - 1, Module: "q_proj", Name: "layers.0.q_proj",
			Rank: 2, In: 3, Out: 4, Scale: 1 / float64(i+1), DType: "BF16", A: []byte{1, 2, byte(i)}, B: bytes.Repeat([]byte{0xff}, i%7+1),
		}
	}
	return rows
}

// TestRoundTrip reads back what it wrote, over several record batches too.
func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, batchRows, batchRows + 1, 2*batchRows + 5} {
		path := filepath.Join(t.TempDir(), "f.arrow")
		want := factors(n)
		meta := map[string]string{"b": "2", "a": "é"}
		if err := Write(path, want, meta); err != nil {
			t.Fatal(err)
		}
		got, gotMeta, err := Read[Factor](path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(gotMeta, meta) || len(got) != n || n > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%d rows come back as %d, metadata %v", n, len(got), gotMeta)
		}
	}
}

// TestRoundTripAnything does so for arbitrary values, NaN and infinities among them.
func TestRoundTripAnything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.arrow")
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Spectrum {
			return Spectrum{
				Model: rapid.String().Draw(t, "model"), Source: rapid.String().Draw(t, "source"),
				Layer: rapid.Int32().Draw(t, "layer"), S1: rapid.Float64().Draw(t, "s1"),
				S2: rapid.SampledFrom([]float64{math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.MaxFloat64}).Draw(t, "s2"),
			}
		})).Draw(t, "rows")
		if err := Write(path, want, nil); err != nil {
			t.Fatal(err)
		}
		got, _, err := Read[Spectrum](path)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d rows come back as %d", len(want), len(got))
		}
		for i := range got {
			if got[i] != want[i] || math.Signbit(got[i].S2) != math.Signbit(want[i].S2) {
				t.Fatalf("row %d: %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

// TestSameBytes writes the same rows twice, the metadata from maps built in other orders.
func TestSameBytes(t *testing.T) {
	dir := t.TempDir()
	var files [2][]byte
	for i := range files {
		meta := map[string]string{}
		for j := range 20 {
			meta[fmt.Sprint((j*7+i*3)%20)] = "v"
		}
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := Write(path, factors(100), meta); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = b
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the same rows give other bytes")
	}
}

// TestOmitEmpty leaves an empty model column out, and reads such a file.
func TestOmitEmpty(t *testing.T) {
	dir := t.TempDir()
	rows := []Similarity{{TaskI: "a", TaskJ: "b", Layer: 3, Module: "q_proj", Side: "column", Measure: "grassmann", Value: 0.1}}
	for _, model := range []string{"", "m"} {
		rows[0].Model = model
		csvPath, arrowPath := filepath.Join(dir, "s.csv"), filepath.Join(dir, "s.arrow")
		if err := writePieces(csvPath, rows, len(rows)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(csvPath)
		if err != nil {
			t.Fatal(err)
		}
		want := "task_i,task_j,layer,module,side,measure,value\na,b,3,q_proj,column,grassmann,0.1\n"
		if model != "" {
			want = "model,task_i,task_j,layer,module,side,measure,value\nm,a,b,3,q_proj,column,grassmann,0.1\n"
		}
		if string(got) != want {
			t.Errorf("CSV\n%swant\n%s", got, want)
		}
		if err := Write(arrowPath, rows, nil); err != nil {
			t.Fatal(err)
		}
		back, _, err := Read[Similarity](arrowPath)
		if err != nil || !reflect.DeepEqual(back, rows) {
			t.Errorf("%v, %v", back, err)
		}
	}
}

// TestWrongFiles wants an *Error that names the file, whatever is wrong with it.
func TestWrongFiles(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.arrow")
	if err := Write(good, factors(3), nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty": {}, "text": []byte("task_i,task_j\n"), "truncated": b[:len(b)-20], "head only": b[:100], "no tail": append(bytes.Clone(b[:len(b)-6]), "NOTHIN"...),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		_, _, err := Read[Factor](path)
		var e *Error
		if !errors.As(err, &e) || e.File != path {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Read[Spectrum](good); err == nil || !strings.Contains(err.Error(), `"source"`) {
		t.Errorf("a table of another kind: %v", err)
	}
	type other struct {
		Task int64 `arrow:"task"`
	}
	if _, _, err := Read[other](good); err == nil || !strings.Contains(err.Error(), `column "task" is utf8, want int64`) {
		t.Errorf("a column of another type: %v", err)
	}
}

// FuzzRead looks for panics on damaged files.
func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "f.arrow")
	if err := Write(path, factors(2), map[string]string{"k": "v"}); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "f.arrow")
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		_, _, err := Read[Factor](path)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}
