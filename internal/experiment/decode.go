package experiment

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxDepth bounds the nesting of a file, so that an alias that holds itself ends in an error.
const maxDepth = 50

// A decoder turns YAML nodes into Go values by the field tags and notes where each came from.
//
// The tags are yaml (the key), doc, default, enum, required, min, max and env; the schema is made
// from the same ones.
type decoder struct {
	file   string
	lines  []string
	getenv func(string) (string, bool)
	origin map[*yaml.Node]string // nodes that --set made → the flag
	at     map[string]*yaml.Node // where the value of each path stands, such as stages[1].needs[0]
	keys   map[string]*yaml.Node // where the key of each path stands
	errs   Errors
	warned Errors // what is allowed and likely not meant
}

// fail reports a problem at node.
func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, d.diagnostic(n, format, args))
}

// failAt reports a problem at the value of path, or at the nearest path above it that stands in
// the file.
func (d *decoder) failAt(path, format string, args ...any) {
	d.fail(d.nearest(path), format, args...)
}

// warnAt notes likewise what is allowed and likely not meant.
func (d *decoder) warnAt(path, format string, args ...any) {
	d.warned = append(d.warned, d.diagnostic(d.nearest(path), format, args))
}

func (d *decoder) diagnostic(n *yaml.Node, format string, args []any) Diagnostic {
	msg := fmt.Sprintf(format, args...)
	if flag, ok := d.origin[n]; ok {
		return Diagnostic{File: flag, Msg: msg}
	}
	diag := Diagnostic{File: d.file, Line: n.Line, Col: n.Column, Msg: msg}
	if n.Line >= 1 && n.Line <= len(d.lines) {
		diag.source = d.lines[n.Line-1]
	}
	return diag
}

// nearest is the value of path, or of the nearest path above it that stands in the file.
func (d *decoder) nearest(path string) *yaml.Node {
	for p := path; ; {
		if n := d.at[p]; n != nil {
			return n
		}
		i := strings.LastIndexAny(p, ".[")
		if i < 0 {
			return d.at[""]
		}
		p = p[:i]
	}
}

// mapping is one key of a YAML mapping with its value.
type mapping struct{ key, value *yaml.Node }

// mappings returns the entries of a mapping node, reporting other nodes and duplicate keys.
func (d *decoder) mappings(n *yaml.Node, what string) []mapping {
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s must be a mapping (key: value), not %s", what, kindName(n))
		return nil
	}
	var out []mapping
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode {
			d.fail(k, "a key must be plain text, not %s", kindName(k))
			continue
		}
		if first := seen[k.Value]; first != nil {
			d.fail(k, "duplicate key %q: it stands on line %d already", k.Value, first.Line)
			continue
		}
		seen[k.Value] = k
		out = append(out, mapping{k, n.Content[i+1]})
	}
	return out
}

// resolve follows aliases.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// isNull says whether the node is an empty value, which counts as the key's absence.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// kindName names what a node is, for messages.
func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if isNull(n) {
			return "nothing"
		}
		return strconv.Quote(n.Value)
	}
	return "a document"
}

// decode fills v from node n, which stands at path.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	n = resolve(n)
	d.at[path] = n
	if strings.Count(path, ".")+strings.Count(path, "[") > maxDepth {
		d.fail(n, "nested more than %d deep", maxDepth)
		return
	}
	switch v.Type() {
	case reflect.TypeFor[Models](), reflect.TypeFor[Sets](), reflect.TypeFor[Tasks](), reflect.TypeFor[ServerModels]():
		d.named(n, v, path)
		return
	case reflect.TypeFor[Matrix]():
		d.matrix(n, v.Addr().Interface().(*Matrix), path)
		return
	case reflect.TypeFor[Quantity](), reflect.TypeFor[Duration]():
		d.unit(n, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), path, tag)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.fail(n, "%s must be a list, not %s", lastKey(path), kindName(n))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, c := range n.Content {
			d.decode(c, v.Index(i), fmt.Sprintf("%s[%d]", path, i), tag)
		}
	default:
		d.scalar(n, v, path, tag)
	}
}

