package readmodels

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

// point is one reading of one figure.
type point struct {
	value  int64
	at     time.Time // of capture
	source string    // the platform's name for it

	day             day    // the platform's, else the UTC day of capture
	eventID, window string // break ties
}

// replaces is the order in which readings of one thing replace each other: the later capture, at one
// instant the smaller event id, within one event the later day, then the first source and window by
// name.
func (p point) replaces(present point) bool {
	return cmp.Or(present.at.Compare(p.at), cmp.Compare(p.eventID, present.eventID), cmp.Compare(present.day, p.day),
		cmp.Compare(p.source, present.source), cmp.Compare(p.window, present.window)) < 0
}

// track is everything found of one metric of one social account.
type track struct {
	social   int64
	account  string // sub-account; "" unless asked for by account
	platform domain.Platform
	metric   string

	flows   map[day]point            // by the platform's day, of the range and of the period before
	windows map[string]map[day]point // rolling figures of windows of days, by window and last day
	levels  map[levelKey]*level      // what else is read and not summed
}

// levelKey tells the readings of a metric apart that must never be mixed.
type levelKey struct {
	kind   domain.Kind
	window string // rolling figures only: a window that is not of days, like a lifetime
}

// level is a figure that stands at some value whenever it is read: stock, cumulative or rolling.
type level struct {
	daily map[day]point // the last reading of each UTC day that the range touches

	last []*point // the last reading in each bucket
	// before is the last reading before the range, earlier the one before the previous period;
	// not looked for where the kind has no difference (rolling).
	before, earlier *point
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
	byKey := map[trackKey]*track{}
	err := a.rollups(ctx, q, func(f figureKey, points []point) {
		key := trackKey{social: f.social, metric: f.metric}
		if q.byAccount {
			key.account = f.account
		}
		t, ok := byKey[key]
		if !ok {
			t = &track{
				social: key.social, account: key.account, platform: f.platform, metric: key.metric,
				windows: map[string]map[day]point{}, levels: map[levelKey]*level{},
			}
			byKey[key] = t
		}
		t.add(f.kind, f.window, points)
		a.meets(f.social, f.account, f.platform, slices.MaxFunc(points, func(x, y point) int { return x.at.Compare(y.at) }).at)
	})
	if err != nil {
		return nil, err
	}
	tracks := make([]*track, 0, len(byKey))
	for _, t := range byKey {
		tracks = append(tracks, t)
	}
	slices.SortFunc(tracks, func(x, y *track) int {
		return cmp.Or(cmp.Compare(x.platform, y.platform), cmp.Compare(x.social, y.social),
			cmp.Compare(x.account, y.account), cmp.Compare(x.metric, y.metric))
	})
	return tracks, a.resolve(ctx, tracks, q)
}

// add takes the points of one figure.
func (t *track) add(kind domain.Kind, window string, points []point) {
	var days map[day]point
	byCapture := false
	switch {
	case kind == domain.DayFlow:
		if t.flows == nil {
			t.flows = make(map[day]point, len(points))
		}
		days = t.flows
	case kind == domain.Rolling && windowDays(window) > 0:
		if t.windows[window] == nil {
			t.windows[window] = make(map[day]point, len(points))
		}
		days = t.windows[window]
	default:
		key := levelKey{kind: kind}
		if kind == domain.Rolling {
			key.window = window
		}
		if t.levels[key] == nil {
			t.levels[key] = &level{daily: make(map[day]point, len(points))}
		}
		days, byCapture = t.levels[key].daily, true
	}
	for _, p := range points {
		of := p.day
		if byCapture {
			of = dayOf(p.at.UTC())
		}
		if present, ok := days[of]; !ok || p.replaces(present) {
			days[of] = p
		}
	}
}

// lookBack is how many days before a period its levels are looked for in the roll-up: there nearly every
// account has its last reading before.
const lookBack = 3

// rollups reads account_daily: day flows by the platform's days of the range and of the period before,
// everything else by the days of the range, by the UTC days that it touches, and by a few days before both
// periods. Rows of one figure come as arrays: thousands of small rows would cost more than reading them. The
// planner takes the columns that tell figures apart for independent, expects thousands of figures, and would sort
// all rows first; "offset 0" hides that, and it groups them as they come. add is called for
// each figure, and must not keep the points.
func (a *answering) rollups(ctx context.Context, q figureQuery, add func(figureKey, []point)) error {
	r, previous := a.query.Range, a.query.Range.Previous()
	flowFirst, _ := previous.labels()
	first, end := r.labels()
	first, last := min(first, dayOf(r.From.UTC())-lookBack), max(end-1, dayOf(r.To.Add(-time.Nanosecond).UTC()))
	before := dayOf(previous.From.UTC())
	rows, err := a.grouped(ctx, `
		select social_account_id, account_id, p_id, metric, kind, source, window_name,
		       array_agg(day - date '1970-01-01'), array_agg(value), array_agg(captured_at), array_agg(event_id)
		from (
			select social_account_id, account_id, p_id, metric, kind, source, window_name, day, value, captured_at, event_id
			from account_daily
			where parent_account = $1 and metric = any($2) and day between least($4::date, $6::date, $10::date) and greatest($5::date, $7::date)
			  and ($3::text[] is null or account_id = any($3)) and p_id = any($8) and ($9::bigint = 0 or member_id = $9)
			  and case kind when 'day_flow' then day between $4 and $5 else day between $6 and $7 or day between $10 and $11 end
			offset 0) d
		group by social_account_id, account_id, p_id, metric, kind, source, window_name`,
		a.scope.ParentAccount, q.metrics, a.scope.Accounts,
		flowFirst.utc(), (end - 1).utc(), first.utc(), last.utc(), a.platformIDs(), a.query.Member, (before - lookBack).utc(), before.utc())
	if err != nil {
		return fmt.Errorf("read daily figures: %w", err)
	}
	var figure figureKey
	var points []point
	var days []int32
	var values []int64
	var captured []time.Time
	var events []string
	_, err = pgx.ForEachRow(rows, []any{
		&figure.social, &figure.account, &figure.platform, &figure.metric, &figure.kind, &figure.source, &figure.window,
		&days, &values, &captured, &events,
	}, func() error {
		points = points[:0]
		for i := range days {
			points = append(points, point{
				value: values[i], at: captured[i], source: figure.source, day: day(days[i]), eventID: events[i], window: figure.window,
			})
		}
		add(figure, points)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read daily figures: %w", err)
	}
	return nil
}
