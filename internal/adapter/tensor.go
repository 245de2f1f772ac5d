package adapter

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The element types of a tensor, as safetensors names them.
const (
	F64  = "F64"
	F32  = "F32"
	F16  = "F16"
	BF16 = "BF16"
)

// A Tensor is one named array as it is stored: row-major, little-endian.
type Tensor struct {
	Name  string
	DType string // F64, F32, F16 or BF16 for what can be decoded; others as safetensors names them
	Shape []int  // empty = one scalar
	Data  []byte // product of Shape × the size of DType, bytes; nil while it is left in its File
}

// Float32Tensor returns v, whose length is the product of shape, as a tensor of type F32.
func Float32Tensor(name string, shape []int, v []float32) Tensor {
	data := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(x))
	}
	return Tensor{Name: name, DType: F32, Shape: shape, Data: data}
}

// Float64s returns the elements as float64, exactly, in row-major order. The error is that DType,
// Shape and Data do not agree.
func (t Tensor) Float64s() ([]float64, error) {
	n, err := t.elements()
	if err != nil {
		return nil, err
	}
	v := make([]float64, n)
	return v, t.Decode(v)
}

// Valid returns an error unless DType, Shape and Data agree.
func (t Tensor) Valid() error {
	if elementSize(t.DType) == 0 {
		return fmt.Errorf("tensor %q: type %q is none of safetensors", t.Name, t.DType)
	}
	if !t.fits(uint64(len(t.Data))) {
		return fmt.Errorf("tensor %q: %d bytes of data for shape %v of %s", t.Name, len(t.Data), t.Shape, t.DType)
	}
	return nil
}

// Decode is Float64s into dst, which has an element for each of the tensor's.
func (t Tensor) Decode(dst []float64) error { return t.decode(dst, 1) }

// Transpose is Decode of a matrix of m × n elements with its rows and columns swapped: dst is n × m.
func (t Tensor) Transpose(dst []float64) error {
	if len(t.Shape) != 2 {
		return fmt.Errorf("tensor %q: shape %v is no matrix's", t.Name, t.Shape)
	}
	return t.decode(dst, t.Shape[1])
}

// decode decodes a matrix of so many columns into the columns of dst. In stripes of rows that a
// first-level cache holds, columns are read again and again but written in order.
func (t Tensor) decode(dst []float64, columns int) error {
	n, err := t.elements()
	if err != nil {
		return err
	}
	if n != len(dst) {
		return fmt.Errorf("tensor %q: %d elements for %d", t.Name, n, len(dst))
	}
	if n == 0 {
		return nil
	}
	const stripe = 4096 // elements
	rows := n / columns
	step := max(4, stripe/columns&^3)
	size := elementSize(t.DType)
	for from := 0; from < rows; from += step {
		to := min(from+step, rows)
		j := 0
		if vectors && t.DType == F32 && columns > 1 && to-from >= 4 {
			for ; j+4 <= columns; j += 4 {
				whole := (to - from) &^ 3
				widenColumnsAVX(&dst[j*rows+from], rows, &t.Data[(from*columns+j)*size], columns, whole)
				for k := j; k < j+4 && from+whole < to; k++ {
					widen(dst[k*rows+from+whole:k*rows+to], t.Data[((from+whole)*columns+k)*size:], t.DType, columns*size)
				}
			}
		}
		for ; j < columns; j++ {
			widen(dst[j*rows+from:j*rows+to], t.Data[(from*columns+j)*size:], t.DType, columns*size)
		}
	}
	return nil
}

