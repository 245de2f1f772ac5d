package cli

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the outputs that the scripts compare with anew")

// asTaskvec in the environment makes the test binary the command itself, for tests that kill it.
const asTaskvec = "TASKVEC_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asTaskvec) != "" {
		os.Exit(Main())
	}
	testscript.Main(m, map[string]func(){
		"taskvec": func() { os.Exit(Main()) },
	})
}

// TestScripts runs the scripts that specify the command line.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("CONFIGS", filepath.Join(root, "configs"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
	})
}

// exits runs taskvec and wants the given exit code: exits CODE ARGS….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARGS…")
	}
	code := 0
	if err := ts.Exec("taskvec", args[1:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run taskvec: %v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("taskvec exits %d, want %s", code, args[0])
	}
}
