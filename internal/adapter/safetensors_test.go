package adapter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// file returns the bytes of a safetensors file with this header and data.
func file(header, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

// The example is worked by hand from the format's specification: header length, header, data.
func TestReadByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	header := `{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,1],"data_offsets":[8,12]},` +
		`"a":{"data_offsets":[0,8],"shape":[1,2],"dtype":"F32","later":[{}]},"s":{"dtype":"F16","shape":[],"data_offsets":[12,14]}}  `
	data := "\x00\x00\x80\x3f\x00\x00\x00\xc0" + "\x80\x3f\x00\xc0" + "\x00\x3c"
	if err := os.WriteFile(path, file(header, data), 0o644); err != nil {
		t.Fatal(err)
	}
	tensors, metadata, err := ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"format": "pt"}; !maps.Equal(metadata, want) {
		t.Errorf("metadata %v, want %v", metadata, want)
	}
	want := []Tensor{
		{"a", F32, []int{1, 2}, []byte(data[:8])},
		{"b", BF16, []int{2, 1}, []byte(data[8:12])},
		{"s", F16, []int{}, []byte(data[12:])},
	}
	if !reflect.DeepEqual(tensors, want) {
		t.Errorf("tensors %v, want %v", tensors, want)
	}
	for i, v := range [][]float64{{1, -2}, {1, -2}, {1}} {
		if got, err := tensors[i].Float64s(); err != nil || !slices.Equal(got, v) {
			t.Errorf("%s = %v, %v, want %v", tensors[i].Name, got, err, v)
		}
	}
}

func TestWriteByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	tensors := []Tensor{
		{"h", F16, []int{1}, []byte{0, 0x3c}},
		Float32Tensor("b", []int{1, 2}, []float32{1, -2}),
		Float32Tensor("a", []int{1}, []float32{1}),
	}
	if err := WriteSafetensors(path, tensors, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},` +
		`"b":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]},"h":{"dtype":"F16","shape":[1],"data_offsets":[12,14]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := file(header, "\x00\x00\x80\x3f"+"\x00\x00\x80\x3f\x00\x00\x00\xc0"+"\x00\x3c")
	if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
		t.Errorf("wrote\n%q, want\n%q", got, want)
	}
}

