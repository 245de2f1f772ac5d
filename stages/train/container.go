package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"taskvec/internal/container"
	"taskvec/internal/pipeline"
	"taskvec/internal/trainer"
)

// What a container sees.
const (
	jobMount      = "/job"
	examplesMount = "/examples.arrow"
	modelMount    = "/model"
)

// grace is how long a trainer may take to save a checkpoint when it is stopped.
const grace = 2 * time.Minute

// contained trains in a container: one that it starts, or in a pod the one that this process stands
// in. The trainer's folder is part of the job's checkpoint, so that an attempt that was killed,
// container and all, is gone on with, and one of which only this process was killed is taken over: a
// bind mount stays when the folder is moved.
func contained(ctx context.Context, w *pipeline.Work, spec trainer.Spec) (*trainer.Result, error) {
	dir, err := filepath.Abs(filepath.Join(w.CheckpointDir(), "container"))
	if err != nil {
		return nil, err
	}
	for _, path := range []*string{&spec.Examples, &spec.Model.Path} {
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, err
		}
	}
	run := inEngine
	if w.Inside {
		run = beside
	}
	said := &tail{w: w.Log}
	exit, err := run(ctx, w, dir, spec, func(line []byte) {
		var p trainer.Progress
		if json.Unmarshal(line, &p) == nil && p.Total > 0 {
			report(w, p)
		}
		fmt.Fprintf(w.Log, "%s\n", line)
	}, said)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := outcome(exit, said.last); err != nil {
		return nil, err
	}
	for _, name := range []string{trainer.SpecFile, "out"} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(w.Dir, name)); err != nil {
			return nil, fmt.Errorf("the trainer ended well and left no %s: %w", name, err)
		}
	}
	return trainer.ReadResult(w.Dir)
}

// inEngine runs the trainer on the job in dir in a container of podman or docker.
func inEngine(ctx context.Context, w *pipeline.Work, dir string, spec trainer.Spec, line func([]byte), log io.Writer) (int, error) {
	engine, err := container.Find(w.Container.Engine)
	if err != nil {
		return 0, err
	}
	image, err := engine.ImageID(ctx, w.Container.Image)
	if err != nil {
		return 0, err
	}
	store, err := filepath.Abs(filepath.Dir(w.Dir))
	if err != nil {
		return 0, err
	}
	s := container.Spec{
		Name:    containerName(w, store),
		Labels:  map[string]string{"taskvec.key": w.Key, "taskvec.store": store, "taskvec.image": image},
		Image:   w.Container.Image,
		Network: w.Container.Network, Memory: int64(w.Container.Memory), Shm: int64(w.Container.Shm), GPUs: w.GPUs, Grace: grace,
	}
	if err := show(&s, dir, spec); err != nil {
		return 0, err
	}
	w.Versions["engine"], w.Versions["image"] = engine.Name, "sha256:"+image
	fmt.Fprintf(w.Log, "%s runs image %s (%s) as %s\n", engine.Name, s.Image, image, s.Name)
	return engine.Run(ctx, s, line, log)
}

// beside runs the trainer on the job in dir in this container, on the files where they are. A container does
// not know the digest of its image: the name that the pod was given is recorded.
func beside(ctx context.Context, w *pipeline.Work, dir string, spec trainer.Spec, line func([]byte), log io.Writer) (int, error) {
	if err := trainer.WriteJSON(dir, trainer.SpecFile, spec); err != nil {
		return 0, err
	}
	command := append(w.Container.Trainer(), dir)
	w.Versions["image"] = w.Container.Image
	fmt.Fprintf(w.Log, "running %s\n", strings.Join(command, " "))
	return container.Beside(ctx, command, grace, line, log)
}

// show makes a container see a job: its folder, which becomes the container's user's, the examples and
// the base model, whose paths are absolute. It writes the folder's job.json, with the places that the
// container knows them by.
func show(s *container.Spec, dir string, spec trainer.Spec) error {
	s.Args = []string{jobMount}
	s.Mounts = []container.Mount{{Source: dir, Target: jobMount, Writable: true}}
	for _, m := range []struct{ source, target string }{{spec.Examples, examplesMount}, {spec.Model.Path, modelMount}} {
		s.Mounts = append(s.Mounts, container.Mount{Source: m.source, Target: m.target})
	}
	spec.Examples, spec.Model.Path = examplesMount, modelMount
	if err := trainer.WriteJSON(dir, trainer.SpecFile, spec); err != nil {
		return err
	}
	if err := container.HandOver(dir); err != nil {
		return fmt.Errorf("hand the job's folder to the container's user: %w", err)
	}
	return nil
}

// containerName names the container by job, key and the store it writes to, in the characters that
// engines allow: the same job of two workspaces has two containers.
func containerName(w *pipeline.Work, store string) string {
	sum := sha256.Sum256([]byte(store + "\x00" + w.Key))
	return "taskvec-" + strings.ReplaceAll(w.Job, "/", "-") + "-" + hex.EncodeToString(sum[:6])
}

// outcome turns a trainer's exit code into an error; last is the last line it said.
func outcome(exit int, last string) error {
	switch exit {
	case trainer.ExitDone:
		return nil
	case trainer.ExitBadData:
		return &trainer.BadData{Msg: strings.TrimPrefix(last, "bad data: ")}
	case trainer.ExitTryAgain, 143: // stopped
		return &pipeline.TryAgain{Err: fmt.Errorf("the trainer ended with exit code %d: %s", exit, last)}
	case 137:
		return &pipeline.TryAgain{Err: fmt.Errorf("the trainer was killed, by hand or for want of memory (container.memory): %s", last)}
	}
	return fmt.Errorf("the trainer failed with exit code %d: %s", exit, last)
}

// A tail passes text on and keeps its last line that is not empty.
type tail struct {
	w    io.Writer
	last string
	part string
}

func (t *tail) Write(b []byte) (int, error) {
	t.part += string(b)
	for {
		line, rest, ok := strings.Cut(t.part, "\n")
		if !ok {
			return t.w.Write(b)
		}
		if strings.TrimSpace(line) != "" {
			t.last = line
		}
		t.part = rest
	}
}

// digested remembers the digests of base models: every job of a plan asks for the same.
var digested sync.Map // folder → func() (string, error)

// modelDigest is the SHA-256 over the names and bytes of the files of a base model's folder.
func modelDigest(dir string) (string, error) {
	once, _ := digested.LoadOrStore(dir, sync.OnceValues(func() (string, error) {
		h := sha256.New()
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			digest, err := pipeline.FileDigest(path)
			fmt.Fprintf(h, "%s\x00%s\n", filepath.ToSlash(name), digest)
			return err
		})
		return hex.EncodeToString(h.Sum(nil)), err
	}))
	return once.(func() (string, error))()
}
