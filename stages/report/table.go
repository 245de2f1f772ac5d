package report

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Table is one table of the report; it is written as CSV, Markdown and LaTeX and shown in the
// page.
type Table struct {
	Name    string // file name without its ending
	Title   string
	Notes   []string // what a reader must know to read it right
	Columns []string
	Rows    [][]Cell
}

// A Cell is text, a number, or empty.
type Cell struct {
	Text     string
	Number   float64
	IsNumber bool
	Decimals int  // shown to people; CSV has every digit
	Sign     bool // show a plus
}

func text(s string) Cell { return Cell{Text: s} }

func number(v float64) Cell { return Cell{Number: v, IsNumber: true, Decimals: 3} }

func difference(v float64) Cell { return Cell{Number: v, IsNumber: true, Decimals: 3, Sign: true} }

func integer(n int64) Cell { return Cell{Number: float64(n), IsNumber: true} }

// String is the cell as people read it.
func (c Cell) String() string {
	if !c.IsNumber {
		return c.Text
	}
	if math.IsInf(c.Number, 0) || math.IsNaN(c.Number) {
		return strconv.FormatFloat(c.Number, 'g', -1, 64)
	}
	s := strconv.FormatFloat(c.Number, 'f', c.Decimals, 64)
	// A rounded zero has no sign.
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	} else if c.Sign && c.Number > 0 {
		s = "+" + s
	}
	return s
}

// csv is the cell with every digit.
func (c Cell) csv() string {
	if !c.IsNumber {
		return c.Text
	}
	return strconv.FormatFloat(c.Number, 'g', -1, 64)
}

// write writes the table as NAME.csv, NAME.md and NAME.tex into dir.
func (t *Table) write(dir string) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	lines := [][]string{t.Columns}
	for _, row := range t.Rows {
		line := make([]string, len(row))
		for i, c := range row {
			line[i] = c.csv()
		}
		lines = append(lines, line)
	}
	if err := w.WriteAll(lines); err != nil {
		return err
	}
	for _, f := range []struct{ ending, content string }{
		{"csv", b.String()}, {"md", t.markdown()}, {"tex", t.latex()},
	} {
		if err := os.WriteFile(filepath.Join(dir, t.Name+"."+f.ending), []byte(f.content), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// shownCells is how many cells of a table the page shows at most; the files hold them all.
const shownCells = 20_000

// Shown are the rows that the page shows.
func (t *Table) Shown() [][]Cell {
	return t.Rows[:min(len(t.Rows), max(10, shownCells/max(1, len(t.Columns))))]
}

// Numeric says of each column whether every filled cell of it is a number.
func (t *Table) Numeric() []bool {
	numeric := make([]bool, len(t.Columns))
	for i := range numeric {
		for _, row := range t.Rows {
			if row[i].Text != "" {
				numeric[i] = false
				break
			}
			numeric[i] = numeric[i] || row[i].IsNumber
		}
	}
	return numeric
}

// markdown is the table in GitHub's Markdown.
func (t *Table) markdown() string {
	escape := strings.NewReplacer("|", `\|`, "\n", " ").Replace
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", t.Title)
	for _, c := range t.Columns {
		fmt.Fprintf(&b, "| %s ", escape(c))
	}
	b.WriteString("|\n")
	for _, numeric := range t.Numeric() {
		if numeric {
			b.WriteString("| ---: ")
		} else {
			b.WriteString("| --- ")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		for _, c := range row {
			fmt.Fprintf(&b, "| %s ", escape(c.String()))
		}
		b.WriteString("|\n")
	}
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	return b.String()
}

// texEscape writes text so that LaTeX shows it.
var texEscape = strings.NewReplacer(
	`\`, `\textbackslash{}`, "_", `\_`, "%", `\%`, "&", `\&`, "#", `\#`, "$", `\$`, "{", `\{`, "}", `\}`,
	"~", `\textasciitilde{}`, "^", `\textasciicircum{}`,
	"→", `$\rightarrow$`, "₁", `$_1$`, "₂", `$_2$`, "Δ", `$\Delta$`, "Σ", `$\Sigma$`, "−", `$-$`, "·", `$\cdot$`, "α", `$\alpha$`,
	"≥", `$\ge$`, "≤", `$\le$`, "±", `$\pm$`, "×", `$\times$`, "T̄", `$\bar{T}$`, "‖", `$\|$`, "ᵀ", `$^T$`, "φ", `$\varphi$`, "W₀", `$W_0$`,
)

// latex is the table for the booktabs package.
func (t *Table) latex() string {
	var b strings.Builder
	b.WriteString("% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\begin{tabular}{")
	for _, numeric := range t.Numeric() {
		if numeric {
			b.WriteByte('r')
		} else {
			b.WriteByte('l')
		}
	}
	b.WriteString("}\n\\toprule\n")
	line := func(cells []string) {
		for i, c := range cells {
			cells[i] = texEscape.Replace(c)
		}
		b.WriteString(strings.Join(cells, " & ") + ` \\` + "\n")
	}
	line(append([]string(nil), t.Columns...))
	b.WriteString("\\midrule\n")
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = c.String()
		}
		line(cells)
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	fmt.Fprintf(&b, "\\caption{%s}\n\\label{tab:%s}\n\\end{table}\n", texEscape.Replace(strings.Join(append([]string{t.Title + "."}, t.Notes...), " ")), t.Name)
	return b.String()
}
