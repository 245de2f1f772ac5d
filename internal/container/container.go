// Package container runs one job in a container of podman or docker: no network, a read-only root, no
// privileges, and only the folders it is given. A container outlives the process that started it,
// so that a later one can take it over by its name. In a pod, which is a container already, the job
// runs as a process beside this one.
//
// It knows no jobs, keys or trainers, and never pulls an image.
package container

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An Engine is podman or docker.
type Engine struct {
	Name string // podman or docker
	path string
}

// Find returns the engine of that name, podman or docker, or for "auto" the first of them that is
// installed. Where there is none the error says what to install.
func Find(choice string) (*Engine, error) {
	names := []string{choice}
	if choice == "auto" {
		names = []string{"podman", "docker"}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return &Engine{name, path}, nil
		}
	}
	packages := map[string][2]string{"podman": {"podman", "podman"}, "docker": {"docker.io", "moby-engine"}}[names[0]]
	return nil, fmt.Errorf("%s is not installed: install it (Debian: apt-get install %s; Fedora: dnf install %s), or use runner: embedded",
		strings.Join(names, " or "), packages[0], packages[1])
}

// A Spec is a container to run.
type Spec struct {
	Name    string
	Labels  map[string]string // what the container is: one of the same name with others is another's
	Image   string
	Args    []string
	Mounts  []Mount
	Network bool
	Memory  int64 // bytes, 0 = no limit
	Shm     int64 // bytes of /dev/shm, 0 = the engine's own
	GPUs    []int // indices of the GPUs to show
	// Grace is how long the container may take to end when it is stopped.
	Grace time.Duration
}

// A Mount shows a folder or file of this machine in the container.
type Mount struct {
	Source, Target string
	Writable       bool
}

// command makes a command of the engine, in a process group of its own: a terminal's Ctrl-C is for
// this process, which stops the container and still needs the engine for it.
func (e *Engine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, e.path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// output runs a command of the engine, whose failure carries what it said.
func (e *Engine) output(ctx context.Context, args ...string) (string, error) {
	cmd := e.command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", e.Name, args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// ImageID returns the digest of an image's configuration. An image that is not on this machine is
// an error that says what to type.
func (e *Engine) ImageID(ctx context.Context, image string) (string, error) {
	id, err := e.output(ctx, "image", "inspect", "--format", "{{.Id}}", image)
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("image %s is not on this machine: %s pull %s, or build it: %s build -t %s -f stages/train/peft/Containerfile stages/train/peft (%w)",
			image, e.Name, image, e.Name, image, err)
	}
	return strings.TrimPrefix(id, "sha256:"), nil
}

// killed is the exit code of a process that SIGKILL ended.
const killed = 137

// Run runs a container to its end, removes it, and returns its exit code. A container of that name and
// those labels that is there already, left by a process that was killed, is taken over: its output
// comes from the beginning again. Each line of standard output is given to line, standard error goes
// to log. When ctx ends the container is stopped; its exit code is still returned. A container that
// someone else removed was killed.
func (e *Engine) Run(ctx context.Context, s Spec, line func([]byte), log io.Writer) (exit int, err error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	// From here on the engine is asked even when ctx has ended: a start that is cut off may leave a
	// container that runs.
	after := context.WithoutCancel(ctx)
	id, err := e.start(after, &s, log)
	if err != nil {
		return 0, err
	}
	stopped := make(chan error, 1)
	unwatch := context.AfterFunc(ctx, func() {
		_, err := e.output(after, "stop", "--time", strconv.Itoa(int(s.Grace.Seconds())), id)
		stopped <- err
	})
	followed := e.follow(after, id, line, log)
	code, err := e.output(after, "wait", id)
	var unstopped error // of no interest where the container has ended
	if !unwatch() {
		unstopped = <-stopped
	}
	if (err != nil || code == "-1") && e.gone(after, s.Name, id) {
		return killed, nil
	}
	if err != nil && ctx.Err() != nil {
		return 0, errors.Join(err, unstopped, followed, e.remove(after, s.Name, id))
	}
	if err != nil {
		return 0, errors.Join(err, followed) // the container is left for the next run to take over
	}
	if exit, err = strconv.Atoi(code); err != nil {
		return 0, fmt.Errorf("%s wait %s: %q is no exit code", e.Name, s.Name, code)
	}
	return exit, errors.Join(followed, e.remove(after, s.Name, id))
}

// start starts the container, or takes over the one that a killed process left. That process's own
// command may still be at work: it may make the container while this one looks for it.
func (e *Engine) start(ctx context.Context, s *Spec, log io.Writer) (id string, err error) {
	if id, err = e.adopt(ctx, s, log); err != nil || id != "" {
		return id, err
	}
	if id, err = e.output(ctx, e.runArgs(s)...); err == nil {
		return id, nil
	}
	if id, adoptErr := e.adopt(ctx, s, log); adoptErr == nil && id != "" {
		return id, nil
	}
	return "", err
}

// adopt returns the id of the container that a killed process left, when it runs or has ended well; "" when
// there is none. Containers of that name that are something else, were never started, or ended in
// another way are removed.
func (e *Engine) adopt(ctx context.Context, s *Spec, log io.Writer) (string, error) {
	own, err := e.list(ctx, s.Name, s.Labels)
	if err != nil {
		return "", err
	}
	for _, id := range own {
		// (What ps says of a state is, in podman, for people.)
		state, err := e.output(ctx, "inspect", "--format", "{{.State.Status}}", id)
		if err != nil && !e.gone(ctx, s.Name, id) {
			return "", err // it may be at work: it is left for the next run to take over
		}
		adopt := state == "running"
		if slices.Contains([]string{"stopping", "stopped", "exited"}, state) {
			code, err := e.output(ctx, "wait", id)
			adopt = err == nil && code == "0"
		}
		if adopt {
			fmt.Fprintf(log, "taking over the container %s (%s)\n", s.Name, state)
			return id, nil
		}
	}
	others, err := e.list(ctx, s.Name, nil)
	for _, id := range others {
		err = errors.Join(err, e.remove(ctx, s.Name, id))
	}
	return "", err
}

// remove removes a container, which another process may do at the same time. Of one whose process has just
// ended podman may say that it cannot be stopped, until it has cleaned up behind it.
func (e *Engine) remove(ctx context.Context, name, id string) (err error) {
	for range removeTries {
		if _, err = e.output(ctx, "rm", "--force", id); err == nil || e.gone(ctx, name, id) {
			return nil
		}
		time.Sleep(removePause)
	}
	return err
}

// How often removing a container is tried, and how long is waited in between.
const (
	removeTries = 20
	removePause = time.Second / 4
)

// gone says whether there is no such container any more.
func (e *Engine) gone(ctx context.Context, name, id string) bool {
	there, err := e.list(ctx, name, nil)
	return err == nil && !slices.Contains(there, id)
}

// list returns the id of the container of a name, if there is one that has the labels.
func (e *Engine) list(ctx context.Context, name string, labels map[string]string) ([]string, error) {
	args := []string{"ps", "--all", "--no-trunc", "--format", "{{.ID}}", "--filter", "name=^" + name + "$"}
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		args = append(args, "--filter", "label="+k+"="+labels[k])
	}
	text, err := e.output(ctx, args...)
	if err != nil {
		return nil, err
	}
	return strings.Fields(text), nil
}

