package analytics

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

type seriesKey struct {
	social   int64
	platform domain.Platform
	metric   string
}

type owner struct {
	account string // sub-account
	member  int64
}

// metricSeries is one metric of one social account, from all its owners in the agency.
type metricSeries struct {
	seriesKey

	owners []owner // owners with figures in this series
	// day flows by the platform's day, of the range and the previous period
	flows byDay
	// owners at the end of each day; nil if the response does not depend on owners
	dayOwners []ownerSince
	// rolling figures over a number of days, by window and last day; only those in scope
	windows map[string]byDay
	gauges  map[gaugeKey]*gauge // all other figures
	// two readings have the same instant, and their event ids decide which one to use
	tied bool
}

// gaugeKey separates readings of a metric that must never be mixed.
type gaugeKey struct {
	kind domain.Kind
	// rolling figures only: a window that is not a number of days, such as lifetime
	window string
}

// figureKey identifies the samples of one figure of one owner from one source.
type figureKey struct {
	seriesKey
	owner

	kind           domain.Kind
	source, window string
}

// figures reads the figures of accounts in the range and in the previous period, by platform,
// social account and metric. buckets are the intervals of both periods that the response shows.
func (qc *queryContext) figures(ctx context.Context, buckets []bucket) ([]*metricSeries, error) {
	series, err := qc.readSeries(ctx, nil)
	if err != nil {
		return nil, err
	}
	var tied []int64
	for _, s := range series {
		if s.tied {
			tied = append(tied, s.social)
		}
	}
	if len(tied) > 0 {
		if series, err = qc.readSeries(ctx, tied); err != nil {
			return nil, err
		}
	}
	if qc.dependsOnOwners() {
		if err := qc.readDayOwners(ctx, series); err != nil {
			return nil, err
		}
	}
	return series, qc.readUnknown(ctx, series, buckets)
}

