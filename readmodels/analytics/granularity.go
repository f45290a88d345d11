package analytics

import "time"

// The granularities.
const (
	ByDay   Granularity = "day"
	ByWeek  Granularity = "week"  // from Monday on
	ByMonth Granularity = "month" // calendar months
)

const daysOfWeek = 7

// Granularity is the length of the parts of a series.
type Granularity string

// cut cuts the range into the parts of a series: all of them, whether anything was read or not.
func (r Range) cut(by Granularity) []bucket {
	first := dayOf(r.From.In(r.Zone))
	next := func(d day) day { return d + 1 }
	switch by {
	case ByWeek:
		first, next = first.monday(), func(d day) day { return d + daysOfWeek }
	case ByMonth:
		first, next = first.month(), day.nextMonth
	}
	if !r.From.Before(r.To) {
		return nil // nothing has elapsed yet
	}
	var buckets []bucket
	for d := first; d.start(r.Zone).Before(r.To); d = next(d) {
		from, to := d.start(r.Zone), next(d).start(r.Zone)
		if from.Before(to) { // a zone that jumps the date line has a day less
			b := Range{From: later(r.From, from), To: earlier(r.To, to), Zone: r.Zone, Now: r.Now}.whole()
			b.day = d
			buckets = append(buckets, b)
		}
	}
	return buckets
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// monday is the last Monday up to the day; 1970-01-01 was a Thursday.
func (d day) monday() day { return d - ((d+3)%daysOfWeek+daysOfWeek)%daysOfWeek }

func (d day) month() day {
	year, month, _ := d.utc().Date()
	return civil(year, month, 1)
}

func (d day) nextMonth() day {
	year, month, _ := d.utc().Date()
	return civil(year, month+1, 1)
}
