package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"taskvec/datasets"
	"taskvec/datasets/ontonotes"
	"taskvec/internal/experiment"
)

// newCorpusCommand returns `corpus PATH…`: what corpus files hold.
func newCorpusCommand(e *env) *cobra.Command {
	var format string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "corpus PATH…",
		Short: "Count what corpus files hold, and list what is wrong with them",
		Long: `Count what corpus files or folders hold: documents, sentences, tokens, named entities,
predicates and arguments, coreference. What cannot be read is listed with its file
and line, reading goes on, and the exit code is 4.
` + exitHelp,
		Args: atLeastOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			open, ok := corpusFormats[format]
			if !ok {
				return usage(cmd, "--format: %s", experiment.Unknown("format", format, slices.Sorted(maps.Keys(corpusFormats))))
			}
			return runCorpus(e, args, open, asJSON)
		},
	}
	cmd.Flags().StringVar(&format, "format", "conll2012", "`format` of the files: conll2012, or ontonotes for the release of the LDC")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// corpusFormats open corpora by the name of their format.
var corpusFormats = map[string]func(path string) (*datasets.Corpus, error){
	"conll2012": datasets.Open,
	"ontonotes": func(path string) (*datasets.Corpus, error) { return ontonotes.Open(path, ontonotes.Options{}) },
}

func runCorpus(e *env, paths []string, open func(string) (*datasets.Corpus, error), asJSON bool) error {
	var corpora []*datasets.Corpus
	for _, path := range paths {
		c, err := open(path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = &datasets.Error{File: path, Msg: "there is no such file or folder"}
			}
			return err
		}
		corpora = append(corpora, c)
	}
	n, err := datasets.Count(corpora...)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(n)
	} else {
		err = printCounts(e.stdout, n)
	}
	if err != nil || len(n.Problems) == 0 {
		return err
	}
	return &problems{list: n.Problems}
}

// problems is the error of a corpus that was read in part; it is bad input data.
type problems struct{ list []datasets.Problem }

func (p *problems) Error() string {
	s := fmt.Sprintf("%d problems in the corpus", len(p.list))
	if len(p.list) == 1 {
		s = "1 problem in the corpus"
	}
	for _, one := range p.list[:min(named, len(p.list))] {
		s += "\n" + (&datasets.Error{File: one.File, Line: one.Line, Msg: one.Message}).Error()
	}
	if more := len(p.list) - named; more > 0 {
		s += fmt.Sprintf("\nand %d more: --json has them all", more)
	}
	return s
}

// named is how many problems a person is shown.
const named = 20

// printCounts prints counts for people.
func printCounts(w io.Writer, n *datasets.Counts) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		name  string
		count int
	}{
		{"files", n.Files}, {"documents", n.Documents}, {"sentences", n.Sentences}, {"tokens", n.Tokens},
		{"frames", n.Frames}, {"nonverbal predicates", n.NonverbalPredicates},
		{"chains", n.Chains}, {"mentions", n.Mentions}, {"documents without coref", n.DocumentsWithoutCoref},
	} {
		fmt.Fprintf(t, "%s\t%d\n", row.name, row.count)
	}
	for _, group := range []struct {
		name   string
		counts map[string]int
	}{{"named entities", n.NamedEntities}, {"arguments", n.Arguments}} {
		total := 0
		for _, c := range group.counts {
			total += c
		}
		fmt.Fprintf(t, "%s\t%d\n", group.name, total)
		for _, label := range slices.Sorted(maps.Keys(group.counts)) {
			fmt.Fprintf(t, "  %s\t%d\n", label, group.counts[label])
		}
	}
	return t.Flush()
}
