package argo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"gopkg.in/yaml.v3"
)

// render writes a Workflow as YAML, the same one always in the same bytes, and says how many bytes
// it has as the JSON that a cluster stores.
func render(w *wfv1.Workflow, source string) (text []byte, size int, err error) {
	b, err := json.Marshal(w)
	if err != nil {
		return nil, 0, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var tree map[string]any
	if err := dec.Decode(&tree); err != nil {
		return nil, 0, err
	}
	delete(tree, "status")
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Made by taskvec compile from %s: change that file and compile it again, do not edit this one.\n", source)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(tidy(tree)); err != nil {
		return nil, 0, err
	}
	return out.Bytes(), len(b), enc.Close()
}

// unsaid are the fields that Go's types write though nothing is said in them.
var unsaid = []string{"arguments", "inputs", "metadata", "name", "outputs", "resources"}

// tidy drops what says nothing and makes numbers of what JSON left as text.
func tidy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Collect(maps.Keys(v)) {
			v[k] = tidy(v[k])
			m, object := v[k].(map[string]any)
			if v[k] == nil || slices.Contains(unsaid, k) && (object && len(m) == 0 || v[k] == "") {
				delete(v, k)
			}
		}
	case []any:
		for i := range v {
			v[i] = tidy(v[i])
		}
	case string:
		// The YAML library's block style takes text that begins with white space for another.
		if strings.TrimLeft(v, " \t\r\n") != v {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: v}
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
	}
	return v
}
