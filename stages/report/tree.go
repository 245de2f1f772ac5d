package report

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"taskvec/internal/stats"
)

// dendrogram draws the average-linkage tree of T̄: the tasks one below the other, and two clusters
// joined at their mean distance.
func dendrogram(name, title string, tasks []string, m [][]float64) (*Figure, error) {
	merges, order, err := stats.AverageLinkage(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text = "mean distance"
	p.Y.Label.Text = " " // room for the longest name
	p.Legend.Top, p.Legend.Left = true, true
	type o = map[string]any
	var series []o
	n := len(tasks)
	at := make([][2]float64, n, n+len(merges)) // height and place of each cluster
	for place, i := range order {
		at[i] = [2]float64{0, float64(place)}
	}
	for _, merge := range merges {
		a, b := at[merge.A], at[merge.B]
		at = append(at, [2]float64{merge.Height, (a[1] + b[1]) / 2})
		corners := [][2]float64{a, {merge.Height, a[1]}, {merge.Height, b[1]}, b}
		line := make(plotter.XYs, len(corners))
		for k, c := range corners {
			line[k] = plotter.XY{X: c[0], Y: float64(n-1) - c[1]}
		}
		l, err := plotter.NewLine(line)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", name, err)
		}
		l.Width, l.Color = vg.Points(1.2), familyColors["other"]
		p.Add(l)
		series = append(series, o{"type": "line", "data": corners, "symbol": "none", "silent": true,
			"lineStyle": o{"color": hex(familyColors["other"]), "width": 1.5}})
	}
	for _, fam := range familyOrder {
		var leaves plotter.XYs
		var data []o
		for i, task := range tasks {
			if family(task) == fam {
				leaves = append(leaves, plotter.XY{X: 0, Y: float64(n-1) - at[i][1]})
				data = append(data, o{"name": task, "value": at[i]})
			}
		}
		if leaves == nil {
			continue
		}
		s, err := plotter.NewScatter(leaves)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", name, err)
		}
		s.GlyphStyle = draw.GlyphStyle{Color: familyColors[fam], Radius: vg.Points(4), Shape: draw.CircleGlyph{}}
		p.Add(s)
		p.Legend.Add(fam, s)
		series = append(series, o{"type": "scatter", "name": fam, "symbolSize": 11, "color": hex(familyColors[fam]), "data": data,
			"label": o{"show": true, "position": "left", "formatter": "{b}"}})
	}
	top := merges[len(merges)-1].Height
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.02*top, 1.05*top, -0.7, float64(n)-0.3+0.65*float64(len(legendOf(tasks))) // the legend stands above
	f := &Figure{
		Name: name, Title: title, Width: 18 * vg.Centimeter, Height: vg.Length(n)*0.8*vg.Centimeter + 5*vg.Centimeter, plot: p,
		Note: "Two clusters meet at the mean distance of their tasks (UPGMA).",
	}
	if n > legible {
		p.Y.Tick.Marker = plot.ConstantTicks{}
		f.Height = 24 * vg.Centimeter
		return f, nil
	}
	leaves := make([]string, n)
	for place, i := range order {
		leaves[n-1-place] = tasks[i]
	}
	p.Y.Tick.Marker = names(leaves)
	f.chart = o{
		"kind": "tree", "tooltip": o{}, "legend": o{"top": 0, "data": legendOf(tasks)},
		"grid":   o{"left": 170, "right": 40, "top": 40, "bottom": 60},
		"xAxis":  o{"type": "value", "min": 0, "name": "mean distance", "nameLocation": "middle", "nameGap": 32},
		"yAxis":  o{"type": "value", "inverse": true, "min": -0.5, "max": float64(n) - 0.5, "show": false},
		"series": series,
	}
	return f, nil
}

// legendOf returns the families of tasks in their order.
func legendOf(tasks []string) []string {
	var of []string
	for _, fam := range familyOrder {
		for _, task := range tasks {
			if family(task) == fam {
				of = append(of, fam)
				break
			}
		}
	}
	return of
}
