package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// figureQuery says which figures of the accounts are wanted.
type figureQuery struct {
	metrics []string
	buckets []bucket // in order; together they are the range
	// byAccount keeps the sub-accounts apart under which a social account has been.
	byAccount bool
}

// track is everything found of one metric of one social account.
type track struct {
	social   int64
	account  string // sub-account; "" unless asked for by account
	platform domain.Platform
	metric   string

	flows   byDay               // by the platform's day, of the range and of the period before
	windows map[string]byDay    // rolling figures of windows of days, by window and last day
	levels  map[levelKey]*level // what else is read and not summed
}

// levelKey tells the readings of a metric apart that must never be mixed.
type levelKey struct {
	kind   domain.Kind
	window string // rolling figures only: a window that is not of days, like a lifetime
}

// level is a figure that stands at some value whenever it is read: stock, cumulative or rolling.
type level struct {
	daily byDay // the last reading of each UTC day that the range touches

	last []*point // the last reading in each bucket
	// before is the last reading before the range, earlier the one before the previous period. A reading from
	// before the period before says nothing of when its difference came about: it is no baseline.
	// Not looked for where the kind has no difference (rolling).
	before, earlier *point
	// Of a counter without before: the first reading in the range, and the last one ever before it.
	first, stale *point
}

// latest is the last reading in the range.
func (l *level) latest() *point {
	for _, p := range slices.Backward(l.last) {
		if p != nil {
			return p
		}
	}
	return nil
}

// figureKey is what the points of one figure have in common.
type figureKey struct {
	social         int64
	account        string
	platform       domain.Platform
	metric         string
	kind           domain.Kind
	source, window string
}

type trackKey struct {
	social  int64
	account string
	metric  string
}

// figures reads the roll-ups of the range and of the period before it, and what raw readings are
// needed beside them. Tracks are ordered by platform, social account, sub-account and metric.
func (a *answering) figures(ctx context.Context, q figureQuery) ([]*track, error) {
	tracks, tied, err := a.tracks(ctx, q, nil)
	if err == nil && len(tied) > 0 {
		tracks, _, err = a.tracks(ctx, q, tied)
	}
	if err != nil {
		return nil, err
	}
	return tracks, a.resolve(ctx, tracks, q)
}

// tracks reads the roll-ups, with the ids of events of the social accounts withIDs alone: they take more space than all
// else, and only readings of one instant are told apart by them. tied are the accounts that have such readings and came
// without ids: what was kept of those is chance.
func (a *answering) tracks(ctx context.Context, q figureQuery, withIDs []int64) (tracks []*track, tied []int64, err error) {
	byKey := map[trackKey]*track{}
	span := a.figureSpan()
	err = a.rollups(ctx, q, span, withIDs, func(f figureKey, points []point) {
		key := trackKey{social: f.social, metric: f.metric}
		if q.byAccount {
			key.account = f.account
		}
		t, ok := byKey[key]
		if !ok {
			t = &track{
				social: key.social, account: key.account, platform: f.platform, metric: key.metric,
				windows: map[string]byDay{}, levels: map[levelKey]*level{},
			}
			byKey[key] = t
			tracks = append(tracks, t)
		}
		if t.add(span, f.kind, f.window, points) {
			tied = append(tied, f.social)
		}
		a.meets(f.social, f.account, f.platform, slices.MaxFunc(points, func(x, y point) int { return x.at.Compare(y.at) }).at)
	})
	slices.SortFunc(tracks, func(x, y *track) int {
		return cmp.Or(cmp.Compare(x.platform, y.platform), cmp.Compare(x.social, y.social),
			cmp.Compare(x.account, y.account), cmp.Compare(x.metric, y.metric))
	})
	return tracks, tied, err
}