func TestWriteRefuses(t *testing.T) {
	one := Float32Tensor("a", []int{1}, []float32{1})
	for name, tensors := range map[string][]Tensor{
		"same name twice":   {one, one},
		"shape of more":     {Float32Tensor("a", []int{2}, []float32{1})},
		"negative shape":    {Float32Tensor("a", []int{-1, -1}, []float32{1})},
		"overflowing shape": {Float32Tensor("a", []int{math.MaxInt, 3}, nil)},
		"unknown type":      {{"a", "I3", []int{1}, make([]byte, 8)}},
		"reserved name":     {Float32Tensor("__metadata__", []int{1}, []float32{1})},
		"name not UTF-8":    {Float32Tensor("\xff", []int{1}, []float32{1})},
	} {
		if err := WriteSafetensors(filepath.Join(t.TempDir(), "x"), tensors, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	entry := func(dtype, shape, offsets string) string {
		return `{"a":{"dtype":"` + dtype + `","shape":` + shape + `,"data_offsets":` + offsets + `}}`
	}
	for name, c := range map[string]struct {
		file []byte
		msg  string
	}{
		"empty":                 {nil, "too short"},
		"header beyond file":    {file(`{}`, "")[:9], "cut short"},
		"header above limit":    {append(binary.LittleEndian.AppendUint64(nil, maxHeader+1), make([]byte, 64)...), "limit"},
		"header length 2^64-1":  {bytes.Repeat([]byte{0xff}, 64), "not a safetensors file"},
		"pickle":                {[]byte("\x80\x02}q\x00(X\x04\x00\x00\x00"), "not a safetensors file"},
		"array":                 {file(`[]`, ""), "not a JSON object"},
		"not JSON":              {file(`{"a":}`, ""), "bad header"},
		"unfinished JSON":       {file(`{"a":{"dtype":"F32"`, ""), "bad header"},
		"not UTF-8":             {file("{\"\xff\":0}", ""), "not a JSON object"},
		"more after the object": {file(`{} {}`, ""), "after the object"},
		"name twice": {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
			"12345678"), `"a" is given twice`},
		"field twice":        {file(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234"), "given twice"},
		"metadata twice":     {file(`{"__metadata__":{"x":"1","x":"2"}}`, ""), "given twice"},
		"metadata no string": {file(`{"__metadata__":{"x":1}}`, ""), "not a string"},
		"unknown type":       {file(entry("I3", "[1]", "[0,8]"), "12345678"), "I3"},
		"no shape":           {file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, "1234"), "no shape"},
		"null shape":         {file(entry("F32", "null", "[0,4]"), "1234"), "null"},
		"null in shape":      {file(entry("F32", "[null]", "[0,4]"), "1234"), "natural number"},
		"negative shape":     {file(entry("F32", "[-1]", "[0,4]"), "1234"), "natural number"},
		"fraction in shape":  {file(entry("F32", "[1.5]", "[0,4]"), "1234"), "natural number"},
		"overflowing shape":  {file(entry("F32", "[4294967296,4294967297]", "[0,4]"), "1234"), "too large"},
		"huge dimension":     {file(entry("F32", "[9223372036854775808]", "[0,4]"), "1234"), "too large"},
		"overflowing size":   {file(entry("F32", "[2305843009213693952,2]", "[0,16]"), "1234567890123456"), "do not fit"},
		"one offset":         {file(entry("F32", "[1]", "[0]"), "1234"), "want two"},
		"offset beyond file": {file(entry("F32", "[2]", "[0,8]"), "1234"), "cut short"},
		"offset above 2^64":  {file(entry("F32", "[1]", "[0,18446744073709551616]"), "1234"), "natural number"},
		"offsets descending": {file(entry("F32", "[1]", "[4,0]"), "1234"), "not ascending"},
		"offsets swapped": {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`,
			"1234"), "not ascending"},
		"gap before": {file(entry("F32", "[1]", "[4,8]"), "12345678"), "gap"},
		"gap after":  {file(entry("F32", "[1]", "[0,4]"), "12345678"), "belong to no tensor"},
		"overlap": {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`,
			"123456"), "overlap"},
		"size and shape":  {file(entry("F32", "[2]", "[0,4]"), "1234"), "do not fit"},
		"entry no object": {file(`{"a":1}`, ""), "object should be"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.safetensors")
			if err := os.WriteFile(path, c.file, 0o644); err != nil {
				t.Fatal(err)
			}
			_, _, err := ReadSafetensors(path)
			var e *Error
			if !errors.As(err, &e) || e.File != path || !strings.Contains(e.Msg, c.msg) {
				t.Errorf("error %v, want an *Error of %s with %q", err, path, c.msg)
			}
			if _, opened := OpenSafetensors(path); opened == nil || err == nil || opened.Error() != err.Error() {
				t.Errorf("opened: error %v, read: %v", opened, err)
			}
		})
	}
	if _, _, err := ReadSafetensors(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// Known values of the two 16-bit types (IEEE 754 binary16; bfloat16 = upper half of binary32).
func TestSixteenBits(t *testing.T) {
	for _, c := range []struct {
		dtype string
		bits  uint16
		want  float64
	}{
		{F16, 0x0000, 0}, {F16, 0x8000, math.Copysign(0, -1)}, {F16, 0x3c00, 1}, {F16, 0xc000, -2},
		{F16, 0x7bff, 65504}, {F16, 0x0400, math.Ldexp(1, -14)}, {F16, 0x0001, math.Ldexp(1, -24)},
		{F16, 0x83ff, -math.Ldexp(1023, -24)}, {F16, 0x3555, 0.333251953125}, {F16, 0x7c00, math.Inf(1)},
		{F16, 0xfc00, math.Inf(-1)}, {F16, 0x7e00, math.NaN()},
		{BF16, 0x3f80, 1}, {BF16, 0xc000, -2}, {BF16, 0x3eab, 0.333984375}, {BF16, 0x0001, math.Ldexp(1, -133)},
		{BF16, 0x7f80, math.Inf(1)}, {BF16, 0xffc0, math.NaN()}, {BF16, 0x8000, math.Copysign(0, -1)},
	} {
		x := Tensor{Name: "x", DType: c.dtype, Shape: []int{1}, Data: binary.LittleEndian.AppendUint16(nil, c.bits)}
		wide, err := x.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		narrow, err := x.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		same := math.Float64bits(wide[0]) == math.Float64bits(c.want) || math.IsNaN(wide[0]) && math.IsNaN(c.want)
		if !same || float64(narrow[0]) != wide[0] && !math.IsNaN(c.want) {
			t.Errorf("%s %#04x = %v and %v, want %v", c.dtype, c.bits, wide[0], narrow[0], c.want)
		}
	}
	x := Tensor{Name: "x", DType: F64, Shape: []int{1}, Data: binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1))}
	if v, err := x.Float64s(); err != nil || v[0] != 0.1 {
		t.Errorf("F64 0.1 = %v, %v", v, err)
	}
	if v, err := x.Float32s(); err != nil || v[0] != float32(0.1) {
		t.Errorf("F64 0.1 as float32 = %v, %v", v, err)
	}
	x.Data = x.Data[1:]
	if _, err := x.Float64s(); err == nil {
		t.Error("7 bytes of F64: no error")
	}
	if _, err := x.Float32s(); err == nil {
		t.Error("7 bytes of F64 as float32: no error")
	}
}

