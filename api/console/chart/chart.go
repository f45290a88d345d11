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

// Chart is figures over time, or over anything else that has an order.
type Chart struct {
	ID     string   // of its elements: distinct on a page, letters, digits and hyphens
	Title  string   // what is shown
	Unit   string   // of the values: "followers"
	Bars   bool     // else a line
	Series []Series // the first one names the parts; one more is what it is compared with
	Note   string   // a sentence below it; "": none
	Empty  string   // what is said where no value is known, and what to do about it
	CSV    string   // address of the same figures as a file; "": no file
}

// Series is one value for each part.
type Series struct {
	Name   string
	Points []Point
}

// Begins is what a part of a chart begins, a set: labels of the axis are there rather than elsewhere.
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
	Label  string // the whole name of the part: "3 January 2026"
	Short  string // its name at the axis: "3 Jan"
	Value  *int64 // nil: not known
	Open   bool   // it is not final: the value may still change
	Mark   string // what happened in it that explains a jump: "page connected"; "": nothing
	Begins Begins
}

// Number writes a number with separators of thousands: 1,234.
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

// Signed writes a change: +1,234.
func Signed(n int64) string {
	if n > 0 {
		return "+" + Number(n)
	}
	return Number(n)
}

const thousand = 1000

// short writes a value of the axis: 12.5k, or 12,345 if that is no longer.
func short(v float64) string {
	whole, unit := Number(int64(v)), ""
	for _, next := range []string{"k", "M", "G", "T", "P", "E"} {
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

// row is a part in the table behind.
type row struct {
	Label string
	Open  bool
	Mark  string
	Cells []cell // one for each series
}

type cell struct {
	Text string // "–": not known
	Of   string // the part that the value is of, where it is not the row's
}

// rows is the table behind the chart.
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
					one.Of = series.Points[i].Label
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
