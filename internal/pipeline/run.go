package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Runner runs the jobs of a plan on this machine.
type Runner struct {
	Workspace Workspace
	Jobs      int               // how many jobs run at once
	Memory    int64             // bytes that the jobs running at once may ask for; 0 = no bound
	GPUs      int               // GPUs of this machine, each for one job at a time
	Versions  map[string]string // recorded with every finished job
	Observe   func(Event)       // told what happens, from one goroutine at a time; may be nil
	Once      bool              // makes one attempt at a job: who started the run tries again
	Inside    bool              // this process stands in the container of the jobs it runs

	mu     sync.Mutex
	states map[*Job]State
	result map[*Job]JobError
}

// finished is what a job's goroutine reports when it ends.
type finished struct {
	job   *Job
	state State
	err   error
	log   string
}

// Run brings every job of the plan into the store, those that are there already excepted, and
// publishes results and report. A failed job does not stop the others; at the end a *RunError
// names it. When ctx ends, running jobs are stopped and Run returns ctx's error; what is finished
// is kept, and running the same plan again goes on from there.
func (r *Runner) Run(ctx context.Context, p *Plan) error {
	r.states, r.result = map[*Job]State{}, map[*Job]JobError{}
	if err := r.Workspace.sweep(); err != nil {
		return fmt.Errorf("clean the store: %w", err)
	}
	for _, j := range p.Jobs {
		r.states[j] = ToRun
		if r.Workspace.Has(j.Key) {
			if err := r.Workspace.clearLock(j.Key); err != nil {
				return err
			}
			r.change(j, Cached, Event{})
		}
		if m := int64(j.Stage.NeedsMemory()); r.Memory > 0 && m > r.Memory {
			return fmt.Errorf("job %s asks for %s of memory and this machine has %s: lower memory in stage %s",
				j.Name, j.Stage.NeedsMemory(), bytesText(r.Memory), j.Stage.Name)
		}
		if n := j.Stage.NeedsGPUs(); n > r.GPUs && r.states[j] != Cached {
			return fmt.Errorf("job %s asks for %d GPUs and this machine has %d: lower gpus in stage %s, or run it elsewhere", j.Name, n, r.GPUs, j.Stage.Name)
		}
	}
	if err := r.needed(p); err != nil {
		return err
	}
	if err := r.Workspace.exclusively(ctx, p.Experiment.Name, func() error { return r.saveLock(p) }); err != nil {
		return err
	}
	r.loop(ctx, p)
	if err := r.Workspace.exclusively(ctx, p.Experiment.Name, func() error { return errors.Join(r.Workspace.publish(p), r.saveRun(p)) }); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.failures(p)
}

// needed finds what jobs need that the plan does not hold in the store. (The sweep before has read
// the store's folder, so that a network file system has asked for what others put there.)
func (r *Runner) needed(p *Plan) error {
	for _, j := range p.Jobs {
		if r.states[j] == Cached {
			continue
		}
		for _, a := range j.Ancestors() {
			if _, ok := r.states[a]; ok {
				continue
			}
			if !r.Workspace.Has(a.Key) {
				return fmt.Errorf("job %s needs %s, whose result is not in %s: run that job first", j.Name, a.Name, r.Workspace.entry(a.Key))
			}
			r.states[a] = Cached
		}
	}
	return nil
}

// exclusively calls f while holding the lock of an experiment, whose folder several runners may want to
// write. When ctx has ended it does not wait for others.
func (w Workspace) exclusively(ctx context.Context, experiment string, f func() error) error {
	for {
		lock, _, err := w.acquire("experiment-" + experiment)
		if err != nil {
			return err
		}
		if lock != nil {
			return errors.Join(f(), lock.release())
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockPoll / 10):
		}
	}
}

// loop starts jobs as slots and needs allow until nothing runs and nothing can start.
func (r *Runner) loop(ctx context.Context, p *Plan) {
	done := make(chan finished)
	running, memory := 0, int64(0)
	var gpus []int // that no job has
	for i := range r.GPUs {
		gpus = append(gpus, i)
	}
	for {
		for _, j := range p.Jobs {
			if r.states[j] != ToRun || ctx.Err() != nil {
				continue
			}
			ready, blocker := r.ready(j)
			if blocker != nil {
				r.change(j, Blocked, Event{Note: "needs " + blocker.Name})
				continue
			}
			need := int64(j.Stage.NeedsMemory())
			if !ready || running >= max(r.Jobs, 1) || (r.Memory > 0 && memory+need > r.Memory && running > 0) || j.Stage.NeedsGPUs() > len(gpus) {
				continue
			}
			r.states[j] = Running
			running++
			memory += need
			j.gpus, gpus = gpus[:j.Stage.NeedsGPUs():j.Stage.NeedsGPUs()], gpus[j.Stage.NeedsGPUs():]
			go func() { done <- r.job(ctx, j) }()
		}
		if running == 0 {
			return
		}
		f := <-done
		running--
		memory -= int64(f.job.Stage.NeedsMemory())
		gpus = append(gpus, f.job.gpus...)
		if f.err != nil {
			r.result[f.job] = JobError{Job: f.job.Name, Err: f.err, Log: f.log}
		}
		r.states[f.job] = f.state
	}
}