// structure fills a struct: unknown and duplicate keys, missing required ones and defaults.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	fields := map[string]int{}
	var names []string
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			fields[name] = i
			names = append(names, name)
		}
	}
	what := "the experiment"
	if path != "" {
		what = lastKey(path)
	}
	given := map[string]bool{}
	var with mapping
	for _, m := range d.mappings(n, what) {
		i, ok := fields[m.key.Value]
		if !ok {
			d.fail(m.key, "%s", Unknown("key", m.key.Value, names))
			continue
		}
		p := join(path, m.key.Value)
		d.keys[p] = m.key
		if isNull(resolve(m.value)) {
			continue
		}
		given[m.key.Value] = true
		if v.Type() == reflect.TypeFor[Stage]() && m.key.Value == "with" {
			with = m // decoded last: its type hangs on uses
			continue
		}
		d.decode(m.value, v.Field(i), p, v.Type().Field(i).Tag)
	}
	for _, name := range names {
		if given[name] {
			continue
		}
		f := v.Type().Field(fields[name])
		if f.Tag.Get("required") == "true" {
			d.fail(n, "%s lacks the key %q: %s", what, name, f.Tag.Get("doc"))
			continue
		}
		d.setDefault(v.Field(fields[name]), f.Tag)
	}
	if v.Type() == reflect.TypeFor[Stage]() {
		d.with(n, with.value, v.Addr().Interface().(*Stage), path)
	}
}

// setDefault gives a field that the file does not hold its default.
func (d *decoder) setDefault(v reflect.Value, tag reflect.StructTag) {
	if def, ok := tag.Lookup("default"); ok {
		d.decode(&yaml.Node{Kind: yaml.ScalarNode, Value: def}, v, "(default)", "")
		return
	}
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[Matrix]() {
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("yaml") != "-" {
				d.setDefault(v.Field(i), f.Tag)
			}
		}
	}
}

// with decodes the settings of a stage by its kind.
func (d *decoder) with(stage, n *yaml.Node, s *Stage, path string) {
	k, ok := kinds[s.Uses]
	if !ok {
		if s.Uses != "" {
			d.failAt(path+".uses", "%s", Unknown("kind of stage", s.Uses, KindNames()))
		}
		return
	}
	v := reflect.New(k)
	if n == nil {
		n = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: stage.Line, Column: stage.Column}
	}
	d.decode(n, v.Elem(), join(path, "with"), "")
	s.With = v.Interface()
}

// named decodes a mapping of names to structs with a field Name into a slice, keeping its order.
func (d *decoder) named(n *yaml.Node, out reflect.Value, path string) {
	for _, m := range d.mappings(n, lastKey(path)) {
		p := join(path, m.key.Value)
		d.keys[p] = m.key
		v := reflect.New(out.Type().Elem()).Elem()
		v.FieldByName("Name").SetString(m.key.Value)
		d.decode(m.value, v, p, "")
		out.Set(reflect.Append(out, v))
	}
}

// matrix decodes the axes of a matrix, keeping their order, and its exclusions.
func (d *decoder) matrix(n *yaml.Node, out *Matrix, path string) {
	for _, m := range d.mappings(n, "matrix") {
		p := join(path, m.key.Value)
		d.keys[p] = m.key
		if m.key.Value == "exclude" {
			ex := resolve(m.value)
			if ex.Kind != yaml.SequenceNode {
				d.fail(ex, "exclude must be a list of {axis: value}, not %s", kindName(ex))
				continue
			}
			for i, c := range ex.Content {
				c = resolve(c)
				cp := fmt.Sprintf("%s[%d]", p, i)
				d.at[cp] = c
				cell := map[string]string{}
				for _, e := range d.mappings(c, "an exclusion") {
					d.keys[join(cp, e.key.Value)] = e.key
					var s string
					d.decode(e.value, reflect.ValueOf(&s).Elem(), join(cp, e.key.Value), "")
					cell[e.key.Value] = s
				}
				out.Exclude = append(out.Exclude, cell)
			}
			continue
		}
		if !slices.Contains(axisNames, m.key.Value) {
			d.fail(m.key, "%s", Unknown("axis", m.key.Value, append(slices.Clone(axisNames), "exclude")))
			continue
		}
		axis := Axis{Name: m.key.Value}
		d.decode(m.value, reflect.ValueOf(&axis.Values).Elem(), p, "")
		out.Axes = append(out.Axes, axis)
	}
}

