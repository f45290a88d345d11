package analytics

import (
	"context"
	"time"
)

// Compare selects the period that the range of a response is compared with.
type Compare string

// Values of [Compare]. The empty value means previous for totals and none for series.
const (
	ComparePrevious Compare = "previous" // the period before the range, as long as the elapsed part of the range
	CompareYear     Compare = "year"     // the same dates one year earlier, in the range's zone
	CompareNone     Compare = "none"     // nothing
)

// Compared returns the period that the elapsed part of a range is compared with. On the 20th, the
// current month is compared with 20 days: the comparison with a whole month would look like a
// decline. Whole days are compared with whole days, even across clock changes.
func (r Range) Compared(compare Compare) Range {
	back := r.back(compare)
	from := back(r.From)
	return Range{From: from, To: later(from, back(r.elapsed().To)), Zone: r.Zone}
}

func (r Range) back(compare Compare) func(time.Time) time.Time {
	if compare == CompareYear {
		return func(at time.Time) time.Time { return yearBefore(at, r.Zone) }
	}
	e := r.elapsed()
	if first, end, whole := e.wholeDays(); whole {
		return func(at time.Time) time.Time { return (dayOf(at.In(r.Zone)) - (end - first)).start(r.Zone) }
	}
	return func(at time.Time) time.Time { return at.Add(-e.To.Sub(r.From)) }
}

// yearBefore returns the instant one year earlier at the same local time. February 29 has no
// counterpart and maps to the start of March 1, so that whole months are compared with whole months
// and adjoining ranges with adjoining ranges.
func yearBefore(at time.Time, zone *time.Location) time.Time {
	local := at.In(zone)
	d, target := dayOf(local), dayOf(local).yearBefore()
	if at.Equal(d.start(zone)) || target == (d+1).yearBefore() {
		return target.start(zone)
	}
	year, month, date := target.utc().Date()
	hour, minute, second := local.Clock()
	sameClock := time.Date(year, month, date, hour, minute, second, local.Nanosecond(), zone).UTC()
	// a clock change must not move the instant to another day
	return earlier(later(sameClock, target.start(zone)), (target + 1).start(zone))
}

// yearBefore returns the same date one year earlier; March 1 if that date does not exist.
func (d day) yearBefore() day {
	year, month, date := d.utc().Date()
	return civil(year-1, month, date)
}

func (q RangeQuery) seriesCompared() bool {
	return q.Compare == ComparePrevious || q.Compare == CompareYear
}

// comparedParts returns the buckets that parts of the range are compared with, in order, without
// those for future parts. Each has its own first day as its label. It returns nil if series have no
// comparison.
func (q RangeQuery) comparedParts(parts []bucket) []bucket {
	if !q.seriesCompared() {
		return nil
	}
	back, end := q.Range.back(q.Compare), q.Range.elapsed().To
	before := []bucket{}
	for _, part := range parts {
		if part.From.Before(end) {
			from := back(part.From)
			to := later(from, back(earlier(part.To, end)))
			before = append(before, Range{From: from, To: to, Zone: q.Range.Zone}.whole())
		}
	}
	return before
}

// comparedDays returns a function that maps a day of the range to its counterparts in the compared
// period, usually one day. With compare=year, February 29 has no counterpart, and February 28 has
// two if the earlier year is a leap year.
func (qc *queryContext) comparedDays() func(day) days {
	begins, _ := qc.query.Range.flowDays()
	first, end := qc.compared.flowDays()
	return func(d day) days {
		matching := days{first + d - begins, first + d - begins + 1}
		if qc.query.Compare == CompareYear {
			matching = days{d.yearBefore(), (d + 1).yearBefore()}
		}
		return days{max(matching.first, first), min(matching.end, end)}
	}
}

// comparison returns a query context for the compared period. Accounts, metrics and capture times
// noted in it do not affect the metadata of the response.
func (qc *queryContext) comparison() *queryContext {
	before := *qc
	before.query.Range, before.uncompared = qc.compared, true
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
	// the compared period need not adjoin the range, so it is read separately
	if qc.query.Compare != "" {
		from = qc.query.Range.From
	}
	now, err = readGains(ctx, qc, gainQuery{metrics: metrics, from: from, buckets: parts})
	if err != nil || !qc.query.seriesCompared() {
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
	return now, before, nil
}
