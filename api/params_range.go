package api

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

const (
	defaultRangeDays = 30
	maxRangeDays     = 1_096 // three years: more than any platform tells, and every query is bounded
	minRangeYear     = 1970
	maxRangeYear     = 9999
)

// Their words, for the documents.
const (
	timeForms  = "YYYY-MM-DD, RFC 3339, or Unix seconds or milliseconds."
	rangeForms = "YYYY-MM-DD (a day of the time zone), RFC 3339, or Unix seconds or milliseconds. A range has at most 1,096 days."
	rangeStart = "Start of the range: " + rangeForms
	rangeEnd   = "End of the range: " + rangeForms + " A day is included, an instant is not. The end may lie in the future: " +
		"then parts to come " +
		"are null, and the answer compares as many days as have begun."
	beforeEnd  = "30 days before the end"
	endOfToday = "the end of today"
)

// Zone reads `tz`: an IANA name, UTC when absent.
func (p *Params) Zone() *time.Location {
	if p.zone != nil {
		return p.zone
	}
	p.zone = time.UTC
	if name, present := p.value(paramZone); present {
		zone, err := loadZone(name)
		if err != nil {
			p.bad.Addf(paramZone.Name, "is not a time zone: use an IANA name like Europe/Berlin, or UTC")
			zone = time.UTC
		}
		p.zone = zone
	}
	return p.zone
}

// loadZone keeps out what would make answers depend on the machine: LoadLocation's special name Local, and
// what some systems keep among their zone files (their own zone; a second set with leap seconds).
func loadZone(name string) (*time.Location, error) {
	if !zoneName.MatchString(name) || machineZone.MatchString(name) {
		return nil, errors.New("unknown time zone")
	}
	return time.LoadLocation(name)
}

var (
	zoneName    = regexp.MustCompile(`^[0-9A-Za-z_+/-]{1,64}$`)
	machineZone = regexp.MustCompile(`^(?i:local|posix|right/|factory)`)
)

// Range reads the two ends of a range. Each is a day (YYYY-MM-DD; the end day is included), an RFC
// 3339 instant (the end is not included), or Unix seconds or milliseconds. Without both: the last 30
// days, today included. With a start alone: until the end of today. With an end alone: the 30 days before it.
func (p *Params) Range(start, end Param) analytics.Range {
	from, begins := p.value(start)
	to, ends := p.value(end)
	zone := p.Zone()
	window := analytics.Range{To: dayStart(p.now.In(zone), 1), Zone: zone, Now: p.now}
	before := p.bad.Count
	if ends {
		window.To = p.instant(end, to, zone, 1)
	}
	if begins {
		window.From = p.instant(start, from, zone, 0)
	} else {
		window.From = daysBefore(window.To.In(zone), defaultRangeDays)
	}
	switch {
	case p.bad.Count != before:
	case !window.From.Before(window.To) && !ends:
		p.bad.Addf(start.Name, "does not lie before the end of today, where the range ends without %s: give it too", end.Name)
	case !window.From.Before(window.To):
		p.bad.Addf(start.Name, "does not lie before %s", end.Name)
	case daysBetween(window.From, window.To) > maxRangeDays:
		p.bad.Addf(start.Name, "lies more than %d days (three years) before %s: ask for a shorter range", maxRangeDays, end.Name)
	}
	return window
}

// instant reads one end; a day means its start, moved on by dayOffset days.
func (p *Params) instant(declared Param, text string, zone *time.Location, dayOffset int) time.Time {
	at, err := parseInstant(text, zone, dayOffset)
	if err != nil {
		p.bad.Addf(declared.Name, "%s", err.Error())
	}
	return at
}

func parseInstant(text string, zone *time.Location, dayOffset int) (time.Time, error) {
	at, err := parseInstantForm(text, zone, dayOffset)
	if err != nil {
		return time.Time{}, err
	}
	// In the zone, so that 1970-01-01 is a day everywhere; in UTC, because answers show it there and
	// JSON ends with the year 9999.
	if at.In(zone).Year() < minRangeYear || at.In(zone).Year() > maxRangeYear || at.UTC().Year() > maxRangeYear {
		return time.Time{}, fmt.Errorf("lies outside the years %d to %d", minRangeYear, maxRangeYear)
	}
	return at.UTC().Truncate(time.Microsecond), nil
}

func parseInstantForm(text string, zone *time.Location, dayOffset int) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, time.UTC); err == nil {
		return analytics.StartOfDay(day.AddDate(0, 0, dayOffset), zone), nil
	}
	if _, err := time.Parse("20060102", text); err == nil { // as seconds that were in 1970
		return time.Time{}, errors.New("is a day without its hyphens: use YYYY-MM-DD")
	}
	if number, ok := plainNumber(text); ok {
		// 1e11 seconds are the year 5138, and 1e11 milliseconds are 1973, before any capture.
		const milliseconds = 100_000_000_000
		if number >= milliseconds {
			return time.UnixMilli(number), nil
		}
		return time.Unix(number, 0), nil
	}
	// Go takes a lower-case t and z, and some clients send a space for T: RFC 3339 allows all of it. A space before
	// the zone is a plus that was not escaped in a query.
	text = strings.ToUpper(text)
	if !strings.Contains(text, "T") {
		text = strings.Replace(text, " ", "T", 1)
	}
	if at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1)); err == nil {
		return at, nil
	}
	if _, err := time.Parse("2006-01-02T15:04:05", text); err == nil { // as JavaScript's libraries write local times
		return time.Time{}, errors.New("has no zone: add Z or an offset like +02:00, or use a day (YYYY-MM-DD), which is one of ?tz=")
	}
	return time.Time{}, errors.New("is not a time: use YYYY-MM-DD, RFC 3339 like 2026-01-31T10:00:00Z, or Unix seconds or milliseconds")
}

// dayStart is the start of the day that lies offset days after the one of at, in at's zone.
func dayStart(at time.Time, offset int) time.Time {
	return analytics.StartOfDay(civil(at).AddDate(0, 0, offset), at.Location())
}

// daysBefore goes back whole days from the start of one, and by the clock from any other instant.
func daysBefore(at time.Time, days int) time.Time {
	if at.Equal(dayStart(at, 0)) {
		return dayStart(at, -days)
	}
	return at.AddDate(0, 0, -days).UTC()
}

// civil is the day that a clock in at's zone shows, without the zone.
func civil(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

// daysBetween counts calendar days, which a change of the clocks makes 23 or 25 hours long.
func daysBetween(from, to time.Time) int {
	return int(civil(to).Sub(civil(from)).Hours() / 24)
}
