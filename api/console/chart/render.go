package chart

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
)

//go:embed chart.html
var pagesText string

var pages = template.Must(template.New("chart").Parse(pagesText))

// Figure draws the chart with its title, its legend and the table behind it.
func (c Chart) Figure() (template.HTML, error) { return rendered("figure", plotOf(c)) }

// spark is a small line with nothing beside it.
type spark struct {
	Told  string
	Paths []string
	Ends  []label // the last known value
}

// Sparkline draws the points as a small line, with a text that says what a reader of the screen would see. It is empty
// where fewer than two values are known.
func Sparkline(told string, points []Point) (template.HTML, error) {
	s, known := scaleOf(false, Series{Points: points})
	if known < 2 {
		return "", nil
	}
	room := float64(sparkWidth-2*sparkEdge) / float64(len(points)-1)
	small := spark{Told: told}
	small.Paths = runs(points, func(i int, v int64) (x, y string) {
		x, y = at(sparkEdge+float64(i)*room), at(s.y(float64(v), sparkEdge, sparkHeight-sparkEdge))
		small.Ends = []label{{x, y}}
		return x, y
	})
	return rendered("spark", small)
}

func rendered(name string, data any) (template.HTML, error) {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, name, data); err != nil {
		return "", fmt.Errorf("draw chart: %w", err)
	}
	return template.HTML(out.String()), nil //nolint:gosec // the template has escaped it
}
