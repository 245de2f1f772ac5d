package score

import (
	"regexp"
	"strings"
)

// The lists below are those that docs/tasks.md describes. An answer that is no such list has the
// items that can be made out.

// item is an item of a list as it is compared: case folded, with single spaces.
func item(parts ...string) string {
	for i, p := range parts {
		parts[i] = strings.Join(strings.Fields(strings.ToLower(p)), " ")
	}
	return strings.Join(parts, "\t")
}

// Items are those of a list joined by semicolons.
func Items(list string) []string {
	var out []string
	for part := range strings.SplitSeq(list, ";") {
		if i := item(part); i != "" {
			out = append(out, i)
		}
	}
	return out
}

// Entities are the named entities of "TYPE: name, name; TYPE: name", each with its type. A name with a
// comma in it counts as several.
func Entities(list string) []string {
	var out []string
	for part := range strings.SplitSeq(list, ";") {
		kind, names, ok := strings.Cut(part, ":")
		if !ok {
			continue
		}
		for name := range strings.SplitSeq(names, ", ") {
			if strings.TrimSpace(name) != "" {
				out = append(out, item(kind, name))
			}
		}
	}
	return out
}

var quoted = regexp.MustCompile(`"([^"]*)"`)

// Mentions are the quoted texts of `"X" refers also to "Y" and "Z".`, of every chain.
func Mentions(list string) []string {
	var out []string
	for _, m := range quoted.FindAllStringSubmatch(list, -1) {
		out = append(out, item(m[1]))
	}
	return out
}

var proposition = regexp.MustCompile(`([^\s;("]+)\(\s*"([^"]*)"\s*,\s*"([^"]*)"\s*\)`)

// Propositions are the predicates of `lemma.01("ARG0","ARG1"); …` with their arguments.
func Propositions(list string) []string {
	var out []string
	for _, m := range proposition.FindAllStringSubmatch(list, -1) {
		out = append(out, item(m[1], m[2], m[3]))
	}
	return out
}

// Predicates are those of Propositions without their arguments.
func Predicates(list string) []string {
	out := Propositions(list)
	for i, p := range out {
		out[i], _, _ = strings.Cut(p, "\t")
	}
	return out
}
