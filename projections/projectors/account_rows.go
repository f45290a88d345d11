package projectors

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/projections/write"
)

type figureDayKey struct {
	ownerFigure
	day int32
}

type quarterKey struct {
	ownerFigure
	quarter int64
}

type labelKey struct {
	series int64
	figureKey
	day int32
}

// ownerRow is a row of figure_owners. It covers all readings of the owner, also those that lost
// their instant to another event.
type ownerRow struct {
	figureOwner
	newest       *accountReading
	first        time.Time
	since, until time.Time // of readings that are not backfilled; zero: none
}

// labelRow is a row of day_figures. Its value and owner are decided label by label, also for a
// reading that lost its instant to another event.
type labelRow struct {
	labelKey
	value          int64
	source         string
	newest, owning *accountReading
}

// accountRows are rows to write. Those of windows are merged with the stored ones.
type accountRows struct {
	owners        map[int64]ownerRow
	readings      []*accountReading
	days, windows map[figureDayKey]figureDay
	quarters      map[quarterKey]figureQuarter
	windowsNow    map[quarterKey]figureQuarter
	labels        map[labelKey]labelRow
}

func newAccountRows() *accountRows {
	return &accountRows{
		map[int64]ownerRow{},
		nil,
		map[figureDayKey]figureDay{},
		map[figureDayKey]figureDay{},
		map[quarterKey]figureQuarter{},
		map[quarterKey]figureQuarter{},
		map[labelKey]labelRow{},
	}
}

// note adds what does not depend on other readings: owner, labels of days, and windows.
func (a *accountRows) note(r *accountReading) {
	owner, known := a.owners[r.figureOwner.id]
	if !known {
		owner = ownerRow{figureOwner: r.figureOwner, newest: r, first: r.at}
	}
	if replaces(r, owner.newest) {
		owner.newest = r
	}
	owner.first = earlierOf(owner.first, r.at)
	if !r.backfilled {
		owner.since, owner.until = earlierOf(owner.since, r.at), laterOf(owner.until, r.at)
	}
	a.owners[owner.id] = owner
	for _, d := range r.days {
		key := labelKey{r.series, d.figureKey, d.day}
		label, known := a.labels[key]
		if !known || replaces(r, label.newest) {
			label.value, label.source, label.newest = d.value, d.source, r
		}
		if !known || ownsBefore(r, label.owning) {
			label.owning = r
		}
		label.labelKey = key
		a.labels[key] = label
	}
	for _, w := range r.windows {
		of := ownerFigure{r.figureOwner.id, w.figureKey}
		day := figureDayKey{of, dayNumber(r.at)}
		row, known := a.windows[day]
		if !known {
			row = figureDay{ownerFigure: of, day: day.day, first: r.at}
		}
		row.first = earlierOf(row.first, r.at)
		replaced := cmp.Or(r.at.Compare(row.last), cmp.Compare(w.value, row.value), cmp.Compare(w.source, row.source))
		if !known || replaced > 0 {
			row.value, row.last, row.source = w.value, r.at, w.source
		}
		a.windows[day] = row
		quarter := quarterKey{of, quarterNumber(r.at)}
		now, known := a.windowsNow[quarter]
		if !known || cmp.Or(r.at.Compare(now.last), cmp.Compare(w.value, now.value)) > 0 {
			a.windowsNow[quarter] = figureQuarter{ownerFigure: of, quarter: quarter.quarter, value: w.value, last: r.at}
		}
	}
}

// replaces reports whether the values of reading r replace those of o: the later capture counts, at
// the same instant the smaller event id.
func replaces(r, o *accountReading) bool {
	return r.at.After(o.at) || r.at.Equal(o.at) && r.id < o.id
}

// ownsBefore reports whether the owner of reading r owns a label instead of that of o.
func ownsBefore(r, o *accountReading) bool {
	if r.backfilled != o.backfilled {
		return !r.backfilled
	}
	return r.compare(o) < 0
}

