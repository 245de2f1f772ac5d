package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// newInstallCommand returns the hidden `install DIR`: a copy of this program for another container of
// the same pod, such as that of the trainer's image.
func newInstallCommand(*env) *cobra.Command {
	return &cobra.Command{
		Use:    "install DIR",
		Short:  "Copy this program into a folder",
		Long:   "Copy this program into a folder, as workflows do to start it in the trainer's image.\n" + exitHelp,
		Hidden: true,
		Args:   exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := install(filepath.Join(args[0], "taskvec")); err != nil {
				return fmt.Errorf("install taskvec: %w", err)
			}
			return nil
		},
	}
}

// install copies this program to path.
func install(path string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	src, err := os.Open(exe)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	return err
}
