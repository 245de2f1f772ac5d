// Package heap spares the garbage collector needless work where little is in memory at a time and much passes
// through it. It sets no limits: those are the collector's own (runtime/debug).
package heap

import "runtime"

// Room sets bytes of memory aside until release is called. The collector runs when the heap has doubled, so
// that with a heap of a few megabytes it stops every processor each few milliseconds. Room counts as heap
// and lets as much garbage gather as it is large. Nothing touches it, so that the system need not provide it
// the first time; memory that had another use before is cleared, and stays the process's.
func Room(bytes int) (release func()) {
	room := make([]byte, bytes)
	return func() { runtime.KeepAlive(room) }
}
