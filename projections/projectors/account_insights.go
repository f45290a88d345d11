package projectors

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// AccountInsights projects account readings into tSAccountIns and the tables of figures. Except for
// erasures, the tables depend only on the set of events, not on their order: of two readings of the
// same account and agency at the same instant, the one with the smaller event id counts.
var AccountInsights = fold.Projector{
	Name: "account_insights", Version: 11 + ahead, Topic: domain.TopicMetrics,
	Definition: ddl.Of("account_insights"),
	Tables: []string{
		"figure_owners", "account_readings", "account_days", "account_quarters", "day_figures", "account_demographics",
		"account_erasures",
	},
	Types: []string{
		domain.AccountRead{}.EventType(), domain.AccountErased{}.EventType(), domain.ImportWithdrawn{}.EventType(),
	},
	Begin: func(int) fold.Fold {
		return &accountFold{
			erased: newErasures(), series: map[accountSeries]*accountBatch{}, stored: map[int64]*storedSeries{}, rows: newAccountRows(),
		}
	},
	Order: byCapture,
}

// accountFold collects readings, and computes their rows in Write.
type accountFold struct {
	erased erasures
	series map[accountSeries]*accountBatch
	stored map[int64]*storedSeries // by series
	rows   *accountRows
}

// accountBatch is what a batch has of a series: the readings after its last erasure.
type accountBatch struct {
	readings []*accountReading // whose rows are not computed yet
	erased   bool
	erasure  int64        // offset of the last erasure
	steps    *seriesSteps // of the readings so far
}

// accountSeries identifies the readings of one account for one agency.
type accountSeries struct {
	account int64
	parent  string
}

func (a accountSeries) compare(o accountSeries) int {
	return cmp.Or(cmp.Compare(a.account, o.account), cmp.Compare(a.parent, o.parent))
}

func (a *accountFold) Apply(ev fold.Event) error {
	switch data := ev.Data.(type) {
	case domain.AccountRead:
		data.CapturedAt = instant(data.CapturedAt)
		key := accountSeries{data.SocialAccount, data.ParentAccount}
		s := a.batch(key)
		// in a build, erasures come first
		if data.CapturedAt.Before(a.erased.until(key)) || s.erased && ev.Offset < s.erasure {
			return nil
		}
		r, err := newAccountReading(data, ev.Envelope.ID)
		if err != nil {
			return err
		}
		s.readings = append(s.readings, r)
		return nil
	case domain.AccountErased:
		key := accountSeries{data.SocialAccount, data.ParentAccount}
		if instant(data.ErasedAt).After(a.erased.until(key)) {
			*a.batch(key) = accountBatch{erased: true, erasure: ev.Offset}
		}
		a.erased.applied.note(data)
		return nil
	case domain.ImportWithdrawn:
		return nil // the engine leaves out what the import appended
	default:
		return errMisplaced
	}
}

func (a *accountFold) batch(key accountSeries) *accountBatch {
	if a.series[key] == nil {
		a.series[key] = &accountBatch{}
	}
	return a.series[key]
}

// Write implements [fold.Fold]. In a build, readings come in order of capture, so the rows of all days
// but the last one are final.
func (a *accountFold) Write(into write.Sink, last bool) error {
	var changes storedChanges
	for key, batch := range a.series {
		stored := a.stored[key.id()]
		if batch.erased {
			stored = nil
			changes.erased = append(changes.erased, key.id())
		}
		readings := batch.readings
		batch.readings = nil
		if n := len(readings); !last && n > 0 {
			final := slices.IndexFunc(readings, func(r *accountReading) bool { return dayNumber(r.at) == dayNumber(readings[n-1].at) })
			readings, batch.readings = readings[:final], slices.Clone(readings[final:])
		}
		for _, r := range readings {
			a.rows.note(r)
		}
		switch readings := sorted(readings); {
		case len(readings) == 0:
		case stored == nil || readings[0].at.After(stored.newest):
			if batch.steps == nil {
				batch.steps = stored.steps()
			}
			for _, r := range readings {
				batch.steps.add(r, a.rows)
			}
			a.rows.readings = append(a.rows.readings, readings...)
		default:
			stored.insert(readings, a.rows, &changes)
		}
	}
	changes.write(into)
	a.rows.writeFinal(into)
	if last {
		accountErasures.Write(into, a.erased.later(a.erased.applied).rows())
		a.rows.writeLast(into)
	}
	return nil
}

