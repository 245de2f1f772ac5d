package report

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
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
	losses, err := in.lossFigures()
	if err != nil {
		return nil, err
	}
	return append(out, losses...), nil
}

// A grid is a square matrix as plotter.HeatMap wants it, the first row on top.
type grid [][]float64

func (g grid) Dims() (c, r int)   { return len(g), len(g) }
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
func blues() palette.Palette {
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

// heatMap draws T̄; the scale spans the entries beside the diagonal, which is 0 by definition.
func heatMap(name, title string, tasks []string, m [][]float64) (*Figure, error) {
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding = vg.Points(8)
	lo, hi := offDiagonal(m)
	if hi == lo {
		hi = lo + 1
	}
	h := plotter.NewHeatMap(grid(m), blues())
	h.Min, h.Max = lo, hi
	h.Underflow = color.NRGBA{R: 0xdd, G: 0xdd, B: 0xdd, A: 0xff} // the diagonal
	p.Add(h)
	if len(m) > legible {
		return wholesale(name, title, p), nil
	}
	var labels plotter.XYLabels
	var data [][]any
	for i := range m {
		for j := range m {
			data = append(data, []any{j, i, m[i][j]})
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(j), Y: float64(len(m) - 1 - i)})
			labels.Labels = append(labels.Labels, Cell{Number: m[i][j], IsNumber: true, Decimals: 3}.String())
		}
	}
	l, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", name, err)
	}
	for i := range l.TextStyle {
		l.TextStyle[i].XAlign, l.TextStyle[i].YAlign = draw.XCenter, draw.YCenter
		l.TextStyle[i].Font.Size = vg.Points(9)
		if v := data[i][2].(float64); v >= lo && v < lo+0.55*(hi-lo) {
			l.TextStyle[i].Color = color.White
		}
	}
	p.Add(l)
	reversed := slices.Clone(tasks)
	slices.Reverse(reversed)
	p.X.Tick.Marker, p.Y.Tick.Marker = names(tasks), names(reversed)
	p.X.Tick.Label.Rotation = 0.6
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YTop
	p.X.Padding, p.Y.Padding = vg.Points(2), vg.Points(2)
	p.Y.Label.Text = " " // room for the longest name
	side := vg.Length(len(tasks))*1.7*vg.Centimeter + 5*vg.Centimeter
	return &Figure{
		Name: name, Title: title, Width: side, Height: side - 0.8*vg.Centimeter, plot: p,
		Note:  "Dark is near. The scale spans the pairs; the diagonal is 0.",
		chart: heatMapChart(tasks, data, lo, hi),
	}, nil
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

// heatMapChart is the interactive heat map.
func heatMapChart(tasks []string, data [][]any, lo, hi float64) any {
	type o = map[string]any
	var cells []o
	for _, d := range data {
		c := o{"value": d}
		if d[0] == d[1] {
			c["itemStyle"] = o{"color": "#dddddd"}
		}
		cells = append(cells, c)
	}
	return o{
		"kind":    "heatmap",
		"tasks":   tasks,
		"tooltip": o{},
		"grid":    o{"left": 150, "right": 90, "top": 20, "bottom": 110},
		"xAxis":   o{"type": "category", "data": tasks, "axisLabel": o{"rotate": 35, "interval": 0}},
		"yAxis":   o{"type": "category", "data": tasks, "inverse": true, "axisLabel": o{"interval": 0}},
		"visualMap": o{"min": lo, "max": hi, "precision": 3, "calculable": true, "right": 0, "top": "center",
			"inRange": o{"color": []string{"#144b8a", "#f3f7fb"}}},
		"series": []o{{"type": "heatmap", "data": cells, "label": o{"show": true}}},
	}
}
