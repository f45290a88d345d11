package chart

import "math"

// scale is an axis of values.
type scale struct{ low, high, step float64 }

const (
	steps   = 4 // an axis has at most this many and one more
	tenfold = 10
)

// scaleOf is the axis on which all values of the series have room; with bars also 0. It counts the known ones.
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
	const finest = 1e-12 // of the values: below it a float cannot tell two ticks apart
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

// niceStep is the least of 1, 2, 5, 10, 20, … that is not below what is given.
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

// ticks are the values that the axis names, from below.
func (s scale) ticks() []float64 {
	var ticks []float64
	for i := range int(math.Round((s.high-s.low)/s.step)) + 1 {
		ticks = append(ticks, s.low+float64(i)*s.step)
	}
	return ticks
}

// y is where a value stands between bottom and top.
func (s scale) y(v, top, bottom float64) float64 {
	return bottom - (v-s.low)/(s.high-s.low)*(bottom-top)
}
