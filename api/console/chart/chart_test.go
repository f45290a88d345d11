package chart_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
)

func points(values ...any) (points []chart.Point) {
	for i, v := range values {
		p := chart.Point{Label: fmt.Sprintf("%d March 2026", i+1), Short: fmt.Sprintf("%d Mar", i+1)}
		if n, known := v.(int); known {
			p.Value = new(int64(n))
		}
		points = append(points, p)
	}
	return points
}

func TestChartsMatchGoldenFiles(t *testing.T) {
	t.Parallel()
	open := points(100, 150, nil, 200)
	open[3].Open = true
	before := points(80, 90, 100, 110)
	for i := range before {
		before[i].Label = fmt.Sprintf("%d February 2026", i+1)
	}
	for name, c := range map[string]chart.Chart{
		"line": {
			ID: "followers", Title: "Followers", Unit: "followers", File: "/console/figures.xlsx?a=1&b=2",
			Series: []chart.Series{{Name: "Followers", Points: open}},
		},
		"bars": {
			ID: "net", Title: "Net growth", Unit: "followers", Bars: true,
			Series: []chart.Series{{Name: "This range", Points: points(10, -5, nil, 0)}, {Name: "Before", Points: before[:3]}},
		},
		"markup": {
			ID: "m", Title: `<script>alert("1")</script>`, Series: []chart.Series{{Name: "</title><b>&amp;", Points: []chart.Point{
				{Label: "</svg><img src=x onerror=alert(1)>", Short: "'\"><", Value: new(int64(1)), Open: true},
			}}, {Name: "b"}},
		},
		"empty": {ID: "none", Title: "Views", Empty: "No post was read. Choose a longer range.", Series: []chart.Series{{Points: points(nil, nil)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			figure, err := c.Figure()
			require.NoError(t, err)
			got := string(figure)
			file := "testdata/" + name + ".html"
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got, "%s differs. If the change is intended, run: go test ./api/console/chart -update", file)
		})
	}
}

// All labels of an axis have the same format: short, or in full if shortening does not help.
func TestAxisLabelsHaveOneFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of, to int
		says   []string
	}{{144468, 144498, []string{">144,470<", ">144,500<"}}, {138000, 146000, []string{">138k<", ">146k<"}}, {2_310_500_000, 2_312_000_000, []string{">2.3105B<", ">2.312B<"}}} {
		figure, err := chart.Chart{Series: []chart.Series{{Points: points(c.of, c.to)}}}.Figure()
		require.NoError(t, err)
		for _, said := range c.says {
			require.Contains(t, string(figure), said)
		}
	}
}

// These positions were computed by hand: a regenerated golden file would accept wrong geometry.
func TestPointPositions(t *testing.T) {
	t.Parallel()
	// Four parts share 420 units from x = 52; values 100 to 200 share 156 units from y = 168
	// upwards.
	figure, err := chart.Chart{Series: []chart.Series{{Points: points(100, 150, nil, 200)}}}.Figure()
	require.NoError(t, err)
	require.Equal(t, []string{
		`<circle class="dot" cx="104.5" cy="168.0"`, `<circle class="dot" cx="209.5" cy="90.0"`, `<circle class="dot" cx="419.5" cy="12.0"`,
	}, regexp.MustCompile(`<circle class="dot" cx="[^"]*" cy="[^"]*"`).FindAllString(string(figure), -1))
	require.Contains(t, string(figure), `<path class="line" d="M104.5 168.0L209.5 90.0"/>`)

	// −5 to 10 in steps of 5: 0 is 52 of 156 units above the bottom.
	figure, err = chart.Chart{Bars: true, Series: []chart.Series{{Points: points(10, -5)}}}.Figure()
	require.NoError(t, err)
	require.Equal(t, []string{
		`class="bar" x="83.5" y="12.0" width="147.0" height="104.0"`, `class="bar" x="293.5" y="116.0" width="147.0" height="52.0"`,
	}, regexp.MustCompile(`class="bar"[^>]*[0-9]"`).FindAllString(string(figure), -1))

	spark, err := chart.Sparkline("up", points(0, 1, 4))
	require.NoError(t, err)
	require.Contains(t, string(spark), `d="M3.0 25.0L60.0 19.5L117.0 3.0"`)
	spark, err = chart.Sparkline("too little", points(nil, 4))
	require.NoError(t, err)
	require.Empty(t, spark)
}

