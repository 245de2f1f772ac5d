package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"taskvec/internal/pipeline"
)

// A view shows what happens in a run.
type view interface {
	start(jobs int)
	observe(pipeline.Event)
	close()
	summarises() bool // whether lines for people follow
}

// newView chooses the view: bars on a terminal, plain lines elsewhere, JSON on request.
func newView(cmd *cobra.Command, e *env, progress string) (view, error) {
	switch progress {
	case "auto":
		if e.terminal {
			return &barView{w: e.stderr}, nil
		}
		return &plainView{w: e.stderr}, nil
	case "plain":
		return &plainView{w: e.stderr}, nil
	case "json":
		return &jsonView{w: e.stdout}, nil
	}
	return nil, usage(cmd, "--progress must be auto, plain or json, not %q", progress)
}

// line describes an event for people, "" when it is not worth a line.
func line(ev pipeline.Event) string {
	switch ev.State {
	case pipeline.Done:
		return fmt.Sprintf("%-8s %s  %s", ev.State, ev.Job, roundDuration(ev.Took))
	case pipeline.Failed:
		return fmt.Sprintf("%-8s %s", ev.State, ev.Job)
	case pipeline.Retry:
		return fmt.Sprintf("%-8s %s  attempt %d failed: %s; %s", ev.State, ev.Job, ev.Attempt, ev.Err, ev.Note)
	case pipeline.Cached:
		if ev.Note == "" {
			return "" // counted in the summary
		}
		return fmt.Sprintf("%-8s %s  %s", ev.State, ev.Job, ev.Note)
	case pipeline.Waiting, pipeline.Blocked:
		return fmt.Sprintf("%-8s %s  %s", ev.State, ev.Job, ev.Note)
	case pipeline.Stopped:
		return fmt.Sprintf("%-8s %s", ev.State, ev.Job)
	}
	return ""
}

// plainInterval is how often a running job's progress is worth a line.
const plainInterval = 10 * time.Second

// plainView prints a line an event.
type plainView struct {
	w    io.Writer
	last map[string]time.Time
}

func (v *plainView) start(int)        { v.last = map[string]time.Time{} }
func (v *plainView) close()           {}
func (v *plainView) summarises() bool { return true }

func (v *plainView) observe(ev pipeline.Event) {
	if ev.State != pipeline.Running {
		if l := line(ev); l != "" {
			fmt.Fprintln(v.w, l)
		}
		return
	}
	last, started := v.last[ev.Job]
	switch {
	case !started || ev.Total == 0 && ev.Note == "":
		fmt.Fprintf(v.w, "%-8s %s\n", "start", ev.Job)
	case ev.Time.Sub(last) < plainInterval:
		return
	default:
		fmt.Fprintf(v.w, "%-8s %s  %d/%d %s\n", "running", ev.Job, ev.Done, ev.Total, ev.Note)
	}
	v.last[ev.Job] = ev.Time
}

// jsonView prints an event a line.
type jsonView struct{ w io.Writer }

func (v *jsonView) start(int)        {}
func (v *jsonView) close()           {}
func (v *jsonView) summarises() bool { return false }

func (v *jsonView) observe(ev pipeline.Event) {
	// An Event has no value that JSON refuses, and a closed stdout shows in what follows.
	_ = json.NewEncoder(v.w).Encode(ev)
}

// barView draws a bar for each running job and one for the whole run.
type barView struct {
	w     io.Writer
	p     *mpb.Progress
	total *mpb.Bar
	bars  map[string]*jobBar
}

// A jobBar is the bar of one job and the note beside it.
type jobBar struct {
	bar  *mpb.Bar
	note atomic.Value // string; the drawing goroutine reads it
}

func (v *barView) start(jobs int) {
	v.p = mpb.New(mpb.WithOutput(v.w), mpb.WithWidth(30), mpb.WithRefreshRate(150*time.Millisecond))
	v.bars = map[string]*jobBar{}
	v.total = v.p.AddBar(int64(jobs), mpb.BarPriority(1<<30), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("jobs", decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d"), decor.Name("  "), decor.Elapsed(decor.ET_STYLE_MMSS)))
}

func (v *barView) observe(ev pipeline.Event) {
	if ev.State == pipeline.Running {
		v.progress(ev)
		return
	}
	if l := line(ev); l != "" {
		fmt.Fprintln(v.p, l)
	}
	if b := v.bars[ev.Job]; b != nil {
		b.bar.Abort(true)
		delete(v.bars, ev.Job)
	}
	switch ev.State {
	case pipeline.Done, pipeline.Cached, pipeline.Failed, pipeline.Blocked:
		v.total.Increment()
	}
}

func (v *barView) progress(ev pipeline.Event) {
	b := v.bars[ev.Job]
	if b == nil {
		b = &jobBar{}
		b.note.Store("")
		b.bar = v.p.AddBar(0, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(ev.Job, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), decor.Any(func(decor.Statistics) string { return "  " + b.note.Load().(string) })))
		v.bars[ev.Job] = b
	}
	b.note.Store(ev.Note)
	if ev.Total > 0 {
		b.bar.SetTotal(ev.Total, false)
		b.bar.SetCurrent(ev.Done)
	}
}

func (v *barView) close() {
	for _, b := range v.bars {
		b.bar.Abort(true)
	}
	v.total.Abort(true)
	v.p.Wait()
}

func (v *barView) summarises() bool { return true }
