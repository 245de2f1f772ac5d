package pipeline

import (
	"errors"
	"fmt"
	"strings"
)

// A TryAgain is a failure that a further attempt may mend, such as a pre-empted job or a server
// that is down (exit status 75, EX_TEMPFAIL of sysexits.h).
type TryAgain struct{ Err error }

func (e *TryAgain) Error() string { return e.Err.Error() }
func (e *TryAgain) Unwrap() error { return e.Err }

// A RunError says which jobs failed in a run. Jobs that were not run because one of these failed
// are not failures.
type RunError struct {
	Failed  []JobError
	Blocked []string
}

// A JobError is the last failure of one job.
type JobError struct {
	Job string
	Err error
	Log string // the log of the last attempt
}

func (e *RunError) Error() string {
	names := make([]string, len(e.Failed))
	for i, f := range e.Failed {
		names[i] = f.Job
	}
	s := fmt.Sprintf("%d job failed: %s", len(names), names[0])
	if len(names) > 1 {
		s = fmt.Sprintf("%d jobs failed: %s", len(names), strings.Join(names, ", "))
	}
	if n := len(e.Blocked); n > 0 {
		s += fmt.Sprintf("; %d waiting on them", n)
	}
	return s
}

// Unwrap gives the failures themselves, so that errors.As finds their causes.
func (e *RunError) Unwrap() []error {
	out := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		out[i] = f.Err
	}
	return out
}

// isTryAgain says whether a further attempt may mend the error.
func isTryAgain(err error) bool {
	var t *TryAgain
	return errors.As(err, &t)
}