var accountErasures = newErasuresTable("account_erasures")

// accountDay is a UTC day of a series.
type accountDay struct {
	series int64
	day    int32
}

// Load implements [fold.Fold]. It loads the owners of each series and their last rows, from which
// readings continue that are later than all stored ones.
func (a *accountFold) Load(first *pgx.Batch, events []fold.Event) {
	a.erased.queueLoad(first, "account_erasures", events)
	figures := map[int64][]int16{}
	for _, ev := range events {
		read, ok := ev.Data.(domain.AccountRead)
		if !ok {
			continue
		}
		key := accountSeries{read.SocialAccount, read.ParentAccount}
		id := key.id()
		stored := a.stored[id]
		if stored == nil {
			stored = newStoredSeries(key)
			a.stored[id] = stored
		}
		stored.batch = append(stored.batch, instant(read.CapturedAt))
		figures[id] = steppedFigures[read.Platform]
	}
	if len(figures) == 0 {
		return
	}
	var ids, of []int64
	var numbers []int16
	for id, list := range figures {
		ids = append(ids, id)
		for _, number := range list {
			of, numbers = append(of, id), append(numbers, number)
		}
	}
	first.Queue(`
		select id, series, parent_account, social_account_id, account_id, member_id, p_id, last_at
		from figure_owners where series = any($1)`, ids).
		Query(func(rows pgx.Rows) error {
			var o figureOwner
			var last time.Time
			_, err := pgx.ForEachRow(rows, []any{
				&o.id, &o.series, &o.parent, &o.account, &o.client, &o.member, &o.platform, &last,
			}, func() error { return a.stored[o.series].addOwner(o, last) })
			return err
		})
	first.Queue(`
		select o.series, `+storedDayColumns+`, q.quarter, q.total, q.gains
		from unnest($1::bigint[], $2::smallint[]) as k(series, figure)
		join figure_owners o on o.series = k.series
		cross join lateral (
			select * from account_days d where d.owner = o.id and d.figure = k.figure and d.window_name = ''
			order by d.day desc limit 1) d
		cross join lateral (
			select * from account_quarters q where q.owner = o.id and q.figure = k.figure and q.window_name = ''
			order by q.quarter desc limit 1) q`, of, numbers).
		Query(func(rows pgx.Rows) error {
			var series int64
			var day storedDay
			var quarter figureQuarter
			var at time.Time
			dest := append([]any{&series}, day.dest()...)
			_, err := pgx.ForEachRow(rows, append(dest, &at, &quarter.total, &quarter.gains), func() error {
				quarter.ownerFigure, quarter.quarter = ownerFigure{day.owner, figureKey{number: day.number}}, quarterNumber(at)
				a.stored[series].days[quarter.ownerFigure] = day.row()
				a.stored[series].quarters[quarter.ownerFigure] = quarter
				return nil
			})
			return err
		})
}

// LoadMore implements [fold.Fold]. For readings that are not later than all stored ones, it loads
// their days, and the next days on which a figure was read.
func (a *accountFold) LoadMore(ctx context.Context, tx pgx.Tx) error {
	var days []accountDay
	for id, s := range a.stored {
		if !slices.ContainsFunc(s.batch, func(at time.Time) bool { return !at.After(s.newest) }) {
			continue
		}
		for _, at := range s.batch { // all of them are inserted
			if day := (accountDay{id, dayNumber(at)}); !slices.Contains(s.late, day.day) {
				s.late, days = append(s.late, day.day), append(days, day)
			}
		}
	}
	if len(days) == 0 {
		return nil
	}
	if err := a.loadNextDays(ctx, tx, days); err != nil {
		return err
	}
	for id, s := range a.stored {
		for _, next := range s.next {
			for _, day := range next {
				if !slices.Contains(s.late, day) {
					s.late, days = append(s.late, day), append(days, accountDay{id, day})
				}
			}
		}
	}
	if err := a.loadDays(ctx, tx, days); err != nil {
		return err
	}
	return a.loadReadings(ctx, tx, days)
}

