// Command taskvec measures how much tasks share: it runs an experiment from corpus to report.
package main

import (
	"os"

	"taskvec/internal/cli"
)

func main() { os.Exit(cli.Main()) }
