package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Workspace is the folder that holds the store, the logs and each experiment's results.
type Workspace struct{ Dir string }

func (w Workspace) store() string           { return filepath.Join(w.Dir, "store") }
func (w Workspace) cache() string           { return filepath.Join(w.Dir, "cache") }
func (w Workspace) entry(key string) string { return filepath.Join(w.store(), key) }

// Entry returns the folder of the finished job of a key.
func (w Workspace) Entry(key string) string { return w.entry(key) }

func (w Workspace) scratch(key, nonce string) string {
	return filepath.Join(w.store(), "tmp-"+key+"-"+nonce)
}
func (w Workspace) lock(key string) string { return filepath.Join(w.store(), key+".lock") }

// Experiment returns the folder of an experiment's results.
func (w Workspace) Experiment(name string) string { return filepath.Join(w.Dir, name) }

// Has says whether the job of that key is done. A finished entry is a whole folder: it is renamed
// into place as the last step.
func (w Workspace) Has(key string) bool {
	_, err := os.Stat(filepath.Join(w.entry(key), recordFile))
	return err == nil
}

// recordFile is the file of a store entry that says what it is.
const recordFile = "job.json"

// A Record is the job.json of a finished job.
type Record struct {
	Job      string            `json:"job"`
	Key      string            `json:"key"`
	Parts    Parts             `json:"parts"`
	Outputs  map[string]string `json:"outputs"` // path below the entry → SHA-256 of the file
	Versions map[string]string `json:"versions"`
	Exit     int               `json:"exit"`
	Attempts int               `json:"attempts"`
	Started  time.Time         `json:"started"`
	Finished time.Time         `json:"finished"`
}

// Record reads the record of a finished job.
func (w Workspace) Record(key string) (*Record, error) {
	b, err := os.ReadFile(filepath.Join(w.entry(key), recordFile))
	if err != nil {
		return nil, err
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(w.entry(key), recordFile), err)
	}
	return &r, nil
}

// Records reads the records of all finished jobs of a kind, in the order of their keys. What cannot be read
// as one is no finished job.
func (w Workspace) Records(kind string) ([]*Record, error) {
	files, err := filepath.Glob(filepath.Join(w.store(), "*", recordFile))
	if err != nil {
		return nil, err
	}
	var out []*Record
	for _, f := range files {
		key := filepath.Base(filepath.Dir(f))
		if r, err := w.Record(key); err == nil && r.Key == key && r.Parts.Kind == kind {
			out = append(out, r)
		}
	}
	return out, nil
}

// prepare makes the scratch folder of a job ready: empty but for the checkpoint of an attempt that
// was killed. The folder is the lock holder's own, so that two runners that both take themselves
// for the holder never write into one.
func (w Workspace) prepare(key, nonce string) (dir string, err error) {
	dir = w.scratch(key, nonce)
	kept := filepath.Join(w.store(), "tmp-"+nonce) // the checkpoint while the rest is cleared
	left, err := filepath.Glob(filepath.Join(w.store(), "tmp-"+key+"-*"))
	if err != nil {
		return "", err
	}
	for _, old := range left {
		if err := os.Rename(filepath.Join(old, checkpoint), kept); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		if err := os.RemoveAll(old); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	if err := os.Rename(kept, filepath.Join(dir, checkpoint)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return dir, nil
}

// commit makes the scratch folder of a job its store entry: the checkpoint is removed, the
// outputs are hashed, the record is written, everything is synced, and the folder is renamed.
func (w Workspace) commit(dir string, r *Record) error {
	if err := os.RemoveAll(filepath.Join(dir, checkpoint)); err != nil {
		return err
	}
	outputs, err := digests(dir)
	if err != nil {
		return fmt.Errorf("hash the outputs of %s: %w", r.Job, err)
	}
	delete(outputs, recordFile)
	r.Outputs = outputs
	if err := writeRecord(filepath.Join(dir, recordFile), r); err != nil {
		return err
	}
	if err := syncTree(dir); err != nil {
		return fmt.Errorf("sync the outputs of %s: %w", r.Job, err)
	}
	// An entry without its record was spoilt from outside: it is no result.
	if !w.Has(r.Key) {
		if err := os.RemoveAll(w.entry(r.Key)); err != nil {
			return fmt.Errorf("clear the spoilt entry of %s: %w", r.Job, err)
		}
	}
	if err := os.Rename(dir, w.entry(r.Key)); err != nil {
		return fmt.Errorf("put the outputs of %s into the store: %w", r.Job, err)
	}
	return syncPath(w.store())
}

// writeRecord writes job.json. A trainer's job.json, which has other keys, keeps them: the record
// is added to it.
func writeRecord(path string, r *Record) error {
	all := map[string]json.RawMessage{}
	old, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(old, &all)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	own := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &own); err != nil {
		return err
	}
	maps.Copy(all, own)
	return WriteJSON(path, all)
}

// WriteJSON writes v as indented JSON at path by way of a temporary file, so that no reader ever
// sees half of it.
func WriteJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeAtomic(path, append(b, '\n'))
}

// writeAtomic writes a file by renaming a finished and synced one into place.
func writeAtomic(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once renamed
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// digests returns the SHA-256 of every file below dir by slash-separated path.
func digests(dir string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(rel)], err = FileDigest(path)
		return err
	})
	return out, err
}

// FileDigest returns the SHA-256 of a file's bytes in hexadecimal.
func FileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// syncTree flushes every file and folder below dir to disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
}

// syncPath flushes one file or folder to disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// publish copies the outputs of finished jobs that people read to the experiment's folder:
// results/ and report/. Files are replaced one by one, whole; what belongs to no job of the whole
// plan is removed. Nothing is done when no job of the plan is one of those. The caller holds the
// experiment's lock.
func (w Workspace) publish(p *Plan) error {
	if !slices.ContainsFunc(p.Jobs, func(j *Job) bool { return j.Kind.Publish != "" }) {
		return nil
	}
	if p.whole != nil {
		p = p.whole
	}
	root := w.Experiment(p.Experiment.Name)
	for _, folder := range []string{"results", "report"} {
		keep := map[string]bool{}
		any := false
		for _, j := range p.Jobs {
			if j.Kind.Publish != folder || !w.Has(j.Key) {
				continue
			}
			any = true
			r, err := w.Record(j.Key)
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(r.Outputs)) {
				keep[filepath.Join(root, folder, filepath.FromSlash(name))] = true
				if err := w.publishFile(j.Key, name, r.Outputs[name], filepath.Join(root, folder)); err != nil {
					return fmt.Errorf("publish %s of %s: %w", name, j.Name, err)
				}
			}
		}
		if !any {
			continue
		}
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || keep[path] {
				return err
			}
			return os.Remove(path)
		})
		if err != nil {
			return fmt.Errorf("publish %s: %w", folder, err)
		}
	}
	return nil
}

// publishFile copies one output unless the same bytes stand there already.
func (w Workspace) publishFile(key, name, digest, folder string) error {
	dst := filepath.Join(folder, filepath.FromSlash(name))
	if have, err := FileDigest(dst); err == nil && have == digest {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o777); err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(w.entry(key), filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	return writeAtomic(dst, b)
}
