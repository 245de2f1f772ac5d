package container

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRunArgs: what a container is given, and nothing else; GPUs by docker's option or podman's CDI.
func TestRunArgs(t *testing.T) {
	s := &Spec{
		Name: "n", Labels: map[string]string{"b": "2", "a": "1"}, Image: "image@sha256:ab", Args: []string{"/job"},
		Mounts: []Mount{{"/here/job", "/job", true}, {"/here/model", "/model", false}},
		Memory: 1 << 30, Shm: 1 << 20, GPUs: []int{0, 3},
	}
	for engine, gpus := range map[string]string{
		"docker": `--gpus "device=0,3"`, "podman": "--device nvidia.com/gpu=0 --device nvidia.com/gpu=3",
	} {
		args := (&Engine{Name: engine}).runArgs(s)
		line := strings.Join(args, " ")
		for _, want := range []string{
			"run --detach --name n --pull never --read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--user ", "--network none",
			"--memory 1073741824", "--shm-size 1048576", gpus, "--label a=1 --label b=2",
			"--mount type=bind,source=/here/job,target=/job --mount type=bind,source=/here/model,target=/model,readonly image@sha256:ab /job",
		} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: %s\nholds no %s", engine, line, want)
			}
		}
		if i := slices.Index(args, "--user"); strings.HasPrefix(args[i+1], "0:") {
			t.Errorf("%s runs the container as root: %s", engine, args[i+1])
		}
		if slices.Contains(args, "--privileged") || strings.Contains(line, "--env") {
			t.Errorf("%s: %s", engine, line)
		}
	}
	open := (&Engine{Name: "podman"}).runArgs(&Spec{Name: "n", Image: "i", Network: true})
	for _, unwanted := range []string{"--network", "--memory", "--shm-size", "--device", "--gpus"} {
		if slices.Contains(open, unwanted) {
			t.Errorf("%v holds %s", open, unwanted)
		}
	}
}

// faulty is an engine that has one container and one fault: what other processes do to the container
// at an unlucky moment, which a real engine cannot be made to do. It notes its calls.
const faulty = `#!/bin/sh
dir=$(dirname "$0")
echo "$*" >>"$dir/calls"
case $1 in
ps) cut -d' ' -f1 "$dir/container" 2>/dev/null || true ;;
inspect)
  [ "$FAULT" != busy ] || { echo "timed out waiting for a lock" >&2; exit 125; }
  [ "$FAULT" != vanished ] || { rm "$dir/container"; echo "no such container" >&2; exit 125; }
  cut -d' ' -f2 "$dir/container" ;;
run)
  case $FAULT in slow | unstoppable) sleep 0.5 ;; esac
  echo "abc running" >"$dir/container"
  [ "$FAULT" != raced ] || { echo "the name is in use" >&2; exit 125; }
  echo abc ;;
logs) echo '{"step": 1}'; echo "said" >&2 ;;
wait)
  [ "$FAULT" != removed ] || { rm "$dir/container"; echo "no such container" >&2; exit 125; }
  [ "$FAULT" != well ] || { echo 0; exit; }
  echo 7 ;;
stop) [ "$FAULT" != unstoppable ] || { echo "container state improper: stopped" >&2; exit 125; } ;;
rm)
  if [ "$FAULT" = ending ] && [ ! -e "$dir/tried" ]; then touch "$dir/tried"; echo "cannot be stopped: container state improper: stopped" >&2; exit 2; fi
  rm -f "$dir/container"
  [ "$FAULT" != removing ] || { echo "no such container" >&2; exit 1; } ;;
*) exit 1 ;;
esac
`