// widen decodes elements of a type that are stride bytes apart.
func widen(dst []float64, data []byte, dtype string, stride int) {
	if n := len(dst) &^ 7; vectors && dtype == F32 && stride == 4 && n > 0 {
		widenAVX(&dst[0], &data[0], n)
		dst, data = dst[n:], data[4*n:]
	}
	switch dtype {
	case F64:
		for i := range dst {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[i*stride:]))
		}
	case F32:
		for i := range dst {
			dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[i*stride:])))
		}
	case BF16:
		for i := range dst {
			dst[i] = float64(bfloat(binary.LittleEndian.Uint16(data[i*stride:])))
		}
	case F16:
		for i := range dst {
			dst[i] = float64(half(binary.LittleEndian.Uint16(data[i*stride:])))
		}
	}
}

// Float32s returns the elements as float32 in row-major order: exactly, except that F64 is rounded
// to nearest. The error is that DType, Shape and Data do not agree.
func (t Tensor) Float32s() ([]float32, error) {
	n, err := t.elements()
	if err != nil {
		return nil, err
	}
	v := make([]float32, n)
	switch t.DType {
	case F64:
		for i := range v {
			v[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:])))
		}
	case F32:
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
	case BF16:
		for i := range v {
			v[i] = bfloat(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
	case F16:
		for i := range v {
			v[i] = half(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
	}
	return v, nil
}

// elements returns how many elements the tensor has, and an error unless type, shape and data agree.
func (t Tensor) elements() (int, error) {
	if !floating(t.DType) {
		return 0, fmt.Errorf("tensor %q: type %q is not one of F64, F32, F16, BF16", t.Name, t.DType)
	}
	if err := t.Valid(); err != nil {
		return 0, err
	}
	return len(t.Data) / elementSize(t.DType), nil
}

// fits reports whether size bytes are what type and shape take.
func (t Tensor) fits(size uint64) bool {
	element := elementSize(t.DType)
	n, ok := product(t.Shape)
	return element > 0 && ok && n <= math.MaxInt/element && uint64(n*element) == size
}

// elementSize is the size of an element in bytes, 0 for a type that safetensors does not have.
func elementSize(dtype string) int {
	switch dtype {
	case F64, "I64", "U64":
		return 8
	case F32, "I32", "U32":
		return 4
	case F16, BF16, "I16", "U16":
		return 2
	case "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2":
		return 1
	}
	return 0
}

// floating says whether the elements of a type can be decoded: those of factors can.
func floating(dtype string) bool {
	return dtype == F64 || dtype == F32 || dtype == F16 || dtype == BF16
}

// product returns the number of elements of a shape; ok is false when a dimension is negative or
// the product overflows.
func product(shape []int) (n int, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		if d == 0 {
			n = 0
		}
	}
	if n == 0 {
		return 0, true
	}
	for _, d := range shape {
		if n > math.MaxInt/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// bfloat widens a bfloat16 to float32, exactly.
func bfloat(bits uint16) float32 { return math.Float32frombits(uint32(bits) << 16) }

// half widens an IEEE 754 binary16 to float32, exactly.
func half(bits uint16) float32 {
	sign := uint32(bits>>15) << 31
	exponent := uint32(bits>>10) & 0x1f
	fraction := uint32(bits) & 0x3ff
	switch exponent {
	case 0: // zero and subnormals: fraction · 2⁻²⁴
		v := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f: // infinities and NaNs
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// toHalf rounds a float32 to the nearest IEEE 754 binary16, of two equally near to the even one.
func toHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits>>16) & 0x8000
	magnitude := bits & 0x7fffffff
	switch {
	case magnitude > 0x7f800000: // NaN
		return sign | 0x7e00
	case magnitude >= 0x47800000: // 2¹⁶ and more
		return sign | 0x7c00
	case magnitude < 0x38800000: // below the least normal, 2⁻¹⁴: steps of 2⁻²⁴
		return sign | uint16(math.RoundToEven(math.Abs(float64(v))*(1<<24)))
	}
	// Thirteen bits of the fraction go; a carry rightly raises the exponent.
	magnitude -= (127 - 15) << 23
	magnitude += 0xfff + magnitude>>13&1
	return sign | uint16(magnitude>>13)
}
