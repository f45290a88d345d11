package analytics

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Range is a half-open span of time and the zone in which its days begin.
type Range struct {
	From time.Time // first instant
	To   time.Time // end, exclusive
	Zone *time.Location
	// Now is the time of the request; anything later is in the future. The zero time means that the
	// range has ended.
	Now time.Time
}

// Complete reports whether the range has ended.
func (r Range) Complete() bool { return r.Now.IsZero() || !r.Now.Before(r.To) }

// quarters returns the range with its ends rounded down to quarter hours of UTC, for which gains are
// stored. A quarter hour that is not over belongs to a range that ends in it.
func (r Range) quarters() Range {
	r.From = r.From.Truncate(domain.GainQuarter)
	to := r.To.Truncate(domain.GainQuarter)
	if next := to.Add(domain.GainQuarter); to.Before(r.To) && !r.Now.IsZero() && r.Now.Before(next) {
		to = next
	}
	r.To = to
	return r
}

// elapsed returns the part of the range up to now, to the quarter hour. It is empty if the range has
// not begun.
func (r Range) elapsed() Range {
	if !r.Now.IsZero() {
		r.To = later(r.From, earlier(r.To, r.Now.Truncate(domain.GainQuarter)))
	}
	return r
}

// throughToday returns the part of the range up to the end of today. It is empty if the range has
// not begun.
func (r Range) throughToday() Range {
	if !r.Now.IsZero() {
		tomorrow := (dayOf(r.Now.In(r.Zone)) + 1).start(r.Zone)
		r.To = later(r.From, earlier(r.To, tomorrow))
	}
	return r
}

// isOver reports whether a day has ended everywhere on earth. Platforms count days in their own
// time zones, and a day that has not ended cannot be missing.
func (r Range) isOver(d day) bool {
	const everywhere = 12 * time.Hour // UTC-12 is the last time zone
	return r.Now.IsZero() || !r.Now.Before((d + 1).utc().Add(everywhere))
}

// flowDays returns the days whose first instant is in the range: first to end-1. A day flow is in
// the range if its label is one of these days, whichever hours the platform includes in that day.
// Therefore each day is in exactly one of two adjoining ranges.
func (r Range) flowDays() (first, end day) {
	first, end = r.labels()
	if last := dayOf(r.To.In(r.Zone)); r.To.After(last.start(r.Zone)) && !last.start(r.Zone).Before(r.From) {
		end = last + 1
	}
	return first, end
}

// labels returns the days that are wholly inside the range: first to end-1.
func (r Range) labels() (first, end day) {
	first = dayOf(r.From.In(r.Zone))
	if r.From.After(first.start(r.Zone)) {
		first++
	}
	return first, max(first, dayOf(r.To.In(r.Zone)))
}

// wholeDays returns the labels, and whether the range consists of whole days.
func (r Range) wholeDays() (first, end day, whole bool) {
	first, end = r.labels()
	return first, end, r.From.Equal(first.start(r.Zone)) && r.To.Equal(end.start(r.Zone))
}

type bucket struct {
	Range // clipped

	first, end day // the days that begin in it
	day        day // the day, or the first day of the week or month
}

func (r Range) whole() bucket {
	b := bucket{Range: r, day: dayOf(r.From.In(r.Zone))}
	b.first, b.end = r.flowDays()
	return b
}

// label is the first day of the bucket. The compared bucket of February 29 with compare=year is empty
// and has none: its day does not exist.
func (b bucket) label() string {
	if !b.From.Before(b.To) {
		return ""
	}
	return b.day.String()
}

func starts(buckets []bucket) []time.Time {
	instants := make([]time.Time, len(buckets))
	for i, b := range buckets {
		instants[i] = b.From
	}
	return instants
}

// day is a calendar day without a zone, counted from 1970-01-01. Platforms label figures with such
// days, and ranges consist of them.
type day int32

func dayOf(at time.Time) day {
	_, offset := at.Zone()
	seconds := at.Unix() + int64(offset)
	return day((seconds - (seconds%secondsPerDay+secondsPerDay)%secondsPerDay) / secondsPerDay)
}

func civil(year int, month time.Month, date int) day {
	return day(time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

const (
	secondsPerDay = 24 * 60 * 60
	aDay          = secondsPerDay * time.Second
	aWeek         = daysOfWeek * aDay // from Monday: Go rounds down to multiples since a Monday
)

// utc returns the start of the day in UTC; as a parameter it is PostgreSQL's date.
func (d day) utc() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

func (d day) String() string { return d.utc().Format(time.DateOnly) }

// StartOfDay returns the first instant, in zone, of the calendar day that date has in its own time
// zone.
func StartOfDay(date time.Time, zone *time.Location) time.Time { return dayOf(date).start(zone) }

// CalendarDay returns the calendar day of an instant in a zone, as midnight in UTC. Days are counted
// and formatted in this form, in which every day has 24 hours; see [StartOfDay] for the way back.
func CalendarDay(at time.Time, zone *time.Location) time.Time { return dayOf(at.In(zone)).utc() }

// start returns the first instant of the day in a zone. If clocks change at midnight, [time.Date]
// can return an instant of the previous day (Havana, each March) or the second of two midnights.
func (d day) start(zone *time.Location) time.Time {
	year, month, date := d.utc().Date()
	at := time.Date(year, month, date, 0, 0, 0, 0, zone)
	if dayOf(at) < d { // there is no midnight: the day begins after the clock change
		_, at = at.ZoneBounds()
	}
	changed, _ := at.ZoneBounds()
	if before := changed.Add(-time.Nanosecond); !changed.IsZero() && dayOf(before) >= d {
		_, offsetAfter := at.Zone()
		_, offsetBefore := before.Zone()
		at = at.Add(time.Duration(offsetAfter-offsetBefore) * time.Second) // the first of two midnights
	}
	return at.UTC()
}

// Granularities.
const (
	ByDay   Granularity = "day"
	ByWeek  Granularity = "week"  // from Monday
	ByMonth Granularity = "month" // calendar months
)

const daysOfWeek = 7

// Granularity is the length of the intervals of a series.
type Granularity string

// cut divides the range into the intervals of a series, including intervals in which nothing was
// read.
func (r Range) cut(granularity Granularity) []bucket {
	first := dayOf(r.From.In(r.Zone))
	next := func(d day) day { return d + 1 }
	switch granularity {
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
		if from.Before(to) { // a zone that crosses the date line skips a day
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

// monday returns the last Monday up to the day; 1970-01-01 was a Thursday.
func (d day) monday() day { return d - ((d+3)%daysOfWeek+daysOfWeek)%daysOfWeek }

func (d day) month() day {
	year, month, _ := d.utc().Date()
	return civil(year, month, 1)
}

func (d day) nextMonth() day {
	year, month, _ := d.utc().Date()
	return civil(year, month+1, 1)
}