// What was written is read back, whatever the order it was given in, and the bytes are the same.
func TestSafetensorsRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z."\\é ]{0,12}`), 0, 6, rapid.ID[string]).Draw(t, "names")
		var tensors []Tensor
		for _, name := range names {
			dtype := rapid.SampledFrom([]string{F64, F32, F16, BF16}).Draw(t, "dtype")
			shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "shape")
			n, _ := product(shape)
			data := rapid.SliceOfN(rapid.Byte(), n*elementSize(dtype), n*elementSize(dtype)).Draw(t, "data")
			tensors = append(tensors, Tensor{name, dtype, shape, data})
		}
		metadata := rapid.MapOf(rapid.StringMatching(`[a-z"]{0,4}`), rapid.StringMatching(`[a-z"]{0,4}`)).Draw(t, "metadata")
		one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
		if err := WriteSafetensors(one, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		got, gotMeta, err := ReadSafetensors(one)
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteSafetensors(two, rapid.Permutation(tensors).Draw(t, "order"), metadata); err != nil {
			t.Fatal(err)
		}
		a, _ := os.ReadFile(one)
		b, _ := os.ReadFile(two)
		if !bytes.Equal(a, b) {
			t.Fatalf("another order gives other bytes:\n%q\n%q", a, b)
		}
		slices.SortFunc(tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
		if !slices.EqualFunc(got, tensors, func(a, b Tensor) bool {
			return a.Name == b.Name && a.DType == b.DType && slices.Equal(a.Shape, b.Shape) && bytes.Equal(a.Data, b.Data)
		}) || !maps.Equal(gotMeta, metadata) {
			t.Fatalf("read %v %v, wrote %v %v", got, gotMeta, tensors, metadata)
		}
		file, err := OpenSafetensors(one)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		buf := make([]byte, 0, 20)
		for i, x := range file.Tensors {
			if x.Data != nil {
				t.Fatalf("%s was read early", x.Name)
			}
			if x, err = file.Read(x, buf); err != nil || x.Name != got[i].Name || x.DType != got[i].DType ||
				!slices.Equal(x.Shape, got[i].Shape) || !bytes.Equal(x.Data, got[i].Data) {
				t.Fatalf("read alone %v, %v, want %v", x, err, got[i])
			}
		}
		if len(file.Tensors) != len(got) || !maps.Equal(file.Metadata, metadata) {
			t.Fatalf("opened: %v %v, read %v %v", file.Tensors, file.Metadata, got, metadata)
		}
	})
}

// Whatever the bytes, decoding gives tensors whose data cover the file, or an error with a reason.
func FuzzSafetensors(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}`, "12345678"))
	f.Add(file(`{"__metadata__":{"format":"pt"},"s":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}  `, "12"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tensors, metadata, fault := decodeSafetensors(data)
		if fault != nil {
			if fault.Msg == "" {
				t.Fatal("an error without a reason")
			}
			return
		}
		total := 8 + int(binary.LittleEndian.Uint64(data))
		for _, x := range tensors {
			total += len(x.Data)
			if v, err := x.Float64s(); err != nil || len(v)*elementSize(x.DType) != len(x.Data) {
				t.Fatalf("%s: %d values, %v", x.Name, len(v), err)
			}
		}
		if total != len(data) {
			t.Fatalf("header and tensors are %d bytes of %d", total, len(data))
		}
		header, err := encodeHeader(tensors, metadata)
		if err != nil {
			t.Fatal(err)
		}
		again, againMeta, fault := decodeSafetensors(append(header, bytes.Join(dataOf(tensors), nil)...))
		if fault != nil {
			t.Fatal(fault)
		}
		if !maps.Equal(metadata, againMeta) || !reflect.DeepEqual(dataOf(tensors), dataOf(again)) {
			t.Fatal("written and read again, the file differs")
		}
	})
}

func dataOf(tensors []Tensor) [][]byte {
	data := make([][]byte, len(tensors))
	for i, t := range tensors {
		data[i] = t.Data
	}
	return data
}
