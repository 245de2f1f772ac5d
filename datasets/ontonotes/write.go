package ontonotes

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"taskvec/datasets"
)

// WriteLayers writes the parts of one document as the files of its layers, by ending. Layers that
// the document does not carry are left out.
func WriteLayers(parts ...*datasets.Document) map[string][]byte {
	files := map[string]*strings.Builder{}
	for _, layer := range layers {
		files[layer] = &strings.Builder{}
	}
	has := layersOf(parts)
	first := 0 // tree number of the part's first sentence
	docno := fmt.Sprintf("%s@0001@taskvec@%s@en@on", parts[0].ID, parts[0].Genre())
	fmt.Fprintf(files[nameLayer], "<DOC DOCNO=%q>\n", docno)
	fmt.Fprintf(files[corefLayer], "<DOC DOCNO=%q>\n", docno)
	for _, d := range parts {
		fmt.Fprintf(files[corefLayer], "<TEXT PARTNO=\"%03d\">\n", d.Part)
		for i := range d.Sentences {
			s := &d.Sentences[i]
			files[parseLayer].WriteString(treeText(s) + "\n\n")
			files[nameLayer].WriteString(nameText(s) + "\n")
			files[corefLayer].WriteString(corefText(d, i) + "\n")
			for _, f := range s.Frames {
				fmt.Fprintf(files[propLayer], "%s %d %d gold %s-v %s.%s -----", docno, first+i, f.Token, f.Lemma, f.Lemma, f.Frameset)
				for _, p := range proposition(s, &f) {
					fmt.Fprintf(files[propLayer], " %s-%s", strings.Join(p.pointers, ","), p.label)
				}
				files[propLayer].WriteString("\n")
			}
			for k, t := range s.Tokens {
				if t.Sense != "" {
					fmt.Fprintf(files[senseLayer], "%s %d %d %s-v %s\n", docno, first+i, k, t.Lemma, t.Sense)
				}
			}
			speaker := s.Speaker
			if speaker == "" {
				speaker = "-"
			}
			files[speakerLayer].WriteString(speaker + "\n")
		}
		files[corefLayer].WriteString("</TEXT>\n")
		first += len(d.Sentences)
	}
	files[nameLayer].WriteString("</DOC>\n")
	files[corefLayer].WriteString("</DOC>\n")
	out := map[string][]byte{}
	for layer, there := range map[string]bool{
		parseLayer: true, nameLayer: has.Names, corefLayer: has.Coref || len(parts) > 1, propLayer: has.Predicates,
		senseLayer: files[senseLayer].Len() > 0, speakerLayer: true,
	} {
		if there {
			out[layer] = []byte(files[layer].String())
		}
	}
	return out
}

// layersOf says which layers any of the parts carries.
func layersOf(parts []*datasets.Document) (has datasets.Layers) {
	for _, d := range parts {
		l := d.Layers()
		has.Names, has.Predicates, has.Coref = has.Names || l.Names, has.Predicates || l.Predicates, has.Coref || l.Coref
	}
	return has
}

// treeText writes a sentence's tree in brackets, its words in preterminals.
func treeText(s *datasets.Sentence) string {
	t := s.Tree
	if t == nil {
		t = datasets.Tree{{Label: "TOP", Span: datasets.Span{End: len(s.Tokens)}, Parent: -1, Next: 1}}
	}
	var b strings.Builder
	for k, token := range s.Tokens {
		for i := range t {
			if t[i].Start == k {
				fmt.Fprintf(&b, "(%s ", t[i].Label)
			}
		}
		fmt.Fprintf(&b, "(%s %s)", token.POS, token.Word)
		for i := range t {
			if t[i].End == k+1 {
				b.WriteString(")")
			}
		}
		if k+1 < len(s.Tokens) {
			b.WriteString(" ")
		}
	}
	return b.String()
}

// An enclosure is a tag around a span.
type enclosure struct {
	datasets.Span
	open, close string
}

// enclose writes the words with tags around spans, the longer outside.
func enclose(s *datasets.Sentence, list []enclosure) string {
	slices.SortStableFunc(list, func(a, b enclosure) int { return b.Len() - a.Len() })
	var b strings.Builder
	for k, t := range s.Tokens {
		if k > 0 {
			b.WriteString(" ")
		}
		for _, e := range list {
			if e.Start == k {
				b.WriteString(e.open)
			}
		}
		b.WriteString(html.EscapeString(t.Word))
		for _, e := range slices.Backward(list) {
			if e.End == k+1 {
				b.WriteString(e.close)
			}
		}
	}
	return b.String()
}

func nameText(s *datasets.Sentence) string {
	var list []enclosure
	for _, e := range s.Entities {
		list = append(list, enclosure{e.Span, fmt.Sprintf("<ENAMEX TYPE=%q>", e.Type), "</ENAMEX>"})
	}
	return enclose(s, list)
}

func corefText(d *datasets.Document, i int) string {
	var list []enclosure
	for _, c := range d.Chains {
		for _, m := range c.Mentions {
			if m.Sentence == i {
				list = append(list, enclosure{m.Span, fmt.Sprintf(`<COREF ID="%d" TYPE="IDENT">`, c.ID), "</COREF>"})
			}
		}
	}
	return enclose(&d.Sentences[i], list)
}

