package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// isNarrowed reports whether the response does not use all owners of a social account.
func (q *queryContext) isNarrowed() bool { return q.scope.Accounts != nil || q.query.Member != 0 }

func (q *queryContext) sees(o owner) bool {
	return (q.scope.Accounts == nil || slices.Contains(q.scope.Accounts, o.account)) &&
		(q.query.Member == 0 || o.member == q.query.Member)
}

// figureReader reads the figures of accounts for one response.
type figureReader struct {
	*queryContext

	instants []time.Time
	span     days // of labels
	owners   map[int64]figureOwner
	socials  map[int64]bool // the hashes of the series
	series   map[seriesKey]*metricSeries
	keys     []stepKey // the figures that have steps
	today    []gainedToday
}

// gainedToday is what was gained on the day of an instant, before it.
type gainedToday struct {
	readings *ownerReadings
	place    int
	gainedUntil
}

type figureOwner struct {
	owner

	social   int64
	platform domain.Platform
}

type stepKey struct {
	ownerID  int64
	number   int16
	readings *ownerReadings
}

// figures reads the figures of accounts in the range and in the compared period, by platform, social
// account and metric. buckets are the intervals of both periods that the response shows.
//
// It reads all owners of a social account, because lists say who has it at the end. Figures with
// steps are read at the ends of intervals only: what was gained in between is the difference.
func (q *queryContext) figures(ctx context.Context, buckets []bucket) ([]*metricSeries, error) {
	r := &figureReader{queryContext: q, owners: map[int64]figureOwner{}, socials: map[int64]bool{}, series: map[seriesKey]*metricSeries{}}
	r.instants = []time.Time{q.query.Range.From, q.query.Range.To}
	first, end := q.query.Range.flowDays()
	r.span = days{first, end}
	if !q.uncompared {
		r.instants = append(r.instants, q.compared.From, q.compared.To)
		comparedFirst, comparedEnd := q.compared.flowDays()
		r.span = days{min(first, comparedFirst), max(end, comparedEnd)}
	}
	for _, b := range buckets {
		r.instants = append(r.instants, b.From, b.To)
		r.span = days{min(r.span.first, b.first), max(r.span.end, b.end)}
	}
	for i, at := range r.instants {
		r.instants[i] = at.UTC()
	}
	slices.SortFunc(r.instants, time.Time.Compare)
	r.instants = slices.CompactFunc(r.instants, time.Time.Equal)
	if err := r.readOwners(ctx); err != nil || len(r.owners) == 0 {
		return nil, err
	}
	if err := r.readAll(ctx); err != nil {
		return nil, err
	}
	series := make([]*metricSeries, 0, len(r.series))
	for _, s := range r.series {
		s.owners = slices.DeleteFunc(s.owners, func(o *ownerReadings) bool {
			return !slices.ContainsFunc(o.until, func(p gainedUntil) bool { return !p.at.IsZero() })
		})
		for _, o := range s.owners {
			if last := o.before(q.query.Range.To); q.sees(o.owner) && !last.at.IsZero() {
				q.noteAccount(s.social, o.account, s.platform, last.at)
			}
		}
		series = append(series, s)
	}
	slices.SortFunc(series, func(x, y *metricSeries) int {
		return cmp.Or(cmp.Compare(x.platform, y.platform), cmp.Compare(x.social, y.social), cmp.Compare(x.metric, y.metric))
	})
	return series, r.readFirst(ctx, series)
}

func (f *figureReader) readOwners(ctx context.Context) error {
	args := arguments{f.scope.ParentAccount, f.scope.Accounts, f.platformIDs(), f.query.Member}
	where := "$2::text[] is null and $4::bigint = 0"
	if f.isNarrowed() {
		where = `series = any(array(
			select series from figure_owners
			where parent_account = $1 and ` + f.withinAccounts("account_id") + ` and ` + f.ofMember("member_id") + `))`
	}
	if f.query.Social != 0 {
		where += " and social_account_id = " + args.add(f.query.Social, "bigint")
	}
	rows, _ := f.tx.Query(ctx, `
		select id, series, social_account_id, account_id, member_id, p_id from figure_owners
		where parent_account = $1 and p_id = any($3) and `+where, args...)
	var id, series int64
	var o figureOwner
	return forEach(rows, "read owners of figures", []any{&id, &series, &o.social, &o.account, &o.member, &o.platform}, func() {
		f.owners[id] = o
		f.socials[series] = true
	})
}

func (f *figureReader) at(o figureOwner, metric string) *metricSeries {
	key := seriesKey{o.social, o.platform, metric}
	if f.series[key] == nil {
		f.series[key] = &metricSeries{seriesKey: key, windows: map[string]dayLabels{}, undated: map[string]*reading{}}
	}
	return f.series[key]
}

