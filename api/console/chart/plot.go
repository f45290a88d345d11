package chart

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The view box of a figure, and the plot area in it.
const (
	width, height = 480, 200
	leastLeft     = 52 // minimum; larger if the texts of the y axis are long
	right         = 472
	top, bottom   = 12, 168

	sparkWidth, sparkHeight, sparkEdge = 120, 28, 3

	labels   = 4   // maximum number of labels on the x axis without calendar periods
	natural  = 6   // maximum number of labels at the starts of calendar periods
	lastText = 452 // maximum x of the center of the longest label, so that its end is not cut off
	letter   = 9.6 // width of a letter on a phone, where text is largest
	apart    = 6   // minimum distance at which dots are distinguishable
	barShare = 0.7 // share of a part's width that its bars fill

	longest = "31 Dec" // label without a year
)

type plot struct {
	Chart

	Left   string
	TextX  string // right end of the texts of the y axis
	Ticks  []tick
	Labels []label
	Open   []box  // parts that are not final
	Marks  []mark // parts with an event
	Lines  []plotSeries
	Rows   []row
	Known  bool
}

type tick struct{ Y, Text string }

type label struct{ X, Text string }

type box struct{ X, Y, Width, Height string }

type plotSeries struct {
	Name  string
	Class string // s1, s2, …
	Paths []string
	Marks []mark
}

type mark struct {
	box

	Title string
	Faint bool // a dot too close to its neighbors: it is visible only under the pointer
}

// Mark returns the legend of the chart's event marks, or "" without such marks.
func (p plot) Mark() string {
	for _, point := range p.Series[0].Points {
		if point.Mark != "" {
			return point.Mark
		}
	}
	return ""
}

