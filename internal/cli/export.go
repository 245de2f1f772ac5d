package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"taskvec/internal/adapter"
	"taskvec/internal/ollama"
)

// newExportCommand returns `export`: adapters for the programs that serve them.
func newExportCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export gguf|ollama ADAPTER",
		Short: "Write an adapter as a GGUF file, or have an Ollama server serve it",
		Long: `Write a PEFT adapter of a model of the Llama layout (Llama, Mistral) as a GGUF file, or make
a model of an Ollama server of it. ΔW stays what it is, which it does not in Ollama's own import of
PEFT folders: see docs/ollama.md.
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			return usage(cmd, "want %s", cmd.Use)
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(newExportGGUFCommand(e), newExportOllamaCommand(e))
	return cmd
}

func newExportGGUFCommand(e *env) *cobra.Command {
	var out, base string
	cmd := &cobra.Command{
		Use:   "gguf ADAPTER -o FILE",
		Short: "Write a PEFT adapter as a GGUF file for llama.cpp and Ollama",
		Long: `Write a PEFT adapter as a GGUF file for llama.cpp (--lora FILE) and Ollama (ADAPTER FILE in a
Modelfile). The base model's folder is asked for its heads; it is the one that
adapter_config.json names, unless --base gives another.
` + exitHelp,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage(cmd, "give -o FILE, the GGUF file to write")
			}
			if err := adapter.ExportGGUF(args[0], base, out); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "wrote %s\n", out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the GGUF `file` to write")
	cmd.Flags().StringVar(&base, "base", "", "`folder` of the base model")
	return cmd
}

// ollamaOptions are the flags of `export ollama`.
type ollamaOptions struct {
	name, base, from, host string
}

func newExportOllamaCommand(e *env) *cobra.Command {
	var o ollamaOptions
	cmd := &cobra.Command{
		Use:   "ollama ADAPTER --name NAME",
		Short: "Make a model of an Ollama server of a PEFT adapter and its base model",
		Long: `Make a model of an Ollama server of a PEFT adapter and its base model: the folder that
adapter_config.json names or --base gives, which is sent to the server as the model NAME-base, or
with --from a model that the server has. Nothing is ever downloaded.
` + exitHelp,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.name == "" {
				return usage(cmd, "give --name NAME, the model to make")
			}
			if o.base != "" && o.from != "" {
				return usage(cmd, "give --base FOLDER or --from MODEL, not both")
			}
			client, err := ollama.New(o.host)
			if err != nil {
				return usage(cmd, "%w", err)
			}
			return exportOllama(cmd.Context(), e, client, args[0], &o)
		},
	}
	cmd.Flags().StringVar(&o.name, "name", "", "`name` of the model to make")
	cmd.Flags().StringVar(&o.base, "base", "", "`folder` of the base model")
	cmd.Flags().StringVar(&o.from, "from", "", "the base model, a `model` of the server")
	cmd.Flags().StringVar(&o.host, "host", "", "`address` of the server (default: OLLAMA_HOST, or 127.0.0.1:11434)")
	return cmd
}

func exportOllama(ctx context.Context, e *env, client *ollama.Client, dir string, o *ollamaOptions) (err error) {
	work, err := os.MkdirTemp("", "taskvec-export-")
	if err != nil {
		return fmt.Errorf("export %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	file := filepath.Join(work, "adapter.gguf")
	from := o.from
	if from != "" {
		m, err := client.Base(ctx, from, "")
		if err != nil {
			return err
		}
		if err := m.Layout.ExportGGUF(dir, from, file); err != nil {
			return err
		}
	} else {
		base := o.base
		if base == "" {
			if base, err = adapter.BaseFolder(dir); err != nil {
				return fmt.Errorf("%w, or name a model of the server with --from", err)
			}
		}
		if err := adapter.ExportGGUF(dir, base, file); err != nil {
			return err
		}
		from = baseName(o.name)
		if err := client.CreateFromFolder(ctx, from, base); err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "made %s of %s\n", from, base)
	}
	if err := client.CreateWithAdapter(ctx, o.name, from, file); err != nil {
		return err
	}
	host := ""
	if o.host != "" {
		host = "OLLAMA_HOST=" + shellWord(o.host) + " "
	}
	fmt.Fprintf(e.stdout, "made %s of %s and %s\nto run it: %sollama run %s\n", o.name, from, dir, host, shellWord(o.name))
	return nil
}

// baseName is the name of the base model that is made for a model.
func baseName(name string) string {
	at := strings.LastIndexByte(name, ':')
	if at <= strings.LastIndexByte(name, '/') {
		return name + "-base"
	}
	return name[:at] + "-base" + name[at:]
}
