// Package argo turns an experiment into an Argo Workflow: a template a stage, a task of a DAG a job,
// and the experiment itself as an artifact inside, so that the one file is all that is submitted.
//
// It knows what a manifest must say, not what jobs do: each pod runs `taskvec job`, which looks its
// key up in the workspace as a run at home does. It reads no corpus and no model, talks to no cluster,
// and needs no environment variable that the experiment names: those become parameters.
package argo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
)

// Where things are in a pod. The tree is that of the repository, so that a path of the experiment
// means the same in both.
const (
	configsDir   = "/configs"
	runsDir      = "/runs"
	modelsDir    = "/runs/models"
	program      = "/taskvec"           // in the image of taskvec
	installed    = "/opt/taskvec-bin"   // folder of the program in a trainer's pod
	mainName     = "taskvec"            // the template of the DAG
	finishName   = "taskvec-finish"     // the template of the exit handler
	failuresFile = "/workflow/failures" // what the exit handler reads
	maxName      = 63                   // characters of a name, as Kubernetes bounds labels
	maxObject    = 900 << 10            // bytes of a Workflow: etcd takes 1 MiB, and its status comes on top
	keepDone     = int32(24 * 60 * 60)  // seconds a Workflow that succeeded is kept
	keepFailed   = 7 * keepDone         // and one that failed
	podDelay     = "60s"                // how long a pod that succeeded stays, for its log to be read
)

// Options are what a workflow says besides the experiment.
type Options struct {
	Sets        []string // the --set flags that each job is given
	Parallelism int64    // pods that run at once
	Storage     string   // one of Storages
	Version     string   // of taskvec, "" when unknown
}

// A Workflow is a compiled experiment.
type Workflow struct {
	YAML []byte
	// Warnings are settings of the experiment that mean nothing, or something else, in a cluster.
	Warnings []string
}

// Unfit is the error of an experiment that no workflow can hold, though it may run at home.
type Unfit struct {
	File     string
	Paths    []error // files that no pod would find
	Problems []error // all else
}

func (u *Unfit) Error() string {
	return fmt.Sprintf("%s cannot become a workflow:\n%v", u.File, errors.Join(append(slices.Clone(u.Paths), u.Problems...)...))
}

// A compiler collects what is wrong and what is to be said while it makes the manifest.
type compiler struct {
	plan      *pipeline.Plan
	e         *experiment.Experiment
	o         Options
	files     []file
	vars      map[string]string // variable → parameter
	advice    string            // what to do about a path that no pod would find
	readsData bool              // a path lies below runs/data, or may: a variable names it
	params    []wfv1.Parameter
	warnings  []string
	lost      []error // Paths of an Unfit
	errs      []error // and its Problems
}

func (c *compiler) fail(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// warn notes a warning once, however many templates it concerns.
func (c *compiler) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.warnings, text) {
		c.warnings = append(c.warnings, text)
	}
}

// Compile makes the workflow of an experiment file. kinds are the kinds of stage by name. An invalid
// experiment is an experiment.Errors; what a workflow cannot hold is an *Unfit with all of it.
func Compile(path string, kinds []pipeline.Kind, o Options) (*Workflow, error) {
	c := &compiler{o: o, vars: map[string]string{}}
	var err error
	// Variables stand for themselves: their values are the submitter's.
	c.e, err = experiment.Load(path, o.Sets, func(name string) (string, bool) {
		c.vars[name] = ""
		return "${" + name + "}", true
	})
	if err != nil {
		return nil, err
	}
	if c.plan, err = pipeline.Expand(c.e, kinds); err != nil {
		return nil, err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the experiment: %w", err)
	}
	c.files = []file{{name: "experiment", place: configsDir + "/" + filepath.Base(path), text: string(source)}}
	c.places()
	c.parameters()
	w := c.workflow(source)
	c.checkNames(w)
	c.checkText()
	text, size, err := render(w, filepath.Base(path))
	if err != nil {
		return nil, fmt.Errorf("write the workflow of %s: %w", path, err)
	}
	if size > maxObject {
		c.fail("it has %d bytes, and a cluster takes %d with room for the status: split the experiment, or put its files below runs/", size, maxObject)
	}
	if len(c.lost)+len(c.errs) > 0 {
		return nil, &Unfit{File: path, Paths: c.lost, Problems: c.errs}
	}
	return &Workflow{YAML: text, Warnings: c.warnings}, nil
}