// unit decodes a Quantity or a Duration.
func (d *decoder) unit(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, "want one value, not %s", kindName(n))
		return
	}
	var err error
	if v.Type() == reflect.TypeFor[Quantity]() {
		var q Quantity
		q, err = ParseQuantity(n.Value)
		v.SetInt(int64(q))
	} else {
		var t Duration
		t, err = ParseDuration(n.Value)
		v.SetInt(int64(t))
	}
	if err != nil {
		d.fail(n, "%v", err)
	}
}

// variable matches ${VAR}.
var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// scalar decodes text, a number or a truth value and checks enum, min and max.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	key := lastKey(path)
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.fail(n, "%s must be one value, not %s", key, kindName(n))
		return
	}
	var number float64
	switch v.Kind() {
	case reflect.String:
		v.SetString(d.expand(n, key, tag.Get("env") == "true"))
		if enum := tag.Get("enum"); enum != "" {
			if allowed := strings.Split(enum, ","); !slices.Contains(allowed, v.String()) {
				d.fail(n, "%s", Unknown(key, v.String(), allowed))
			}
		}
		return
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil {
			d.fail(n, "%s must be a whole number, not %s", key, kindName(n))
			return
		}
		v.SetInt(i)
		number = float64(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			d.fail(n, "%s must be a number, not %s", key, kindName(n))
			return
		}
		v.SetFloat(f)
		number = f
	case reflect.Bool:
		if n.Value != "true" && n.Value != "false" {
			d.fail(n, "%s must be true or false, not %s", key, kindName(n))
		}
		v.SetBool(n.Value == "true")
		return
	case reflect.Struct, reflect.Interface:
		panic("experiment: no scalar form of " + v.Type().String())
	default:
		panic("experiment: no decoding of " + v.Type().String())
	}
	for _, bound := range []struct {
		name string
		bad  func(limit float64) bool
		word string
	}{
		{"min", func(l float64) bool { return number < l }, "at least"},
		{"max", func(l float64) bool { return number > l }, "at most"},
		{"above", func(l float64) bool { return number <= l }, "above"},
		{"below", func(l float64) bool { return number >= l }, "below"},
	} {
		if text, ok := tag.Lookup(bound.name); ok {
			limit, err := strconv.ParseFloat(text, 64)
			if err != nil {
				panic("experiment: bad tag " + bound.name + " of " + key)
			}
			if bound.bad(limit) {
				d.fail(n, "%s must be %s %s, not %s", key, bound.word, text, n.Value)
			}
		}
	}
}

// expand replaces ${VAR} where the field documents it and refuses it elsewhere.
func (d *decoder) expand(n *yaml.Node, key string, allowed bool) string {
	if !allowed {
		if m := variable.FindString(n.Value); m != "" {
			d.fail(n, "%s is not replaced in %s: write the value itself", m, key)
		}
		return n.Value
	}
	return variable.ReplaceAllStringFunc(n.Value, func(m string) string {
		value, ok := d.getenv(m[2 : len(m)-1])
		if !ok {
			d.fail(n, "the environment variable %s is not set: export %s=… first", m[2:len(m)-1], m[2:len(m)-1])
		}
		return value
	})
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// lastKey returns the last key of a path; an element of a list goes by the singular.
func lastKey(path string) string {
	path = path[strings.LastIndex(path, ".")+1:]
	key, _, element := strings.Cut(path, "[")
	if element {
		return strings.TrimSuffix(key, "s")
	}
	return key
}
