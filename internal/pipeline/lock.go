package pipeline

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Locks are files made with O_EXCL, which holds on network file systems too; flock is not assumed.
const (
	lockRefresh = 15 * time.Second // the holder touches its lock this often
	lockExpiry  = 2 * time.Minute  // a lock of another host not touched for this long is stale
	lockPoll    = 500 * time.Millisecond
	lockTemp    = "tmp-lock-" // files on their way to become locks
)

// An owner is the content of a lock file: who holds it.
type owner struct {
	Host  string `json:"host"`
	PID   int    `json:"pid"`
	Start string `json:"start"` // the process's start time, since pids are used again
	// Space is where the pid means this process: the machine's boot and the pid namespace. Pods on
	// one machine may share its name and yet not see each other's processes. Locks of earlier
	// versions and of systems without /proc have none.
	Space string `json:"space,omitempty"`
	Nonce string `json:"nonce"`
}

// A held lock; release ends it.
type held struct {
	path string
	self owner
	stop context.CancelFunc
	done chan struct{}
}

// acquire takes the lock of a key. When another live runner holds it, acquire returns a nil lock
// and the holder; a stale lock is healed.
func (w Workspace) acquire(key string) (*held, *owner, error) {
	if err := os.MkdirAll(w.store(), 0o777); err != nil {
		return nil, nil, err
	}
	path := w.lock(key)
	self, err := myself()
	if err != nil {
		return nil, nil, err
	}
	content, err := json.Marshal(self)
	if err != nil {
		return nil, nil, err
	}
	for range 10 {
		err := createExclusive(path, content)
		if err == nil {
			return hold(path, self), nil, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, nil, fmt.Errorf("lock %s: %w", path, err)
		}
		other, stale, err := inspect(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // released meanwhile
		}
		if err != nil {
			return nil, nil, err
		}
		if !stale {
			return nil, other, nil
		}
		if err := heal(path, other, self.Nonce); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, &TryAgain{fmt.Errorf("lock %s: it changes hands again and again: try again", path)}
}

// createExclusive makes the lock file with its content in one step: a link to a finished file
// fails when the name is taken, and nobody sees an empty lock.
func createExclusive(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), lockTemp+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644) // other users who share the workspace read it
	}
	if err == nil {
		err = f.Sync() // or a power cut could leave an empty lock
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// inspect reads a lock and says whether its holder is gone.
func inspect(path string) (*owner, bool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, false, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	var o owner
	if json.Unmarshal(b, &o) != nil {
		// Spoilt: nobody can tell whose it is, so it counts as another host's.
		return &owner{Host: "an unknown host"}, time.Since(info.ModTime()) > lockExpiry, nil
	}
	self, err := myself()
	if err != nil {
		return nil, false, err
	}
	if o.Host == self.Host && (o.Space == self.Space || o.Space == "") {
		return &o, processStart(o.PID) != o.Start, nil
	}
	return &o, time.Since(info.ModTime()) > lockExpiry, nil
}

// sweep removes what runners killed while they made a lock left behind.
func (w Workspace) sweep() error {
	left, err := filepath.Glob(filepath.Join(w.store(), lockTemp+"*"))
	if err != nil {
		return err
	}
	healed, err := filepath.Glob(filepath.Join(w.store(), "*.lock.stale-*"))
	if err != nil {
		return err
	}
	left = append(left, healed...)
	for _, path := range left {
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) < lockExpiry {
			continue // gone, or on its way
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// clearLock removes the lock of a finished job whose holder was killed before it could.
func (w Workspace) clearLock(key string) error {
	o, stale, err := inspect(w.lock(key))
	if err != nil || !stale {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	self, err := myself()
	if err != nil {
		return err
	}
	return heal(w.lock(key), o, self.Nonce)
}

// heal moves a stale lock away. Should the lock have changed hands between the look and the move,
// it is put back.
func heal(path string, stale *owner, nonce string) error {
	aside := path + ".stale-" + nonce
	if err := os.Rename(path, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("heal lock %s: %w", path, err)
	}
	defer os.Remove(aside)
	b, err := os.ReadFile(aside)
	if err != nil {
		return fmt.Errorf("heal lock %s: %w", path, err)
	}
	var o owner
	if json.Unmarshal(b, &o) == nil && o.Nonce != stale.Nonce { // a spoilt one has no nonce and stays away
		if err := os.Link(aside, path); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("heal lock %s: %w", path, err)
		}
	}
	return nil
}

// hold keeps touching the lock until release.
func hold(path string, self owner) *held {
	ctx, stop := context.WithCancel(context.Background())
	h := &held{path: path, self: self, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(h.done)
		tick := time.NewTicker(lockRefresh)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				// A failure shows when the job commits: mine then reports the loss.
				_ = os.Chtimes(path, now, now)
			}
		}
	}()
	return h
}

// mine says whether the lock still is this holder's.
func (h *held) mine() bool {
	b, err := os.ReadFile(h.path)
	var o owner
	return err == nil && json.Unmarshal(b, &o) == nil && o.Nonce == h.self.Nonce
}

// release gives the lock up.
func (h *held) release() error {
	h.stop()
	<-h.done
	if !h.mine() {
		return fmt.Errorf("lock %s was taken over by another runner", h.path)
	}
	return os.Remove(h.path)
}

// myself describes this process as the owner of a lock.
func myself() (owner, error) {
	host, err := os.Hostname()
	if err != nil {
		return owner{}, err
	}
	nonce := make([]byte, 8)
	rand.Read(nonce) // never fails
	return owner{Host: host, PID: os.Getpid(), Start: processStart(os.Getpid()), Space: processSpace(), Nonce: hex.EncodeToString(nonce)}, nil
}

// processSpace names the boot of the kernel and the pid namespace in which this process's pid means
// it, "" where there is no /proc.
func processSpace() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
}

// processStart returns when the process of that pid started, in the kernel's units, or "" when
// there is none.
func processStart(pid int) string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return startWithoutProc(pid)
	}
	// The command's name is in parentheses and may hold anything; field 22 counts from the pid.
	s := string(b)
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "" // gone, or dead and not yet waited for
	}
	return fields[19]
}
