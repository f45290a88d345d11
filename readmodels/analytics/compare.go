package analytics

import (
	"context"
	"time"
)

// Compare selects the period that the range of a response is compared with.
type Compare string

// Values of [Compare]. The empty value means previous for totals and none for series.
const (
	ComparePrevious Compare = "previous" // the period before the range, cut at the same hour while the range has not ended
	CompareYear     Compare = "year"     // the same dates one year earlier, in the range's zone
	CompareNone     Compare = "none"     // nothing
)

// Compared returns the period that the elapsed part of a range is compared with. At noon on the
// 20th, the current month is compared with the 20 days before it, the last of them until noon: the
// comparison with a whole day or month would look like a decline. Whole days are compared with
// whole days, even across clock changes.
func (r Range) Compared(compare Compare) Range {
	back := r.back(compare)
	from := back(r.From)
	return Range{From: from, To: later(from, back(r.elapsed().To)), Zone: r.Zone}
}

func (r Range) back(compare Compare) func(time.Time) time.Time {
	if compare == CompareYear {
		return func(at time.Time) time.Time { return yearBefore(at, r.Zone) }
	}
	if first, end, whole := r.throughToday().wholeDays(); whole {
		return func(at time.Time) time.Time { return sameClock(at, dayOf(at.In(r.Zone))-(end-first), r.Zone) }
	}
	return func(at time.Time) time.Time { return at.Add(-r.elapsed().To.Sub(r.From)) }
}

// sameClock returns the instant of another day at the same local time. A clock change does not move
// it to a third day.
func sameClock(at time.Time, target day, zone *time.Location) time.Time {
	local := at.In(zone)
	if at.Equal(dayOf(local).start(zone)) {
		return target.start(zone)
	}
	year, month, date := target.utc().Date()
	hour, minute, second := local.Clock()
	there := time.Date(year, month, date, hour, minute, second, local.Nanosecond(), zone).UTC()
	return earlier(later(there, target.start(zone)), (target + 1).start(zone))
}

// yearBefore returns the instant one year earlier at the same local time. February 29 has no
// counterpart and maps to the start of March 1, so that whole months are compared with whole months
// and adjoining ranges with adjoining ranges.
func yearBefore(at time.Time, zone *time.Location) time.Time {
	d := dayOf(at.In(zone))
	target := d.yearBefore()
	if target == (d + 1).yearBefore() {
		return target.start(zone)
	}
	return sameClock(at, target, zone)
}

// yearBefore returns the same date one year earlier; March 1 if that date does not exist.
func (d day) yearBefore() day {
	year, month, date := d.utc().Date()
	return civil(year-1, month, date)
}

func (r RangeQuery) seriesCompared() bool {
	return r.Compare == ComparePrevious || r.Compare == CompareYear
}

// comparedParts returns the buckets that parts of the range are compared with, in order, without
// those for future parts. Each has its own first day as its label. It returns nil if series have no
// comparison.
func (r RangeQuery) comparedParts(parts []bucket) []bucket {
	if !r.seriesCompared() {
		return nil
	}
	back, end := r.Range.back(r.Compare), r.Range.elapsed().To
	before := []bucket{}
	for _, part := range parts {
		if part.From.Before(end) {
			from := back(part.From)
			to := later(from, back(earlier(part.To, end)))
			b := Range{From: from, To: to, Zone: r.Range.Zone}.whole()
			if !r.Range.Complete() {
				_, b.end = b.labels() // the figure of a whole day has no part until an hour
			}
			before = append(before, b)
		}
	}
	return before
}

// comparedDays returns a function that maps a day of the range to its counterparts in the compared
// period, usually one day. With compare=year, February 29 has no counterpart, and February 28 has
// two if the earlier year is a leap year. While the range has not ended, today has no counterpart
// yet: the platforms' figures of days cannot be cut at an hour.
func (q *queryContext) comparedDays() func(day) days {
	begins, _ := q.query.Range.flowDays()
	first, end := q.compared.flowDays()
	if !q.query.Range.Complete() {
		_, end = q.compared.labels()
	}
	return func(d day) days {
		matching := days{first + d - begins, first + d - begins + 1}
		if q.query.Compare == CompareYear {
			matching = days{d.yearBefore(), (d + 1).yearBefore()}
		}
		return days{max(matching.first, first), min(matching.end, end)}
	}
}

// comparison returns a query context for the compared period. Accounts, metrics and capture times
// noted in it do not affect the metadata of the response.
func (q *queryContext) comparison() *queryContext {
	before := *q
	before.query.Range, before.uncompared = q.compared, true
	before.metricsRead, before.accounts, before.asOf = map[int64]map[string]*metricRead{}, map[int64]knownAccount{}, nil
	return &before
}

// comparedGains reads the gains of posts in the range and in the compared period. before contains
// the gains by part of that period; nil if series have no comparison.
func comparedGains(
	ctx context.Context, qc *queryContext, metrics []string, parts []bucket,
) (now, before *postGains, err error) {
	qc.totals = true
	from := qc.compared.From
	apart := qc.query.seriesCompared() || !qc.uncompared && !qc.compared.To.Equal(qc.query.Range.From)
	if apart || qc.uncompared {
		from = qc.query.Range.From
	}
	now, err = readGains(ctx, qc, gainQuery{metrics: metrics, from: from, buckets: parts})
	if err != nil || !apart {
		return now, nil, err
	}
	q := gainQuery{metrics: metrics, from: qc.compared.From, buckets: qc.query.comparedParts(parts)}
	before, err = readGains(ctx, qc.comparison(), q)
	if err != nil {
		return nil, nil, err
	}
	for social, account := range before.accounts {
		gains := now.account(social, account.platform)
		gains.before, gains.beforeCut = account.now, account.nowCut
	}
	if !qc.query.seriesCompared() {
		before = nil
	}
	return now, before, nil
}
