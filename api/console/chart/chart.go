package chart

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Chart shows figures over time. Its parts are days.
type Chart struct {
	ID     string   // unique on the page: letters, digits and hyphens
	Title  string   // name of the figures
	Unit   string   // unit of the values, plural: "followers"
	Bars   bool     // bars instead of lines
	Series []Series // the first series labels the parts; an optional second series is the comparison
	Note   string   // a sentence below the chart; "": none
	Empty  string   // text shown if no value is known; says why, and what to do
	File   string   // address of a workbook with the same figures; "": none
}

// Series is a named list of points, one for each part.
type Series struct {
	Name   string
	Points []Point
}

// Begins is the set of calendar periods that start at a part. The axis preferably labels such
// parts.
type Begins uint8

// The members of [Begins].
const (
	Week Begins = 1 << iota
	Month
	Quarter
	Year
)

// Point is a part of a chart with its value.
type Point struct {
	Label  string // full name of the part: "3 January 2026"
	Short  string // name on the axis: "3 Jan"
	Value  *int64 // nil: unknown
	Open   bool   // the value is not final and may still change
	Mark   string // an event that explains a jump: "page connected"; "": none
	Begins Begins
}

// Number formats a number with thousands separators: 1,234.
func Number(n int64) string {
	digits := strings.TrimPrefix(strconv.FormatInt(n, 10), "-")
	var out strings.Builder
	if n < 0 {
		out.WriteString("−")
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(d)
	}
	return out.String()
}

// Signed formats a change: +1,234.
func Signed(n int64) string {
	if n > 0 {
		return "+" + Number(n)
	}
	return Number(n)
}

const thousand = 1000

// short formats a value for the axis, such as 12.5k, or 12,345 because 12.345k is longer.
func short(v float64) string {
	whole, unit := Number(int64(v)), ""
	for _, next := range []string{"k", "M", "B", "T", "P", "E"} {
		if math.Abs(v) < thousand {
			break
		}
		v, unit = v/thousand, next
	}
	text := strings.Replace(strconv.FormatFloat(v, 'g', 6, 64), "-", "−", 1) + unit
	if utf8.RuneCountInString(whole) <= utf8.RuneCountInString(text) {
		return whole
	}
	return text
}

type row struct {
	Label string
	Open  bool
	Mark  string
	Cells []cell // one cell for each series
}

type cell struct {
	Text string // "–": unknown
	Part string // the part of the value, if it differs from the row's
}

func (c Chart) rows() []row {
	rows := make([]row, len(c.Series[0].Points))
	for i, first := range c.Series[0].Points {
		rows[i] = row{Label: first.Label, Open: first.Open, Mark: first.Mark}
		for _, series := range c.Series {
			one := cell{Text: "–"}
			if i < len(series.Points) {
				if p := series.Points[i]; p.Value != nil {
					one.Text = Number(*p.Value)
				}
				if series.Points[i].Label != first.Label {
					one.Part = series.Points[i].Label
				}
			}
			rows[i].Cells = append(rows[i].Cells, one)
		}
	}
	return rows
}

//go:embed chart.html
var pagesText string

var pages = template.Must(template.New("chart").Parse(pagesText))

// Figure returns the chart as HTML with its title, legend and table.
func (c Chart) Figure() (template.HTML, error) { return rendered("figure", plotOf(c)) }

// Sparkline returns a small line chart of the points as HTML, with text as the text alternative. It
// returns "" if fewer than two values are known.
func Sparkline(text string, points []Point) (template.HTML, error) {
	s, known := scaleOf(false, Series{Points: points})
	if known < 2 {
		return "", nil
	}
	room := float64(sparkWidth-2*sparkEdge) / float64(len(points)-1)
	var last box
	paths := runs(points, func(i int, v int64) (x, y string) {
		last.X, last.Y = at(sparkEdge+float64(i)*room), at(s.y(float64(v), sparkEdge, sparkHeight-sparkEdge))
		return last.X, last.Y
	})
	return rendered("spark", struct {
		Text  string // text alternative
		Paths []string
		Last  box
	}{text, paths, last})
}

func rendered(name string, data any) (template.HTML, error) {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, name, data); err != nil {
		return "", fmt.Errorf("draw chart: %w", err)
	}
	return template.HTML(out.String()), nil //nolint:gosec // the template has escaped it
}