// earlierOf returns the earlier of two instants; zero is unknown.
func earlierOf(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// laterOf returns the later of two instants; zero is unknown.
func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

var figureOwners = write.NewTable("figure_owners",
	`id bigint, series bigint, parent_account text, social_account_id bigint, account_id text, member_id bigint,
	 p_id smallint, first_at timestamptz, last_at timestamptz, event_id bytea, metrics text[], missing jsonb,
	 tracked_since timestamptz, tracked_until timestamptz`,
	write.Clause(`
	on conflict (id) do update set `+refuseOther("figure_owners")+`,
		first_at = least(figure_owners.first_at, excluded.first_at),
		tracked_since = least(figure_owners.tracked_since, excluded.tracked_since),
		tracked_until = greatest(figure_owners.tracked_until, excluded.tracked_until),
		`+setIf("figure_owners", `excluded.last_at > figure_owners.last_at
			or excluded.last_at = figure_owners.last_at and excluded.event_id < figure_owners.event_id`,
		"last_at", "event_id", "metrics", "missing")),
	func(r ownerRow) []any {
		missing := r.newest.missing
		if missing == nil {
			missing = []byte("[]")
		}
		return []any{
			r.id, r.series, r.parent, r.account, r.client, r.member, int16(r.platform), r.first, r.newest.at,
			[]byte(r.newest.id), r.newest.metrics, missing, nullIfZero(r.since), nullIfZero(r.until),
		}
	})

// differ returns the condition that a new row has the key of a stored row, but other values.
func differ(table string, columns ...string) string {
	return "(" + table + "." + strings.Join(columns, ", "+table+".") + ") is distinct from (excluded." +
		strings.Join(columns, ", excluded.") + ")"
}

// refuseOther returns an assignment that the table refuses if a new row is of another owner than the
// stored row with its id: ids are hashes. So the event is a dead letter and not counted for the other
// owner. A build fails at the key of the table.
func refuseOther(table string) string {
	return "parent_account = case when not " +
		differ(table, "parent_account", "social_account_id", "account_id", "member_id", "p_id") + " then excluded.parent_account end"
}

// setIf returns assignments of columns to the new values if a condition holds.
func setIf(table, condition string, columns ...string) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = c + " = case when " + condition + " then excluded." + c + " else " + table + "." + c + " end"
	}
	return strings.Join(sets, ",\n\t\t")
}

var accountReadings = write.NewTable("account_readings",
	`series bigint, captured_at timestamptz, owner bigint, a_type smallint, backfilled boolean, event_id bytea,
	 missing jsonb, others jsonb, `+strings.Join(figureColumns, " bigint, ")+" bigint",
	write.ReplaceRow("series, captured_at", ""),
	func(r *accountReading) []any {
		values := []any{
			r.series, r.at, r.figureOwner.id, int16(r.accountType), r.backfilled, []byte(r.id), r.missing, r.others,
		}
		for _, column := range r.columns {
			values = append(values, column)
		}
		return values
	})

var accountDemographics = write.NewTable("account_demographics",
	`series bigint, captured_at timestamptz, owner bigint, demographics jsonb`,
	write.ReplaceRow("series, captured_at", ""),
	func(r *accountReading) []any { return []any{r.series, r.at, r.figureOwner.id, r.demographics} })

const (
	figureDayColumns = `owner bigint, figure smallint, window_name text, day date, total bigint, gains integer,
		last_value bigint, gained bigint, first_at timestamptz, last_at timestamptz, gap_since timestamptz,
		baseline_at timestamptz, source text`
	figureQuarterColumns = `owner bigint, figure smallint, window_name text, quarter timestamptz, total bigint,
		gains integer, last_value bigint, last_at timestamptz`
	keyOfDays     = "owner, figure, window_name, day"
	keyOfQuarters = "owner, figure, window_name, quarter"
)