func at(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func plotOf(c Chart) plot {
	s, known := scaleOf(c.Bars, c.Series...)
	p := plot{Chart: c, Known: known > 0}
	if !p.Known {
		return p
	}
	p.Rows = c.rows()
	left := float64(leastLeft)
	inFull := slices.ContainsFunc(s.ticks(), func(v float64) bool {
		return v >= thousand && short(v) == Number(int64(v))
	})
	for _, v := range s.ticks() {
		text := short(v)
		if inFull {
			text = Number(int64(v))
		}
		p.Ticks = append(p.Ticks, tick{at(s.y(v, top, bottom)), text})
		left = max(left, 8+letter*float64(utf8.RuneCountInString(text)))
	}
	p.Left, p.TextX = at(left), at(left-6)
	first := c.Series[0].Points
	room := (right - left) / float64(len(first))
	for _, i := range labeled(first) {
		last := lastText - letter/2*float64(max(0, len(first[i].Short)-len(longest)))
		p.Labels = append(p.Labels, label{at(min(left+(float64(i)+0.5)*room, last)), first[i].Short})
	}
	for i, point := range first {
		if point.Mark != "" {
			middle := box{X: at(left + (float64(i)+0.5)*room)}
			p.Marks = append(p.Marks, mark{box: middle, Title: point.Label + ": " + point.Mark})
		}
		if point.Open {
			p.Open = append(p.Open, box{at(left + float64(i)*room), at(top), at(room), at(bottom - top)})
		}
	}
	for i, series := range c.Series {
		series.Points = series.Points[:min(len(series.Points), len(first))]
		one := plotSeries{Name: series.Name, Class: fmt.Sprintf("s%d", i+1)}
		if c.Bars {
			one.Marks = c.bars(series, s, i, left, room)
		} else {
			one.Paths, one.Marks = c.line(series, s, left, room)
		}
		p.Lines = append(p.Lines, one)
	}
	return p
}

// labeled returns the indexes of the parts that have a label on the axis. These are the starts of
// the shortest calendar period with 2 to 6 starts. Without such a period, they are at equal
// distances: among the starts of a shorter period or, without two starts, among all parts.
func labeled(points []Point) (at []int) {
	most := natural
	if len(points) > 0 && len(points[0].Short) > len(longest) {
		most--
	}
	var from []int
	for unit := Week; unit <= Year && (from == nil || len(from) > most); unit <<= 1 {
		var starts []int
		for i, p := range points {
			if p.Begins&unit != 0 {
				starts = append(starts, i)
			}
		}
		if len(starts) >= 2 {
			from = starts
		}
	}
	if from == nil {
		most = labels
		for i := range points {
			from = append(from, i)
		}
	}
	for i := 0; i < len(from); i += (len(from) + most - 1) / most {
		at = append(at, from[i])
	}
	return at
}

func (c Chart) line(series Series, s scale, left, room float64) (paths []string, marks []mark) {
	paths = runs(series.Points, func(i int, v int64) (x, y string) {
		x, y = at(left+(float64(i)+0.5)*room), at(s.y(float64(v), top, bottom))
		p := series.Points
		joined := i > 0 && p[i-1].Value != nil || i+1 < len(p) && p[i+1].Value != nil // by a line to a neighbor
		marks = append(marks, mark{box{X: x, Y: y}, c.pointTitle(series, i), room < apart && joined})
		return x, y
	})
	return paths, marks
}

// runs returns a path for each run of two or more known values.
func runs(points []Point, place func(i int, v int64) (x, y string)) (paths []string) {
	var path strings.Builder
	n := 0 // length of the current run
	for i, point := range points {
		if point.Value != nil {
			x, y := place(i, *point.Value)
			path.WriteString(map[bool]string{true: "M", false: "L"}[n == 0] + x + " " + y)
			n++
		}
		if point.Value == nil || i == len(points)-1 {
			if n > 1 { // a single value is only a dot
				paths = append(paths, path.String())
			}
			path.Reset()
			n = 0
		}
	}
	return paths
}

// bars returns a bar from 0 for each known value. The bars of two series are next to each other.
func (c Chart) bars(series Series, s scale, nth int, left, room float64) (marks []mark) {
	wide := room * barShare / float64(len(c.Series))
	zero := s.y(0, top, bottom)
	for i, point := range series.Points {
		if point.Value == nil {
			continue
		}
		x := left + float64(i)*room + room*(1-barShare)/2 + float64(nth)*wide
		y := s.y(float64(*point.Value), top, bottom)
		bar := box{at(x), at(min(y, zero)), at(wide), at(max(y, zero) - min(y, zero))}
		marks = append(marks, mark{box: bar, Title: c.pointTitle(series, i)})
	}
	return marks
}

func (c Chart) pointTitle(series Series, i int) string {
	point := series.Points[i]
	unit := c.Unit
	if *point.Value == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	text := strings.TrimSpace(point.Label + ": " + Number(*point.Value) + " " + unit)
	if len(c.Series) > 1 {
		text += " (" + series.Name + ")"
	}
	if point.Open {
		text += ", not final yet"
	}
	return text
}

type scale struct{ low, high, step float64 }

const (
	steps   = 4 // target number of steps; an axis has at most one more
	tenfold = 10
)

// scaleOf returns a scale that contains all values of the series and, for bars, 0. Known is the
// number of known values.
func scaleOf(bars bool, series ...Series) (s scale, known int) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, one := range series {
		for _, p := range one.Points {
			if p.Value != nil {
				known++
				low, high = min(low, float64(*p.Value)), max(high, float64(*p.Value))
			}
		}
	}
	if bars || known == 0 {
		low, high = min(low, 0), max(high, 0)
	}
	const finest = 1e-12 // smallest relative step: below it, ticks are equal as floats
	step := niceStep(max((high-low)/steps, max(-low, high)*finest))
	s = scale{math.Floor(low/step) * step, math.Ceil(high/step) * step, step}
	if s.high == s.low { // all values are equal
		s.high += step
		if s.low > 0 || !bars && s.low != 0 {
			s.low -= step
		}
	}
	return s, known
}

// niceStep returns the smallest of 1, 2, 5, 10, 20, … that is at least the argument.
func niceStep(least float64) float64 {
	if least <= 1 {
		return 1
	}
	power := math.Pow(tenfold, math.Floor(math.Log10(least)))
	for _, times := range []float64{1, 2, 5} {
		if times*power >= least {
			return times * power
		}
	}
	return tenfold * power
}

func (s scale) ticks() []float64 {
	var ticks []float64
	for i := range int(math.Round((s.high-s.low)/s.step)) + 1 {
		ticks = append(ticks, s.low+float64(i)*s.step)
	}
	return ticks
}

func (s scale) y(v, top, bottom float64) float64 {
	return bottom - (v-s.low)/(s.high-s.low)*(bottom-top)
}
