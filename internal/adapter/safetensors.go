package adapter

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxHeader is the longest safetensors header that is read, as in the format's own library.
const maxHeader = 100_000_000

// metadataKey is the entry of the header that holds strings about the file instead of a tensor.
const metadataKey = "__metadata__"

// WriteSafetensors writes tensors and metadata as a safetensors file at path. The bytes depend on
// the tensors and metadata alone, not on their order: as in the format's own library, tensors with
// the largest elements come first (which aligns them all) and then by name. Loaders of
// transformers want metadata {"format": "pt"}.
//
// Tensors with the same name, or whose type, shape and data do not agree, are an error.
//
// Format: https://huggingface.co/docs/safetensors/index#format
func WriteSafetensors(path string, tensors []Tensor, metadata map[string]string) error {
	ordered := slices.SortedFunc(slices.Values(tensors), func(a, b Tensor) int {
		return cmp.Or(-cmp.Compare(elementSize(a.DType), elementSize(b.DType)), cmp.Compare(a.Name, b.Name))
	})
	header, err := encodeHeader(ordered, metadata)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(header)
	for _, t := range ordered {
		if err != nil {
			break
		}
		_, err = f.Write(t.Data)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// encodeHeader returns the header of tensors in this order, with its length before it and padded
// with spaces so that the data starts at a multiple of 8 bytes.
func encodeHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	type entry struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	var header bytes.Buffer
	header.Write(make([]byte, 8))
	write := func(key string, value any) error {
		if !utf8.ValidString(key) {
			return fmt.Errorf("name %q is not UTF-8", key)
		}
		k, err := json.Marshal(key)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		if err != nil {
			return err
		}
		separator := byte(',')
		if header.Len() == 8 {
			separator = '{'
		}
		header.WriteByte(separator)
		header.Write(k)
		header.WriteByte(':')
		header.Write(v)
		return nil
	}
	if len(metadata) > 0 {
		if err := write(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{metadataKey: true}
	offset := 0
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor %q: the name is taken", t.Name)
		}
		seen[t.Name] = true
		if err := t.Valid(); err != nil {
			return nil, err
		}
		end := offset + len(t.Data)
		if err := write(t.Name, entry{t.DType, append([]int{}, t.Shape...), [2]int{offset, end}}); err != nil {
			return nil, err
		}
		offset = end
	}
	if header.Len() == 8 {
		header.WriteByte('{')
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	if n := header.Len() - 8; n > maxHeader {
		return nil, fmt.Errorf("the header is %d bytes long, more than the format's limit of %d", n, maxHeader)
	}
	binary.LittleEndian.PutUint64(header.Bytes(), uint64(header.Len()-8))
	return header.Bytes(), nil
}

// ReadSafetensors reads the safetensors file at path and returns its tensors, sorted by name, and
// its metadata. The tensors' data share one buffer. A malformed file is an *Error: a header longer
// than 100 MB or than the file, data offsets out of range or with gaps or overlaps, a size that is
// not that of shape and type, a name given twice, a type other than F64, F32, F16 and BF16.
func ReadSafetensors(path string) ([]Tensor, map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	tensors, metadata, fault := decodeSafetensors(data)
	if fault != nil {
		fault.File = path
		return nil, nil, fault
	}
	return tensors, metadata, nil
}

// span is where a tensor's data lies, in bytes.
type span struct{ begin, end uint64 }

// headerLength returns the length of the header of a file of size bytes, given the first 8 or fewer.
// The error's File is left to the caller.
func headerLength(first []byte, size uint64) (uint64, *Error) {
	if len(first) < 8 {
		return 0, &Error{Msg: fmt.Sprintf("is %d bytes long, too short for a safetensors file: copy or download it again", size)}
	}
	n := binary.LittleEndian.Uint64(first)
	if n > maxHeader {
		return 0, &Error{Msg: fmt.Sprintf("is not a safetensors file: its first 8 bytes give a header of %d bytes, more than the format's limit of %d", n, maxHeader)}
	}
	if n > size-8 {
		return 0, &Error{Msg: fmt.Sprintf("is cut short: its header of %d bytes ends beyond the file's %d bytes; copy or download it again", n, size)}
	}
	return n, nil
}

// decodeSafetensors decodes the bytes of a whole file. The error's File is left to the caller.
func decodeSafetensors(file []byte) ([]Tensor, map[string]string, *Error) {
	n, err := headerLength(file[:min(8, len(file))], uint64(len(file)))
	if err != nil {
		return nil, nil, err
	}
	data := file[8+n:]
	d, err := decodeHeader(file[8:8+n], uint64(len(data)))
	if err != nil {
		return nil, nil, err
	}
	for i := range d.tensors {
		t := &d.tensors[i]
		s := d.spans[t.Name]
		t.Data = data[s.begin:s.end:s.end]
	}
	return d.tensors, d.metadata, nil
}

// decodeHeader decodes and checks the header of a file with size bytes of data after it, from whose
// start the spans count. The error's File is left to the caller.
func decodeHeader(header []byte, size uint64) (*headerDecoder, *Error) {
	d := &headerDecoder{spans: map[string]span{}, metadata: map[string]string{}}
	if err := d.decode(header); err != nil {
		return nil, err
	}
	slices.SortFunc(d.tensors, func(a, b Tensor) int {
		x, y := d.spans[a.Name], d.spans[b.Name]
		return cmp.Or(cmp.Compare(x.begin, y.begin), cmp.Compare(x.end, y.end), cmp.Compare(a.Name, b.Name))
	})
	var end uint64
	for _, t := range d.tensors {
		s := d.spans[t.Name]
		switch {
		case s.begin > s.end:
			return nil, &Error{Tensor: t.Name, Msg: fmt.Sprintf("data_offsets [%d, %d] are not ascending", s.begin, s.end)}
		case s.begin < end:
			return nil, &Error{Tensor: t.Name, Msg: fmt.Sprintf("data_offsets [%d, %d] overlap the data before, which ends at %d", s.begin, s.end, end)}
		case s.begin > end:
			return nil, &Error{Tensor: t.Name, Msg: fmt.Sprintf("data_offsets [%d, %d] leave a gap after the data before, which ends at %d", s.begin, s.end, end)}
		case s.end > size:
			return nil, &Error{Tensor: t.Name, Msg: fmt.Sprintf("the file is cut short: data_offsets [%d, %d] end beyond its %d bytes of data; copy or download it again", s.begin, s.end, size)}
		}
		if !t.fits(s.end - s.begin) {
			return nil, &Error{Tensor: t.Name, Msg: fmt.Sprintf("data_offsets [%d, %d] do not fit shape %v of %s", s.begin, s.end, t.Shape, t.DType)}
		}
		end = s.end
	}
	if end != size {
		return nil, &Error{Msg: fmt.Sprintf("has %d bytes of data that belong to no tensor", size-end)}
	}
	slices.SortFunc(d.tensors, func(a, b Tensor) int { return cmp.Compare(a.Name, b.Name) })
	return d, nil
}

// headerDecoder decodes a header token by token, which is how a key given twice is seen.
type headerDecoder struct {
	json     *json.Decoder
	tensors  []Tensor // without data
	spans    map[string]span
	metadata map[string]string
}

func (d *headerDecoder) decode(header []byte) *Error {
	if len(header) == 0 || header[0] != '{' || !utf8.Valid(header) {
		return &Error{Msg: "is not a safetensors file: its header is not a JSON object"}
	}
	d.json = json.NewDecoder(bytes.NewReader(header))
	d.json.UseNumber()
	var tensor string
	err := d.object(func(name string) error {
		tensor = name
		if name == metadataKey {
			tensor = ""
			return d.object(func(key string) error {
				var v any
				if err := d.json.Decode(&v); err != nil {
					return err
				}
				s, ok := v.(string)
				if !ok {
					return fmt.Errorf("metadata %q is not a string", key)
				}
				d.metadata[key] = s
				return nil
			})
		}
		return d.tensor(name)
	})
	if err == nil && len(bytes.TrimLeft(header[d.json.InputOffset():], " \t\r\n")) > 0 {
		tensor, err = "", fmt.Errorf("bytes after the object")
	}
	if err != nil {
		return &Error{Tensor: tensor, Msg: fmt.Sprintf("bad header: %v", err)}
	}
	return nil
}

// tensor decodes the entry of one tensor.
func (d *headerDecoder) tensor(name string) error {
	t := Tensor{Name: name}
	var offsets []uint64
	var shape []uint64
	err := d.object(func(key string) error {
		switch key {
		case "dtype":
			return d.json.Decode(&t.DType)
		case "shape":
			return d.integers(&shape)
		case "data_offsets":
			return d.integers(&offsets)
		}
		var other json.RawMessage // a field that later versions of the format add
		return d.json.Decode(&other)
	})
	if err != nil {
		return err
	}
	if elementSize(t.DType) == 0 {
		return fmt.Errorf("dtype %q is none of safetensors", t.DType)
	}
	if shape == nil {
		return fmt.Errorf("no shape")
	}
	if len(offsets) != 2 {
		return fmt.Errorf("data_offsets are %v, want two numbers", offsets)
	}
	t.Shape = make([]int, len(shape))
	for i, n := range shape {
		if t.Shape[i] = int(n); t.Shape[i] < 0 || uint64(t.Shape[i]) != n {
			return fmt.Errorf("shape %v is too large", shape)
		}
	}
	if _, ok := product(t.Shape); !ok {
		return fmt.Errorf("shape %v is too large", shape)
	}
	d.tensors = append(d.tensors, t)
	d.spans[name] = span{offsets[0], offsets[1]}
	return nil
}

// object decodes a JSON object, handing each key to value, which decodes its value.
func (d *headerDecoder) object(value func(key string) error) error {
	token, err := d.json.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("%v where an object should be", token)
	}
	seen := map[string]bool{}
	for d.json.More() {
		token, err := d.json.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("%v where a key should be", token)
		}
		if seen[key] {
			return fmt.Errorf("key %q is given twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	_, err = d.json.Token()
	return err
}

// integers decodes a JSON array of natural numbers.
func (d *headerDecoder) integers(list *[]uint64) error {
	var values []any
	if err := d.json.Decode(&values); err != nil {
		return err
	}
	if values == nil {
		return fmt.Errorf("null where an array of numbers should be")
	}
	*list = make([]uint64, len(values))
	for i, v := range values {
		number, _ := v.(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, 64)
		if err != nil {
			return fmt.Errorf("%v is not a natural number that fits 64 bits", v)
		}
		(*list)[i] = n
	}
	return nil
}
