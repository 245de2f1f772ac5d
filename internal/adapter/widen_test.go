package adapter

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// store returns v as a tensor of a type whose elements it fits.
func store(dtype string, rows, columns int, v []float64) Tensor {
	t := Tensor{Name: "x", DType: dtype, Shape: []int{rows, columns}}
	for _, x := range v {
		switch dtype {
		case F64:
			t.Data = binary.LittleEndian.AppendUint64(t.Data, math.Float64bits(x))
		case F32:
			t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(float32(x)))
		case BF16:
			t.Data = binary.LittleEndian.AppendUint16(t.Data, uint16(math.Float32bits(float32(x))>>16))
		}
	}
	return t
}

// Matrices of every shape are decoded, and transposed, exactly, with the processor's vectors and without.
func TestDecode(t *testing.T) {
	defer func(v bool) { vectors = v }(vectors)
	has := vectors
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(500, 1100)).Draw(t, "rows")
		columns := rapid.IntRange(0, 20).Draw(t, "columns")
		dtype := rapid.SampledFrom([]string{F64, F32, BF16}).Draw(t, "dtype")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		v := make([]float64, rows*columns)
		for i := range v {
			v[i] = float64(rng.IntN(256) - 128)
		}
		x := store(dtype, rows, columns, v)
		for _, vectors = range []bool{has, false} {
			straight, turned := make([]float64, len(v)), make([]float64, len(v))
			if err := x.Decode(straight); err != nil {
				t.Fatal(err)
			}
			if err := x.Transpose(turned); err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				for j := range columns {
					if want := v[i*columns+j]; straight[i*columns+j] != want || turned[j*rows+i] != want {
						t.Fatalf("vectors %v: element (%d, %d) is %v and %v, want %v", vectors, i, j, straight[i*columns+j], turned[j*rows+i], want)
					}
				}
			}
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	x := store(F32, 2, 3, make([]float64, 6))
	if x.Decode(make([]float64, 5)) == nil || x.Transpose(make([]float64, 7)) == nil {
		t.Error("into a slice of another length: no error")
	}
	x.Shape = []int{6}
	if x.Transpose(make([]float64, 6)) == nil {
		t.Error("a vector transposed: no error")
	}
}

func BenchmarkDecode(b *testing.B) {
	x := store(F32, 4096, 8, make([]float64, 4096*8))
	v := make([]float64, 4096*8)
	for name, f := range map[string]func([]float64) error{"decode": x.Decode, "transpose": x.Transpose} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := f(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
