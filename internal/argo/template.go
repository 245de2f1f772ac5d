package argo

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taskvec/internal/experiment"
	"taskvec/internal/pipeline"
)

// The volumes of pods.
const (
	workspaceVolume = "workspace"
	modelsVolume    = "models"
	tempVolume      = "tmp"
	shmVolume       = "shm"
	programVolume   = "taskvec-bin"
)

// retryable is when Argo tries a job again: it never came to its end, which leaves no exit code (-1, as of
// an evicted pod), or its exit code says that it may pass (75), that it was killed (137) or stopped (143).
const retryable = "lastRetry.status == 'Error' or asInt(lastRetry.exitCode) in [-1, 75, 137, 143]"

// Times.
const (
	longestWait = "1h"            // before an attempt, as in a run at home
	overtime    = 5 * time.Minute // beyond a job's timeout, which the job itself heeds and reports
	grace       = 150             // seconds a pod may take to end: a trainer saves a checkpoint
)

// uid is the user of all pods, that of taskvec's images.
const uid = 1000

// stage makes the template of a stage; its one parameter is the job's name.
func (c *compiler) stage(s *experiment.Stage) wfv1.Template {
	t := c.pod(s.Name)
	t.Inputs.Parameters = []wfv1.Parameter{{Name: jobParameter}}
	main := t.Container
	main.Args = append([]string{"job", "{{inputs.parameters." + jobParameter + "}}"}, c.arguments()...)
	if c.readsModels(s) {
		main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: modelsVolume, MountPath: modelsDir, ReadOnly: true})
	}
	if fetches(*s) {
		main.Env = append(main.Env, corev1.EnvVar{Name: "HF_TOKEN", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: reference(secretParameter)}, Key: "token", Optional: ptr(true),
		}}})
	}
	if s.Memory > 0 {
		main.Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: quantity(s.Memory)}
	}
	if s.Container != nil {
		c.trainer(s, &t)
	}
	if host, ok := serverOf(s); ok && (host == "" || loopback.MatchString(host)) {
		c.warn("stage %s: its Ollama server is on this machine, where pods do not reach it: set with.server.host to one that they reach", s.Name)
	}
	t.RetryStrategy = c.retry(s)
	if s.Timeout > 0 {
		t.ActiveDeadlineSeconds = ptr(intstr.FromInt32(int32(math.Ceil((time.Duration(s.Timeout) + overtime).Seconds()))))
	}
	return t
}

// loopback matches an address that means the machine itself.
var loopback = regexp.MustCompile(`(^|/)(localhost|127\.|\[::1\])`)

// serverOf is the address of the Ollama server that jobs of the stage ask.
func serverOf(s *experiment.Stage) (host string, ok bool) {
	switch w := s.With.(type) {
	case *experiment.SummarizeWith:
		return w.Server.Host, true
	case *experiment.EvaluateWith:
		return w.Server.Host, true
	}
	return "", false
}

// trainer makes the pod that of a trainer's image, into which the program is copied.
func (c *compiler) trainer(s *experiment.Stage, t *wfv1.Template) {
	main := t.Container
	mount := corev1.VolumeMount{Name: programVolume, MountPath: installed}
	t.Volumes = append(t.Volumes, corev1.Volume{Name: programVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	t.InitContainers = []wfv1.UserContainer{{Container: corev1.Container{
		Name: "install", Image: main.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command: []string{program}, Args: []string{"install", installed},
		VolumeMounts: []corev1.VolumeMount{mount}, SecurityContext: containerSecurity(),
	}}}
	mount.ReadOnly = true
	main.VolumeMounts = append(main.VolumeMounts, mount)
	main.Image = c.expanded(s.Container.Image)
	for _, g := range c.images() {
		if slices.Contains(g.stages, s.Name) {
			main.Image = reference(g.name)
		}
	}
	main.Command = []string{installed + program}
	main.Args = append(main.Args, "--inside")
	if m := s.Container.Memory; m > 0 {
		main.Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: quantity(m)}
		main.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: quantity(m)}
	}
	if m := s.Container.Shm; m > 0 {
		size := quantity(m)
		t.Volumes = append(t.Volumes, corev1.Volume{Name: shmVolume, VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &size},
		}})
		main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: shmVolume, MountPath: "/dev/shm"})
	}
	// The number of GPUs is a quantity, which cannot hold a parameter, and labels are a mapping: the
	// patch is text until the pod is made.
	patch := fmt.Sprintf(`"terminationGracePeriodSeconds":%d`, grace)
	for _, g := range c.grouped(gpusParameter, gpusOf) {
		if slices.Contains(g.stages, s.Name) {
			patch += fmt.Sprintf(`,"nodeSelector":%s,"containers":[{"name":"main","resources":{"limits":{"nvidia.com/gpu":"%s"}}}]`,
				reference(nodesParameter), reference(g.name))
			t.Tolerations = []corev1.Toleration{{Key: "nvidia.com/gpu", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}}
		}
	}
	t.PodSpecPatch = "{" + patch + "}"
	if s.Container.Engine != "auto" {
		c.warn("stage %s: container.engine means nothing in a cluster, whose nodes run the containers", s.Name)
	}
	if s.Container.Network {
		c.warn("stage %s: container.network means nothing in a cluster, where every pod has the network that its policies allow", s.Name)
	}
}