func TestNumberFormats(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", -1234567: "−1,234,567", math.MinInt64: "−9,223,372,036,854,775,808",
	} {
		require.Equal(t, want, chart.Number(n))
	}
	require.Equal(t, "+12", chart.Signed(12))
	require.Equal(t, "−12", chart.Signed(-12))
	require.Equal(t, "0", chart.Signed(0))
}

// For any values and texts, the drawing stays in the view box, lines join only neighbors, and texts
// are unchanged.
func TestChartsStayInTheViewBox(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab<>&\"'{}/=")), 1, 20, -1)
	value := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-20, 20))
	rapid.Check(t, func(t *rapid.T) {
		c := chart.Chart{ID: "c", Title: text.Draw(t, "title"), Bars: rapid.Bool().Draw(t, "bars")}
		n := rapid.IntRange(1, 40).Draw(t, "parts")
		var texts []string
		joined := 0
		for s := range rapid.IntRange(1, 2).Draw(t, "series") {
			series := chart.Series{Name: fmt.Sprint("s", s)}
			for i := range n {
				p := chart.Point{Label: text.Draw(t, "label"), Short: text.Draw(t, "short"), Open: rapid.Bool().Draw(t, "open")}
				if rapid.Bool().Draw(t, "known") {
					p.Value = new(value.Draw(t, "value"))
					texts = append(texts, p.Label+": "+chart.Number(*p.Value))
					if i > 0 && series.Points[i-1].Value != nil {
						joined++
					}
				}
				series.Points = append(series.Points, p)
			}
			c.Series = append(c.Series, series)
		}
		figure, err := c.Figure()
		require.NoError(t, err)
		parsed := read(t, string(figure))
		require.Equal(t, c.Title, parsed.caption)
		require.Len(t, parsed.titles, len(texts))
		for i := range texts {
			require.True(t, strings.HasPrefix(parsed.titles[i], texts[i]), "%q does not begin with %q", parsed.titles[i], texts[i])
		}
		if c.Bars {
			require.Zero(t, parsed.joins)
		} else {
			require.Equal(t, joined, parsed.joins)
		}
	})
}

// drawing is a parsed SVG.
type drawing struct {
	caption string
	titles  []string
	joins   int // number of neighbors joined by lines
}

