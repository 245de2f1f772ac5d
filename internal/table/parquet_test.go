package table

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// pyarrowFile was written by testdata/write_parquet.py (groups.parquet of it).
const pyarrowFile = "testdata/pyarrow.parquet"

// pyarrowRows are ROWS of that script.
var pyarrowRows = [][]string{
	{"The hens, all nine, are back.", "The hens are back.", "0", "0.5", "true"},
	{"She said \"no\"\nand left.", "She left.", "1", "1", "false"},
	{"Čeněk rows.", "A man rows.", "", "", ""},
	{"", "Nothing.", "1", "-3e-09", "true"},
	{"Rain.", "", "-1", "2", "false"},
}

// checkParquet reads a file of that script.
func checkParquet(t *testing.T, path string) {
	t.Helper()
	names, err := ParquetColumns(path)
	if want := []string{"sentence1", "sentence2", "label", "score", "sure", "votes.list.element"}; err != nil || !slices.Equal(names, want) {
		t.Fatalf("columns %q, %v", names, err)
	}
	var rows [][]string
	err = ReadParquet(path, []int{0, 1, 2, 3, 4}, func(row int, fields []string) error {
		if row != len(rows)+1 {
			t.Errorf("row %d comes after %d others", row, len(rows))
		}
		rows = append(rows, fields)
		return nil
	})
	if err != nil || !reflect.DeepEqual(rows, pyarrowRows) {
		t.Errorf("rows %q, %v", rows, err)
	}
	err = ReadParquet(path, []int{5}, func(int, []string) error { return nil })
	var bad *Error
	if !errors.As(err, &bad) || bad.Msg != `column "votes.list.element" is a list, not one value` {
		t.Errorf("a list: %v", err)
	}
	stop := errors.New("stop")
	if err := ReadParquet(path, []int{2, 0}, func(row int, fields []string) error {
		if row != 1 || fields[0] != "0" || !strings.HasPrefix(fields[1], "The hens") {
			t.Errorf("row %d: %q", row, fields)
		}
		return stop
	}); err != stop {
		t.Errorf("the caller's error comes back as %v", err)
	}
}

// TestParquet reads what pyarrow wrote.
func TestParquet(t *testing.T) { checkParquet(t, pyarrowFile) }

// TestWrongParquet wants an *Error of files that are not Parquet.
func TestWrongParquet(t *testing.T) {
	src, err := os.ReadFile(pyarrowFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"empty": {}, "text": []byte("a,b\n1,2\n"), "cut": src[:len(src)/2], "tail only": src[len(src)-20:]} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		var bad *Error
		if _, err := ParquetColumns(path); !errors.As(err, &bad) || bad.File != path {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParquetColumns(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// FuzzParquet looks for panics on damaged files.
func FuzzParquet(f *testing.F) {
	src, err := os.ReadFile(pyarrowFile)
	if err != nil {
		f.Fatal(err)
	}
	// A flipped byte reaches further into the file than a new one of the fuzzer's.
	f.Add(src, 0, byte(0))
	f.Add(src, len(src)-200, byte(1))
	f.Fuzz(func(t *testing.T, src []byte, at int, flip byte) {
		if len(src) > 0 {
			src = slices.Clone(src)
			src[uint(at)%uint(len(src))] ^= flip
		}
		path := filepath.Join(t.TempDir(), "f.parquet")
		if err := os.WriteFile(path, src, 0o666); err != nil {
			t.Fatal(err)
		}
		names, err := ParquetColumns(path)
		if err == nil && len(names) > 0 {
			err = ReadParquet(path, []int{0, len(names) - 1}, func(int, []string) error { return nil })
		}
		var bad *Error
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}