// manyInstants is the number of instants from which the days between them are read in order,
// instead of the last day before each.
const manyInstants = 12

// readAll reads the figures in one round trip.
func (f *figureReader) readAll(ctx context.Context) error {
	var labels, windows []int16 // numbers of metrics
	for _, metric := range f.metrics {
		if number := domain.FigureNumber(metric); number > 0 {
			labels, windows = append(labels, number), append(windows, number+domain.FigureOfWindow)
		}
	}
	var visible []int64
	for id, o := range f.owners {
		if f.sees(o.owner) {
			visible = append(visible, id)
		}
		for _, metric := range f.metrics {
			if o.platform.AccountSource(0, metric).Kind.HasSteps() {
				readings := &ownerReadings{owner: o.owner, instants: f.instants, until: make([]gainedUntil, len(f.instants))}
				s := f.at(o, metric)
				s.owners = append(s.owners, readings)
				f.keys = append(f.keys, stepKey{id, domain.FigureNumber(metric), readings})
			}
		}
	}
	var batch pgx.Batch
	f.queueLabels(&batch, append(labels, windows...))
	if len(f.keys) > 0 {
		owners, numbers := f.keysOfSteps()
		f.queueSteps(&batch, owners, numbers)
		f.queueMarks(&batch, owners, numbers)
	}
	f.queueWindows(&batch, visible, windows)
	if err := f.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("read figures of accounts: %w", err)
	}
	f.finish()
	return nil
}

// queueLabels reads the figures with a day. One scan of the index reads a figure of all accounts: a
// scan for each account takes longer.
func (f *figureReader) queueLabels(batch *pgx.Batch, numbers []int16) {
	var ids []int64
	for series := range f.socials {
		ids = append(ids, series)
	}
	first, end := f.query.Range.flowDays()
	spans := []days{{first, end}}
	if !f.uncompared {
		comparedFirst, comparedEnd := f.compared.flowDays()
		spans = joined(days{comparedFirst, comparedEnd}, spans[0])
	}
	from, until := ends(spans)
	batch.Queue(`
		select d.owner, d.figure, d.window_name, d.day, d.value, d.captured_at, d.source
		from unnest($2::smallint[]) as f(figure)
		cross join unnest($3::date[], $4::date[]) as t(first, until)
		cross join lateral (
			select * from day_figures d
			where d.series = any($1) and d.figure = f.figure and d.day >= t.first and d.day < t.until offset 0) d`,
		ids, numbers, from, until).
		Query(func(rows pgx.Rows) error {
			var id, lastID int64
			var number, lastNumber int16
			var window string
			var date time.Time
			var p reading
			var s *metricSeries
			return forEach(rows, "read figures of days", []any{&id, &number, &window, &date, &p.value, &p.at, &p.source}, func() {
				if s == nil || id != lastID || number != lastNumber { // the rows of a series follow each other
					o := f.owners[id]
					s, p.owner, lastID, lastNumber = f.at(o, domain.FigureName(number)), o.owner, id, number
				}
				f.addLabel(s, number, window, dayOf(date), p)
			})
		})
}

func (f *figureReader) addLabel(s *metricSeries, number int16, window string, at day, p reading) {
	p.at = p.at.UTC()
	sees := f.sees(p.owner)
	if sees {
		f.noteAccount(s.social, p.account, s.platform, p.at)
	}
	labels := s.flows
	if number > domain.FigureOfWindow {
		if !sees {
			return
		}
		labels = s.windows[window]
	}
	if labels.list == nil {
		labels = dayLabels{f.span.first, make([]*reading, f.span.end-f.span.first)}
	}
	if i := at - labels.first; i >= 0 && int(i) < len(labels.list) {
		labels.list[i] = &p
	}
	if number > domain.FigureOfWindow {
		s.windows[window] = labels
	} else {
		s.flows = labels
	}
}

// keysOfSteps are the owners and numbers of the figures with steps.
func (f *figureReader) keysOfSteps() (owners []int64, numbers []int16) {
	for _, k := range f.keys {
		owners, numbers = append(owners, k.ownerID), append(numbers, k.number)
	}
	return owners, numbers
}

