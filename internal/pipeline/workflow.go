package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A WorkflowEnd is an experiment's workflow.json: how its last workflow in a cluster ended.
type WorkflowEnd struct {
	Workflow string    `json:"workflow"`
	Status   string    `json:"status"` // Succeeded, Failed or Error
	Finished time.Time `json:"finished"`
	// Failures are the jobs whose pods failed, with what the cluster says of them.
	Failures []WorkflowFailure `json:"failures,omitempty"`
}

// A WorkflowFailure is one job that failed in a workflow.
type WorkflowFailure struct {
	Job     string `json:"job"`
	Message string `json:"message"`
}

func (w Workspace) workflowFile(experiment string) string {
	return filepath.Join(w.Experiment(experiment), "workflow.json")
}

// SaveWorkflow notes how a workflow of an experiment ended.
func (w Workspace) SaveWorkflow(experiment string, end *WorkflowEnd) error {
	if err := os.MkdirAll(w.Experiment(experiment), 0o777); err != nil {
		return err
	}
	return WriteJSON(w.workflowFile(experiment), end)
}

// LastWorkflow reads how the last workflow of an experiment ended, nil when there was none.
func (w Workspace) LastWorkflow(experiment string) (*WorkflowEnd, error) {
	b, err := os.ReadFile(w.workflowFile(experiment))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var end WorkflowEnd
	if err == nil {
		err = json.Unmarshal(b, &end)
	}
	if err != nil {
		return nil, fmt.Errorf("read how the last workflow ended: %w (%s is made by every workflow: remove it)", err, w.workflowFile(experiment))
	}
	return &end, nil
}