// add takes points of one figure, and may keep them; tied as [byDay.put] says.
func (t *track) add(span figureSpan, kind domain.Kind, window string, points []point) (tied bool) {
	var days byDay
	byCapture := false
	switch {
	case kind == domain.DayFlow:
		t.flows = t.flows.or(span)
		days = t.flows
	case kind == domain.Rolling && windowDays(window) > 0:
		t.windows[window] = t.windows[window].or(span)
		days = t.windows[window]
	default:
		key := levelKey{kind: kind}
		if kind == domain.Rolling {
			key.window = window
		}
		if t.levels[key] == nil {
			t.levels[key] = &level{daily: byDay{}.or(span)}
		}
		days, byCapture = t.levels[key].daily, true
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

// drop forgets the point of a day.
func (d byDay) drop(which day) { d.points[which-d.first] = nil }

// lookBack is how many days before a period its levels are looked for in the roll-up: there nearly every
// account has its last reading before.
const lookBack = 3

// figureSpan are the days of which figures are read, ends left out.
type figureSpan struct {
	first, end           day // all of them
	flowFirst, flowEnd   day // day flows: the range and the period before
	levelFirst, levelEnd day // everything else: the range, and a few days before it
	earlierFirst         day // levels before the previous period too, in a few days
	earlierEnd           day
}

// has says whether the days of a kind of figure are read on a day.
func (s figureSpan) has(kind domain.Kind, d day) bool {
	if kind == domain.DayFlow {
		return d >= s.flowFirst && d < s.flowEnd
	}
	return d >= s.levelFirst && d < s.levelEnd || d >= s.earlierFirst && d < s.earlierEnd
}

func (a *answering) figureSpan() figureSpan {
	r, previous := a.query.Range, a.query.Range.Previous()
	first, end := r.labels()
	flowFirst, _ := previous.labels()
	before := dayOf(previous.From.UTC())
	span := figureSpan{
		flowFirst: flowFirst, flowEnd: end,
		levelFirst: min(first, dayOf(r.From.UTC())-lookBack), levelEnd: max(end, dayOf(r.To.Add(-time.Nanosecond).UTC())+1),
		earlierFirst: before - lookBack, earlierEnd: before + 1,
	}
	span.first = min(span.flowFirst, span.levelFirst, span.earlierFirst)
	span.end = max(span.flowEnd, span.levelEnd)
	return span
}

// rollups reads account_months: day flows by the platform's days of the range and of the period before,
// everything else by the days of the range, by the UTC days that it touches, and by a few days before both
// periods. add is called for each month of each figure that has such days. The accounts withIDs get the ids of their events.
func (a *answering) rollups(ctx context.Context, q figureQuery, span figureSpan, withIDs []int64, add func(figureKey, []point)) error {
	rows, err := a.tx.Query(ctx, `
		select social_account_id, account_id, p_id, metric, kind, source, window_name, month, days, day_values, captured_at,
		       case when social_account_id = any($8) then event_ids end
		from account_months
		where parent_account = $1 and metric = any($2) and ($3::text[] is null or account_id = any($3)) and p_id = any($4)
		  and ($5::bigint = 0 or member_id = $5) and month >= $6::date and month < $7::date`,
		a.scope.ParentAccount, q.metrics, a.scope.Accounts, a.platformIDs(), a.query.Member, span.first.month().utc(), span.end.utc(), withIDs)
	if err != nil {
		return fmt.Errorf("read daily figures: %w", err)
	}
	var figure figureKey
	var month time.Time
	var days arrayOf[int16]
	var values arrayOf[int64]
	var captured arrayOf[time.Time]
	var events arrayOf[string]
	_, err = pgx.ForEachRow(rows, []any{
		&figure.social, &figure.account, &figure.platform, &figure.metric, &figure.kind, &figure.source, &figure.window,
		&month, &days, &values, &captured, &events,
	}, func() error {
		first := dayOf(month)
		points := make([]point, 0, len(days))
		for i, d := range days {
			p := point{value: values[i], at: captured[i], source: figure.source, day: first + day(d) - 1, window: figure.window}
			if len(events) > 0 {
				p.eventID = events[i]
			}
			if span.has(figure.kind, p.day) {
				points = append(points, p)
			}
		}
		if len(points) > 0 {
			add(figure, points)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read daily figures: %w", err)
	}
	return nil
}
