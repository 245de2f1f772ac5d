package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"os"
)

//go:embed assets/echarts.min.js
var echarts string

//go:embed assets/page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// writePage writes the one page that holds every table and figure. Nothing in it is fetched: the
// chart library is inlined, and the files beside it are links for download.
func (in *Input) writePage(path string, tables []*Table, figures []*Figure) (err error) {
	type shown struct {
		*Figure
		Options template.JS
		Height  int
	}
	var charts []shown
	for _, f := range figures {
		if f.chart == nil { // a picture
			charts = append(charts, shown{Figure: f})
			continue
		}
		options, err := json.Marshal(f.chart) // escapes <, > and &, so that it is safe in a script
		if err != nil {
			return fmt.Errorf("encode chart %s: %w", f.Name, err)
		}
		charts = append(charts, shown{Figure: f, Options: template.JS(options), Height: int(f.Height.Points() * 4 / 3)})
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	return pageTemplate.Execute(out, map[string]any{
		"Title":     in.Title,
		"Tables":    tables,
		"Figures":   charts,
		"ECharts":   template.JS(echarts),
		"Takeaways": in.Published.Takeaways,
	})
}
