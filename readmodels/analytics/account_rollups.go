package analytics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// seriesKey tells series apart.
type seriesKey struct {
	social   int64
	platform domain.Platform
	metric   string
}

// owner is the client and the member of an agency whose a reading is.
type owner struct {
	account string // sub-account
	member  int64
}

// metricSeries is everything found of one metric of one social account, whoever of the agency had it.
type metricSeries struct {
	seriesKey

	owners  []owner             // who have figures of it here
	flows   []ownedDays         // day flows by the platform's day, of the range and of the period before
	windows map[string]byDay    // rolling figures of windows of days, by window and last day; of the scope
	gauges  map[gaugeKey]*gauge // what else is read and not summed
	spells  *spells             // who had it when; nil where that does not matter
	spans   []span              // in order; together they are all from the start of the compared period to the end of the range
}

// ownedDays are the day flows that one owner has read.
type ownedDays struct {
	owner
	byDay
}

// gaugeKey tells the readings of a metric apart that must never be mixed.
type gaugeKey struct {
	kind   domain.Kind
	window string // rolling figures only: a window that is not of days, like a lifetime
}

// gauge is a figure that stands at some value whenever it is read: stock, cumulative or rolling.
type gauge struct {
	daily byDay // the last reading of each UTC day
	// values are the last readings strictly before the ends of the spans, however old: that before the first span, then
	// that before the end of each. nil: there is none.
	values []*sample
	first  *sample // the first reading of all, where it lies in a span
	gaps   bool    // there may be steps that took longer than [longStep]
	// seenBefore is, of stocks that were another one's when the range or the period before began, or the year before ended, the
	// last reading before that instant that the scope sees.
	seenBefore map[time.Time]*sample
}

// figureKey is what the samples of one figure have in common.
type figureKey struct {
	seriesKey
	owner

	kind           domain.Kind
	source, window string
}

// figures reads the roll-ups of the range and of the period before it, and what raw readings are
// needed beside them. The buckets are in order; together they are the range. The series are ordered by platform, social
// account and metric.
func (qc *queryContext) figures(ctx context.Context, buckets []bucket) ([]*metricSeries, error) {
	pages, err := qc.heldPages(ctx, qc.figureSpan())
	if err != nil {
		return nil, err
	}
	pages.only(qc.query.Social)
	series, tied, err := qc.readSeries(ctx, pages, nil)
	if err == nil && len(tied) > 0 {
		series, _, err = qc.readSeries(ctx, pages, tied)
	}
	if err != nil {
		return nil, err
	}
	alike := map[bool][]span{} // of accounts that nothing cuts but the answer's parts, by whether their metric is gained
	for _, s := range series {
		apart, gained := s.spells != nil || s.mixed(), isGained(s.metric)
		if s.spans = alike[gained]; apart || s.spans == nil {
			s.spans = qc.spansOf(s, buckets)
		}
		if !apart {
			alike[gained] = s.spans
		}
	}
	return series, qc.readValues(ctx, series)
}

// only leaves the one social account that is asked about; 0: all.
func (p *heldPages) only(social int64) {
	switch {
	case social == 0:
	case p.of == nil || slices.Contains(p.of, social):
		p.of = []int64{social}
	default:
		p.of = []int64{}
	}
}

