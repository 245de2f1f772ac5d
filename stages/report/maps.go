package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"taskvec/internal/stats"
)

// maps are the figures that place the tasks of a model by a distance: principal components of its rows,
// multidimensional scaling and the average-linkage tree, of T̄ and of each module type's own mean.
func (in *Input) maps(model string, d distance, m [][]float64) ([]*Figure, error) {
	tasks, types := in.Results.Tasks[model], in.Results.moduleTypes(model, d.measure)
	var out []*Figure
	for _, kind := range []struct {
		name, title string
		draw        func(name, title string, tasks []string, m [][]float64) (*Figure, error)
	}{
		{"pca", "PCA of the " + d.title, pcaMap},
		{"mds", "multidimensional scaling of the " + d.title, mdsMap},
		{"tree", "average linkage of the " + d.title, dendrogram},
	} {
		f, err := kind.draw(fileName(kind.name, model, d.measure), titleOf(kind.title, model), tasks, m)
		if err != nil {
			return nil, err
		}
		for _, module := range types {
			of, ok := in.Results.distanceOf(model, d.measure, module)
			if !ok || len(types) < 2 {
				continue
			}
			part, err := kind.draw(fileName(kind.name, model, d.measure, module), titleOf(kind.title, model)+", "+module, tasks, of)
			if err != nil {
				return nil, err
			}
			part.Module = module
			f.ByModule = append(f.ByModule, part)
		}
		out = append(out, f)
	}
	return out, nil
}

// pcaMap draws the first two principal components of the rows of T̄.
func pcaMap(name, title string, tasks []string, m [][]float64) (*Figure, error) {
	c, err := pcaRows(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	axis := func(i int) string {
		return fmt.Sprintf("component %d (%.0f %% of the variance)", i+1, 100*c.explained[i])
	}
	return scatter(name, title, tasks, c.scores, [2]string{axis(0), axis(1)},
		"Rows of T̄ as features, column-centred and not scaled; in each component the entry of largest absolute value is positive.")
}

// mdsMap draws the tasks so that their distances in the plane are near those of T̄.
func mdsMap(name, title string, tasks []string, m [][]float64) (*Figure, error) {
	places, err := stats.MDS(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	axis := func(i int) string {
		return fmt.Sprintf("axis %d (%.0f %% of the eigenvalues)", i+1, 100*places.Explained[i])
	}
	return scatter(name, title, tasks, places.Points, [2]string{axis(0), axis(1)},
		"Classical multidimensional scaling: distances in the plane are as near to T̄ as two axes allow.")
}

// scatter draws tasks at points, with their names.
func scatter(name, title string, tasks []string, points [][2]float64, axes [2]string, note string) (*Figure, error) {
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text, p.Y.Label.Text = axes[0], axes[1]
	p.Add(plotter.NewGrid())
	p.Legend.Top = true
	labelY := apart(points)
	groups := map[string][]int{}
	for i, t := range tasks {
		groups[family(t)] = append(groups[family(t)], i)
	}
	type o = map[string]any
	var series []o
	for _, fam := range familyOrder {
		if len(groups[fam]) == 0 {
			continue
		}
		var places plotter.XYs
		var xy plotter.XYLabels
		var data []o
		for _, i := range groups[fam] {
			places = append(places, plotter.XY{X: points[i][0], Y: points[i][1]})
			xy.XYs = append(xy.XYs, plotter.XY{X: points[i][0], Y: labelY[i]})
			xy.Labels = append(xy.Labels, tasks[i])
			// The chart is about 340 pixels high; its label moves as far as the figure's.
			up := 340 * (labelY[i] - points[i][1]) / max(1e-9, spread(points, 1))
			data = append(data, o{"name": tasks[i], "value": points[i], "label": o{"offset": []float64{0, -math.Round(up)}}})
		}
		s, err := plotter.NewScatter(places)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", name, err)
		}
		s.GlyphStyle = draw.GlyphStyle{Color: familyColors[fam], Radius: vg.Points(5), Shape: draw.CircleGlyph{}}
		l, err := plotter.NewLabels(xy)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", name, err)
		}
		l.Offset = vg.Point{X: vg.Points(8), Y: vg.Points(-3)}
		p.Add(s, l)
		p.Legend.Add(fam, s)
		series = append(series, o{"type": "scatter", "name": fam, "symbolSize": 14, "color": hex(familyColors[fam]), "data": data,
			"label": o{"show": true, "position": "right", "formatter": "{b}"}})
	}
	widen(p)
	return &Figure{
		Name: name, Title: title, Width: 18 * vg.Centimeter, Height: 12 * vg.Centimeter, plot: p,
		Note: note,
		chart: o{
			"kind": "pca", "tooltip": o{}, "legend": o{"top": 0},
			"grid":   o{"left": 70, "right": 150, "top": 40, "bottom": 60},
			"xAxis":  o{"type": "value", "scale": true, "name": axes[0], "nameLocation": "middle", "nameGap": 32},
			"yAxis":  o{"type": "value", "scale": true, "name": axes[1], "nameLocation": "middle", "nameGap": 48},
			"series": series,
		},
	}, nil
}

// apart returns heights for the points' labels, which stand to their right: that of the point, or
// above the label below where the two would overlap.
func apart(scores [][2]float64) []float64 {
	gap, width := 0.05*spread(scores, 1), 0.35*spread(scores, 0)
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[a][1], scores[b][1]) })
	heights := make([]float64, len(scores))
	for n, i := range order {
		heights[i] = scores[i][1]
		for _, j := range order[:n] {
			if math.Abs(scores[i][0]-scores[j][0]) < width {
				heights[i] = max(heights[i], heights[j]+gap)
			}
		}
	}
	return heights
}

// spread is the distance between the least and the largest coordinate k.
func spread(scores [][2]float64, k int) float64 {
	lo, hi := scores[0][k], scores[0][k]
	for _, p := range scores {
		lo, hi = min(lo, p[k]), max(hi, p[k])
	}
	return hi - lo
}

// widen leaves room for the labels beside the points.
func widen(p *plot.Plot) {
	dx, dy := p.X.Max-p.X.Min, p.Y.Max-p.Y.Min
	p.X.Min, p.X.Max = p.X.Min-0.05*dx, p.X.Max+0.35*dx
	p.Y.Min, p.Y.Max = p.Y.Min-0.08*dy, p.Y.Max+0.12*dy
}