// TestFaults: whatever other processes do meanwhile, no container is left, and the outcome is what it
// was: a container that someone else removed was killed.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault string
		left  string // a container that is there before, id and state
		exit  int
		calls string // in this order
	}{
		{fault: "none", exit: 7, calls: "ps ps run logs wait rm"},
		{fault: "raced", exit: 7, calls: "ps ps run ps inspect logs wait rm"},      // its last runner's own command was quicker
		{fault: "removed", exit: 137, calls: "ps ps run logs wait ps"},             // by hand
		{fault: "removing", exit: 7, calls: "ps ps run logs wait rm ps"},           // by what its last runner started
		{fault: "ending", exit: 7, calls: "ps ps run logs wait rm ps rm"},          // by the engine, which cleans up behind it
		{fault: "slow", exit: 7, calls: "ps ps run stop logs wait rm"},             // the run is stopped while the container starts
		{fault: "unstoppable", exit: 7, calls: "ps ps run stop logs wait rm"},      // likewise, when its process ends by itself
		{"none", "abc running", 7, "ps inspect logs wait rm"},                      // taken over
		{"well", "abc exited", 0, "ps inspect wait logs wait rm"},                  // it has ended well
		{"none", "abc exited", 7, "ps inspect wait ps rm run logs wait rm"},        // it was killed, or stopped
		{"none", "abc stopping", 7, "ps inspect wait ps rm run logs wait rm"},      // likewise
		{"none", "abc created", 7, "ps inspect ps rm run logs wait rm"},            // its runner was killed before it started
		{"removing", "abc removing", 7, "ps inspect ps rm ps run logs wait rm ps"}, // its runner was killed while it removed it
		{"vanished", "abc running", 7, "ps inspect ps ps run logs wait rm"},        // removed while it is looked at
		{fault: "none", left: "abc paused", exit: 7, calls: "ps inspect ps rm run logs wait rm"},
	} {
		t.Run(strings.TrimSpace(c.fault+" "+c.left), func(t *testing.T) {
			t.Setenv("FAULT", c.fault)
			dir := t.TempDir()
			write := func(name, text string, mode os.FileMode) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
					t.Fatal(err)
				}
			}
			write("podman", faulty, 0o777)
			if c.left != "" {
				write("container", c.left+"\n", 0o666)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.fault == "slow" || c.fault == "unstoppable" {
				time.AfterFunc(100*time.Millisecond, cancel)
			}
			var lines, log strings.Builder
			exit, err := (&Engine{"podman", filepath.Join(dir, "podman")}).Run(ctx, Spec{Name: "n", Labels: map[string]string{"key": "k"}, Image: "i"},
				func(line []byte) { lines.Write(line) }, &log)
			if err != nil || exit != c.exit || lines.String() != `{"step": 1}` || !strings.HasSuffix(log.String(), "said\n") {
				t.Errorf("exit %d, %v, said %q and %q", exit, err, lines.String(), log.String())
			}
			if _, err := os.Stat(filepath.Join(dir, "container")); err == nil {
				t.Error("the container is left")
			}
			b, err := os.ReadFile(filepath.Join(dir, "calls"))
			if err != nil {
				t.Fatal(err)
			}
			var calls []string
			for line := range strings.Lines(string(b)) {
				word, _, _ := strings.Cut(line, " ")
				calls = append(calls, word)
			}
			slices.Sort(calls) // stop and logs come side by side
			want := strings.Fields(c.calls)
			slices.Sort(want)
			if !slices.Equal(calls, want) {
				t.Errorf("calls\n%swant %s", b, c.calls)
			}
		})
	}
}

// TestAdoptBusy: a container of which the engine cannot say for the moment whether it runs is left as it is.
func TestAdoptBusy(t *testing.T) {
	t.Setenv("FAULT", "busy")
	dir := t.TempDir()
	for name, text := range map[string]string{"podman": faulty, "container": "abc running\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	_, err := (&Engine{"podman", filepath.Join(dir, "podman")}).Run(t.Context(), Spec{Name: "n", Image: "i"}, func([]byte) {}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "timed out waiting for a lock") {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "container")); err != nil || string(b) != "abc running\n" {
		t.Errorf("the container is %q, %v", b, err)
	}
}

// TestRunEnded starts nothing when ctx has ended.
func TestRunEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	cancel(cause)
	if _, err := (&Engine{"podman", "/nonexistent"}).Run(ctx, Spec{Name: "n"}, func([]byte) {}, io.Discard); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

// TestFindMissing says what to install.
func TestFindMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for choice, want := range map[string]string{
		"auto":   "podman or docker is not installed: install it (Debian: apt-get install podman",
		"docker": "docker is not installed: install it (Debian: apt-get install docker.io; Fedora: dnf install moby-engine)",
	} {
		if _, err := Find(choice); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", choice, err)
		}
	}
}
