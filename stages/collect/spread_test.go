package collect

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"taskvec/internal/table"
)

// Every number is in one range, and the error is that of the first range that fails.
func TestSpread(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 4097, 50_000} {
		seen := make([]atomic.Int32, n)
		err := Spread(n, func(from, to int) error {
			for i := from; i < to; i++ {
				seen[i].Add(1)
			}
			if from >= 8192 {
				return fmt.Errorf("from %d", from)
			}
			return nil
		})
		if want := n > 8192; want != (err != nil) || want && err.Error() != "from 8192" {
			t.Errorf("%d: error %v", n, err)
		}
		for i := range seen {
			if seen[i].Load() != 1 {
				t.Fatalf("%d: number %d was seen %d times", n, i, seen[i].Load())
			}
		}
	}
}

// Results come in the order of the modules when the first are the slowest, and those that wait for
// an earlier one are few.
func TestStreamOrder(t *testing.T) {
	var factors []table.Factor
	for layer := range int32(40) {
		factors = append(factors, factor("m", "ner", layer, 1))
	}
	l, err := Lay(factors)
	if err != nil {
		t.Fatal(err)
	}
	var ahead, handed atomic.Int64
	var got []int32
	err = Stream(context.Background(), l, nil, func(m *Module) (int32, error) {
		if m.Layer%10 == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		if lead := int64(m.Layer) - handed.Load(); lead > ahead.Load() {
			ahead.Store(lead)
		}
		return m.Layer, nil
	}, func(layer int32) error {
		got = append(got, layer)
		handed.Add(1)
		return nil
	})
	if err != nil || !slices.IsSorted(got) || len(got) != 40 {
		t.Errorf("layers %v, %v", got, err)
	}
	if most := int64(2 * l.workers()); ahead.Load() > most {
		t.Errorf("%d modules were ahead, want at most %d", ahead.Load(), most)
	}
	stop := fmt.Errorf("disk full")
	if err := Stream(context.Background(), l, nil, func(m *Module) (int32, error) { return m.Layer, nil }, func(layer int32) error {
		if layer == 7 {
			return stop
		}
		return nil
	}); err != stop {
		t.Errorf("error %v, want that of the seventh", err)
	}
}
