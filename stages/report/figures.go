package report

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"taskvec/datasets"
	"taskvec/tasks"
)

// A Figure is one figure of the report, drawn with gonum/plot as SVG and PNG and shown in the page
// as an interactive chart.
type Figure struct {
	Name   string // file name without its ending
	Title  string
	Note   string
	Width  vg.Length
	Height vg.Length
	// ByModule are the same figure of each module type alone, which the page has links to.
	ByModule []*Figure
	Module   string // of which module type alone; "" for all

	plot  *plot.Plot
	chart any // options of Apache ECharts
}

// write draws the figure as NAME.svg and NAME.png into dir, and those by module.
func (f *Figure) write(dir string) error {
	for _, part := range f.ByModule {
		if err := part.write(dir); err != nil {
			return err
		}
	}
	for _, ending := range []string{"svg", "png"} {
		if err := f.plot.Save(f.Width, f.Height, filepath.Join(dir, f.Name+"."+ending)); err != nil {
			return fmt.Errorf("draw %s.%s: %w", f.Name, ending, err)
		}
	}
	return nil
}

// familyOrder and familyColors give each task family its color in every figure.
var (
	familyOrder  = []string{"linguistic", "counting", "summary", "classification", "other"}
	familyColors = map[string]color.NRGBA{
		"linguistic":     {R: 0x1f, G: 0x6f, B: 0xb4, A: 0xff},
		"counting":       {R: 0xd9, G: 0x7a, B: 0x16, A: 0xff},
		"summary":        {R: 0x2b, G: 0x8a, B: 0x4b, A: 0xff},
		"classification": {R: 0x8a, G: 0x4f, B: 0xa8, A: 0xff},
		"other":          {R: 0x55, G: 0x5f, B: 0x6b, A: 0xff},
	}
)

// family returns the family of a task, "other" for one without a color of its own.
func family(task string) string {
	if t := tasks.Lookup(task); t != nil && slices.Contains(familyOrder, string(t.Family)) {
		return string(t.Family)
	}
	if datasets.KnownSet(task) != nil {
		return string(tasks.ClassificationFamily)
	}
	return "other"
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// figures are all the figures of the report in their order.
func (in *Input) figures() ([]*Figure, error) {
	var out []*Figure
	for _, model := range in.Results.Models {
		for _, d := range distances {
			m, ok := in.Results.Distance(model, d.measure)
			if !ok || len(m) < 2 {
				continue
			}
			f, err := heatMap(fileName("heatmap", model, d.measure), titleOf("mean "+d.title, model), in.Results.Tasks[model], m)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
			if d.measure != "grassmann" || len(m) < 3 { // two tasks are a line, not a map
				continue
			}
			maps, err := in.maps(model, d, m)
			if err != nil {
				return nil, err
			}
			out = append(out, maps...)
		}
	}
	tested, err := in.skillFigures()
	if err != nil {
		return nil, err
	}
	losses, err := in.lossFigures()
	if err != nil {
		return nil, err
	}
	return append(append(out, tested...), losses...), nil
}

// A grid is a matrix as plotter.HeatMap wants it, the first row on top.
type grid [][]float64

func (g grid) Dims() (c, r int)   { return len(g[0]), len(g) }
func (g grid) Z(c, r int) float64 { return g[len(g)-1-r][c] }
func (g grid) X(c int) float64    { return float64(c) }
func (g grid) Y(r int) float64    { return float64(r) }

// names puts task names at the whole numbers of an axis.
func names(tasks []string) plot.Ticker {
	ticks := make(plot.ConstantTicks, len(tasks))
	for i, t := range tasks {
		ticks[i] = plot.Tick{Value: float64(i), Label: t}
	}
	return ticks
}

// offDiagonal returns the least and the largest entry beside the diagonal.
func offDiagonal(m [][]float64) (lo, hi float64) {
	lo, hi = m[0][1], m[0][1]
	for i := range m {
		for j := range m {
			if i != j {
				lo, hi = min(lo, m[i][j]), max(hi, m[i][j])
			}
		}
	}
	return lo, hi
}

// blues goes from dark (near) to light (far), so that near tasks stand out.
func blues() fixedPalette {
	const n = 64
	near, far := [3]float64{0x14, 0x4b, 0x8a}, [3]float64{0xf3, 0xf7, 0xfb}
	colors := make(fixedPalette, n)
	for i := range colors {
		t := float64(i) / (n - 1)
		mix := func(k int) uint8 { return uint8(near[k] + t*(far[k]-near[k]) + 0.5) }
		colors[i] = color.NRGBA{R: mix(0), G: mix(1), B: mix(2), A: 0xff}
	}
	return colors
}

type fixedPalette []color.Color

func (p fixedPalette) Colors() []color.Color { return p }

// A heat is a matrix to be drawn as a heat map, dark for near or good.
type heat struct {
	name, title, note string
	rows, columns     []string
	values            [][]float64 // below lo: grey; untested: grey and without a number
	lo, hi            float64     // of the scale
	high              bool        // dark are the high values, not the low ones
}

// heatMap draws T̄; the scale spans the entries beside the diagonal, which is 0 by definition.
func heatMap(name, title string, tasks []string, m [][]float64) (*Figure, error) {
	h := heat{name: name, title: title, rows: tasks, columns: tasks, values: m, note: "Dark is near. The scale spans the pairs; the diagonal is 0."}
	if h.lo, h.hi = offDiagonal(m); h.hi == h.lo {
		h.hi = h.lo + 1
	}
	return h.draw()
}

// untested stands for a value that there is not.
const untested = -1

var grey = color.NRGBA{R: 0xdd, G: 0xdd, B: 0xdd, A: 0xff}

// draw draws the heat map.
func (h *heat) draw() (*Figure, error) {
	p := plot.New()
	p.Title.Text = h.title
	p.Title.Padding = vg.Points(8)
	colors := blues()
	if h.high {
		slices.Reverse(colors)
	}
	m := plotter.NewHeatMap(grid(h.values), colors)
	m.Min, m.Max = h.lo, h.hi
	m.Underflow = grey
	p.Add(m)
	if max(len(h.rows), len(h.columns)) > legible {
		return wholesale(h.name, h.title, p), nil
	}
	var labels plotter.XYLabels
	var data [][]any
	for i, row := range h.values {
		for j, v := range row {
			data = append(data, []any{j, i, v})
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(j), Y: float64(len(h.rows) - 1 - i)})
			labels.Labels = append(labels.Labels, h.label(i, j))
		}
	}
	l, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", h.name, err)
	}
	for i := range l.TextStyle {
		l.TextStyle[i].XAlign, l.TextStyle[i].YAlign = draw.XCenter, draw.YCenter
		l.TextStyle[i].Font.Size = vg.Points(9)
		depth := (data[i][2].(float64) - h.lo) / (h.hi - h.lo)
		if h.high {
			depth = 1 - depth
		}
		if depth < 0.55 && data[i][2].(float64) >= h.lo {
			l.TextStyle[i].Color = color.White
		}
	}
	p.Add(l)
	reversed := slices.Clone(h.rows)
	slices.Reverse(reversed)
	p.X.Tick.Marker, p.Y.Tick.Marker = names(h.columns), names(reversed)
	p.X.Tick.Label.Rotation = 0.6
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YTop
	p.X.Padding, p.Y.Padding = vg.Points(2), vg.Points(2)
	p.Y.Label.Text = " " // room for the longest name
	side := func(n int) vg.Length { return vg.Length(n)*1.7*vg.Centimeter + 5*vg.Centimeter }
	return &Figure{
		Name: h.name, Title: h.title, Width: side(len(h.columns)), Height: side(len(h.rows)) - 0.8*vg.Centimeter, plot: p,
		Note:  h.note,
		chart: h.chart(data),
	}, nil
}

