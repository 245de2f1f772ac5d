package experiment

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"taskvec/tasks"
)

var update = flag.Bool("update", false, "write the golden files and configs/schema.json anew")

const schemaFile = "../../configs/schema.json"

type object = map[string]any

// schemaOf is the JSON Schema of a Go type, made from the tags the decoder goes by.
func schemaOf(t reflect.Type, tag reflect.StructTag) object {
	s := object{}
	switch {
	case t == reflect.TypeFor[Models]():
		return object{"type": "object", "minProperties": 1, "additionalProperties": schemaOf(reflect.TypeFor[Model](), "")}
	case t == reflect.TypeFor[Sets]():
		return object{"type": "object", "additionalProperties": schemaOf(reflect.TypeFor[Set](), "")}
	case t == reflect.TypeFor[Tasks]():
		return object{"type": "object", "additionalProperties": schemaOf(reflect.TypeFor[Task](), "")}
	case t == reflect.TypeFor[ServerModels]():
		return object{"type": "object", "additionalProperties": schemaOf(reflect.TypeFor[ServerModel](), "")}
	case t == reflect.TypeFor[Matrix]():
		props := object{"exclude": object{
			"type":  "array",
			"items": object{"type": "object", "additionalProperties": object{"type": "string"}},
		}}
		for _, name := range axisNames {
			props[name] = object{"type": "array", "minItems": 1, "items": object{"type": "string"}}
		}
		props[seedAxis].(object)["items"] = object{"type": "integer"}
		props["task"].(object)["items"] = taskName()
		return object{"type": "object", "additionalProperties": false, "properties": props}
	case t == reflect.TypeFor[Quantity]():
		return object{"type": []string{"string", "integer"}, "pattern": "^[0-9]+(Ki|Mi|Gi|Ti|k|M|G|T)?$"}
	case t == reflect.TypeFor[Duration]():
		return object{"type": "string", "pattern": "^([0-9.]+(ns|us|µs|ms|s|m|h))+$"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), tag)
	case reflect.Struct:
		props := object{}
		var required []string
		for i := range t.NumField() {
			f := t.Field(i)
			name := f.Tag.Get("yaml")
			if name == "-" || f.Type.Kind() == reflect.Interface {
				continue
			}
			p := schemaOf(f.Type, f.Tag)
			if doc := f.Tag.Get("doc"); doc != "" {
				p["description"] = doc
			}
			props[name] = p
			if f.Tag.Get("required") == "true" {
				required = append(required, name)
			}
		}
		s = object{"type": "object", "additionalProperties": false, "properties": props}
		if required != nil {
			s["required"] = required
		}
		if t == reflect.TypeFor[Stage]() {
			stageSchema(s)
		}
		return s
	case reflect.Slice:
		items := schemaOf(t.Elem(), tag)
		delete(items, "default")
		return object{"type": "array", "items": items}
	case reflect.String:
		s["type"] = "string"
		if enum := tag.Get("enum"); enum != "" {
			s["enum"] = strings.Split(enum, ",")
		}
	case reflect.Int, reflect.Int64:
		s["type"] = "integer"
	case reflect.Float64:
		s["type"] = "number"
	case reflect.Bool:
		s["type"] = "boolean"
	default:
		panic("no schema of " + t.String())
	}
	for tagName, key := range map[string]string{"min": "minimum", "max": "maximum", "above": "exclusiveMinimum", "below": "exclusiveMaximum", "default": "default"} {
		if text, ok := tag.Lookup(tagName); ok {
			if f, err := strconv.ParseFloat(text, 64); err == nil && t.Kind() != reflect.String {
				s[key] = f
			} else {
				s[key] = text
			}
		}
	}
	return s
}

// taskName is a task of the catalogue, which editors offer, or one of the experiment's own.
func taskName() object {
	return object{"anyOf": []object{{"enum": tasks.Names()}, {"type": "string"}}}
}

// stageSchema adds to a stage's schema that the type of `with` hangs on `uses`.
func stageSchema(s object) {
	props := s["properties"].(object)
	props["uses"].(object)["enum"] = KindNames()
	props["with"] = object{"description": "settings of this kind of stage"}
	var cases []object
	for _, name := range KindNames() {
		with := schemaOf(kinds[name], "")
		if name == "build" {
			with["properties"].(object)["tasks"].(object)["items"] = taskName()
		}
		cases = append(cases, object{
			"if":   object{"properties": object{"uses": object{"const": name}}},
			"then": object{"properties": object{"with": with}},
		})
	}
	s["allOf"] = cases
}

// TestSchema keeps configs/schema.json what the Go types say (go test ./internal/experiment -update).
func TestSchema(t *testing.T) {
	s := schemaOf(reflect.TypeFor[Experiment](), "")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "taskvec experiment"
	want, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("configs/schema.json is not what the Go types say: go test ./internal/experiment -update")
	}
}

// TestSchemaAgreesWithDecoder holds every experiment of the repository, and every bad one of
// testdata, against the schema and the decoder.
func TestSchemaAgreesWithDecoder(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := yaml.Unmarshal(b, &v); err != nil {
			return err
		}
		j, err := json.Marshal(v)
		if err != nil {
			return err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
		if err != nil {
			return err
		}
		return schema.Validate(doc)
	}
	configs, err := filepath.Glob("../../configs/*.yaml")
	if err != nil || len(configs) == 0 {
		t.Fatalf("no experiments in configs (%v)", err)
	}
	for _, c := range configs {
		if _, err := Load(c, nil, func(string) (string, bool) { return "x", true }); err != nil {
			t.Errorf("%s: %v", c, err)
		}
		if err := valid(c); err != nil {
			t.Errorf("%s does not fit the schema: %v", c, err)
		}
	}
	// What is wrong with a key or a type, the schema sees too.
	for _, name := range []string{"unknown-key", "wrong-type", "missing"} {
		if err := valid(filepath.Join("testdata", name+".bad.yaml")); err == nil {
			t.Errorf("%s.bad.yaml fits the schema", name)
		}
	}
	if !slices.Contains(KindNames(), "train") {
		t.Error("KindNames lacks train")
	}
}