// runArgs are the arguments that start the container in the background.
func (e *Engine) runArgs(s *Spec) []string {
	args := []string{"run", "--detach", "--name", s.Name, "--pull", "never",
		"--read-only", "--tmpfs", "/tmp:rw,exec,mode=1777", "--cap-drop", "ALL",
		"--security-opt", "no-new-privileges", "--security-opt", "label=disable", "--pids-limit", "4096"}
	if e.Name == "podman" {
		args = append(args, "--log-driver", "k8s-file")
		if os.Getuid() != 0 {
			args = append(args, "--userns", "keep-id")
		}
	}
	if uid := os.Getuid(); uid != 0 {
		args = append(args, "--user", fmt.Sprintf("%d:%d", uid, os.Getgid()))
	} else {
		args = append(args, "--user", fmt.Sprintf("%d:%d", UID, UID))
	}
	if !s.Network {
		args = append(args, "--network", "none")
	}
	if s.Memory > 0 {
		args = append(args, "--memory", strconv.FormatInt(s.Memory, 10))
	}
	if s.Shm > 0 {
		args = append(args, "--shm-size", strconv.FormatInt(s.Shm, 10))
	}
	args = append(args, e.gpuArgs(s.GPUs)...)
	for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
		args = append(args, "--label", k+"="+s.Labels[k])
	}
	for _, m := range s.Mounts {
		mount := fmt.Sprintf("type=bind,source=%s,target=%s", m.Source, m.Target)
		if !m.Writable {
			mount += ",readonly"
		}
		args = append(args, "--mount", mount)
	}
	return append(append(args, s.Image), s.Args...)
}

// gpuArgs show GPUs by docker's own option, and by CDI in podman.
func (e *Engine) gpuArgs(gpus []int) []string {
	if len(gpus) == 0 {
		return nil
	}
	var args, indices []string
	for _, g := range gpus {
		indices = append(indices, strconv.Itoa(g))
		args = append(args, "--device", fmt.Sprintf("nvidia.com/gpu=%d", g))
	}
	if e.Name == "docker" {
		return []string{"--gpus", `"device=` + strings.Join(indices, ",") + `"`}
	}
	return args
}

// UID is the user that a container started by root runs as; HandOver gives it what it writes to.
const UID = 1000

// HandOver makes a folder and all in it the container's user's, where that is another than ours.
func HandOver(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, UID, UID)
	})
}

// eachLine gives line what r holds, line by line, to its end.
func eachLine(r io.Reader, line func([]byte)) {
	lines := bufio.NewReader(r)
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) > 0 {
			line(bytes.TrimRight(text, "\n"))
		}
		if err != nil {
			return
		}
	}
}

// follow hands the container's output on until it ends.
func (e *Engine) follow(ctx context.Context, id string, line func([]byte), log io.Writer) error {
	cmd := e.command(ctx, "logs", "--follow", id)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s logs: %w", e.Name, err)
	}
	eachLine(out, line)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s logs: %w", e.Name, err)
	}
	return nil
}