// queueSteps reads what each owner had gained up to each instant: up to the last day before it, and on
// the day of the instant. With many instants, the days between them are read in order.
func (f *figureReader) queueSteps(batch *pgx.Batch, owners []int64, numbers []int16) {
	many := len(f.instants) > manyInstants
	var places []int
	var at, dates []time.Time
	var wantsDay []bool
	for i, instant := range f.instants {
		date := dayOf(instant).utc()
		begins := i == 0 || instant.Equal(f.query.Range.From)
		if many && !begins && instant.Equal(date) {
			continue
		}
		places, at, dates, wantsDay = append(places, i), append(at, instant), append(dates, date), append(wantsDay, !many || begins)
	}
	var key, place int
	var before, today struct {
		total, gains, value *int64
		at                  *time.Time
		source              *string
	}
	batch.Queue(`
		select k.place - 1, t.place - 1, d.total, d.gains, d.last_value, d.last_at, d.source,
		       q.total, q.gains, q.last_value, q.last_at, q.source
		from unnest($1::bigint[], $2::smallint[]) with ordinality as k(owner, figure, place)
		cross join unnest($3::timestamptz[], $4::date[], $5::boolean[]) with ordinality as t(at, day, wants_day, place)
		left join lateral (
			select d.total, d.gains, d.last_value, d.last_at, d.source from account_days d
			where t.wants_day and d.owner = k.owner and d.figure = k.figure and d.day < t.day
			order by d.day desc limit 1) d on true
		left join lateral (
			select q.total, q.gains, q.last_value, q.last_at, (
				select d.source from account_days d where d.owner = k.owner and d.figure = k.figure and d.day = t.day) as source
			from account_quarters q
			where t.at > t.day::timestamp at time zone 'UTC' and q.owner = k.owner and q.figure = k.figure
			  and q.quarter >= t.day::timestamp at time zone 'UTC' and q.quarter < t.at
			order by q.quarter desc limit 1) q on true
		where d.last_at is not null or q.last_at is not null`, owners, numbers, at, dates, wantsDay).
		Query(func(rows pgx.Rows) error {
			return forEach(rows, "read gains up to instants", []any{
				&key, &place, &before.total, &before.gains, &before.value, &before.at, &before.source,
				&today.total, &today.gains, &today.value, &today.at, &today.source,
			}, func() {
				if before.at != nil {
					f.keys[key].readings.until[places[place]] = gainedUntil{
						*before.total, *before.gains, *before.value, before.at.UTC(), *before.source,
					}
				}
				if today.at != nil {
					f.today = append(f.today, gainedToday{f.keys[key].readings, places[place], gainedUntil{
						*today.total, *today.gains, *today.value, today.at.UTC(), *today.source,
					}})
				}
			})
		})
	if many {
		f.queueDays(batch, owners, numbers)
	}
}

// queueDays reads the days between instants.
func (f *figureReader) queueDays(batch *pgx.Batch, owners []int64, numbers []int16) {
	spans := []days{{dayOf(f.query.Range.From.UTC()), dayOf(f.query.Range.To.UTC())}}
	if at := f.instants[0]; at.Before(f.query.Range.From) {
		until := f.query.Range.From
		if f.compared.To.Before(until) {
			until = f.compared.To.UTC()
		}
		spans = joined(days{dayOf(at), dayOf(until.UTC())}, spans[0])
	}
	from, to := ends(spans)
	var key int
	var date time.Time
	var p gainedUntil
	batch.Queue(`
		select k.place - 1, d.day, d.total, d.gains::bigint, d.last_value, d.last_at, d.source
		from unnest($1::bigint[], $2::smallint[]) with ordinality as k(owner, figure, place)
		cross join unnest($3::date[], $4::date[]) as t(first, until)
		cross join lateral (
			select * from account_days d
			where d.owner = k.owner and d.figure = k.figure and d.day >= t.first and d.day < t.until
			order by d.day offset 0) d`, owners, numbers, from, to).
		Query(func(rows pgx.Rows) error {
			return forEach(rows, "read gains by day", []any{&key, &date, &p.total, &p.gains, &p.value, &p.at, &p.source}, func() {
				f.keys[key].readings.fill(dayOf(date), p)
			})
		})
}

// joined returns two spans of days, or one if there is no gap between them, because each is a scan for
// every figure.
func joined(earlier, later days) []days {
	if earlier.end < later.first {
		return []days{earlier, later}
	}
	return []days{{min(earlier.first, later.first), max(earlier.end, later.end)}}
}

// ends returns the first days of spans and the days after them.
func ends(spans []days) (from, until []time.Time) {
	for _, s := range spans {
		from, until = append(from, s.first.utc()), append(until, s.end.utc())
	}
	return from, until
}

// fill sets the gain up to the end of a day at the first instant after it.
func (o *ownerReadings) fill(d day, p gainedUntil) {
	next := (d + 1).utc()
	i := sort.Search(len(o.instants), func(i int) bool { return !o.instants[i].Before(next) })
	if p.at = p.at.UTC(); i < len(o.instants) && o.until[i].at.Before(p.at) {
		o.until[i] = p
	}
}

// finish fills the instants between those that were read, and adds the gains of the day of an
// instant to those of the days before it.
func (f *figureReader) finish() {
	for _, k := range f.keys {
		until := k.readings.until
		for i := 1; i < len(until); i++ {
			if until[i].at.Before(until[i-1].at) {
				until[i] = until[i-1]
			}
		}
	}
	for _, today := range f.today {
		p := &today.readings.until[today.place]
		today.total, today.gains = today.total+p.total, today.gains+p.gains
		*p = today.gainedUntil
	}
}

