package analytics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// seriesKey tells series apart.
type seriesKey struct {
	social   int64
	account  string // sub-account; "" unless asked for by account
	platform domain.Platform
	metric   string
}

// metricSeries is everything found of one metric of one social account.
type metricSeries struct {
	seriesKey

	dayFlows byDay               // by the platform's day, of the range and of the period before
	windows  map[string]byDay    // rolling figures of windows of days, by window and last day
	gauges   map[gaugeKey]*gauge // what else is read and not summed
}

// gaugeKey tells the readings of a metric apart that must never be mixed.
type gaugeKey struct {
	kind   domain.Kind
	window string // rolling figures only: a window that is not of days, like a lifetime
}

// gauge is a figure that stands at some value whenever it is read: stock, cumulative or rolling.
type gauge struct {
	daily byDay // the last reading of each UTC day that the range touches

	last []*sample // the last reading in each bucket
	// before is the last reading before the range, earlier the one before the previous period. A reading from
	// before the period before says nothing of when its difference came about: it is no baseline.
	// Not looked for where the kind has no difference (rolling).
	before, earlier *sample
	// Of a counter without before: the first reading in the range, and the last one ever before it.
	first, stale *sample
}

// latest is the last reading in the range.
func (g *gauge) latest() *sample {
	for _, p := range slices.Backward(g.last) {
		if p != nil {
			return p
		}
	}
	return nil
}

// figureKey is what the samples of one figure have in common.
type figureKey struct {
	seriesKey

	kind           domain.Kind
	source, window string
}

// figures reads the roll-ups of the range and of the period before it, and what raw readings are
// needed beside them. The buckets are in order; together they are the range. byAccount keeps the sub-accounts apart under
// which a social account has been. The series are ordered by platform, social account, sub-account and metric.
func (qc *queryContext) figures(ctx context.Context, buckets []bucket, byAccount bool) ([]*metricSeries, error) {
	series, tied, err := qc.readSeries(ctx, byAccount, nil)
	if err == nil && len(tied) > 0 {
		series, _, err = qc.readSeries(ctx, byAccount, tied)
	}
	if err != nil {
		return nil, err
	}
	return series, qc.resolve(ctx, series, buckets)
}

// readSeries reads account_months: day flows by the platform's days of the range and of the period before,
// everything else by the days of the range, by the UTC days that it touches, and by a few days before both
// periods. Only the social accounts withIDs get the ids of their events: they take more space than all
// else, and only readings of one instant are told apart by them. tied are the accounts that have such readings and came
// without ids: what was kept of those is chance.
func (qc *queryContext) readSeries(ctx context.Context, byAccount bool, withIDs []int64) (series []*metricSeries, tied []int64, err error) {
	span := qc.figureSpan()
	rows, _ := qc.tx.Query(ctx, `
		select social_account_id, account_id, p_id, metric, kind, source, window_name, month, days, day_values, captured_at,
		       case when social_account_id = any($8) then event_ids end
		from account_months
		where parent_account = $1 and metric = any($2) and ($3::text[] is null or account_id = any($3)) and p_id = any($4)
		  and ($5::bigint = 0 or member_id = $5) and month >= $6::date and month < $7::date`,
		qc.scope.ParentAccount, qc.metrics, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, span.first.month().utc(),
		span.end.utc(), withIDs)
	byKey := map[seriesKey]*metricSeries{}
	var f figureKey
	var month time.Time
	var days arrayOf[int16]
	var values arrayOf[int64]
	var captured arrayOf[time.Time]
	var events arrayOf[string]
	err = forEach(rows, "read daily figures", []any{
		&f.social, &f.account, &f.platform, &f.metric, &f.kind, &f.source, &f.window, &month, &days, &values, &captured, &events,
	}, func() {
		first := dayOf(month)
		points := make([]sample, 0, len(days))
		var newest time.Time
		for i, d := range days {
			p := sample{value: values[i], at: captured[i], source: f.source, day: first + day(d) - 1, window: f.window}
			if len(events) > 0 {
				p.eventID = events[i]
			}
			if span.has(f.kind, p.day) {
				points = append(points, p)
				newest = later(newest, p.at)
			}
		}
		if len(points) == 0 {
			return
		}
		qc.noteAccount(f.social, f.account, f.platform, newest)
		key := f.seriesKey
		if !byAccount {
			key.account = ""
		}
		if byKey[key] == nil {
			byKey[key] = &metricSeries{seriesKey: key, windows: map[string]byDay{}, gauges: map[gaugeKey]*gauge{}}
			series = append(series, byKey[key])
		}
		if byKey[key].add(span, f.kind, f.window, points) {
			tied = append(tied, f.social)
		}
	})
	slices.SortFunc(series, func(x, y *metricSeries) int {
		return cmp.Or(cmp.Compare(x.platform, y.platform), cmp.Compare(x.social, y.social),
			cmp.Compare(x.account, y.account), cmp.Compare(x.metric, y.metric))
	})
	return series, tied, err
}

// add takes samples of one figure, and may keep them; tied as [byDay.put] says.
func (s *metricSeries) add(span figureSpan, kind domain.Kind, window string, points []sample) (tied bool) {
	var days byDay
	byCapture := false
	switch {
	case kind == domain.DayFlow:
		s.dayFlows = s.dayFlows.or(span)
		days = s.dayFlows
	case kind == domain.Rolling && windowDays(window) > 0:
		s.windows[window] = s.windows[window].or(span)
		days = s.windows[window]
	default:
		key := gaugeKey{kind: kind}
		if kind == domain.Rolling {
			key.window = window
		}
		if s.gauges[key] == nil {
			s.gauges[key] = &gauge{daily: byDay{}.or(span)}
		}
		days, byCapture = s.gauges[key].daily, true
	}
	for i := range points {
		of := points[i].day
		if byCapture {
			of = dayOf(points[i].at.UTC())
		}
		tied = days.put(of, &points[i]) || tied
	}
	return tied
}

// drop forgets the sample of a day.
func (d byDay) drop(which day) { d.samples[which-d.first] = nil }

// lookBack is how many days before a period its gauges are looked for in the roll-up: there nearly every
// account has its last reading before.
const lookBack = 3

// days is a span of days, its end left out.
type days struct{ first, end day }

func (s days) has(d day) bool { return d >= s.first && d < s.end }

// figureSpan are the days of which figures are read.
type figureSpan struct {
	days          // all of them
	flows    days // day flows: the range and the period before
	gauges   days // everything else: the range, and a few days before it
	previous days // gauges before the previous period too, in a few days
}

// has says whether the days of a kind of figure are read on a day.
func (s figureSpan) has(kind domain.Kind, d day) bool {
	if kind == domain.DayFlow {
		return s.flows.has(d)
	}
	return s.gauges.has(d) || s.previous.has(d)
}

func (qc *queryContext) figureSpan() figureSpan {
	r, previous := qc.query.Range, qc.query.Range.Previous()
	first, end := r.labels()
	flowFirst, _ := previous.labels()
	before := dayOf(previous.From.UTC())
	span := figureSpan{
		flows:    days{flowFirst, end},
		gauges:   days{min(first, dayOf(r.From.UTC())-lookBack), max(end, dayOf(r.To.Add(-time.Nanosecond).UTC())+1)},
		previous: days{before - lookBack, before + 1},
	}
	span.first, span.end = min(span.flows.first, span.gauges.first, span.previous.first), max(end, span.gauges.end)
	return span
}
