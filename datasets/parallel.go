package datasets

import (
	"iter"
	"runtime"

	"taskvec/internal/heap"
)

// inOrder gives each unit to work, several at a time, and what work returns to take, one after
// the other in the order of the units. Results wait for their turn in a window of four times as many as
// there are processors, which is all that is held at a time. It ends with the first error in that
// order.
func inOrder[T any](units iter.Seq2[Unit, error], work func(Unit) (T, error), take func(T) error) error {
	defer heap.Room(16 << 20)() // few documents live at a time, and not for long
	type result struct {
		value T
		err   error
	}
	window := make(chan chan result, 4*runtime.GOMAXPROCS(0))
	stop := make(chan struct{})
	go func() {
		defer close(window)
		for u, err := range units {
			r := make(chan result, 1)
			select {
			case window <- r:
			case <-stop:
				return
			}
			if err != nil {
				r <- result{err: err}
				return
			}
			go func() {
				value, err := work(u)
				r <- result{value, err}
			}()
		}
	}()
	defer func() { // leave nothing running
		close(stop)
		for r := range window {
			<-r
		}
	}()
	for r := range window {
		got := <-r
		if got.err != nil {
			return got.err
		}
		if err := take(got.value); err != nil {
			return err
		}
	}
	return nil
}
