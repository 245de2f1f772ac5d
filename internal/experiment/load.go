package experiment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// kinds are the kinds of stage and the type of their settings.
var kinds = map[string]reflect.Type{
	"build":      reflect.TypeFor[BuildWith](),
	"summarize":  reflect.TypeFor[SummarizeWith](),
	"fetch":      reflect.TypeFor[FetchWith](),
	"pretrain":   reflect.TypeFor[PretrainWith](),
	"train":      reflect.TypeFor[TrainWith](),
	"collect":    reflect.TypeFor[CollectWith](),
	"similarity": reflect.TypeFor[SimilarityWith](),
	"projection": reflect.TypeFor[ProjectionWith](),
	"evaluate":   reflect.TypeFor[EvaluateWith](),
	"report":     reflect.TypeFor[ReportWith](),
}

// KindNames returns the names of the kinds of stage, sorted.
func KindNames() []string {
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Load reads, decodes and validates the experiment file. Each of sets is a path and a value,
// "lora.rank=4" or "stages.train.with.epochs=1", that replaces what the file says; getenv looks up
// ${VAR}. When the file is read but is not a valid experiment, the error is an Errors with
// everything that is wrong.
func Load(file string, sets []string, getenv func(string) (string, bool)) (*Experiment, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the experiment: %w", err)
	}
	return Parse(file, src, sets, getenv)
}

// Parse is Load on the bytes of a file.
func Parse(file string, src []byte, sets []string, getenv func(string) (string, bool)) (*Experiment, error) {
	d := &decoder{
		file:   file,
		lines:  strings.Split(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n"),
		getenv: getenv,
		origin: map[*yaml.Node]string{},
		at:     map[string]*yaml.Node{},
		keys:   map[string]*yaml.Node{},
	}
	root, errs := d.parse(src)
	if errs != nil {
		return nil, errs
	}
	for _, s := range sets {
		d.set(root, s)
	}
	e := &Experiment{File: file}
	d.decode(root, reflect.ValueOf(e).Elem(), "", "")
	d.validate(e)
	if len(d.errs) > 0 {
		return nil, d.errs.sorted()
	}
	e.Warnings = d.warned.sorted()
	return e, nil
}

// syntaxLine finds the line in a message of the YAML library.
var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parse reads the one document of a file.
func (d *decoder) parse(src []byte) (*yaml.Node, Errors) {
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || (err == nil && isNull(doc.Content[0])) {
		return nil, Errors{{File: d.file, Line: 1, Col: 1, Msg: "the file holds no experiment"}}
	}
	if err != nil {
		m := syntaxLine.FindStringSubmatch(err.Error())
		n := &yaml.Node{Line: 1, Column: 1}
		if line, convErr := strconv.Atoi(m[1]); convErr == nil {
			n.Line = line
		}
		d.fail(n, "not YAML: %s", strings.TrimPrefix(err.Error(), m[0]))
		return nil, d.errs
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		n := &yaml.Node{Line: 1, Column: 1}
		if err == nil {
			n = &more
		}
		d.fail(n, "the file holds a second document: an experiment is one")
		return nil, d.errs
	}
	return doc.Content[0], nil
}

// set applies one --set to the tree: it walks the path, by key in a mapping, by name or index in a
// list, makes missing keys, and replaces the value.
func (d *decoder) set(root *yaml.Node, arg string) {
	flag := "--set " + arg
	fail := func(format string, args ...any) {
		d.errs = append(d.errs, Diagnostic{File: flag, Msg: fmt.Sprintf(format, args...)})
	}
	path, text, ok := strings.Cut(arg, "=")
	if !ok || path == "" {
		fail("want path=value, such as lora.rank=4")
		return
	}
	var value yaml.Node
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		fail("the value is not YAML: %s", syntaxLine.ReplaceAllString(err.Error(), ""))
		return
	}
	if value.Kind == 0 {
		value = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!null"}}}
	}
	n := root
	parts := strings.Split(path, ".")
	for i, part := range parts {
		n = resolve(n)
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for j := 0; j+1 < len(n.Content); j += 2 {
				if n.Content[j].Value == part {
					next = n.Content[j+1]
					if isNull(resolve(next)) {
						*next = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
						d.mark(next, flag)
					}
				}
			}
			if next == nil {
				key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: part}
				next = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
				d.mark(key, flag)
				d.mark(next, flag)
				n.Content = append(n.Content, key, next)
			}
		case yaml.SequenceNode:
			next = element(n, part)
			if next == nil {
				fail("%s has no element named %q", strings.Join(parts[:i], "."), part)
				return
			}
		default:
			fail("%s is a single value: it has no %q", strings.Join(parts[:i], "."), part)
			return
		}
		n = next
	}
	*n = *value.Content[0]
	d.mark(n, flag)
}

// element finds the element of a list by the value of its name key, or by index from 0.
func element(list *yaml.Node, part string) *yaml.Node {
	for _, c := range list.Content {
		c = resolve(c)
		for j := 0; c.Kind == yaml.MappingNode && j+1 < len(c.Content); j += 2 {
			if c.Content[j].Value == "name" && c.Content[j+1].Value == part {
				return c
			}
		}
	}
	if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(list.Content) {
		return list.Content[i]
	}
	return nil
}

// mark notes that --set made the node and all below it.
func (d *decoder) mark(n *yaml.Node, flag string) {
	d.origin[n] = flag
	for _, c := range n.Content {
		d.mark(c, flag)
	}
}
