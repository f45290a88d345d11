package api

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

const (
	defaultRangeDays = 30
	maxRangeDays     = 1_096 // three years: longer than any platform's history; bounds every query
	minRangeYear     = 1970
	maxRangeYear     = 9999
)

// Period is the range of figures. The default is the last 30 days, including today. A start without
// an end extends to the end of today; an end without a start covers the 30 days before it.
type Period struct { //nolint:recvcheck // only decoding changes it
	// Start of the range: YYYY-MM-DD (a day in the time zone), RFC 3339, or Unix seconds or
	// milliseconds. A range has at most 1,096 days.
	Start Time `param:"startTime" default:"30 days before the end" example:"2026-01-01"`
	// End of the range: YYYY-MM-DD (a day in the time zone), RFC 3339, or Unix seconds or
	// milliseconds. A range has at most 1,096 days. A day is included; an instant is excluded. The
	// end may be in the future: future intervals are null, and until the end the compared period is
	// cut at the same hour.
	End Time `param:"endTime" default:"the end of today" example:"2026-01-31"`
	DayZone

	window analytics.Range
}

func (p *Period) check(d *decoder) {
	p.window = d.window("startTime", p.Start, "endTime", p.End, p.Zone)
}

// Dates is a [Period] with other names.
type Dates struct { //nolint:recvcheck // only decoding changes it
	// Start of the range: YYYY-MM-DD (a day in the time zone), RFC 3339, or Unix seconds or
	// milliseconds. A range has at most 1,096 days.
	From Time `param:"fromDate" default:"30 days before the end" example:"2026-01-01"`
	// End of the range: YYYY-MM-DD (a day in the time zone), RFC 3339, or Unix seconds or
	// milliseconds. A range has at most 1,096 days. A day is included; an instant is excluded. The
	// end may be in the future: future intervals are null, and until the end the compared period is
	// cut at the same hour.
	To Time `param:"toDate" default:"the end of today" example:"2026-01-31"`
	DayZone

	window analytics.Range
}

func (d *Dates) check(dec *decoder) {
	d.window = dec.window("fromDate", d.From, "toDate", d.To, d.Zone)
}

// DayZone is the time zone of days.
type DayZone struct {
	// Time zone in which days, weeks and months start: an IANA name such as Europe/Berlin.
	Zone Zone `param:"tz" example:"Europe/Berlin"`
}

// Page selects a part of a list.
type Page struct {
	Size
	After
}

// Size is the size of a page.
type Size struct {
	Limit Limit `param:"limit" example:"50"` // Maximum number of entries per page, or per ranking: 1 to 500.
}

// After is where a page begins.
type After struct {
	// Cursor of the next page: meta.next_cursor of the previous page. Keep all other parameters except
	// limit unchanged: a cursor from a different request or caller returns 400.
	Cursor Cursor `param:"cursor" default:"the first page"`
}

func (p Page) page() readmodels.Page {
	return readmodels.Page{Limit: int(p.Limit), Cursor: string(p.Cursor)}
}

// PlatformID is a connected profile or page in the path.
type PlatformID struct {
	Platform RowID `param:"platformId" example:"70"` // The connected profile or page, by its id: a positive integer.
}

// optional returns the range of a list. Unlike figures, a list is unbounded without a range: both
// ends are nil.
func (p Period) optional() (from, to *time.Time) {
	if p.Start == "" && p.End == "" {
		return nil, nil
	}
	return &p.window.From, &p.window.To
}

