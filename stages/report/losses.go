package report

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// lossFigures draw, for each model, the validation loss of every task over the epochs.
func (in *Input) lossFigures() ([]*Figure, error) {
	type curve struct {
		task   string
		points plotter.XYs
	}
	byModel := map[string][]curve{}
	var models []string
	for _, c := range in.Curves {
		if c.Kind != "validation" {
			continue
		}
		if !slices.Contains(models, c.Model) {
			models = append(models, c.Model)
		}
		curves := byModel[c.Model]
		i := slices.IndexFunc(curves, func(k curve) bool { return k.task == c.Task })
		if i < 0 {
			i = len(curves)
			curves = append(curves, curve{task: c.Task})
		}
		curves[i].points = append(curves[i].points, plotter.XY{X: c.Epoch, Y: c.Loss})
		byModel[c.Model] = curves
	}
	type o = map[string]any
	var out []*Figure
	for _, model := range models {
		p := plot.New()
		title := titleOf("validation loss", model)
		p.Title.Text = title
		p.Title.Padding = vg.Points(8)
		p.X.Label.Text, p.Y.Label.Text = "epoch", "mean loss"
		p.Legend.Top = true
		p.Add(plotter.NewGrid())
		name := fileName("loss", model)
		var series []o
		for i, c := range byModel[model] {
			l, s, err := plotter.NewLinePoints(c.points)
			if err != nil {
				return nil, fmt.Errorf("draw %s: %w", name, err)
			}
			l.Color, l.Width = plotutil.Color(i), vg.Points(1.5)
			s.Color, s.Shape = plotutil.Color(i), plotutil.Shape(i)
			p.Add(l, s)
			p.Legend.Add(c.task, l, s)
			var data [][2]float64
			for _, xy := range c.points {
				data = append(data, [2]float64{xy.X, xy.Y})
			}
			series = append(series, o{"type": "line", "name": c.task, "data": data})
		}
		p.X.Max += 0.35 * (p.X.Max - p.X.Min) // room for the legend
		out = append(out, &Figure{
			Name: name, Title: title, Width: 18 * vg.Centimeter, Height: 11 * vg.Centimeter, plot: p,
			Note: "Epoch 0 is the base model W₀ without an adapter.",
			chart: o{
				"kind": "loss", "tooltip": o{"trigger": "axis"}, "legend": o{"top": 0},
				"grid":   o{"left": 60, "right": 30, "top": 60, "bottom": 50},
				"xAxis":  o{"type": "value", "name": "epoch", "nameLocation": "middle", "nameGap": 28, "minInterval": 1},
				"yAxis":  o{"type": "value", "scale": true, "name": "mean loss"},
				"series": series,
			},
		})
	}
	return out, nil
}
