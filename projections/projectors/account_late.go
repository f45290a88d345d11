package projectors

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/projections/write"
)

// storedSeries is what the tables have of a series that a batch needs.
type storedSeries struct {
	accountSeries

	batch    []time.Time // captures of the batch
	owners   map[int64]figureOwner
	newest   time.Time                     // the latest capture; zero: none
	days     map[ownerFigure]figureDay     // the last ones
	quarters map[ownerFigure]figureQuarter // the last ones

	// Only if the batch has readings that are not later than newest:
	late       []int32                             // days that may change
	next       map[int32][]int32                   // the next days after days of the batch on which a figure was read
	before, at map[int32]map[ownerFigure]figureDay // the last rows before a day, and those of the day
	readings   map[int32][]*accountReading         // of a day
}

func newStoredSeries(key accountSeries) *storedSeries {
	return &storedSeries{
		accountSeries: key, owners: map[int64]figureOwner{}, days: map[ownerFigure]figureDay{}, quarters: map[ownerFigure]figureQuarter{},
		next: map[int32][]int32{}, before: map[int32]map[ownerFigure]figureDay{}, at: map[int32]map[ownerFigure]figureDay{},
		readings: map[int32][]*accountReading{},
	}
}

// addOwner checks that the ids of an owner are not those of another one.
func (s *storedSeries) addOwner(o figureOwner, last time.Time) error {
	if s.accountSeries != o.accountSeries {
		return fmt.Errorf("series %d is of social accounts %d and %d: two names have the same hash",
			o.series, s.account, o.account)
	}
	s.owners[o.id] = o
	if last.After(s.newest) {
		s.newest = last.UTC()
	}
	return nil
}

func (s *storedSeries) clients() map[int64]string {
	clients := map[int64]string{}
	for id, o := range s.owners {
		clients[id] = o.client
	}
	return clients
}

// steps continues after the last stored rows, which may be none.
func (s *storedSeries) steps() *seriesSteps {
	if s == nil {
		return newSteps(map[ownerFigure]figureDay{}, map[ownerFigure]figureQuarter{}, nil)
	}
	return newSteps(s.days, s.quarters, s.clients())
}

// insert adds readings that are not all later than the stored ones. It computes their days again
// from all readings of the day, and the next day of each figure, whose first step changes. The
// totals of later days change by the same amount.
func (s *storedSeries) insert(readings []*accountReading, rows *accountRows, changes *storedChanges) {
	changed := s.admit(readings, rows, changes)
	clients := s.clients()
	for _, r := range readings {
		clients[r.figureOwner.id] = r.client
	}
	current := map[ownerFigure]figureDay{}
	shifts := map[ownerFigure]figureDay{} // what to add to the stored total and gains of later days
	var last int32
	days := slices.Sorted(maps.Keys(changed))
	for i, day := range days {
		for of, row := range s.before[day] {
			if i == 0 || row.day > last {
				row.total, row.gains = row.total+shifts[of].total, row.gains+shifts[of].gains
				current[of] = row
			}
		}
		steps := newSteps(current, map[ownerFigure]figureQuarter{}, clients)
		for _, r := range sorted(s.readings[day]) {
			steps.add(r, rows)
		}
		changes.days = append(changes.days, accountDay{s.id(), day})
		s.setShifts(day, current, shifts)
		until := int32(0)
		if i+1 < len(days) {
			until = days[i+1]
		}
		for of, shift := range shifts {
			if shift.total != 0 || shift.gains != 0 {
				changes.shifts = append(changes.shifts, shiftedDays{of, day, until, shift.total, shift.gains})
			}
		}
		last = day
	}
}

// setShifts sets the differences between the gains up to the end of a day and the stored ones.
func (s *storedSeries) setShifts(day int32, current, shifts map[ownerFigure]figureDay) {
	stored := map[ownerFigure]figureDay{}
	maps.Copy(stored, s.before[day])
	maps.Copy(stored, s.at[day])
	for of, row := range stored {
		shifts[of] = figureDay{total: current[of].total - row.total, gains: current[of].gains - row.gains}
	}
	for of, row := range current {
		if _, ok := stored[of]; !ok {
			shifts[of] = figureDay{total: row.total, gains: row.gains}
		}
	}
}