// window returns a range of days or instants.
func (d *decoder) window(start string, from Time, end string, to Time, in Zone) analytics.Range {
	zone := in.Location()
	window := analytics.Range{To: dayStart(d.now.In(zone), 1), Zone: zone, Now: d.now}
	before := d.bad.Count
	if to != "" {
		window.To = d.instant(end, string(to), zone, 1)
	}
	if from != "" {
		window.From = d.instant(start, string(from), zone, 0)
	} else {
		window.From = daysBefore(window.To.In(zone), defaultRangeDays)
	}
	switch {
	case d.bad.Count != before:
	case !window.From.Before(window.To) && to == "":
		d.bad.Addf(start, "must be before the end of today, the default end of the range: set %s too", end)
	case !window.From.Before(window.To):
		d.bad.Addf(start, "must be before %s", end)
	case daysBetween(window.From, window.To) > maxRangeDays:
		d.bad.Addf(start, "is more than %d days (three years) before %s: use a shorter range", maxRangeDays, end)
	}
	return window
}

func (d *decoder) instant(name, text string, zone *time.Location, dayOffset int) time.Time {
	at, err := parseInstant(text, zone, dayOffset)
	if err != nil {
		d.bad.Addf(name, "%s", err.Error())
	}
	return at
}

func parseInstant(text string, zone *time.Location, dayOffset int) (time.Time, error) {
	at, err := parseInstantForm(text, zone, dayOffset)
	if err != nil {
		return time.Time{}, err
	}
	// The check is in the zone, so that 1970-01-01 is valid everywhere, and in UTC, because
	// responses use UTC and time.Time marshals years up to 9999 only.
	if at.In(zone).Year() < minRangeYear || at.In(zone).Year() > maxRangeYear || at.UTC().Year() > maxRangeYear {
		return time.Time{}, fmt.Errorf("must be in the years %d to %d", minRangeYear, maxRangeYear)
	}
	return at.UTC().Truncate(time.Microsecond), nil
}

func parseInstantForm(text string, zone *time.Location, dayOffset int) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, time.UTC); err == nil {
		return analytics.StartOfDay(day.AddDate(0, 0, dayOffset), zone), nil
	}
	if _, err := time.Parse("20060102", text); err == nil { // as Unix seconds, it would be in 1970
		return time.Time{}, errors.New("is a day without hyphens: use YYYY-MM-DD")
	}
	if number, ok := plainNumber(text); ok {
		// 1e11 seconds is in the year 5138, and 1e11 milliseconds is in 1973, before any reading.
		const milliseconds = 100_000_000_000
		if number >= milliseconds {
			return time.UnixMilli(number), nil
		}
		return time.Unix(number, 0), nil
	}
	// RFC 3339 allows a lower-case t and z and a space instead of T, which some clients send. A
	// space before the zone is a plus sign that was not escaped in the query.
	text = strings.ToUpper(text)
	if !strings.Contains(text, "T") {
		text = strings.Replace(text, " ", "T", 1)
	}
	if at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1)); err == nil {
		return at, nil
	}
	if _, err := time.Parse("2006-01-02T15:04:05", text); err == nil { // a local time, from some JavaScript libraries
		return time.Time{}, errors.New("has no time zone: add Z or an offset such as +02:00, or use a day (YYYY-MM-DD) in the time zone tz")
	}
	return time.Time{}, errors.New("is not a time: use YYYY-MM-DD, RFC 3339 such as 2026-01-31T10:00:00Z, or Unix seconds or milliseconds")
}

// dayStart returns the start of the day that is offset days after the day of at, in at's zone.
func dayStart(at time.Time, offset int) time.Time {
	return analytics.StartOfDay(civil(at).AddDate(0, 0, offset), at.Location())
}

// daysBefore returns the instant that is a number of days before at: the start of a day if at is
// one, else the same clock time.
func daysBefore(at time.Time, days int) time.Time {
	if at.Equal(dayStart(at, 0)) {
		return dayStart(at, -days)
	}
	return at.AddDate(0, 0, -days).UTC()
}

// civil returns the date of at in its zone, as midnight UTC.
func civil(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

// daysBetween counts calendar days, which are 23 or 25 hours long when the clocks change.
func daysBetween(from, to time.Time) int {
	return int(civil(to).Sub(civil(from)).Hours() / 24)
}
