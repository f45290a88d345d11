package analytics

import (
	"cmp"
	"slices"
	"time"
)

// sample is one reading of one figure.
type sample struct {
	*origin

	value   int64
	at      time.Time // of capture
	day     day       // the platform's, else the UTC day of capture
	eventID string    // breaks ties; "" as long as no tie needs it
}

// origin is what the samples of one month of a figure have in common: thousands are in memory at
// once.
type origin struct {
	owner  owner  // whose readings they are
	source string // the platform's name for it
	window string // breaks ties
}

// compare is the order of capture. At one instant the reading that counts comes first: the smaller
// event id, then the later day, then the first source and window by name.
func (p *sample) compare(q *sample) int {
	return cmp.Or(p.at.Compare(q.at), cmp.Compare(p.eventID, q.eventID), cmp.Compare(q.day, p.day),
		cmp.Compare(p.source, q.source), cmp.Compare(p.window, q.window))
}

// replaces reports whether a reading of the same day counts instead of the present one: the later
// reading, or at one instant the first in order.
func (p *sample) replaces(present *sample) bool {
	if p.at.Equal(present.at) {
		return p.compare(present) < 0
	}
	return p.at.After(present.at)
}

// byDay holds samples by their days, of the days of one span: nobody asks for others.
type byDay struct {
	first   day
	samples []*sample // nil where there is none
}

// or makes room for a span unless there is.
func (d byDay) or(span figureSpan) byDay {
	if d.samples == nil {
		return byDay{span.first, make([]*sample, span.end-span.first)}
	}
	return d
}

// of is the sample of a day; nil when there is none.
func (d byDay) of(which day) *sample {
	if i := which - d.first; i >= 0 && int(i) < len(d.samples) {
		return d.samples[i]
	}
	return nil
}

// all are the samples of some days; none where one is missing.
func (d byDay) all(of days) []*sample {
	from, to := of.first-d.first, of.end-d.first
	if from < 0 || int(to) > len(d.samples) || from >= to || slices.Contains(d.samples[from:to], nil) {
		return nil
	}
	return d.samples[from:to]
}

// put keeps a sample unless one is there that it does not replace. They are tied when only the ids
// of their events, which were not read, could tell.
func (d byDay) put(of day, p *sample) (tied bool) {
	i := of - d.first
	if i < 0 || int(i) >= len(d.samples) {
		return false
	}
	present := d.samples[i]
	if present == nil || p.replaces(present) {
		d.samples[i] = p
	}
	return present != nil && p.eventID == "" && p.at.Equal(present.at)
}
