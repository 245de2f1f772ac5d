package datasets

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"taskvec/datasets/sample"
)

// benchCopies is how many times the benchmark's corpus holds the sample's documents.
const benchCopies = 100

// perFile is how many of them stand in a file, which is then as long as OntoNotes' are on average.
const perFile = 5

// benchCorpus returns a folder of two corpora of the same documents, the sample's copied many
// times: files, a folder of files, and file, one file. They are written once and left, so that the
// peer can read them too.
func benchCorpus(b *testing.B) string {
	root := filepath.Join(os.TempDir(), fmt.Sprintf("taskvec-bench-conll-%d", benchCopies))
	if _, err := os.Stat(filepath.Join(root, "done")); err == nil {
		return root
	}
	c, err := OpenFS("sample", sample.Files())
	if err != nil {
		b.Fatal(err)
	}
	docs, _, err := c.Documents(Options{})
	if err != nil {
		b.Fatal(err)
	}
	var all, text bytes.Buffer
	for copy := range benchCopies {
		for i, d := range docs {
			renamed := *d
			renamed.ID = fmt.Sprintf("%s_%03d", d.ID, copy)
			if err := WriteCoNLL(&text, &renamed); err != nil {
				b.Fatal(err)
			}
			if (i+1)%perFile == 0 || i+1 == len(docs) {
				save(b, filepath.Join(root, "files", fmt.Sprint(copy), filepath.Base(d.File)), text.Bytes())
				all.Write(text.Bytes())
				text.Reset()
			}
		}
	}
	save(b, filepath.Join(root, "file", "all.gold_conll"), all.Bytes())
	save(b, filepath.Join(root, "done"), nil)
	return root
}

func save(b *testing.B, path string, src []byte) {
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = os.WriteFile(path, src, 0o666)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// processorTime is what the process has taken of all processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCorpus reads every document of a corpus, trees included, and lets it go: of many files, or
// of one, on one processor, two and so on up to all. Beside it stands
// counting. What is read in a second of a processor depends little on what else the machine does.
func BenchmarkCorpus(b *testing.B) {
	root := benchCorpus(b)
	for _, layout := range []string{"files", "file"} {
		c, err := Open(filepath.Join(root, layout))
		if err != nil {
			b.Fatal(err)
		}
		var size int64
		for _, file := range c.files {
			info, err := fs.Stat(c.fsys, file)
			if err != nil {
				b.Fatal(err)
			}
			size += info.Size()
		}
		for _, part := range []struct {
			name string
			read func() (documents int, err error)
		}{
			{"read", func() (documents int, err error) {
				err = inOrder(c.units, Unit.read, func(r reading) error {
					documents += len(r.docs)
					return nil
				})
				return documents, err
			}},
			{"count", func() (int, error) {
				n, err := Count(c)
				if err != nil {
					return 0, err
				}
				return n.Documents, nil
			}},
		} {
			for cores := 1; cores <= runtime.NumCPU(); cores *= 2 {
				b.Run(fmt.Sprintf("%s/%s/cores=%d", layout, part.name, cores), func(b *testing.B) {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
					b.SetBytes(size)
					before := processorTime()
					for b.Loop() {
						documents, err := part.read()
						if err != nil || documents != 48*benchCopies {
							b.Fatalf("%d documents, error %v", documents, err)
						}
					}
					b.ReportMetric(float64(size)*float64(b.N)/1e6/(processorTime()-before).Seconds(), "MB/processor-s")
				})
			}
		}
	}
}