// readSeries reads account_months: day flows by the platform's days of the range and of the period before, everything else by
// the UTC days of both, and a few days before them; of what lies between them see [figureSpan]. Of a social account it reads
// all owners in the agency: a step counts from the last reading before it, whose ever that was. Only the social accounts
// withIDs get the ids of their events: they take more space than all else, and only readings of one instant are told apart by
// them. tied are the accounts that have such readings and came without ids: what was kept of those is chance.
func (qc *queryContext) readSeries(ctx context.Context, pages heldPages, withIDs []int64) (series []*metricSeries, tied []int64, err error) {
	span := qc.figureSpan()
	where, args := "metric = any($2) and month >= $4::date and month < $5::date", []any{
		qc.scope.ParentAccount, qc.metrics, qc.platformIDs(), span.first.month().utc(), span.end.utc(), withIDs,
	}
	if between := span.between; between.first < between.end {
		where = `(metric = any($2) and month >= $4::date and month < $7::date or metric = any($2) and month >= $8::date and month < $5::date
			or metric = any($9) and month >= $7::date and month < $8::date)`
		args = append(args, between.first.utc(), between.end.utc(), slices.DeleteFunc(slices.Clone(qc.metrics), isGained))
	}
	if pages.of != nil {
		args = append(args, pages.of)
		where += fmt.Sprintf(" and social_account_id = any($%d)", len(args))
	}
	rows, _ := qc.tx.Query(ctx, `
		select days, day_values, captured_at, social_account_id, account_id, member_id, p_id, metric, kind, source, window_name, month,
		       case when social_account_id = any($6) then event_ids end
		from account_months
		where parent_account = $1 and p_id = any($3) and `+where, args...)
	byKey := map[seriesKey]*metricSeries{}
	var f figureKey
	var month time.Time
	var events []string
	_, err = pgx.ForEachRow(rows, []any{
		nil, nil, nil, &f.social, &f.account, &f.member, &f.platform, &f.metric, &f.kind, &f.source, &f.window, &month, &events,
	}, func() error {
		sent := rows.RawValues()
		days, values, captured := sentArray(sent[0]), sentArray(sent[1]), sentArray(sent[2])
		n, err := sameLength(days, values, captured)
		if err != nil {
			return err
		}
		first := dayOf(month)
		at := span.unwanted(f.kind, first, days, n)
		points, of := make([]sample, 0, n-at), &origin{owner: f.owner, source: f.source, window: f.window}
		var newest time.Time
		for i := at; i < n; i++ {
			on := first + day(int16At(days, i)) - 1
			if !span.has(f.kind, on) {
				continue
			}
			p := sample{origin: of, value: int64At(values, i), at: timeAt(captured, i), day: on}
			if len(events) > 0 {
				p.eventID = events[i]
			}
			points = append(points, p)
			newest = later(newest, p.at)
		}
		if len(points) == 0 || f.kind == domain.Rolling && !qc.sees(f.owner) {
			return nil
		}
		if qc.sees(f.owner) {
			qc.noteAccount(f.social, f.account, f.platform, newest)
		}
		if byKey[f.seriesKey] == nil {
			byKey[f.seriesKey] = &metricSeries{
				seriesKey: f.seriesKey, windows: map[string]byDay{}, gauges: map[gaugeKey]*gauge{}, spells: pages.spells[f.social],
			}
			series = append(series, byKey[f.seriesKey])
		}
		if byKey[f.seriesKey].add(span, &f, points) {
			tied = append(tied, f.social)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read daily figures: %w", err)
	}
	slices.SortFunc(series, func(x, y *metricSeries) int {
		return cmp.Or(cmp.Compare(x.platform, y.platform), cmp.Compare(x.social, y.social), cmp.Compare(x.metric, y.metric))
	})
	return series, tied, nil
}

// unwanted is how many of the first days of a row are not wanted: of the month before, few are, the last ones.
func (s figureSpan) unwanted(kind domain.Kind, first day, sent sentArray, n int) (count int) {
	for count < n && !s.has(kind, first+day(int16At(sent, count))-1) {
		count++
	}
	return count
}

// sameLength is the length of the arrays of a row of account_months.
func sameLength(days, values, captured sentArray) (int, error) {
	n, err := lengthOf(days, 2)
	nValues, errValues := lengthOf(values, 8)
	nCaptured, errCaptured := lengthOf(captured, 8)
	if err := errors.Join(err, errValues, errCaptured); err != nil {
		return 0, err
	}
	if nValues != n || nCaptured != n {
		return 0, fmt.Errorf("%d days, %d values and %d captures", n, nValues, nCaptured)
	}
	return n, nil
}

// add takes samples of one figure, and may keep them; tied as [byDay.put] says.
func (s *metricSeries) add(span figureSpan, f *figureKey, points []sample) (tied bool) {
	if !slices.Contains(s.owners, f.owner) {
		s.owners = append(s.owners, f.owner)
	}
	var days byDay
	byCapture := false
	switch {
	case f.kind == domain.DayFlow:
		days = s.flowsOf(f.owner, span)
	case f.kind == domain.Rolling && windowDays(f.window) > 0:
		s.windows[f.window] = s.windows[f.window].or(span)
		days = s.windows[f.window]
	default:
		key := gaugeKey{kind: f.kind}
		if f.kind == domain.Rolling {
			key.window = f.window
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

func (s *metricSeries) flowsOf(o owner, span figureSpan) byDay {
	if i := slices.IndexFunc(s.flows, func(f ownedDays) bool { return f.owner == o }); i >= 0 {
		return s.flows[i].byDay
	}
	days := byDay{}.or(span)
	s.flows = append(s.flows, ownedDays{o, days})
	return days
}

// narrowed reports whether the answer is about some owners only.
func (qc *queryContext) narrowed() bool { return qc.scope.Accounts != nil || qc.query.Member != 0 }

// sees reports whether an owner's readings are in the answer.
func (qc *queryContext) sees(o owner) bool {
	return (qc.scope.Accounts == nil || slices.Contains(qc.scope.Accounts, o.account)) && (qc.query.Member == 0 || o.member == qc.query.Member)
}

// lookBack is how many days before a period its gauges are looked for in the roll-up: there nearly every
// account has its last reading before.
const lookBack = 3

// days is a span of days, its end left out.
type days struct{ first, end day }

func (s days) has(d day) bool { return d >= s.first && d < s.end }

// figureSpan are the days of which figures are read.
type figureSpan struct {
	days        // all of them
	flows  days // day flows: every day that the range and the period before touch
	gauges days // everything else: the UTC days that both touch, and a few days before them
	// between are the months, by their days, that lie between the period before and all of that: only of what there is, like
	// followers, are they read, as its change counts over them.
	between days
}

// has says whether the days of a kind of figure are read on a day, of one that is read between the periods too.
func (s figureSpan) has(kind domain.Kind, d day) bool {
	if kind == domain.DayFlow {
		return s.flows.has(d)
	}
	return s.gauges.has(d)
}

// of is the span of a metric.
func (s figureSpan) of(metric string) figureSpan {
	if !isGained(metric) {
		s.between = days{}
	}
	return s
}

func (qc *queryContext) figureSpan() figureSpan {
	r, from := qc.query.Range, qc.query.Range.From
	first, flowEnd := r.flowDays() // first of windows of days
	var between days
	if !qc.uncompared {
		from = earlier(from, qc.compared.From)
		last := qc.compared.To.Add(-time.Nanosecond)
		between = days{max(dayOf(last.In(r.Zone)), dayOf(last.UTC())).nextMonth(), min(first-1, dayOf(r.From.UTC())-lookBack).month()}
	}
	flowFirst := dayOf(from.In(r.Zone)) // a day that is cut counts in another range, but no steps count in the rest of it
	s := figureSpan{
		flows:  days{flowFirst, flowEnd},
		gauges: days{min(first, dayOf(from.UTC())-lookBack), max(flowEnd, dayOf(r.To.Add(-time.Nanosecond).UTC())+1)},

		between: between,
	}
	s.days = days{min(s.flows.first, s.gauges.first), max(s.flows.end, s.gauges.end)}
	return s
}
