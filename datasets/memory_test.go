package datasets

import (
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"
)

// A hugeFile is a file system of one file of many documents, made as it is read. It notes the most
// heap in use.
type hugeFile struct {
	documents, next int
	rest            string
	heap            uint64
	fs.FileInfo
}

const hugeSentences = 80

func (l *hugeFile) document(i int) string {
	return fmt.Sprintf("#begin document (nw/long/%07d); part 000\n", i) +
		strings.Repeat("nw/long 0 0 Rain NN (TOP(S(NP*) - - - - * (ARG1*) (1)\nnw/long 0 1 fell VBD (VP*))) fall 01 - - * (V*) -\n\n", hugeSentences) +
		"#end document\n"
}

func (l *hugeFile) Open(string) (fs.File, error) {
	l.next, l.rest = 0, ""
	return l, nil
}

func (l *hugeFile) Stat() (fs.FileInfo, error) { return l, nil }
func (l *hugeFile) Size() int64                { return int64(l.documents * len(l.document(0))) }
func (l *hugeFile) Close() error               { return nil }

func (l *hugeFile) Read(p []byte) (int, error) {
	if l.rest == "" {
		if l.next == l.documents {
			return 0, io.EOF
		}
		l.rest = l.document(l.next)
		l.next++
		if l.next%250 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			l.heap = max(l.heap, m.HeapInuse)
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// TestMemory counts a corpus of 169 MB in one file in less than half of that, memory that is set aside included.
func TestMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // the more processors, the more in flight
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	l := &hugeFile{documents: 20000}
	n, err := Count(conllCorpus("corpus", l, []string{"long.conll"}))
	if err != nil {
		t.Fatal(err)
	}
	if n.Documents != l.documents || n.Sentences != hugeSentences*l.documents || n.Mentions != n.Sentences || n.Frames != n.Sentences || len(n.Problems) > 0 {
		t.Errorf("counts %+v", n)
	}
	if l.Size() < 160e6 || l.heap < before.HeapInuse || l.heap-before.HeapInuse > 80e6 {
		t.Errorf("%d bytes took %d of heap", l.Size(), l.heap-before.HeapInuse)
	}
}
