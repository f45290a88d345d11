package projectors

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

type postMonth struct {
	account  int64
	external string
	month    time.Time
	parent   string
	sub      string
	member   int64
}

func postMonthOf(r *reading) postMonth {
	at := r.at.UTC()
	month := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	return postMonth{r.SocialAccount, r.external, month, r.ParentAccount, r.AccountID, r.MemberID}
}

func (k postMonth) compare(o postMonth) int {
	return cmp.Or(
		cmp.Compare(k.account, o.account), cmp.Compare(k.external, o.external), cmp.Compare(k.parent, o.parent),
		k.month.Compare(o.month), cmp.Compare(k.sub, o.sub), cmp.Compare(k.member, o.member))
}

func (k postMonth) values() []any {
	return []any{k.account, k.external, k.month, k.parent, k.sub, k.member}
}

const (
	keyOfPostMonths   = `social_account_id, external_id, month, parent_account, account_id, member_id`
	typesOfPostMonths = `$1::bigint[], $2::text[], $3::date[], $4::text[], $5::text[], $6::bigint[]`
)

// eachMonthFigure applies a format, which uses %[1]s, to the name of each figure and joins the
// results.
func eachMonthFigure(format string) string {
	var parts []string
	for _, figure := range stepFigures {
		parts = append(parts, fmt.Sprintf(format, figure.name))
	}
	return strings.Join(parts, ", ")
}

var postMonthColumns = strings.Split(
	keyOfPostMonths+", p_id, days, "+eachMonthFigure("%[1]s_days")+", partial_days, gained", ", ")

// queuePostMonths adds the changed days to their months. Nearly always, these are the last days; they
// are appended, and the first of them may replace a stored day. A month with a late reading is
// recomputed from its days in post_daily, which must be queued first.
func queuePostMonths(batch *pgx.Batch, months []*postMonthRow) {
	var recomputed []postMonth
	byLength := map[int][]*postMonthRow{}
	for _, m := range months {
		if m.late {
			recomputed = append(recomputed, m.postMonth)
		} else {
			byLength[len(m.days)] = append(byLength[len(m.days)], m)
		}
	}
	if len(recomputed) > 0 {
		batch.Queue(sumDays, write.Arrays(recomputed, postMonth.values)...)
	}
	for days, rows := range byLength {
		batch.Queue(appendDays[days-1](), write.Arrays(rows, (*postMonthRow).each)...)
	}
}

var (
	insertMonths  = "insert into post_months (" + strings.Join(postMonthColumns, ", ") + ")"
	monthConflict = " on conflict (" + keyOfPostMonths + ") do update set p_id = excluded.p_id, "
)

// appendDays are statements that append index+1 days to months. Earlier days do not change, and the
// sums continue from them. Each sum is a column of its own, and the statement builds the arrays,
// because unnesting and aggregating arrays takes twice as long.
var appendDays = func() (statements [31]func() string) {
	for i := range statements {
		statements[i] = sync.OnceValue(func() string { return appendDaysSQL(i + 1) })
	}
	return statements
}()

func appendDaysSQL(days int) string {
	params, columns := []string{typesOfPostMonths, "$7::smallint[]"}, []string{keyOfPostMonths, "p_id"}
	column := func(name, pgType string) string {
		params = append(params, fmt.Sprintf("$%d::%s[]", len(params)+6, pgType))
		columns = append(columns, name)
		return name
	}
	var places, sums, next []string
	for n := range days {
		places = append(places, column(fmt.Sprintf("day_%d", n+1), "smallint"))
		for i, figure := range stepFigures {
			sums = append(sums, column(fmt.Sprintf("%s_%d", figure.name, n+1), "bigint"))
			next = append(next, fmt.Sprintf("coalesce(post_months.gained[%d * (%s - 1) + %d], 0) + excluded.gained[%d]",
				len(stepFigures), daysBefore, i+1, len(sums)))
		}
	}
	values := []string{keyOfPostMonths, "p_id", "array[" + strings.Join(places, ", ") + "]"}
	sets := []string{"days = post_months.days[:" + daysBefore + "] || excluded.days"}
	for _, figure := range stepFigures {
		values = append(values, column(figure.name+"_days", "integer"))
		sets = append(sets, fmt.Sprintf(daysKept, figure.name))
	}
	values = append(values, column("partial_days", "integer"), "array["+strings.Join(sums, ", ")+"]")
	sets = append(sets, fmt.Sprintf(daysKept, "partial"),
		fmt.Sprintf("gained = post_months.gained[:%d * %s] || array[%s]",
			len(stepFigures), daysBefore, strings.Join(next, ", ")))
	return insertMonths + " select " + strings.Join(values, ", ") + " from unnest(" + strings.Join(params, ", ") + ")" +
		" as s(" + strings.Join(columns, ", ") + ")" + monthConflict + strings.Join(sets, ", ")
}