// label is what stands in a cell; nothing where no value is.
func (h *heat) label(i, j int) string {
	v := h.values[i][j]
	if v == untested {
		return ""
	}
	return Cell{Number: v, IsNumber: true, Decimals: 3}.String()
}

// legible is for how many tasks a heat map has names and numbers.
const legible = 60

// wholesale is the heat map p of more tasks: a picture in their order.
func wholesale(name, title string, p *plot.Plot) *Figure {
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks{}, plot.ConstantTicks{}
	p.X.Label.Text = "tasks, in the order of the tables"
	return &Figure{
		Name: name, Title: title, Width: 24 * vg.Centimeter, Height: 24 * vg.Centimeter, plot: p,
		Note: "Dark is near. The scale spans the pairs; the diagonal is 0. Numbers are in the table of this distance.",
	}
}

// chart is the interactive heat map.
func (h *heat) chart(data [][]any) any {
	type o = map[string]any
	var cells []o
	for _, d := range data {
		i, j := d[1].(int), d[0].(int)
		if d[2].(float64) == untested {
			continue
		}
		c := o{"value": d}
		if h.values[i][j] < h.lo {
			c["itemStyle"] = o{"color": "#dddddd"}
		}
		cells = append(cells, c)
	}
	colors := []string{"#144b8a", "#f3f7fb"}
	if h.high {
		slices.Reverse(colors)
	}
	return o{
		"kind":    "heatmap",
		"rows":    h.rows,
		"columns": h.columns,
		"tooltip": o{},
		"grid":    o{"left": 150, "right": 90, "top": 20, "bottom": 110},
		"xAxis":   o{"type": "category", "data": h.columns, "axisLabel": o{"rotate": 35, "interval": 0}},
		"yAxis":   o{"type": "category", "data": h.rows, "inverse": true, "axisLabel": o{"interval": 0}},
		"visualMap": o{"min": h.lo, "max": h.hi, "precision": 3, "calculable": true, "right": 0, "top": "center",
			"inRange": o{"color": colors}},
		"series": []o{{"type": "heatmap", "data": cells, "label": o{"show": true}}},
	}
}