// A pointed is an argument as pointers: its own span, or the constituents that it is a run of.
type pointed struct {
	label    string
	pointers []string
}

// proposition returns the arguments of a frame; V is called rel. What follows in C- labels comes as
// further pieces of the argument they continue.
func proposition(s *datasets.Sentence, f *datasets.Frame) []pointed {
	var out []pointed
	for _, a := range f.Arguments {
		label, continued := strings.CutPrefix(a.Label, "C-")
		if label == "V" {
			label = predicateLabel
		}
		pointers := pointersTo(s, a.Span)
		i := slices.IndexFunc(out, func(p pointed) bool { return p.label == label })
		if continued && i >= 0 {
			out[i].pointers = append(out[i].pointers, pointers...)
			continue
		}
		out = append(out, pointed{label, pointers})
	}
	return out
}

// pointersTo returns the fewest TOKEN:HEIGHT pointers whose constituents make a span.
func pointersTo(s *datasets.Sentence, span datasets.Span) []string {
	var out []string
	for k := span.Start; k < span.End; {
		end, height := k+1, 0
		if s.Tree != nil {
			level := 1
			for i := s.Tree.Parent(k); i >= 0; i = s.Tree[i].Parent {
				if n := &s.Tree[i]; n.Start == k && n.End <= span.End {
					end, height = n.End, level
				}
				level++
			}
		}
		out = append(out, fmt.Sprintf("%d:%d", k, height))
		k = end
	}
	return out
}

// WriteONF writes the parts of one document as an .onf file.
func WriteONF(parts ...*datasets.Document) []byte {
	var b strings.Builder
	head := func(title, line string) {
		fmt.Fprintf(&b, "%s:\n%s\n", title, strings.Repeat(line, len(title)+1))
	}
	first := 0
	for p, d := range parts {
		for i := range d.Sentences {
			s := &d.Sentences[i]
			b.WriteString(strings.Repeat("-", 120) + "\n\n")
			head("Plain sentence", "-")
			fmt.Fprintf(&b, "    %s\n\n", s.Text())
			var words []string
			for _, t := range s.Tokens {
				words = append(words, t.Word)
			}
			head("Treebanked sentence", "-")
			fmt.Fprintf(&b, "    %s\n\n", strings.Join(words, " "))
			if s.Speaker != "" {
				head("Speaker information", "-")
				fmt.Fprintf(&b, "    name: %s\n\n", s.Speaker)
			}
			head("Tree", "-")
			fmt.Fprintf(&b, "    %s\n\n", treeText(s))
			head("Leaves", "-")
			writeLeaves(&b, d, i)
			b.WriteString("\n")
		}
		title := fmt.Sprintf("Coreference chains for section %d", p)
		fmt.Fprintf(&b, "%s\n%s:\n%s\n\n", strings.Repeat("=", 120), title, strings.Repeat("-", len(title)+1))
		for _, c := range d.Chains {
			fmt.Fprintf(&b, "    Chain %d (IDENT)\n", c.ID)
			for _, m := range c.Mentions {
				fmt.Fprintf(&b, "        %d.%d-%d %s\n", first+m.Sentence, m.Start, m.End-1, textOf(&d.Sentences[m.Sentence], m.Span))
			}
			b.WriteString("\n")
		}
		first += len(d.Sentences)
	}
	return []byte(b.String())
}

// writeLeaves writes the leaves of sentence i with what the layers say of each.
func writeLeaves(b *strings.Builder, d *datasets.Document, i int) {
	s := &d.Sentences[i]
	for k, t := range s.Tokens {
		fmt.Fprintf(b, "    %-3d %s\n", k, t.Word)
		if t.Sense != "" {
			fmt.Fprintf(b, "          sense: %s-v.%s\n", t.Lemma, t.Sense)
		}
		for _, f := range s.Frames {
			if f.Token != k {
				continue
			}
			fmt.Fprintf(b, "          prop:  %s.%s\n", f.Lemma, f.Frameset)
			for _, p := range proposition(s, &f) {
				label := p.label
				if label == predicateLabel {
					label = "v"
				}
				for j, pointer := range p.pointers {
					mark := "*"
					if j > 0 {
						label, mark = "", ","
					}
					fmt.Fprintf(b, "           %-12s %s -> %s,  ...\n", label, mark, pointer)
				}
			}
		}
		for _, c := range d.Chains {
			for _, m := range c.Mentions {
				if m.Sentence == i && m.Start == k {
					fmt.Fprintf(b, "          coref: %-12s %-6d %d-%d  %s\n", "IDENT", c.ID, m.Start, m.End-1, textOf(s, m.Span))
				}
			}
		}
		for _, e := range s.Entities {
			if e.Start == k {
				fmt.Fprintf(b, "          name:  %-12s %d-%d  %s\n", e.Type, e.Start, e.End-1, textOf(s, e.Span))
			}
		}
	}
}

func textOf(s *datasets.Sentence, span datasets.Span) string {
	var words []string
	for _, t := range s.Tokens[span.Start:span.End] {
		words = append(words, t.Word)
	}
	return strings.Join(words, " ")
}
