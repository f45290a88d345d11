package api

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

const (
	timeForms  = "YYYY-MM-DD, RFC 3339, or Unix seconds or milliseconds."
	rangeForms = "YYYY-MM-DD (a day in the time zone), RFC 3339, or Unix seconds or milliseconds. A range has at most 1,096 days."
	rangeStart = "Start of the range: " + rangeForms
	rangeEnd   = "End of the range: " + rangeForms + " A day is included; an instant is excluded. The end may be in the future: " +
		"future intervals are null, and until the end the compared period is cut at the same hour."
	beforeEnd  = "30 days before the end"
	endOfToday = "the end of today"
)

// Zone reads `tz`: an IANA name; UTC if absent.
func (p *Params) Zone() *time.Location {
	if p.zone != nil {
		return p.zone
	}
	p.zone = time.UTC
	if name, present := p.value(paramZone); present {
		zone, err := domain.LoadTimeZone(name)
		if err != nil {
			p.bad.Addf(paramZone.Name, "%s", err.Error())
			zone = time.UTC
		}
		p.zone = zone
	}
	return p.zone
}

// Range reads the two ends of a range. Each is a day (YYYY-MM-DD; the end day is included), an RFC
// 3339 instant (the end is excluded), or Unix seconds or milliseconds. The default is the last 30
// days, including today. A start without an end extends to the end of today; an end without a start
// covers the 30 days before it.
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
		p.bad.Addf(start.Name, "must be before the end of today, the default end of the range: set %s too", end.Name)
	case !window.From.Before(window.To):
		p.bad.Addf(start.Name, "must be before %s", end.Name)
	case daysBetween(window.From, window.To) > maxRangeDays:
		p.bad.Addf(start.Name, "is more than %d days (three years) before %s: use a shorter range", maxRangeDays, end.Name)
	}
	return window
}

func (p *Params) instant(declared Param, text string, zone *time.Location, dayOffset int) time.Time {
	at, err := parseInstant(text, zone, dayOffset)
	if err != nil {
		p.bad.Addf(declared.Name, "%s", err.Error())
	}
	return at
}
