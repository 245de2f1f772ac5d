package collect

import "sync"

// ordered hands results on in the order of their numbers, one at a time, whatever the order they
// come in. Whoever brings the one that is next hands on all that are ready, the others go on.
type ordered[T any] struct {
	next func(T) error

	mu      sync.Mutex
	moved   sync.Cond // count or err changed
	waiting map[int]result[T]
	count   int  // handed on
	handing bool // somebody is
	err     error
}

type result[T any] struct {
	v   T
	err error
}

// put takes result number i. It returns the first error in the order of the numbers, when that is known
// already.
func (o *ordered[T]) put(i int, r result[T]) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting[i] = r
	if o.handing {
		return o.err
	}
	o.handing = true
	for o.err == nil {
		r, ok := o.waiting[o.count]
		if !ok {
			break
		}
		delete(o.waiting, o.count)
		err := r.err
		if err == nil {
			o.mu.Unlock()
			err = o.next(r.v)
			o.mu.Lock()
		}
		o.err = err
		o.count++
		o.moved.Broadcast()
	}
	o.handing = false
	return o.err
}

// wait waits until n results were handed on, or one failed.
func (o *ordered[T]) wait(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.count < n && o.err == nil {
		o.moved.Wait()
	}
}
