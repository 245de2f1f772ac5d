package argo

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A file travels inside the workflow.
type file struct {
	name  string // of the artifact
	place string // in a pod
	text  string
}

// maxFile bounds a file that travels, in bytes: all of them share the Workflow's object.
const maxFile = 128 << 10

// variable matches ${VAR}.
var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// places finds where the paths of the experiment lie in a pod. Small files beside the experiment
// travel with it; what lies below runs/ is in the claims, or below runs/models and runs/data in the
// objects; a path with a variable is the submitter's.
func (c *compiler) places() {
	c.advice = "put it below runs/, or write ${VAR} for it"
	if c.o.Storage == objects {
		c.advice = "put it below runs/data/, or write ${VAR} for it"
	}
	for _, p := range c.e.Paths() {
		switch place := inPod(p.Path); {
		case strings.HasPrefix(p.Key, "models.") && below(place, modelsDir):
		case below(place, dataDir), variable.MatchString(p.Path):
			c.readsData = true
		case below(place, runsDir):
			if c.o.Storage == objects {
				c.lose("%s: %s is not among the objects that a pod fetches: %s", p.Key, p.Path, c.advice)
			}
		case filepath.IsAbs(p.Path):
			c.warn("%s: %s is a path of this machine, which pods do not see: %s", p.Key, p.Path, c.advice)
		case !below(place, configsDir):
			c.lose("%s: %s lies neither beside the experiment nor below runs/: no pod would find it; %s", p.Key, p.Path, c.advice)
		default:
			c.carry(p.Key, p.Path, place)
		}
	}
}

// lose notes that no pod would find a file.
func (c *compiler) lose(format string, args ...any) {
	c.lost = append(c.lost, fmt.Errorf(format, args...))
}

// carry takes a file beside the experiment along, once.
func (c *compiler) carry(key, name, place string) {
	for _, f := range c.files {
		if f.place == place {
			return
		}
	}
	info, err := os.Stat(c.e.Resolve(name))
	switch {
	case err != nil:
		c.lose("%s: %v", key, err)
	case info.IsDir():
		c.lose("%s: %s is a folder, and only small files travel in the workflow: %s", key, name, c.advice)
	case info.Size() > maxFile:
		c.lose("%s: %s has %d bytes, and only files of up to %d travel in the workflow: %s", key, name, info.Size(), maxFile, c.advice)
	default:
		text, err := os.ReadFile(c.e.Resolve(name))
		if err != nil {
			c.lose("%s: %v", key, err)
		} else if !utf8.Valid(text) {
			c.lose("%s: %s is no text, and only text travels in the workflow: %s", key, name, c.advice)
		}
		c.files = append(c.files, file{name: fmt.Sprintf("file-%d", len(c.files)), place: place, text: string(text)})
	}
}

// inPod is where a path of the experiment lies in a pod.
func inPod(name string) string {
	if filepath.IsAbs(name) {
		return path.Clean(filepath.ToSlash(name))
	}
	return path.Join(configsDir, filepath.ToSlash(name))
}

// below says whether a place is a folder or in it.
func below(place, folder string) bool {
	return place == folder || strings.HasPrefix(place, folder+"/")
}
