package projectors

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

type figureMonth struct {
	account, member        int64
	parent, sub            string
	platform               domain.Platform
	metric, source, window string
	kind                   domain.Kind
	month                  time.Time // first day of the month, UTC
}

type dayFigure struct {
	value   int64
	at      time.Time
	eventID string
}

// monthRow is a row of account_months, or the days of one that a batch changes.
type monthRow struct {
	key  figureMonth
	days map[int16]dayFigure // by day of the month
}

// monthFold collects the days of each month, by day of the month.
type monthFold map[figureMonth]map[int16]dayFigure

// add keeps each figure of a reading that is the last of its day. The day is that of the platform
// for day flows and for windows that end on a day, and otherwise the UTC day of capture.
func (f monthFold) add(read *domain.AccountRead, eventID string) {
	for _, figure := range read.Figures {
		day := dayOf(read.CapturedAt)
		if figure.Day != "" {
			day, _ = time.Parse(time.DateOnly, figure.Day) // checked by Validate
		}
		key := figureMonth{
			account: read.SocialAccount, member: read.MemberID, parent: read.ParentAccount, sub: read.AccountID,
			platform: read.Platform, metric: figure.Name, kind: figure.Kind, source: figure.Source,
			window: figure.Window, month: time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC),
		}
		days := f[key]
		if days == nil {
			days = map[int16]dayFigure{}
			f[key] = days
		}
		dayOfMonth := int16(day.Day())
		if present, ok := days[dayOfMonth]; !ok || later(read.CapturedAt, eventID, present.at, present.eventID) {
			days[dayOfMonth] = dayFigure{figure.Value, read.CapturedAt, eventID}
		}
	}
}

// keyOfMonths lists the columns of account_months' primary key in the order of the arrays that
// queueMonths sends.
const keyOfMonths = "social_account_id, parent_account, account_id, member_id, p_id, " +
	"metric, kind, source, window_name, month"

func (k figureMonth) values() []any {
	return []any{
		k.account, k.parent, k.sub, k.member, int16(k.platform), k.metric, string(k.kind), k.source, k.window, k.month,
	}
}

var monthColumns = strings.Split(keyOfMonths+", days, day_values, captured_at, event_ids", ", ")

// mergeMonths merges the days of a batch with the stored days. Arrays of arrays cannot be unnested
// row by row, so the days are sent separately, each with the number n of its row.
const mergeMonths = `
	with k as (
		select * from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::text[], $7::text[],
			$8::text[], $9::text[], $10::date[])
			with ordinality as k(` + keyOfMonths + `, n)
	),
	day as (
		select distinct on (n, day) * from (
			select * from unnest($11::bigint[], $12::smallint[], $13::bigint[], $14::timestamptz[], $15::text[])
				as fresh(n, day, value, captured_at, event_id)
			union all
			select k.n, stored.* from k
			join account_months m using (` + keyOfMonths + `)
			cross join lateral unnest(m.days, m.day_values, m.captured_at, m.event_ids)
				as stored(day, value, captured_at, event_id)) e
		order by n, day, captured_at desc, event_id collate "C"
	)
	insert into account_months (` + keyOfMonths + `, days, day_values, captured_at, event_ids)
	select ` + keyOfMonths + `, days, day_values, captured_at, event_ids
	from k join (
		select n, array_agg(day order by day) as days, array_agg(value order by day) as day_values,
		       array_agg(captured_at order by day) as captured_at, array_agg(event_id order by day) as event_ids
		from day group by n) d using (n)
	on conflict (` + keyOfMonths + `) do update set
		days = excluded.days, day_values = excluded.day_values,
		captured_at = excluded.captured_at, event_ids = excluded.event_ids`

// accountMonths has arrays that are ordered by day.
var accountMonths = write.NewMerge("account_months", monthColumns, queueAccountMonths, func(m monthRow) []any {
	days := slices.Sorted(maps.Keys(m.days))
	values, at, ids := make([]int64, len(days)), make([]time.Time, len(days)), make([]string, len(days))
	for i, day := range days {
		values[i], at[i], ids[i] = m.days[day].value, m.days[day].at, m.days[day].eventID
	}
	return append(m.key.values(), days, values, at, ids)
})

func queueAccountMonths(batch *pgx.Batch, months []monthRow) {
	rows := write.Arrays(months, func(m monthRow) []any { return m.key.values() })
	var days [][]any
	for n, month := range months {
		for day, figure := range month.days {
			days = append(days, []any{n + 1, day, figure.value, figure.at, figure.eventID})
		}
	}
	batch.Queue(mergeMonths, append(rows, write.Arrays(days, func(day []any) []any { return day })...)...)
}

func (f monthFold) rows() []monthRow {
	rows := make([]monthRow, 0, len(f))
	for key, days := range f {
		rows = append(rows, monthRow{key, days})
	}
	return rows
}
