package heap

import (
	"runtime"
	"testing"
)

// collections is how often the collector ran while 48 MB of garbage were made.
func collections() uint32 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 48 << 10 {
		garbage = make([]byte, 1<<10)
	}
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

var garbage []byte

func TestRoom(t *testing.T) {
	without := collections()
	release := Room(64 << 20)
	with := collections()
	release()
	again := collections()
	if without < 5 || with > 1 || again < 5 {
		t.Errorf("48 MB of garbage were collected %d times, %d times with 64 MB set aside and %d times after that; want 5 or more, at most 1, 5 or more", without, with, again)
	}
}
