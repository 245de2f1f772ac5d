package adapter

import (
	"fmt"
	"os"
	"slices"
)

// A File is an open safetensors file whose data is read tensor by tensor.
type File struct {
	Tensors  []Tensor // sorted by name, without data
	Metadata map[string]string

	file  *os.File
	spans map[string]span // from the start of the file
}

// OpenSafetensors opens the safetensors file at path and reads and checks its header, as
// ReadSafetensors does.
func OpenSafetensors(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &File{file: f}
	if err := s.index(path); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *File) index(path string) error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	size := uint64(info.Size())
	first := make([]byte, min(8, size))
	if _, err := s.file.ReadAt(first, 0); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	n, fault := headerLength(first, size)
	if fault == nil {
		header := make([]byte, n)
		if _, err := s.file.ReadAt(header, 8); err != nil {
			return fmt.Errorf("read the header of %s: %w", path, err)
		}
		var d *headerDecoder
		if d, fault = decodeHeader(header, size-8-n); fault == nil {
			s.Tensors, s.Metadata, s.spans = d.tensors, d.metadata, d.spans
		}
	}
	if fault != nil {
		fault.File = path
		return fault
	}
	for name, at := range s.spans {
		s.spans[name] = span{at.begin + 8 + n, at.end + 8 + n}
	}
	return nil
}

// Read returns one of the file's tensors with its data, which is read into buf, or into new memory
// where buf is too small. It may be called concurrently.
func (s *File) Read(t Tensor, buf []byte) (Tensor, error) {
	at := s.spans[t.Name]
	t.Data = slices.Grow(buf[:0], int(at.end-at.begin))[:at.end-at.begin]
	if _, err := s.file.ReadAt(t.Data, int64(at.begin)); err != nil {
		return t, fmt.Errorf("read tensor %q of %s: %w", t.Name, s.file.Name(), err)
	}
	return t, nil
}

// Close closes the file.
func (s *File) Close() error { return s.file.Close() }