// read fails if anything is outside the view box or is not an element of a chart.
func read(t require.TestingT, figure string) (d drawing) {
	decoder := xml.NewDecoder(strings.NewReader(strings.ReplaceAll(figure, " download>", ">")))
	var path []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return d
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			path = append(path, e.Name.Local)
			attrs := map[string]string{}
			for _, a := range e.Attr {
				attrs[a.Name.Local] = a.Value
			}
			require.NotContains(t, attrs, "style")
			d.joins += inBox(t, e.Name.Local, attrs)
			if attrs["class"] == "chart-title" {
				path[len(path)-1] = "caption"
			}
			if e.Name.Local == "title" {
				d.titles = append(d.titles, "")
			}
			require.Contains(t, "figure figcaption span svg defs pattern path line text rect g circle title details summary div table thead tbody "+
				"tr th td small p", e.Name.Local)
		case xml.CharData:
			switch path[max(0, len(path)-1)] {
			case "caption":
				d.caption += string(e)
			case "title":
				d.titles[len(d.titles)-1] += string(e)
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
}

func inBox(t require.TestingT, element string, attrs map[string]string) (joins int) {
	number := func(text string) float64 {
		v, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		return v
	}
	within := func(x, y float64) {
		require.True(t, 52 <= x && x <= 472.1 && 11.9 <= y && y <= 168.1, "%s at %v, %v", element, x, y)
	}
	switch {
	case element == "circle":
		within(number(attrs["cx"]), number(attrs["cy"]))
	case element == "rect":
		x, y := number(attrs["x"]), number(attrs["y"])
		within(x, y)
		within(x+number(attrs["width"]), y+number(attrs["height"]))
	case attrs["class"] == "line":
		joins = strings.Count(attrs["d"], "L")
		for _, point := range strings.FieldsFunc(attrs["d"], func(r rune) bool { return r == 'M' || r == 'L' }) {
			x, y, _ := strings.Cut(point, " ")
			within(number(x), number(y))
		}
	case attrs["class"] == "grid":
		within(number(attrs["x2"]), number(attrs["y2"]))
	}
	return joins
}

var update = flag.Bool("update", false, "write the golden drawings")

// days returns points for this number of days.
func days(from time.Time, values ...int64) (points []chart.Point) {
	for i, v := range values {
		at := from.AddDate(0, 0, i)
		p := chart.Point{Label: at.Format(time.DateOnly), Short: at.Format("2 Jan"), Value: &v}
		if at.Weekday() == time.Monday {
			p.Begins |= chart.Week
		}
		if at.Day() == 1 {
			p.Begins |= chart.Month
			if at.Month()%3 == 1 {
				p.Begins |= chart.Quarter
			}
		}
		points = append(points, p)
	}
	return points
}

// The axis labels Mondays, or the first days of months or quarters. No text is cut off.
func TestAxisLabelsStartCalendarPeriods(t *testing.T) {
	t.Parallel()
	for of, want := range map[struct{ begin, days int }][]string{ // 28 is 28 October
		{28, 28}: {"2 Nov", "9 Nov", "16 Nov", "23 Nov"}, {28, 90}: {"1 Nov", "1 Dec", "1 Jan"}, {28, 365}: {"1 Jan", "1 Apr", "1 Jul", "1 Oct"}, {28, 1}: {"28 Oct"},
		{7, 51}: {"12 Oct", "26 Oct", "9 Nov", "23 Nov"}, // seven Mondays, and one start of a month
	} {
		figure, err := chart.Chart{Series: []chart.Series{{Points: days(time.Date(2026, 10, of.begin, 0, 0, 0, 0, time.UTC), make([]int64, of.days)...)}}}.Figure()
		require.NoError(t, err)
		var texts []string
		for _, found := range regexp.MustCompile(`class="tick x" x="([^"]*)"[^>]*>([^<]*)<`).FindAllStringSubmatch(string(figure), -1) {
			x, err := strconv.ParseFloat(found[1], 64)
			require.NoError(t, err)
			require.LessOrEqual(t, x, 452.0)
			require.Less(t, x+4.8*float64(len(found[2])), 481.0)
			texts = append(texts, found[2])
		}
		require.Equal(t, want, texts)
	}
	long := days(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), make([]int64, 367)...)
	for i := range long {
		long[i].Short = "Jan 2026"
	}
	figure, err := chart.Chart{Series: []chart.Series{{Points: long}}}.Figure()
	require.NoError(t, err)
	require.Equal(t, 5, strings.Count(string(figure), ">Jan 2026</text>"))
	require.Contains(t, string(figure), `x="442.4" y="190">`, "the end of the last one is not cut off")
}

// Large values that differ only in their last digits have long labels: the plot starts to the right
// of the longest.
func TestLongAxisLabelsFit(t *testing.T) {
	t.Parallel()
	figure, err := chart.Chart{Series: []chart.Series{{Points: points(144483)}}}.Figure()
	require.NoError(t, err)
	require.Contains(t, string(figure), `<line class="grid" x1="75.2" x2="472"`)
	require.Contains(t, string(figure), `x="69.2" y="90.0">144,483</text>`)
}

// Dots that would overlap are visible only under the pointer, except dots that no line connects.
func TestOverlappingDotsAreHiddenUntilHover(t *testing.T) {
	t.Parallel()
	year := days(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), make([]int64, 365)...)
	year[100].Value, year[102].Value = nil, nil
	figure, err := chart.Chart{Series: []chart.Series{{Points: year}}}.Figure()
	require.NoError(t, err)
	require.Equal(t, 362, strings.Count(string(figure), `class="dot faint"`))
	require.Equal(t, 1, strings.Count(string(figure), `class="dot"`))
}