// admit adds readings to those of their days, instead of stored ones of the same instant with greater
// event ids, and to rows. It returns the days that change.
func (s *storedSeries) admit(readings []*accountReading, rows *accountRows, changes *storedChanges) (changed map[int32]bool) {
	changed = map[int32]bool{}
	for _, r := range readings {
		day := dayNumber(r.at)
		stored := s.readings[day]
		i := slices.IndexFunc(stored, func(o *accountReading) bool { return o.at.Equal(r.at) })
		switch {
		case i >= 0 && stored[i].id <= r.id: // the stored reading counts
			continue
		case i >= 0:
			if stored[i].demographics != nil {
				changes.demographics = append(changes.demographics, stored[i])
			}
			s.readings[day] = slices.Delete(stored, i, i+1)
		}
		rows.readings = append(rows.readings, r)
		s.readings[day] = append(s.readings[day], r)
		changed[day] = true
		for _, next := range s.next[day] {
			changed[next] = true
		}
	}
	return changed
}

// shiftedDays are rows of account_days after a day, and before another one unless that is 0.
type shiftedDays struct {
	ownerFigure
	after, before int32
	total         int64
	gains         int32
}

// storedChanges are changes of stored rows. They precede all writes of new rows.
type storedChanges struct {
	erased       []int64 // series
	days         []accountDay
	shifts       []shiftedDays
	demographics []*accountReading // of readings that another one replaces
}

func (s *storedChanges) write(into write.Sink) {
	if len(s.erased) > 0 {
		for _, table := range []string{"account_days", "account_quarters"} {
			into.Exec(`delete from `+table+` using figure_owners o where owner = o.id and o.series = any($1)`, s.erased)
		}
		for _, table := range []string{"account_readings", "day_figures", "account_demographics", "figure_owners"} {
			into.Exec(`delete from `+table+` where series = any($1)`, s.erased)
		}
	}
	if len(s.demographics) > 0 {
		into.Exec(`delete from account_demographics d using unnest($1::bigint[], $2::timestamptz[]) as k(series, captured_at)
			where d.series = k.series and d.captured_at = k.captured_at`,
			write.Arrays(s.demographics, func(r *accountReading) []any { return []any{r.series, r.at} })...)
	}
	if len(s.days) > 0 {
		keys := figuresOfDays(s.days)
		into.Exec(deleteFound("account_days", "d.day = k.day"), keys...)
		into.Exec(deleteFound("account_quarters", `d.quarter >= k.day::timestamp at time zone 'UTC'
				  and d.quarter < (k.day + 1)::timestamp at time zone 'UTC'`), keys...)
	}
	if len(s.shifts) > 0 {
		into.Exec(`
			update account_days d set total = d.total + k.total, gains = d.gains + k.gains
			from unnest($1::bigint[], $2::smallint[], $3::date[], $4::date[], $5::bigint[], $6::integer[])
				as k(owner, figure, after, before, total, gains)
			where d.owner = k.owner and d.figure = k.figure and d.window_name = '' and d.day > k.after and d.day < k.before`,
			write.Arrays(s.shifts, func(days shiftedDays) []any {
				before := endOfDays
				if days.before != 0 {
					before = dayAt(days.before)
				}
				return []any{days.owner, days.number, dayAt(days.after), before, days.total, days.gains}
			})...)
	}
}

// endOfDays is later than the day of any reading.
var endOfDays = time.Date(9999+1, 1, 2, 0, 0, 0, 0, time.UTC)

// storedDayColumns are the columns of account_days d in the order of [storedDay.dest].
const storedDayColumns = `d.owner, d.figure, d.day, d.total, d.gains, d.last_value, d.first_at, d.last_at, d.gap_since,
	d.baseline_at, d.source`

// storedDay scans a row of account_days.
type storedDay struct {
	figureDay
	date, firstAt, lastAt time.Time
	gapSince, baselineAt  *time.Time
}

func (s *storedDay) dest() []any {
	return []any{
		&s.owner, &s.number, &s.date, &s.total, &s.gains, &s.value, &s.firstAt, &s.lastAt, &s.gapSince, &s.baselineAt,
		&s.source,
	}
}

func (s *storedDay) row() figureDay {
	row := s.figureDay
	row.day, row.first, row.last = dayNumber(s.date), s.firstAt.UTC(), s.lastAt.UTC()
	row.gap, row.baseline = time.Time{}, time.Time{}
	if s.gapSince != nil {
		row.gap = s.gapSince.UTC()
	}
	if s.baselineAt != nil {
		row.baseline = s.baselineAt.UTC()
	}
	return row
}

// deleteFound returns SQL that deletes the rows d of figures [ofDays], except those of the platform's
// windows.
func deleteFound(table, ofDay string) string {
	return `
			delete from ` + table + ` where ctid = any(array(
				select d.ctid` + ofDays + `
				cross join lateral (
					select d.ctid from ` + table + ` d
					where d.owner = o.id and d.figure = f.figure::smallint and d.window_name = '' and ` + ofDay + `
					offset 0) d))`
}