// ready says whether all that j needs is in the store, and otherwise what can never be.
func (r *Runner) ready(j *Job) (bool, *Job) {
	for _, n := range j.Needs {
		switch r.states[n] {
		case Cached, Done:
		case Failed, Blocked:
			return false, n
		default:
			return false, nil
		}
	}
	return true, nil
}

// change records a state and tells the observer.
func (r *Runner) change(j *Job, s State, e Event) {
	r.states[j] = s
	r.tell(j, s, e)
}

// tell sends an event of j.
func (r *Runner) tell(j *Job, s State, e Event) {
	if r.Observe == nil {
		return
	}
	e.Time, e.Job, e.Key, e.State = time.Now(), j.Name, j.Key, s
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Observe(e)
}

// failures returns what went wrong, or nil.
func (r *Runner) failures(p *Plan) error {
	var e RunError
	for _, j := range p.Jobs {
		switch r.states[j] {
		case Failed:
			e.Failed = append(e.Failed, r.result[j])
		case Blocked:
			e.Blocked = append(e.Blocked, j.Name)
		}
	}
	if len(e.Failed) == 0 {
		return nil
	}
	return &e
}

// job runs one job to its end: it takes the lock, or waits for the runner that holds it, and makes
// as many attempts as the stage allows.
func (r *Runner) job(ctx context.Context, j *Job) finished {
	lock, err := r.await(ctx, j)
	switch {
	case ctx.Err() != nil:
		if lock != nil {
			err = lock.release()
		}
		return finished{job: j, state: Stopped, err: err}
	case err != nil:
		r.tell(j, Failed, Event{Err: err.Error()})
		return finished{job: j, state: Failed, err: err}
	case lock == nil: // another runner did it
		r.tell(j, Cached, Event{Note: "done by another runner"})
		return finished{job: j, state: Cached}
	}
	f := r.attempts(ctx, j, lock)
	if err := lock.release(); err != nil && f.err == nil {
		f.state, f.err = Failed, err
	}
	return f
}

// await takes the job's lock; it returns nil when another runner finished the job first.
func (r *Runner) await(ctx context.Context, j *Job) (*held, error) {
	told := false
	for {
		lock, other, err := r.Workspace.acquire(j.Key)
		if err != nil {
			return nil, err
		}
		if r.Workspace.Has(j.Key) {
			if lock != nil {
				return nil, lock.release()
			}
			return nil, nil
		}
		if lock != nil {
			return lock, nil
		}
		if !told {
			told = true
			r.tell(j, Waiting, Event{Note: fmt.Sprintf("process %d on %s is doing it", other.PID, other.Host)})
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(lockPoll):
		}
	}
}

// attempts runs the job until an attempt succeeds or none is left. Only a failure that says that
// trying again may help is tried again: the same bad input would fail in the same way.
func (r *Runner) attempts(ctx context.Context, j *Job, lock *held) finished {
	retry := j.Stage.Retry
	for n := 0; ; n++ {
		logPath, number, err := r.Workspace.nextLog(j.Name)
		if err == nil {
			r.tell(j, Running, Event{Attempt: number})
			start := time.Now()
			err = r.attempt(ctx, j, lock, logPath, number)
			if err == nil {
				r.tell(j, Done, Event{Attempt: number, Took: time.Since(start)})
				return finished{job: j, state: Done}
			}
		}
		if ctx.Err() != nil {
			r.tell(j, Stopped, Event{Attempt: number})
			return finished{job: j, state: Stopped, log: logPath}
		}
		if r.Once || n >= retry.Limit || !isTryAgain(err) {
			r.tell(j, Failed, Event{Attempt: number, Err: err.Error()})
			return finished{job: j, state: Failed, err: err, log: logPath}
		}
		wait := time.Duration(min(float64(retry.Backoff)*math.Pow(retry.Factor, float64(n)), float64(longestWait)))
		r.tell(j, Retry, Event{Attempt: number, Err: err.Error(), Note: fmt.Sprintf("next attempt in %s", wait)})
		select {
		case <-ctx.Done():
			return finished{job: j, state: Stopped, log: logPath}
		case <-time.After(wait):
		}
	}
}

