package argo

import (
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"taskvec/internal/pipeline"
)

// Storages are where a workflow keeps what its jobs make: in claims that all pods share, or as objects
// of the cluster's artifact repository, from which each pod fetches what its job reads.
var Storages = []string{"claim", objects}

const (
	objects         = "s3"
	prefixParameter = "prefix"
	fromDir         = "/in"       // a folder a job that this one reads, each a workspace with its result
	outDir          = "/out"      // a volume, which is there and empty while the job is at work
	toDir           = "/out/done" // the workspace with what comes of this job, there once it is whole
	dataDir         = "/runs/data"
)

// key is the artifact of a key below the workflow's prefix, in the repository of the cluster.
func key(name, path, object string) wfv1.Artifact {
	return wfv1.Artifact{Name: name, Path: path, ArtifactLocation: wfv1.ArtifactLocation{
		S3: &wfv1.S3Artifact{Key: reference(prefixParameter) + "/" + object},
	}}
}

// folder is the artifact of all objects below a key.
func folder(name, path string) wfv1.Artifact {
	a := key(name, path, name)
	a.Archive = &wfv1.ArchiveStrategy{None: &wfv1.NoneStrategy{}}
	return a
}

// objectOf is the object that a job's pod leaves.
func objectOf(j *pipeline.Job) string { return "jobs/" + TaskName(j) + ".tgz" }

// job makes the template of one job whose pod shares no claim: jobs of a stage read different objects.
func (c *compiler) job(j *pipeline.Job) wfv1.Template {
	t := c.stage(j.Stage)
	t.Name = TaskName(j)
	reads := append(j.Ancestors(), j)
	for i, n := range reads {
		a := key("job-"+TaskName(n), fromDir+"/"+TaskName(n), objectOf(n))
		a.Optional = i == len(reads)-1 // its own, of an earlier workflow
		t.Inputs.Artifacts = append(t.Inputs.Artifacts, a)
	}
	if c.readsModels(j.Stage) {
		t.Inputs.Artifacts = append(t.Inputs.Artifacts, folder("models", modelsDir))
	}
	if c.readsData {
		t.Inputs.Artifacts = append(t.Inputs.Artifacts, folder("data", dataDir))
	}
	// Argo saves outputs of pods that failed too: a job that did not end leaves an earlier object alone.
	done := key("done", toDir, objectOf(j))
	done.Optional = true
	t.Outputs.Artifacts = wfv1.Artifacts{done}
	args := t.Container.Args
	t.Container.Args = slices.Insert(args, 2, "--from", fromDir, "--to", toDir)
	c.unshare(&t, outDir)
	return t
}

// unshare gives a pod a workspace of its own in place of the claims, and empty folders.
func (c *compiler) unshare(t *wfv1.Template, dirs ...string) {
	main := t.Container
	main.VolumeMounts = slices.DeleteFunc(main.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == modelsVolume })
	empty := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	t.Volumes = append(t.Volumes, corev1.Volume{Name: workspaceVolume, VolumeSource: empty})
	for _, dir := range dirs {
		name := strings.Trim(dir, "/")
		t.Volumes = append(t.Volumes, corev1.Volume{Name: name, VolumeSource: empty})
		main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: dir})
	}
}
