package pipeline

import "time"

// A State is where a job stands.
type State string

// The states of a job. A run takes a job from ToRun to Cached, Done, Failed, Blocked or Stopped.
const (
	ToRun   State = "to run"  // not in the store
	Cached  State = "cached"  // in the store before the run
	Waiting State = "waiting" // another runner is doing it
	Running State = "running"
	Retry   State = "retry"   // an attempt failed and another follows
	Done    State = "done"    // finished in this run
	Failed  State = "failed"  // its last attempt failed
	Blocked State = "blocked" // something it needs failed
	Stopped State = "stopped" // the run was interrupted while it ran
)

// An Event is one thing that happened to a job in a run; a job in state Running sends many, each
// with its progress.
type Event struct {
	Time    time.Time     `json:"time"`
	Job     string        `json:"job"`
	Key     string        `json:"key"`
	State   State         `json:"state"`
	Attempt int           `json:"attempt,omitempty"`
	Done    int64         `json:"done,omitempty"`
	Total   int64         `json:"total,omitempty"`
	Note    string        `json:"note,omitempty"` // progress, or why
	Took    time.Duration `json:"took_ns,omitempty"`
	Err     string        `json:"error,omitempty"`
}
