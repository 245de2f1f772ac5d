package argo

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"taskvec/internal/experiment"
)

// The parameters of every workflow that has use for them.
const (
	imageParameter     = "image"
	trainerParameter   = "trainer-image"
	workspaceParameter = "workspace-claim"
	modelsParameter    = "models-claim"
	gpusParameter      = "gpus"
	nodesParameter     = "gpu-nodes"
	secretParameter    = "hf-secret"
	jobParameter       = "job" // of a template, not of the workflow
)

// parameter adds a parameter; a nil value must be given when the workflow is submitted.
func (c *compiler) parameter(name string, value *string, description string) {
	p := wfv1.Parameter{Name: name, Description: wfv1.AnyStringPtr(description)}
	if value != nil {
		p.Value = wfv1.AnyStringPtr(*value)
	}
	c.params = append(c.params, p)
}

// parameters declares the parameters that the workflow has use for.
func (c *compiler) parameters() {
	c.parameter(imageParameter, ptr("localhost/taskvec:1"), "image of taskvec")
	for _, g := range c.images() {
		c.parameter(g.name, &g.value, "image of the trainer; part of the keys of what it trains")
	}
	switch {
	case c.o.Storage == objects:
		c.parameter(prefixParameter, ptr("taskvec/"+c.e.Name), "of the keys in the artifact repository: jobs/ is written, models/ and data/ are read")
	case c.usesModels():
		c.parameter(workspaceParameter, ptr("taskvec-workspace"), "claim (ReadWriteMany) of the workspace")
		c.parameter(modelsParameter, ptr("taskvec-models"), "claim of the base models, read only")
	default:
		c.parameter(workspaceParameter, ptr("taskvec-workspace"), "claim (ReadWriteMany) of the workspace")
	}
	gpus := c.grouped(gpusParameter, gpusOf)
	for _, g := range gpus {
		c.parameter(g.name, &g.value, "GPUs of a training")
	}
	if len(gpus) > 0 {
		c.parameter(nodesParameter, ptr("{}"), `labels of the nodes with GPUs to use, as JSON: {"nvidia.com/gpu.product":"NVIDIA-A100-SXM4-80GB"}`)
	}
	if slices.ContainsFunc(c.e.Stages, fetches) {
		c.parameter(secretParameter, ptr("taskvec-hf"), "secret whose key token is a token of the Hugging Face Hub; it may be missing")
	}
	for _, v := range slices.Sorted(maps.Keys(c.vars)) {
		name := strings.ReplaceAll(strings.ToLower(v), "_", "-")
		if slices.ContainsFunc(c.params, func(p wfv1.Parameter) bool { return p.Name == name }) {
			c.fail("${%s}: the workflow has another parameter %s: rename the variable", v, name)
		}
		c.vars[v] = name
		description := "${" + v + "} of the experiment, as pods see it"
		if slices.ContainsFunc(c.e.Models, func(m experiment.Model) bool {
			return strings.Contains(m.Base, "${"+v+"}") && !below(inPod(m.Base), modelsDir)
		}) {
			// Whether pods are to have the models is decided before the value is known.
			description += "; a base model, which these pods find below /runs/data, not below " + modelsDir
		}
		c.parameter(name, nil, description)
	}
}

func fetches(s experiment.Stage) bool { return s.Uses == "fetch" }

// images are the parameters of the trainers' images. An image that the experiment names by variables
// has their parameters.
func (c *compiler) images() []group {
	return c.grouped(trainerParameter, func(s *experiment.Stage) string {
		if s.Container == nil || variable.MatchString(s.Container.Image) {
			return ""
		}
		return s.Container.Image
	})
}

// gpusOf is the number of GPUs of a stage's jobs, "" for none.
func gpusOf(s *experiment.Stage) string {
	if n := s.NeedsGPUs(); n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

// A group is a parameter of stages that have the same value.
type group struct {
	name, value string
	stages      []string
}

// grouped gives stages a parameter for a value that they may have: one for all when they agree, else
// one each, named NAME-STAGE. Stages without the value ("") have none.
func (c *compiler) grouped(name string, value func(*experiment.Stage) string) []group {
	var groups []group
	same := true
	for i := range c.e.Stages {
		s := &c.e.Stages[i]
		if v := value(s); v != "" {
			groups = append(groups, group{name + "-" + s.Name, v, []string{s.Name}})
			same = same && v == groups[0].value
		}
	}
	if len(groups) == 0 || !same {
		return groups
	}
	one := group{name: name, value: groups[0].value}
	for _, g := range groups {
		one.stages = append(one.stages, g.stages...)
	}
	return []group{one}
}

// reference is how a template names a parameter of the workflow.
func reference(parameter string) string { return "{{workflow.parameters." + parameter + "}}" }

// expanded replaces each ${VAR} by its parameter.
func (c *compiler) expanded(text string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string { return reference(c.vars[v[2:len(v)-1]]) })
}
