// Package cli is the taskvec command: one file a subcommand, flags in an options struct, and one
// mapping from errors to exit codes.
//
// It decides nothing about experiments, jobs or measures; it parses arguments, calls the packages
// that do, and prints.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// An env is what the process gives a command: the whole program runs on it, so tests can too.
type env struct {
	args     []string
	stdout   io.Writer
	stderr   io.Writer
	getenv   func(string) (string, bool)
	terminal bool // stderr is a terminal that bars can be drawn on
	color    bool // stdout is a terminal that shows styles
}

// Main runs the command line of this process and returns its exit code.
func Main() int {
	ctx, stop := signalContext()
	defer stop()
	_, noColor := os.LookupEnv("NO_COLOR")
	return run(ctx, &env{
		args:     os.Args[1:],
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		getenv:   os.LookupEnv,
		terminal: term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb",
		color:    term.IsTerminal(int(os.Stdout.Fd())) && !noColor,
	})
}

// The causes of a context that a signal ended: SIGINT, and SIGTERM, which is an interruption too.
var (
	errInterrupted = errors.New("interrupted")
	errTerminated  = fmt.Errorf("terminated: %w", errInterrupted)
)

// signalContext returns a context that the first SIGINT or SIGTERM ends; a second one ends the
// process at once.
func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		s, ok := <-c
		if !ok {
			return
		}
		signal.Stop(c)
		if s == syscall.SIGTERM {
			cancel(errTerminated)
		} else {
			cancel(errInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(c)
		close(c)
		cancel(nil)
	}
}

// run executes one command line and returns its exit code; errors are printed here and nowhere
// else.
func run(ctx context.Context, e *env) int {
	root := newRootCommand(e)
	root.SetArgs(e.args)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil && errors.Is(err, errInterrupted) {
		fmt.Fprintln(e.stderr, "taskvec: interrupted; finished jobs are kept: run the same command to go on")
		return exitInterrupted
	}
	printError(e.stderr, err)
	return exitCode(err)
}

// printError prints an error once. Diagnostics stand on lines of their own, as editors expect.
func printError(w io.Writer, err error) {
	text := err.Error()
	if isDiagnostics(err) {
		fmt.Fprintln(w, text)
		return
	}
	fmt.Fprintln(w, "taskvec: "+text)
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(w, "see: %s %s--help\n", program(), usage.command)
	}
}

// program is what a person types to run this program.
func program() string {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if name == "stages" { // what go run makes of the package
		return "go run ./stages/..."
	}
	return name
}

// A usageError is a command line that makes no sense.
type usageError struct {
	command string // the subcommand and a space, or ""
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usage makes a usageError of cmd.
func usage(cmd *cobra.Command, format string, args ...any) error {
	name := strings.TrimPrefix(cmd.CommandPath()+" ", "taskvec ")
	return &usageError{command: name, err: fmt.Errorf(format, args...)}
}

// exactly is a positional-arguments check for n arguments named so in the usage.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(cmd, "want %s, got %d arguments", cmd.Use, len(args))
		}
		return nil
	}
}

// atLeastOne is a positional-arguments check for one argument or more.
func atLeastOne(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage(cmd, "want %s, got no arguments", cmd.Use)
	}
	return nil
}