func dayValues(r figureDay) []any {
	return []any{
		r.owner, r.number, r.window, dayAt(r.day), r.total, r.gains, r.value, r.gained, r.first, r.last,
		nullIfZero(r.gap), nullIfZero(r.baseline), r.source,
	}
}

func quarterValues(r figureQuarter) []any {
	return []any{r.owner, r.number, r.window, quarterAt(r.quarter), r.total, r.gains, r.value, r.last}
}

// laterWindow is the condition for the new value of a window. Rows have no event id, so of two values
// at the same instant the greater one counts, whatever its event.
const (
	laterWindowDay = `(excluded.last_at, excluded.last_value, excluded.source collate "C")
		> (account_days.last_at, account_days.last_value, account_days.source collate "C")`
	laterWindowQuarter = `(excluded.last_at, excluded.last_value) > (account_quarters.last_at, account_quarters.last_value)`
)

var (
	accountDays     = write.NewTable("account_days", figureDayColumns, write.ReplaceRow(keyOfDays, ""), dayValues)
	accountQuarters = write.NewTable("account_quarters", figureQuarterColumns, write.ReplaceRow(keyOfQuarters, ""), quarterValues)
	windowDays      = write.NewTable("account_days", figureDayColumns,
		write.Clause("on conflict ("+keyOfDays+") do update set first_at = least(account_days.first_at, excluded.first_at), "+
			setIf("account_days", laterWindowDay, "last_value", "last_at", "source")), dayValues)
	windowQuarters = write.NewTable("account_quarters", figureQuarterColumns,
		write.ReplaceRow(keyOfQuarters, " where "+laterWindowQuarter), quarterValues)
)

var dayFigures = write.NewTable("day_figures",
	`series bigint, figure smallint, window_name text, day date, value bigint, source text, captured_at timestamptz,
	 event_id bytea, owner bigint, first_at timestamptz, first_id bytea, first_backfilled boolean`,
	write.Clause("on conflict (series, figure, window_name, day) do update set "+
		setIf("day_figures", `excluded.captured_at > day_figures.captured_at
			or excluded.captured_at = day_figures.captured_at and excluded.event_id < day_figures.event_id`,
			"value", "source", "captured_at", "event_id")+", "+
		setIf("day_figures", `(excluded.first_backfilled, excluded.first_at, excluded.first_id)
			< (day_figures.first_backfilled, day_figures.first_at, day_figures.first_id)`,
			"owner", "first_at", "first_id", "first_backfilled")),
	func(r labelRow) []any {
		return []any{
			r.series, r.number, r.window, dayAt(r.day), r.value, r.source, r.newest.at, []byte(r.newest.id),
			r.owning.figureOwner.id, r.owning.at, []byte(r.owning.id), r.owning.backfilled,
		}
	})

// withDemographics yields the readings that have demographics.
func (a *accountRows) withDemographics() iter.Seq[*accountReading] {
	return func(yield func(*accountReading) bool) {
		for _, r := range a.readings {
			if r.demographics != nil && !yield(r) {
				return
			}
		}
	}
}

// writeFinal writes the rows that no later reading of a build can change.
func (a *accountRows) writeFinal(into write.Sink) {
	accountReadings.Write(into, a.readings)
	accountDemographics.Write(into, slices.Collect(a.withDemographics()))
	accountDays.Write(into, slices.Collect(maps.Values(a.days)))
	accountQuarters.Write(into, slices.Collect(maps.Values(a.quarters)))
	windowDays.Write(into, slices.Collect(maps.Values(a.windows)))
	windowQuarters.Write(into, slices.Collect(maps.Values(a.windowsNow)))
	a.readings = nil
	clear(a.days)
	clear(a.quarters)
	clear(a.windows)
	clear(a.windowsNow)
}

// writeLast writes the rows that any reading can change.
func (a *accountRows) writeLast(into write.Sink) {
	figureOwners.Write(into, slices.Collect(maps.Values(a.owners)))
	dayFigures.Write(into, slices.Collect(maps.Values(a.labels)))
}
