package container

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestBeside runs real commands: what they print, and how they end.
func TestBeside(t *testing.T) {
	for _, c := range []struct {
		script string
		exit   int
		lines  []string
		log    string
	}{
		{"printf 'a\\nb'; echo bad >&2", 0, []string{"a", "b"}, "bad\n"},
		{"exit 65", 65, nil, ""},
		{"kill -9 $$", 137, nil, ""},
		{"kill -TERM $$", 143, nil, ""},
		{"echo \"$0 $1\"", 0, []string{"sh job"}, ""},
	} {
		var lines []string
		var log bytes.Buffer
		exit, err := Beside(context.Background(), []string{"sh", "-c", c.script, "sh", "job"}, time.Minute, func(l []byte) { lines = append(lines, string(l)) }, &log)
		if err != nil || exit != c.exit || !slices.Equal(lines, c.lines) || log.String() != c.log {
			t.Errorf("%s: exit %d, lines %q, log %q, %v", c.script, exit, lines, log.String(), err)
		}
	}
	if _, err := Beside(context.Background(), []string{"no-such-trainer"}, time.Minute, nil, nil); err == nil || !strings.Contains(err.Error(), "no-such-trainer") {
		t.Errorf("a command that is not there: %v", err)
	}
}

// TestBesideStopped ends a command by SIGTERM: one that saves its work says so by its exit code, one
// that does not listen is killed after the time of grace.
func TestBesideStopped(t *testing.T) {
	for script, want := range map[string]int{
		"trap 'exit 75' TERM; echo ready; while :; do sleep 0.05; done": 75,
		"trap '' TERM; echo ready; while :; do sleep 0.05; done":        137,
	} {
		ctx, cancel := context.WithCancel(context.Background())
		exit, err := Beside(ctx, []string{"sh", "-c", script}, 300*time.Millisecond, func([]byte) { cancel() }, &bytes.Buffer{})
		if err != nil || exit != want {
			t.Errorf("%s: exit %d, %v; want %d", script, exit, err, want)
		}
	}
}

// TestBesideLeft: what a command that ended leaves with its output open keeps its outcome neither from
// being known nor from being good.
func TestBesideLeft(t *testing.T) {
	for script, want := range map[string]int{"sleep 5 & echo done": 0, "sleep 5 & echo done; exit 65": 65} {
		var lines []string
		began := time.Now()
		exit, err := Beside(t.Context(), []string{"sh", "-c", script}, 300*time.Millisecond, func(l []byte) { lines = append(lines, string(l)) }, &bytes.Buffer{})
		if err != nil || exit != want || !slices.Equal(lines, []string{"done"}) || time.Since(began) > 4*time.Second {
			t.Errorf("%s: exit %d after %s, lines %q, %v; want %d", script, exit, time.Since(began), lines, err, want)
		}
	}
}