// workflow makes the manifest.
func (c *compiler) workflow(source []byte) *wfv1.Workflow {
	sum := sha256.Sum256(source)
	w := &wfv1.Workflow{
		TypeMeta: metav1.TypeMeta{APIVersion: "argoproj.io/v1alpha1", Kind: "Workflow"},
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: c.e.Name + "-",
			Labels:       map[string]string{"app.kubernetes.io/name": "taskvec", "taskvec/experiment": c.e.Name},
			Annotations:  map[string]string{"taskvec/config-digest": "sha256:" + hex.EncodeToString(sum[:])},
		},
		Spec: wfv1.WorkflowSpec{
			Entrypoint:      mainName,
			OnExit:          finishName,
			Arguments:       wfv1.Arguments{Parameters: c.params},
			PodMetadata:     &wfv1.Metadata{Labels: map[string]string{"taskvec/experiment": c.e.Name}},
			SecurityContext: podSecurity(),
			PodGC:           &wfv1.PodGC{Strategy: wfv1.PodGCOnPodSuccess, DeleteDelayDuration: podDelay},
			TTLStrategy:     &wfv1.TTLStrategy{SecondsAfterSuccess: ptr(keepDone), SecondsAfterFailure: ptr(keepFailed)},
			Parallelism:     ptr(c.o.Parallelism),
		},
	}
	if c.o.Version != "" {
		w.Annotations["taskvec/version"] = c.o.Version
	}
	for _, f := range c.files {
		w.Spec.Arguments.Artifacts = append(w.Spec.Arguments.Artifacts, wfv1.Artifact{
			Name: f.name, ArtifactLocation: wfv1.ArtifactLocation{Raw: &wfv1.RawArtifact{Data: f.text}},
		})
	}
	w.Spec.Templates = append(w.Spec.Templates, c.dag())
	if c.o.Storage == objects {
		for _, j := range c.plan.Jobs {
			w.Spec.Templates = append(w.Spec.Templates, c.job(j))
		}
		w.Spec.Templates = append(w.Spec.Templates, c.finish())
		return w
	}
	for i := range c.e.Stages {
		w.Spec.Templates = append(w.Spec.Templates, c.stage(&c.e.Stages[i]))
	}
	w.Spec.Templates = append(w.Spec.Templates, c.finish())
	w.Spec.Volumes = c.volumes()
	return w
}

// dag makes the template that starts a task for every job once what it needs has succeeded.
func (c *compiler) dag() wfv1.Template {
	t := wfv1.Template{Name: mainName, DAG: &wfv1.DAGTemplate{FailFast: ptr(false)}}
	var given wfv1.Artifacts
	for _, f := range c.files {
		t.Inputs.Artifacts = append(t.Inputs.Artifacts, wfv1.Artifact{Name: f.name})
		given = append(given, wfv1.Artifact{Name: f.name, From: "{{inputs.artifacts." + f.name + "}}"})
	}
	for _, j := range c.plan.Jobs {
		var needs []string
		for _, n := range j.Needs {
			needs = append(needs, TaskName(n)+".Succeeded")
		}
		template := j.Stage.Name
		if c.o.Storage == objects {
			template = TaskName(j)
		}
		t.DAG.Tasks = append(t.DAG.Tasks, wfv1.DAGTask{
			Name: TaskName(j), Template: template, Depends: strings.Join(needs, " && "),
			Arguments: wfv1.Arguments{
				Parameters: []wfv1.Parameter{{Name: jobParameter, Value: wfv1.AnyStringPtr(j.Name)}},
				Artifacts:  given,
			},
		})
	}
	return t
}

// unnamable is what stands in the name of a job and not in that of a task.
var unnamable = regexp.MustCompile(`[^a-z0-9-]`)

// TaskName is what a job is called in a workflow: a label of RFC 1123.
func TaskName(j *pipeline.Job) string { return unnamable.ReplaceAllString(j.Name, "-") }

// checkNames wants names that Kubernetes takes and no two of which are the same.
func (c *compiler) checkNames(w *wfv1.Workflow) {
	seen := map[string]string{}
	for _, j := range c.plan.Jobs {
		name := TaskName(j)
		if len(name) > maxName {
			c.fail("job %s: its name has %d characters and a task of Argo %d at most: shorten the names of the stage, the model or the task", j.Name, len(name), maxName)
		}
		if other, ok := seen[name]; ok {
			c.fail("jobs %s and %s would both be the task %s: rename one of their stages", other, j.Name, name)
		}
		seen[name] = j.Name
	}
	templates := map[string]bool{}
	for _, t := range w.Spec.Templates {
		if templates[t.Name] {
			c.fail("stage %s: the workflow has a template of that name: rename the stage", t.Name)
		}
		templates[t.Name] = true
	}
}

// checkText refuses {{…}} in what the experiment holds: Argo would replace it.
func (c *compiler) checkText() {
	for _, f := range c.files {
		for i, line := range strings.Split(f.text, "\n") {
			if strings.Contains(line, "{{") {
				c.fail("%s:%d: it holds {{, which Argo takes for a variable: write it in another way", strings.TrimPrefix(f.place, "/"), i+1)
			}
		}
	}
	for _, s := range c.o.Sets {
		if strings.Contains(s, "{{") {
			c.fail("--set %s: it holds {{, which Argo takes for a variable", s)
		}
	}
}

func ptr[T any](v T) *T { return &v }