func keysOfDays(days []accountDay) []any {
	return write.Arrays(days, func(d accountDay) []any { return []any{d.series, dayAt(d.day)} })
}

// ofDays are the owners o and numbers f of the figures of days k, which have the parameters
// [figuresOfDays]. To these, statements join rows by key, one by one: without statistics, PostgreSQL
// would join all rows of a day with all series.
const ofDays = `
		from unnest($1::bigint[], $2::date[]) as k(series, day)
		join figure_owners o on o.series = k.series
		cross join generate_series(1, $3::integer) as f(figure)`

func figuresOfDays(days []accountDay) []any { return append(keysOfDays(days), len(figureColumns)) }

func (a *accountFold) loadNextDays(ctx context.Context, tx pgx.Tx, days []accountDay) error {
	rows, _ := tx.Query(ctx, `
		select distinct k.series, k.day, n.day`+ofDays+`
		cross join lateral (
			select d.day from account_days d
			where d.owner = o.id and d.figure = f.figure::smallint and d.window_name = '' and d.day > k.day
			order by d.day limit 1) n`, figuresOfDays(days)...)
	var series int64
	var day, next time.Time
	_, err := pgx.ForEachRow(rows, []any{&series, &day, &next}, func() error {
		s := a.stored[series]
		s.next[dayNumber(day)] = append(s.next[dayNumber(day)], dayNumber(next))
		return nil
	})
	if err != nil {
		return fmt.Errorf("load next days: %w", err)
	}
	return nil
}

// loadDays loads, for each owner and figure, the row of each day and the row before it.
func (a *accountFold) loadDays(ctx context.Context, tx pgx.Tx, days []accountDay) error {
	rows, _ := tx.Query(ctx, `
		select k.series, k.day, `+storedDayColumns+ofDays+`
		cross join lateral (
			select * from account_days d
			where d.owner = o.id and d.figure = f.figure::smallint and d.window_name = '' and d.day <= k.day
			order by d.day desc limit 2) d`, figuresOfDays(days)...)
	var series int64
	var at time.Time
	var stored storedDay
	_, err := pgx.ForEachRow(rows, append([]any{&series, &at}, stored.dest()...), func() error {
		row, day := stored.row(), dayNumber(at)
		s := a.stored[series]
		to := s.before
		if row.day == day {
			to = s.at
		}
		if to[day] == nil {
			to[day] = map[ownerFigure]figureDay{}
		}
		if present, ok := to[day][row.ownerFigure]; !ok || row.day > present.day {
			to[day][row.ownerFigure] = row
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load days: %w", err)
	}
	return nil
}

func (a *accountFold) loadReadings(ctx context.Context, tx pgx.Tx, days []accountDay) error {
	columns := ", r." + strings.Join(figureColumns, ", r.")
	rows, _ := tx.Query(ctx, `
		select r.series, r.captured_at, r.owner, r.a_type, r.event_id, coalesce(r.others, '[]'), r.demographics is not null`+columns+`
		from unnest($1::bigint[], $2::date[]) as k(series, day)
		cross join lateral (
			select r.*, d.demographics from account_readings r
			left join account_demographics d on d.series = r.series and d.captured_at = r.captured_at
			where r.series = k.series and r.captured_at >= k.day::timestamp at time zone 'UTC'
			  and r.captured_at < (k.day + 1)::timestamp at time zone 'UTC') r`, keysOfDays(days)...)
	var series, owner int64
	var at time.Time
	var accountType int16
	var id []byte
	var others []domain.Figure
	var hasDemographics bool
	values := make([]*int64, len(figureColumns))
	dest := []any{&series, &at, &owner, &accountType, &id, &others, &hasDemographics}
	for i := range values {
		dest = append(dest, &values[i])
	}
	_, err := pgx.ForEachRow(rows, dest, func() error {
		s := a.stored[series]
		r := &accountReading{
			figureOwner: s.owners[owner], at: at.UTC(), id: string(id), accountType: domain.AccountType(accountType),
			columns: slices.Clone(values),
		}
		if hasDemographics {
			r.demographics = []byte{}
		}
		r.setSteps(others)
		others = nil
		s.readings[dayNumber(at)] = append(s.readings[dayNumber(at)], r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("load readings: %w", err)
	}
	return nil
}