// readSeries reads account_months: day flows by the platform's days of the range and of the
// previous period, everything else by the UTC days of both and a few days before. For the time
// between them, see [figureSpan]. It reads all owners of a social account in the agency, because a
// gain is measured from the previous reading, regardless of its owner. Event ids are read only for
// the social accounts in withIDs: they take more space than all other columns and only serve to
// order readings of the same instant.
func (qc *queryContext) readSeries(ctx context.Context, withIDs []int64) (series []*metricSeries, err error) {
	span := qc.figureSpan()
	args := arguments{
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.metrics,
		span.first.month().utc(), span.end.utc(), withIDs,
	}
	where := qc.seriesFilter(span, &args)
	rows, _ := qc.tx.Query(ctx, `
		select days, day_values, captured_at, social_account_id, account_id, member_id, p_id, metric, kind, source,
		       window_name, month,
		       case when social_account_id = any($8) then event_ids end
		from account_months
		where parent_account = $1 and p_id = any($3) and `+where, args...)
	byKey := map[seriesKey]*metricSeries{}
	var f figureKey
	var month time.Time
	var events []string
	_, err = pgx.ForEachRow(rows, []any{
		nil, nil, nil, &f.social, &f.account, &f.member, &f.platform, &f.metric, &f.kind, &f.source, &f.window, &month,
		&events,
	}, func() error {
		sent := rows.RawValues()
		days, values, captured := sentArray(sent[0]), sentArray(sent[1]), sentArray(sent[2])
		n := max(0, (len(days)-beforeAll)/(beforeElement+2))
		err := errors.Join(checkArray(days, n, 2), checkArray(values, n, 8), checkArray(captured, n, 8),
			checkEventIDs(events, n))
		if err != nil || f.kind == domain.Rolling && !qc.sees(f.owner) {
			return err
		}
		points, first := make([]sample, 0, n), dayOf(month)
		shared := &origin{owner: f.owner, source: f.source, window: f.window}
		var newest time.Time
		for i := range n {
			p := sample{
				origin: shared, value: int64At(values, i),
				at:  time.UnixMicro(microsecondsIn2000 + int64At(captured, i)).UTC(),
				day: first + day(int16At(days, i)) - 1,
			}
			if p.day < span.first || p.day >= span.end {
				continue
			}
			if len(events) > 0 {
				p.eventID = events[i]
			}
			points = append(points, p)
			newest = later(newest, p.at)
		}
		if len(points) == 0 {
			return nil
		}
		if qc.sees(f.owner) {
			qc.noteAccount(f.social, f.account, f.platform, newest)
		}
		s := byKey[f.seriesKey]
		if s == nil {
			s = &metricSeries{seriesKey: f.seriesKey, windows: map[string]byDay{}, gauges: map[gaugeKey]*gauge{}}
			byKey[f.seriesKey], series = s, append(series, s)
		}
		s.add(span, &f, points)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read daily figures: %w", err)
	}
	for _, s := range series {
		for _, g := range s.gauges {
			s.tied = g.sort() || s.tied
		}
	}
	slices.SortFunc(series, func(x, y *metricSeries) int {
		return cmp.Or(cmp.Compare(x.platform, y.platform), cmp.Compare(x.social, y.social),
			cmp.Compare(x.metric, y.metric))
	})
	return series, nil
}

// seriesFilter returns the SQL condition for the months and social accounts that readSeries reads.
func (qc *queryContext) seriesFilter(span figureSpan, args *arguments) (where string) {
	where = "metric = any($5) and month >= $6::date and month < $7::date"
	if between := span.between; between.first < between.end {
		from, to := args.add(between.first.utc(), "date"), args.add(between.end.utc(), "date")
		gained := func(metric string) bool { return metric != domain.MetricFollowers }
		stocks := args.add(slices.DeleteFunc(slices.Clone(qc.metrics), gained), "text[]")
		where = `(metric = any($5) and month >= $6::date and month < ` + from + `
			or metric = any($5) and month >= ` + to + ` and month < $7::date
			or metric = any(` + stocks + `) and month >= ` + from + ` and month < ` + to + `)`
	}
	if qc.isNarrowed() {
		where += ` and social_account_id = any(array(
			select social_account_id from account_newest
			where parent_account = $1 and ` + qc.withinAccounts("account_id") + `
			  and ` + qc.ofMember("member_id") + `))`
	} else {
		where += " and $2::text[] is null and $4::bigint = 0"
	}
	if qc.query.Social != 0 {
		where += " and social_account_id = " + args.add(qc.query.Social, "bigint")
	}
	return where
}

// add stores samples of one figure and keeps references to them.
func (s *metricSeries) add(span figureSpan, f *figureKey, points []sample) {
	if !slices.Contains(s.owners, f.owner) {
		s.owners = append(s.owners, f.owner)
	}
	var days byDay
	var g *gauge
	switch {
	case f.kind == domain.DayFlow:
		s.flows = s.flows.orEmpty(span)
		days = s.flows
	case f.kind == domain.Rolling && windowDays(f.window) > 0:
		s.windows[f.window] = s.windows[f.window].orEmpty(span)
		days = s.windows[f.window]
	default:
		key := gaugeKey{kind: f.kind}
		if f.kind == domain.Rolling {
			key.window = f.window
		}
		if s.gauges[key] == nil {
			s.gauges[key] = new(gauge)
		}
		g = s.gauges[key]
	}
	for i := range points {
		if p := &points[i]; g != nil {
			*g = append(*g, p)
		} else {
			s.tied = days.put(p) || s.tied
		}
	}
}

// lookBack is the number of days before a period for which gauges are also read from the roll-up.
// Nearly every account has a reading on these days.
const lookBack = 3

type days struct{ first, end day }

// figureSpan contains the days for which figures are read: the platforms' days and the UTC days of
// the range and of the previous period, and a few days before them.
type figureSpan struct {
	days
	// between covers the months between the previous period and the range. They are read only for
	// stocks, whose change spans them.
	between days
}

func (qc *queryContext) figureSpan() figureSpan {
	r, from := qc.query.Range, qc.begins()
	first, flowEnd := r.flowDays()
	var s figureSpan
	if !qc.uncompared {
		last := qc.compared.To.Add(-time.Nanosecond)
		s.between = days{
			max(dayOf(last.In(r.Zone)), dayOf(last.UTC())).nextMonth(),
			min(first-1, dayOf(r.From.UTC())-lookBack).month(),
		}
	}
	s.days = days{
		min(first, dayOf(from.In(r.Zone)), dayOf(from.UTC())-lookBack),
		max(flowEnd, dayOf(r.To.Add(-time.Nanosecond).UTC())+1),
	}
	return s
}

func (qc *queryContext) begins() time.Time {
	if qc.uncompared {
		return qc.query.Range.From
	}
	return earlier(qc.query.Range.From, qc.compared.From)
}

// sentArray is an array in PostgreSQL's wire format, from which single elements are read in place.
// A response for a hundred accounts reads tens of thousands of elements, and pgx decodes each
// through several interfaces. A sentArray is valid until the next row is read.
type sentArray []byte

// The wire format begins with the number of dimensions, a flag for nulls and the element type, then
// the length and lower bound of the dimension. Each element is preceded by its length.
const (
	noElements    = 3 * 4
	beforeAll     = 5 * 4
	beforeElement = 4
)

// checkEventIDs returns an error if event ids were read and their number is not n.
func checkEventIDs(ids []string, n int) error {
	if ids != nil && len(ids) != n {
		return fmt.Errorf("array of %d event ids for %d values", len(ids), n)
	}
	return nil
}

// checkArray returns an error unless the array has one dimension, n elements of width bytes each,
// and no nulls.
func checkArray(a sentArray, n, width int) error {
	if n == 0 && len(a) == noElements && binary.BigEndian.Uint32(a) == 0 {
		return nil
	}
	if n > 0 && len(a) == beforeAll+n*(beforeElement+width) && binary.BigEndian.Uint32(a) == 1 &&
		binary.BigEndian.Uint32(a[12:]) == uint32(n) && binary.BigEndian.Uint32(a[beforeAll:]) == uint32(width) {
		return nil
	}
	return fmt.Errorf("array of %d bytes is not a one-dimensional array of %d elements of %d bytes without nulls",
		len(a), n, width)
}

func int16At(a sentArray, i int) int16 {
	return int16(binary.BigEndian.Uint16(a[beforeAll+i*(beforeElement+2)+beforeElement:]))
}

func int64At(a sentArray, i int) int64 {
	return int64(binary.BigEndian.Uint64(a[beforeAll+i*(beforeElement+8)+beforeElement:]))
}

// Instants are sent as microseconds since 2000.
const microsecondsIn2000 = 946_684_800 * 1_000_000