// daysKept combines the stored days of a figure before the first written day with the written days.
const daysKept = `%[1]s_days = post_months.%[1]s_days & ((1 << (excluded.days[1] - 1)) - 1) | excluded.%[1]s_days`

// daysBefore is the number of stored days of a month before the first written day.
const daysBefore = `width_bucket((excluded.days[1] - 1)::smallint, post_months.days)`

var sumDays = insertMonths + `
	select k.*, ` + strings.Join(postMonthColumns[6:len(postMonthColumns)-1], ", ") + `, array(select unnest(by_day))
	from unnest(` + typesOfPostMonths + `) as k(` + keyOfPostMonths + `)
	cross join lateral (
		select (array_agg(p_id order by day desc))[1] as p_id,
		       array_agg(extract(day from day)::smallint order by day) as days,
		       array_agg(array[` + eachMonthFigure("%[1]s") + `] order by day) as by_day,
		       ` + eachMonthFigure(daysWhere("g%[1]s is not null")+" as %[1]s_days") + `,
		       ` + daysWhere("gpartial") + ` as partial_days
		from (
			select p_id, day, gpartial,
			       ` + eachMonthFigure("g%[1]s, coalesce(sum(g%[1]s) over so_far, 0)::bigint as %[1]s") + `
			from post_daily p
			where ` + ofSeries + ` and p.day >= k.month and p.day < k.month + interval '1 month'
			  and p.account_id = k.account_id and p.member_id = k.member_id
			window so_far as (order by day)) d
		having count(*) > 0) m` + monthConflict + "days = excluded.days, gained = excluded.gained, " +
	eachMonthFigure("%[1]s_days = excluded.%[1]s_days") + ", partial_days = excluded.partial_days"

// daysWhere returns an expression for a bit mask of the days of a group that satisfy a condition.
// Bit 0 is the first day of the month.
func daysWhere(condition string) string {
	return "coalesce(bit_or(1 << (extract(day from day)::integer - 1)) filter (where " + condition + "), 0)"
}

// postMonthRow is a row of post_months, or its last days.
type postMonthRow struct {
	postMonth
	platform domain.Platform
	days     []int16
	gained   []int64  // the sums of stepFigures for each day
	known    [7]int32 // bit masks of days with a known gain, by index in stepFigures
	partial  int32    // bit mask of days with a partial engagement gain
	late     bool     // later days are stored
}

func (m *postMonthRow) add(d *dayRow) {
	day := d.at.UTC().Day()
	m.platform, m.days, m.late = d.platform, append(m.days, int16(day)), m.late || !d.isLast
	if d.partial {
		m.partial |= 1 << (day - 1)
	}
	for i, figure := range stepFigures {
		var sum int64
		if n := len(m.gained) - len(stepFigures); n >= 0 {
			sum = m.gained[n]
		}
		if v := figure.value(d.sums); v != nil {
			sum += *v
			m.known[i] |= 1 << (day - 1)
		}
		m.gained = append(m.gained, sum)
	}
}

// each returns the values in the order of the parameters of [appendDaysSQL], with the elements of
// arrays as separate values.
func (m *postMonthRow) each() []any {
	values := append(m.values(), int16(m.platform))
	for n, day := range m.days {
		values = append(values, day)
		for _, sum := range m.gained[n*len(stepFigures):][:len(stepFigures)] {
			values = append(values, sum)
		}
	}
	for _, days := range m.known {
		values = append(values, days)
	}
	return append(values, m.partial)
}

var postMonths = write.NewMerge("post_months", postMonthColumns, queuePostMonths, func(m *postMonthRow) []any {
	values := append(m.values(), int16(m.platform), m.days)
	for _, days := range m.known {
		values = append(values, days)
	}
	return append(values, m.partial, m.gained)
})

// monthsOf returns the months of days, which must be in order.
func monthsOf(days []dayRow) []*postMonthRow {
	months := map[postMonth]*postMonthRow{}
	for i := range days {
		key := postMonthOf(days[i].reading)
		if months[key] == nil {
			months[key] = &postMonthRow{postMonth: key}
		}
		months[key].add(&days[i])
	}
	return slices.SortedFunc(maps.Values(months), func(a, b *postMonthRow) int { return a.compare(b.postMonth) })
}
