package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// Beside runs a command in the container that this process stands in, as Engine.Run does in one of
// its own: each line of standard output is given to line, standard error goes to log, and when ctx
// ends the command is sent SIGTERM and has the time of grace to end. A command that a signal ended
// has the exit code 128 + signal, as a container has.
func Beside(ctx context.Context, command []string, grace time.Duration, line func([]byte), log io.Writer) (exit int, err error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace // also for what the command started and left with its output open
	out, in := io.Pipe()
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", command[0], err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		eachLine(out, line)
	}()
	err = cmd.Wait()
	in.Close()
	<-read
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		if s, ok := ended.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return 128 + int(s.Signal()), nil
		}
		return ended.ExitCode(), nil
	case errors.Is(err, exec.ErrWaitDelay): // it ended well; what it started and left was cut off
		return 0, nil
	case err != nil && ctx.Err() == nil:
		return 0, fmt.Errorf("run %s: %w", command[0], err)
	}
	return 0, nil
}
