package cli

import (
	"errors"

	"taskvec/datasets"
	"taskvec/internal/adapter"
	"taskvec/internal/experiment"
	"taskvec/internal/ollama"
	"taskvec/internal/pipeline"
	"taskvec/internal/table"
)

// The exit codes of every command.
const (
	exitDone        = 0   // done
	exitFailed      = 1   // a job failed, or anything without a code of its own
	exitUsage       = 2   // wrong usage
	exitExperiment  = 3   // invalid experiment
	exitData        = 4   // bad input data
	exitTryAgain    = 75  // try again
	exitInterrupted = 130 // interrupted
)

// exitHelp is the same for the commands' help.
const exitHelp = `
Exit codes: 0 done, 1 a job failed, 2 wrong usage, 3 invalid experiment,
4 bad input data, 75 try again, 130 interrupted.`

// exitCode maps an error to its exit code.
func exitCode(err error) int {
	var usage *usageError
	var again *pipeline.TryAgain
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		return exitUsage
	case isDiagnostics(err):
		return exitExperiment
	case isBadData(err):
		return exitData
	case errors.As(err, &again):
		return exitTryAgain
	}
	return exitFailed
}

func isDiagnostics(err error) bool {
	var diagnostics experiment.Errors
	return errors.As(err, &diagnostics)
}

// isBadData says whether data from outside are at fault.
func isBadData(err error) bool {
	var corpus *datasets.Error
	var adapters *adapter.Error
	var tables *table.Error
	var models *ollama.Error
	var counted *problems
	var faulty *sick
	return errors.As(err, &faulty) || errors.As(err, &corpus) || errors.As(err, &adapters) || errors.As(err, &tables) ||
		errors.As(err, &models) || errors.As(err, &counted)
}
