package adapter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// A ggufPair is one entry of a GGUF file's metadata. The value is a uint32, int32, float32, bool or
// string, or a slice of int32 or string.
type ggufPair struct {
	key   string
	value any
}

// A ggufTensor is one tensor to write. The shape is that of safetensors, rows first.
type ggufTensor struct {
	name  string
	shape []int
	half  bool                      // stored as f16 instead of f32
	read  func() ([]float32, error) // row-major
}

// The numbers that GGUF has for types of values and of tensors (version 3 of the format).
const (
	ggufUint32  = 4
	ggufInt32   = 5
	ggufFloat32 = 6
	ggufBool    = 7
	ggufString  = 8
	ggufArray   = 9

	ggufTensorF32 = 0
	ggufTensorF16 = 1

	ggufAlignment = 32
)

// writeGGUF writes a GGUF file, whole or not at all: under another name, which becomes path in the end.
// Tensors are read one at a time.
func writeGGUF(path string, pairs []ggufPair, tensors []ggufTensor) (err error) {
	unfinished := path + ".new"
	f, err := os.Create(unfinished)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			err = errors.Join(err, os.Remove(unfinished))
		}
	}()
	w := &ggufWriter{w: bufio.NewWriterSize(f, 1<<20)}
	w.head(pairs, tensors)
	for _, t := range tensors {
		values, err := t.read()
		if err != nil {
			return err
		}
		if n, _ := product(t.shape); n != len(values) {
			return fmt.Errorf("write %s: tensor %q has %d values for shape %v", path, t.name, len(values), t.shape)
		}
		if err := w.data(t, values); err != nil {
			return fmt.Errorf("write %s: tensor %q: %w", path, t.name, err)
		}
	}
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if w.err == nil {
		w.err = f.Sync()
	}
	if w.err != nil {
		return fmt.Errorf("write %s: %w", path, w.err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(unfinished, path)
}

// A ggufWriter writes the parts of a GGUF file and keeps the first error.
type ggufWriter struct {
	w   *bufio.Writer
	at  int64
	err error
}

func (w *ggufWriter) bytes(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
		w.at += int64(len(b))
	}
}

func (w *ggufWriter) uint32(v uint32) { w.bytes(binary.LittleEndian.AppendUint32(nil, v)) }
func (w *ggufWriter) uint64(v int)    { w.bytes(binary.LittleEndian.AppendUint64(nil, uint64(v))) }

func (w *ggufWriter) string(s string) {
	w.uint64(len(s))
	if w.err == nil {
		_, w.err = io.WriteString(w.w, s)
		w.at += int64(len(s))
	}
}

// pad fills up to the alignment with zeros.
func (w *ggufWriter) pad() {
	w.bytes(make([]byte, padding(w.at)))
}

func padding(n int64) int64 { return (ggufAlignment - n%ggufAlignment) % ggufAlignment }

// head writes what stands before the data.
func (w *ggufWriter) head(pairs []ggufPair, tensors []ggufTensor) {
	w.bytes([]byte("GGUF"))
	w.uint32(3)
	w.uint64(len(tensors))
	w.uint64(len(pairs))
	for _, p := range pairs {
		w.string(p.key)
		w.value(p.value)
	}
	offset := int64(0)
	for _, t := range tensors {
		w.string(t.name)
		w.uint32(uint32(len(t.shape)))
		for i := range t.shape { // the dimension that runs fastest first
			w.uint64(t.shape[len(t.shape)-1-i])
		}
		kind, size := uint32(ggufTensorF32), int64(4)
		if t.half {
			kind, size = ggufTensorF16, 2
		}
		w.uint32(kind)
		w.uint64(int(offset))
		n, _ := product(t.shape)
		offset += int64(n) * size
		offset += padding(offset)
	}
	w.pad()
}

func (w *ggufWriter) value(v any) {
	switch v := v.(type) {
	case uint32:
		w.uint32(ggufUint32)
		w.uint32(v)
	case int32:
		w.uint32(ggufInt32)
		w.uint32(uint32(v))
	case float32:
		w.uint32(ggufFloat32)
		w.uint32(math.Float32bits(v))
	case bool:
		w.uint32(ggufBool)
		b := byte(0)
		if v {
			b = 1
		}
		w.bytes([]byte{b})
	case string:
		w.uint32(ggufString)
		w.string(v)
	case []string:
		w.uint32(ggufArray)
		w.uint32(ggufString)
		w.uint64(len(v))
		for _, s := range v {
			w.string(s)
		}
	case []int32:
		w.uint32(ggufArray)
		w.uint32(ggufInt32)
		w.uint64(len(v))
		for _, n := range v {
			w.uint32(uint32(n))
		}
	default:
		w.err = errors.Join(w.err, fmt.Errorf("no GGUF type for %T", v))
	}
}

// data writes the values of a tensor. A number too large for f16 is an error.
func (w *ggufWriter) data(t ggufTensor, values []float32) error {
	var b []byte
	if t.half {
		b = make([]byte, 0, 2*len(values))
		for _, v := range values {
			h := toHalf(v)
			if h&0x7fff == 0x7c00 && !math.IsInf(float64(v), 0) {
				return fmt.Errorf("%v is too large for f16", v)
			}
			b = binary.LittleEndian.AppendUint16(b, h)
		}
	} else {
		b = make([]byte, 0, 4*len(values))
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	w.bytes(b)
	w.pad()
	return nil
}

// pairRows orders the rows of a matrix of so many columns as llama.cpp turns them by their position:
// inside each head the two halves, which Hugging Face's models rotate against each other, are taken in
// turns. Row i of the first half and row i of the second become rows 2i and 2i+1.
func pairRows(m []float32, columns, heads int) []float32 {
	out := make([]float32, len(m))
	width := len(m) / columns / heads // of a head
	for h := range heads {
		for i := range width / 2 {
			for half := range 2 {
				from, to := h*width+half*width/2+i, h*width+2*i+half
				copy(out[to*columns:(to+1)*columns], m[from*columns:(from+1)*columns])
			}
		}
	}
	return out
}
