package argo

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"taskvec/internal/pipeline"
)

// attempt matches the name of a node that is one attempt of several at a task.
var attempt = regexp.MustCompile(`^(.*)\((\d+)\)$`)

// Failures reads a file of {{workflow.failures}}, which Argo gives as JSON quoted as Go does, and returns the jobs
// of the plan among the nodes that failed, each with the last thing said of it.
func Failures(file string, p *pipeline.Plan) ([]pipeline.WorkflowFailure, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the workflow's failures: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if inner, err := strconv.Unquote(text); err == nil {
		text = inner
	}
	var nodes []struct {
		DisplayName string `json:"displayName"`
		Message     string `json:"message"`
	}
	if err := json.Unmarshal([]byte(text), &nodes); err != nil {
		return nil, fmt.Errorf("read the workflow's failures in %s: %w", file, err)
	}
	// What is said of the last attempt says more than what is said of the task, that no attempt is
	// left. A task of which only attempts failed succeeded in the end.
	message, number, failed := map[string]string{}, map[string]int{}, map[string]bool{}
	for _, n := range nodes {
		task, nth := n.DisplayName, -1
		if m := attempt.FindStringSubmatch(task); m != nil {
			var err error
			if nth, err = strconv.Atoi(m[2]); err != nil {
				return nil, fmt.Errorf("read the workflow's failures in %s: %q: %w", file, task, err)
			}
			task = m[1]
		} else {
			failed[task] = true
		}
		if before, ok := number[task]; !ok || nth > before {
			message[task], number[task] = n.Message, nth
		}
	}
	var out []pipeline.WorkflowFailure
	for _, j := range p.Jobs {
		if name := TaskName(j); failed[name] {
			out = append(out, pipeline.WorkflowFailure{Job: j.Name, Message: message[name]})
		}
	}
	return out, nil
}
