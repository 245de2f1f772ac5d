package table

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// writePieces writes rows so many at a time.
func writePieces[T any](path string, rows []T, at int) error {
	w, err := Create[T](path, nil)
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(rows, max(1, at)) {
		if err := w.Write(piece); err != nil {
			return err
		}
	}
	return w.Close()
}

// The bytes of a file do not depend on the pieces it is written in, and none but its columns are
// there when there are no rows.
func TestPieces(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{0, 1, 10, 2*batchRows + 5} {
		rows := make([]Spectrum, n)
		for i := range rows {
			rows[i] = Spectrum{Source: fmt.Sprint(i), Target: "b", Layer: -1, Module: "q", Index: int32(i), S1: 1 / float64(i+1), S2: -0.1}
		}
		for _, ext := range []string{".csv", ".arrow"} {
			want := filepath.Join(dir, "whole"+ext)
			if err := writePieces(want, rows, n); err != nil {
				t.Fatal(err)
			}
			for _, at := range []int{1, 7, batchRows} {
				got := filepath.Join(dir, "pieces"+ext)
				if err := writePieces(got, rows, at); err != nil {
					t.Fatal(err)
				}
				a, _ := os.ReadFile(want)
				b, _ := os.ReadFile(got)
				if len(a) == 0 || !bytes.Equal(a, b) {
					t.Errorf("%d rows in pieces of %d: %s differs from the whole", n, at, ext)
				}
			}
		}
	}
}

// CSV is what package csv writes of the same fields.
func TestCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z,"\\\n\r. \t]{0,4}`), rapid.SampledFrom([]string{`\.`, " a", "a b", "é", "\u00a0x", "\xff", `\`}))
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Projection {
			return Projection{Source: text.Draw(t, "source"), Target: text.Draw(t, "target"), Layer: rapid.Int32().Draw(t, "layer"),
				Module: text.Draw(t, "module"), Measure: text.Draw(t, "measure"), Value: rapid.Float64().Draw(t, "value")}
		}), 0, 4).Draw(t, "rows")
		if err := writePieces(path, rows, 2); err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		w := csv.NewWriter(&want)
		lines := [][]string{{"source", "target", "layer", "module", "measure", "value"}}
		for _, r := range rows {
			lines = append(lines, []string{r.Source, r.Target, strconv.Itoa(int(r.Layer)), r.Module, r.Measure, strconv.FormatFloat(r.Value, 'g', -1, 64)})
		}
		if err := w.WriteAll(lines); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != want.String() {
			t.Fatalf("wrote\n%q, package csv\n%q", got, want.String())
		}
	})
}

// A column that the first rows leave out cannot be filled later, and the error stays.
func TestFilledLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.arrow")
	w, err := Create[Spectrum](path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]Spectrum{{Source: "a"}}); err != nil {
		t.Fatal(err)
	}
	first := w.Write([]Spectrum{{Model: "m"}})
	if first == nil || !strings.Contains(first.Error(), "column model") || !strings.Contains(first.Error(), path) {
		t.Errorf("error %v", first)
	}
	if again, closed := w.Write(nil), w.Close(); !reflect.DeepEqual(again, first) || !reflect.DeepEqual(closed, first) {
		t.Errorf("then %v and %v", again, closed)
	}
	if _, err := Create[Spectrum](filepath.Join(path, "under a file"), nil); err == nil {
		t.Error("created under a file")
	}
}

func BenchmarkWrite(b *testing.B) {
	rows := make([]Similarity, 100_000)
	for i := range rows {
		rows[i] = Similarity{TaskI: "task-01", TaskJ: "task-02", Layer: int32(i % 32), Module: "q_proj", Side: "column", Measure: "grassmann", Value: 1 / float64(i+3)}
	}
	for _, ext := range []string{".csv", ".arrow"} {
		b.Run(ext[1:], func(b *testing.B) {
			for b.Loop() {
				if err := writePieces(filepath.Join(b.TempDir(), "x"+ext), rows, len(rows)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
		})
	}
}