// queueMarks reads the days with a baseline, and those on which a long gap ends.
func (f *figureReader) queueMarks(batch *pgx.Batch, owners []int64, numbers []int16) {
	var key int
	var m mark
	batch.Queue(`
		select k.place - 1, d.baseline_at, d.gap_since, d.first_at
		from unnest($1::bigint[], $2::smallint[]) with ordinality as k(owner, figure, place)
		cross join lateral (
			select * from account_days d
			where d.owner = k.owner and d.figure = k.figure and (d.gap_since is not null or d.baseline_at is not null)
			  and d.day >= $3 and d.day <= $4 offset 0) d`,
		owners, numbers, dayOf(f.instants[0]).utc(), dayOf(f.instants[len(f.instants)-1]).utc()).
		Query(func(rows pgx.Rows) error {
			return forEach(rows, "read baselines and gaps", []any{&key, &m.baseline, &m.gap, &m.at}, func() {
				o := f.keys[key].readings
				o.marks = append(o.marks, m)
				m = mark{}
			})
		})
}

// queueWindows reads the last readings, in the range, of windows without a day.
func (f *figureReader) queueWindows(batch *pgx.Batch, owners []int64, numbers []int16) {
	from, to := f.query.Range.From.UTC(), f.query.Range.To.UTC()
	var id int64
	var number int16
	var window string
	var p reading
	batch.Queue(`
		select owner, figure, window_name, last_value, last_at, source
		from unnest($1::bigint[]) as o(owner)
		cross join unnest($2::smallint[]) as f(figure)
		cross join lateral (
			(select distinct on (d.window_name) d.window_name, d.last_value, d.last_at, d.source from account_days d
			 where d.owner = o.owner and d.figure = f.figure and d.day >= $3::date and d.day < $4::date
			 order by d.window_name, d.day desc)
			union all
			(select distinct on (q.window_name) q.window_name, q.last_value, q.last_at, d.source from account_quarters q
			 join account_days d on d.owner = q.owner and d.figure = q.figure and d.day = $4::date and d.window_name = q.window_name
			 where q.owner = o.owner and q.figure = f.figure
			   and q.quarter >= $4::date::timestamp at time zone 'UTC' and q.quarter < $5
			 order by q.window_name, q.quarter desc)) w`,
		owners, numbers, dayOf(from).utc(), dayOf(to).utc(), to).
		Query(func(rows pgx.Rows) error {
			return forEach(rows, "read windows", []any{&id, &number, &window, &p.value, &p.at, &p.source}, func() {
				if p.at.Before(from) {
					return
				}
				o := f.owners[id]
				s := f.at(o, domain.FigureName(number))
				if present := s.undated[window]; present == nil || p.at.After(present.at) {
					s.undated[window] = &reading{o.owner, p.value, p.at.UTC(), p.source}
				}
			})
		})
}

// readFirst reads the first readings in the range of series that have a baseline in it.
func (f *figureReader) readFirst(ctx context.Context, series []*metricSeries) error {
	begins := map[*ownerReadings]bool{}
	for _, s := range series {
		for _, o := range s.owners {
			if slices.ContainsFunc(o.marks, func(m mark) bool { return m.baseline != nil && f.query.Range.contains(*m.baseline) }) {
				for _, other := range s.owners {
					begins[other] = true
				}
			}
		}
	}
	var keys []*ownerReadings
	var owners []int64
	var numbers []int16
	for _, k := range f.keys {
		if begins[k.readings] {
			keys, owners, numbers = append(keys, k.readings), append(owners, k.ownerID), append(numbers, k.number)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	from := f.query.Range.From.UTC()
	firstWhole := dayOf(from)
	if !firstWhole.utc().Equal(from) {
		firstWhole++
	}
	rows, _ := f.tx.Query(ctx, `
		select k.place - 1, least(q.last_at, d.first_at)
		from unnest($1::bigint[], $2::smallint[]) with ordinality as k(owner, figure, place)
		left join lateral (
			select d.first_at from account_days d
			where d.owner = k.owner and d.figure = k.figure and d.day >= $4::date order by d.day limit 1) d on true
		left join lateral (
			select q.last_at from account_quarters q
			where q.owner = k.owner and q.figure = k.figure
			  and q.quarter >= $3 and q.quarter < $4::date::timestamp at time zone 'UTC'
			order by q.quarter limit 1) q on true
		where q.last_at is not null or d.first_at is not null`, owners, numbers, from, firstWhole.utc())
	var key int
	var first time.Time
	return forEach(rows, "read first readings", []any{&key, &first}, func() { keys[key].first = first.UTC() })
}
