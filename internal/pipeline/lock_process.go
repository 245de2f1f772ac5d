package pipeline

import (
	"errors"
	"os"
	"syscall"
)

// startWithoutProc tells a live process from a dead one on systems without /proc.
func startWithoutProc(pid int) string {
	if _, err := os.Stat("/proc/self/stat"); err == nil {
		return "" // there is a /proc and the process is not in it
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return ""
	}
	if err := p.Signal(syscall.Signal(0)); err != nil && !errors.Is(err, os.ErrPermission) {
		return ""
	}
	return "alive"
}
