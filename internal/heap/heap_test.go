package heap

import (
	"runtime"
	"testing"
)

// goal is the size of the heap at which the collector will run next, in MB.
func goal() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.NextGC) / (1 << 20)
}

func TestRoom(t *testing.T) {
	before := goal()
	release := Room(64 << 20)
	with := goal()
	release()
	if after := goal(); before > 32 || with < 96 || after > 32 {
		t.Errorf("the collector's goal was %.0f MB, %.0f MB with 64 MB set aside and %.0f MB after that; want less than 32, more than 96, less than 32", before, with, after)
	}
}