// longestWait bounds the wait before an attempt.
const longestWait = time.Hour

// attempt runs the job once in its scratch folder and, when it succeeds, commits it.
func (r *Runner) attempt(ctx context.Context, j *Job, lock *held, logPath string, number int) (err error) {
	if err := os.MkdirAll(filepath.Dir(logPath), 0o777); err != nil {
		return err
	}
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			fmt.Fprintf(log, "error: %v\n", err)
		}
		if cerr := log.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("write the log: %w", cerr)
		}
	}()
	dir, err := r.Workspace.prepare(j.Key, lock.self.Nonce)
	if err != nil {
		return fmt.Errorf("prepare the job's folder: %w", err)
	}
	if t := time.Duration(j.Stage.Timeout); t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t, fmt.Errorf("it ran longer than its timeout of %s", t))
		defer cancel()
	}
	record := &Record{Job: j.Name, Key: j.Key, Parts: j.Parts, Versions: map[string]string{}, Attempts: number, Started: time.Now().UTC()}
	maps.Copy(record.Versions, r.Versions)
	w := &Work{Job: j.Name, Key: j.Key, Cell: j.Cell, Dir: dir, Cache: r.Workspace.cache(), Log: log, GPUs: j.gpus, Container: j.Stage.Container, Inside: r.Inside,
		Versions: record.Versions, settings: j.Parts.Settings, paths: j.paths}
	for _, a := range j.Ancestors() {
		w.Inputs = append(w.Inputs, Input{Job: a.Name, Uses: a.Kind.Name, Cell: a.Cell, Dir: r.Workspace.entry(a.Key)})
	}
	w.progress = func(done, total int64, note string) {
		r.tell(j, Running, Event{Attempt: number, Done: done, Total: total, Note: note})
	}
	if err := run(ctx, j.Kind, w); err != nil {
		return err
	}
	if !lock.mine() {
		return &TryAgain{fmt.Errorf("another runner took the job over: run again")}
	}
	record.Finished = time.Now().UTC()
	return r.Workspace.commit(dir, record)
}

// run calls the kind and turns a panic into an error, so that one job's fault is not the end of
// the others. A job that ends after its context did is not done.
func run(ctx context.Context, k *Kind, w *Work) (err error) {
	defer func() {
		if p := recover(); p != nil {
			buf := make([]byte, 16<<10)
			fmt.Fprintf(w.Log, "panic: %v\n%s\n", p, buf[:runtime.Stack(buf, false)])
			err = fmt.Errorf("internal fault (a bug in taskvec; its trace is in the log): %v", p)
		}
	}()
	err = k.Run(ctx, w)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// nextLog names the log of a job's next attempt: runs/logs/JOB/attempt-N.log.
func (w Workspace) nextLog(job string) (path string, n int, err error) {
	logs, err := w.Logs(job)
	if err != nil {
		return "", 0, err
	}
	n = 1
	if len(logs) > 0 {
		n = attemptNumber(logs[len(logs)-1]) + 1
	}
	return filepath.Join(w.Dir, "logs", filepath.FromSlash(job), fmt.Sprintf("attempt-%d.log", n)), n, nil
}

// Logs returns the logs of a job, the oldest attempt first.
func (w Workspace) Logs(job string) ([]string, error) {
	logs, err := filepath.Glob(filepath.Join(w.Dir, "logs", filepath.FromSlash(job), "attempt-*.log"))
	if err != nil {
		return nil, err
	}
	logs = slices.DeleteFunc(logs, func(l string) bool { return attemptNumber(l) == 0 })
	slices.SortFunc(logs, func(a, b string) int { return attemptNumber(a) - attemptNumber(b) })
	return logs, nil
}

// attemptNumber reads N from attempt-N.log, 0 when it is none.
func attemptNumber(path string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "attempt-"), ".log"))
	if err != nil {
		return 0
	}
	return n
}

// bytesText prints a number of bytes in GiB.
func bytesText(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// stateNames returns the final state of each job of the plan by name.
func (r *Runner) stateNames(p *Plan) map[string]State {
	out := map[string]State{}
	for _, j := range p.Jobs {
		out[j.Name] = r.states[j]
	}
	return out
}