// retry says when and how often Argo tries a job of the stage again.
func (c *compiler) retry(s *experiment.Stage) *wfv1.RetryStrategy {
	if s.Retry.Limit == 0 {
		return nil
	}
	factor := int32(math.Round(s.Retry.Factor))
	if float64(factor) != s.Retry.Factor {
		c.warn("stage %s: retry.factor is a whole number in Argo: %d stands for %g", s.Name, factor, s.Retry.Factor)
	}
	return &wfv1.RetryStrategy{
		Limit: ptr(intstr.FromInt32(int32(s.Retry.Limit))), RetryPolicy: wfv1.RetryPolicyAlways, Expression: retryable,
		Backoff: &wfv1.Backoff{Duration: time.Duration(s.Retry.Backoff).String(), Factor: ptr(intstr.FromInt32(factor)), Cap: longestWait},
	}
}

// finish makes the template of the exit handler, which notes the workflow's end in the workspace.
func (c *compiler) finish() wfv1.Template {
	t := c.pod(finishName)
	t.Container.Args = append(append([]string{"finish"}, c.arguments()...),
		"--workflow", "{{workflow.name}}", "--status", "{{workflow.status}}", "--failures", failuresFile)
	// In a file, since many of them are more than an argument may hold (128 KiB).
	t.Inputs.Artifacts = append(t.Inputs.Artifacts, wfv1.Artifact{
		Name: "failures", Path: failuresFile, ArtifactLocation: wfv1.ArtifactLocation{Raw: &wfv1.RawArtifact{Data: "{{workflow.failures}}"}},
	})
	if c.o.Storage == objects {
		t.Outputs.Artifacts = wfv1.Artifacts{key("end", runsDir+"/"+c.e.Name, "workflow.tgz")}
		c.unshare(&t)
	}
	return t
}

// pod makes a template with what all pods have: the files that travel, the workspace, a temporary
// folder, variables, and no privilege.
func (c *compiler) pod(name string) wfv1.Template {
	t := wfv1.Template{Name: name}
	for _, f := range c.files {
		t.Inputs.Artifacts = append(t.Inputs.Artifacts, wfv1.Artifact{Name: f.name, Path: f.place})
	}
	t.Volumes = []corev1.Volume{{Name: tempVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	t.Container = &corev1.Container{
		Image: reference(imageParameter), ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{program},
		VolumeMounts: []corev1.VolumeMount{
			{Name: workspaceVolume, MountPath: runsDir},
			{Name: tempVolume, MountPath: "/tmp"},
		},
		SecurityContext: containerSecurity(),
	}
	for _, p := range c.params {
		for v, parameter := range c.vars {
			if parameter == p.Name {
				t.Container.Env = append(t.Container.Env, corev1.EnvVar{Name: v, Value: reference(parameter)})
			}
		}
	}
	return t
}

// arguments are the flags of every job: all need the same experiment, since keys hang on one another.
func (c *compiler) arguments() []string {
	args := []string{"--config", c.files[0].place, "--workspace", runsDir}
	for _, s := range c.o.Sets {
		args = append(args, "--set", s)
	}
	for _, g := range c.images() {
		for _, stage := range g.stages {
			args = append(args, "--set", "stages."+stage+".container.image="+reference(g.name))
		}
	}
	return args
}

// volumes are the claims.
func (c *compiler) volumes() []corev1.Volume {
	claim := func(name, parameter string, readOnly bool) corev1.Volume {
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: reference(parameter), ReadOnly: readOnly},
		}}
	}
	out := []corev1.Volume{claim(workspaceVolume, workspaceParameter, false)}
	if c.usesModels() {
		out = append(out, claim(modelsVolume, modelsParameter, true))
	}
	return out
}

// usesModels says whether a base model lies in the claim of models.
func (c *compiler) usesModels() bool {
	return slices.ContainsFunc(c.e.Stages, func(s experiment.Stage) bool { return c.hangsOnModels(&s) })
}

// readsModels says whether jobs of a stage read a base model of the claim: those whose keys hang on one,
// and those that publish, which look at the keys of all jobs.
func (c *compiler) readsModels(s *experiment.Stage) bool {
	return c.hangsOnModels(s) || c.publishes(s) && c.usesModels()
}

// hangsOnModels says whether the keys of a stage hang on the bytes of a base model of the claim: those of
// trainings, and of what comes after them.
func (c *compiler) hangsOnModels(s *experiment.Stage) bool {
	if s.Uses == "train" {
		for _, cell := range s.Cells() {
			if m := c.e.Model(cell["model"]); m != nil && m.Local() && below(inPod(m.Base), modelsDir) {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.Needs, func(n string) bool { return c.hangsOnModels(c.e.Stage(n)) })
}

// publishes says whether jobs of a stage copy results into the experiment's folder.
func (c *compiler) publishes(s *experiment.Stage) bool {
	return slices.ContainsFunc(c.plan.Jobs, func(j *pipeline.Job) bool { return j.Stage.Name == s.Name && j.Kind.Publish != "" })
}

func podSecurity() *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{
		RunAsNonRoot: ptr(true), RunAsUser: ptr(int64(uid)), RunAsGroup: ptr(int64(uid)), FSGroup: ptr(int64(uid)),
		FSGroupChangePolicy: ptr(corev1.FSGroupChangeOnRootMismatch),
		SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func containerSecurity() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr(false), ReadOnlyRootFilesystem: ptr(true),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

// quantity is a number of bytes as Kubernetes writes it.
func quantity(q experiment.Quantity) resource.Quantity { return resource.MustParse(q.String()) }
