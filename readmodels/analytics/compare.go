package analytics

import (
	"context"
	"time"
)

// Compare says what the range of an answer is compared with.
type Compare string

// What a range is compared with. "" is as previous, for totals alone: series come without the other period.
const (
	ComparePrevious Compare = "previous" // as long as what has elapsed of it, right before it
	CompareYear     Compare = "year"     // the same dates one year before, in the range's zone
	CompareNone     Compare = "none"     // nothing
)

// Compared is the period that a range is compared with: what has elapsed of it, so much earlier.
func (r Range) Compared(with Compare) Range {
	back := r.back(with)
	from := back(r.From)
	return Range{From: from, To: later(from, back(r.Elapsed().To)), Zone: r.Zone}
}

// back returns what moves an instant of the range into the period that it is compared with.
func (r Range) back(with Compare) func(time.Time) time.Time {
	if with == CompareYear {
		return func(at time.Time) time.Time { return yearBefore(at, r.Zone) }
	}
	e := r.Elapsed()
	if first, end, whole := e.wholeDays(); whole {
		return func(at time.Time) time.Time { return (dayOf(at.In(r.Zone)) - (end - first)).start(r.Zone) }
	}
	return func(at time.Time) time.Time { return at.Add(-e.To.Sub(r.From)) }
}

// yearBefore is when a clock in the zone showed the same a year before. The 29th of February has no counterpart: it counts as
// the instant in which March begins, so that months are compared with whole months, and adjoining ranges with
// adjoining ones.
func yearBefore(at time.Time, zone *time.Location) time.Time {
	local := at.In(zone)
	d, then := dayOf(local), dayOf(local).yearBefore()
	if at.Equal(d.start(zone)) || then == (d+1).yearBefore() {
		return then.start(zone)
	}
	year, month, date := then.utc().Date()
	same := time.Date(year, month, date, local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), zone).UTC()
	return earlier(later(same, then.start(zone)), (then + 1).start(zone)) // a clock that jumps does not leave the day
}

// yearBefore is the same date one year before; the 1st of March where there is none.
func (d day) yearBefore() day {
	year, month, date := d.utc().Date()
	return civil(year-1, month, date)
}

// seriesCompared says that series come with the period that they are compared with.
func (q RangeQuery) seriesCompared() bool {
	return q.Compare == ComparePrevious || q.Compare == CompareYear
}

// comparedParts are what parts of the range are compared with, in their order; those to come are compared with nothing. A part
// is called by its own first day. nil where series come alone.
func (q RangeQuery) comparedParts(parts []bucket) []bucket {
	if !q.seriesCompared() {
		return nil
	}
	back, end := q.Range.back(q.Compare), q.Range.Elapsed().To
	before := []bucket{}
	for _, part := range parts {
		if part.From.Before(end) {
			from := back(part.From)
			before = append(before, Range{From: from, To: later(from, back(earlier(part.To, end))), Zone: q.Range.Zone}.whole())
		}
	}
	return before
}

// comparedDays returns which days of the compared period a day of the range is compared with: one; a year before, none for the
// 29th of February, and both for the 28th.
func (qc *queryContext) comparedDays() func(day) days {
	begins, _ := qc.query.Range.flowDays()
	first, end := qc.compared.flowDays()
	return func(d day) days {
		of := days{first + d - begins, first + d - begins + 1}
		if qc.query.Compare == CompareYear {
			of = days{d.yearBefore(), (d + 1).yearBefore()}
		}
		return days{max(of.first, first), min(of.end, end)}
	}
}

// comparison is what an answer about the compared period is made with. What it notes says nothing of the range.
func (qc *queryContext) comparison() *queryContext {
	before := *qc
	before.query.Range, before.uncompared = qc.compared, true
	before.metricsRead, before.accounts, before.asOf = map[int64]map[string]*metricRead{}, map[int64]knownAccount{}, nil
	return &before
}

// comparedGains reads what posts gained in the range and in the period that it is compared with; before are the gains in the
// parts of that period, nil where series come alone.
func comparedGains(ctx context.Context, qc *queryContext, metrics []string, parts []bucket) (now, before *postGains, err error) {
	qc.totals = true
	from := qc.compared.From
	if qc.query.Compare != "" { // the other period, which need not lie right before, is read by itself
		from = qc.query.Range.From
	}
	now, err = readGains(ctx, qc, gainQuery{metrics: metrics, from: from, buckets: parts})
	if err != nil || !qc.query.seriesCompared() {
		return now, nil, err
	}
	before, err = readGains(ctx, qc.comparison(), gainQuery{metrics: metrics, from: qc.compared.From, buckets: qc.query.comparedParts(parts)})
	if err != nil {
		return nil, nil, err
	}
	for social, account := range before.accounts {
		its := now.account(social, account.platform)
		its.before, its.beforeCut = account.now, account.nowCut
	}
	return now, before, nil
}
