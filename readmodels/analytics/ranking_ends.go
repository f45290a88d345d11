package analytics

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// end is one end of the range: where each post's last reading before an instant is found. Most posts are
// read on every day, so that the day up to the instant (day0) has nearly all of them in one stretch of an index.
// Only where many are missing there (early in a day, say) is the day before (day1) read too, in the same way; what
// is left is looked for one by one.
type end struct {
	name           string // prefix of its columns and tables
	at, day0, day1 string // parameters
	// cut says that the instant lies inside of day0: then a later reading may hide the one that counts, which
	// only the raw readings have.
	cut bool
	// unread says that the agency has no reading before the instant.
	unread bool
}

// perDay is how much longer it takes to look for a post than to read it among all those of a day, roughly.
const perDay = 10

// gainColumns are the figures that a ranking is made of, endColumns what is read of both ends.
var (
	gainColumns = []string{"likes", "comments", "shares", "views"}
	endColumns  = append([]string{"captured_at", "published_at"}, gainColumns...)
)

// joinDay joins the last readings of the day up to the end to posts p: two of a post on the day on which its page moves
// between two clients of the agency.
func (qc *queryContext) joinDay(e end) string {
	return e.join("0", fmt.Sprintf(`(
					select social_account_id, external_id, %s from post_daily
					where parent_account = $1 and %s and day = %s::date and p_id = any($3)
				)`, strings.Join(endColumns, ", "), qc.within("account_id"), e.day0))
}

// dayBefore is a CTE of the last readings of the day before that one, one of each post; empty unless many are missing.
func (qc *queryContext) dayBefore(e end) string {
	return fmt.Sprintf(`%[1]s1 as materialized (
			select distinct on (social_account_id, external_id collate "C") social_account_id, external_id, %[2]s from post_daily
			where parent_account = $1 and %[3]s and day = %[4]s::date and p_id = any($3) and (select %[1]s_missing from counted)
			order by social_account_id, external_id collate "C", captured_at desc)`,
		e.name, strings.Join(endColumns, ", "), qc.within("account_id"), e.day1)
}

// join joins readings to posts p; those of other posts come with an nth that is null. A full join is never
// nested: where PostgreSQL expects few posts, it would compare each of thousands with each reading.
func (e end) join(n, readings string) string {
	return fmt.Sprintf(`
				full join %[1]s %[2]s on %[2]s.social_account_id = p.social_account_id and %[2]s.external_id = p.external_id`, readings, e.name+n)
}

// columns selects those of the day up to the end.
func (e end) columns() string {
	var text strings.Builder
	for _, c := range endColumns {
		fmt.Fprintf(&text, ", %[1]s0.%[2]s as %[1]s0_%[2]s", e.name, c)
	}
	return text.String()
}

// found says that the day up to the end has the reading that counts.
func (e end) found() string {
	if e.cut {
		return fmt.Sprintf("%s0_captured_at < %s", e.name, e.at)
	}
	return e.name + "0_captured_at is not null"
}

// search joins to posts p, which have the columns of that day and of the day before, the places where the other readings are.
func (e end) search() string {
	cols := strings.Join(endColumns, ", ")
	joins, none := "", e.name+"0_captured_at is null"
	if e.cut {
		joins = fmt.Sprintf(`
				left join lateral (
					select %[1]s from tSPostInsights i
					where %[2]s0_captured_at >= %[3]s and %[4]s and i.captured_at >= (%[5]s::date)::timestamp at time zone 'UTC' and i.captured_at < %[3]s
					order by i.captured_at desc limit 1) %[2]s_raw on true`, cols, e.name, e.at, inScope, e.day0)
		none = fmt.Sprintf("(%[1]s0_captured_at is null or %[1]s0_captured_at >= %[2]s) and %[1]s_raw.captured_at is null", e.name, e.at)
	}
	none += fmt.Sprintf(" and %s1.captured_at is null and ", e.name)
	if e.unread {
		none = "false and "
	}
	return joins + fmt.Sprintf(`
				left join lateral %s %s_old on true`, lastDaily(e.day0+"::date", inScope, none), e.name)
}

// picked selects a column of the reading that search has found.
func (e end) picked(column string) string {
	raw := ""
	if e.cut {
		raw = fmt.Sprintf(" when %[1]s_raw.captured_at is not null then %[1]s_raw.%[2]s", e.name, column)
	}
	return fmt.Sprintf("case when %[1]s then %[2]s0_%[3]s%[4]s when %[2]s1.captured_at is not null then %[2]s1.%[3]s else %[2]s_old.%[3]s end",
		e.found(), e.name, column, raw)
}

// ends are the two ends of the range, with the days that are their parameters. Where the agency read nothing on the
// day up to an end, as when it lies in the future, the day is the last one on which it did: on any other, posts would be
// looked for one by one.
func (qc *queryContext) ends(ctx context.Context) (last, before end, days []any, err error) {
	to, from := dayUpTo(qc.query.Range.To), dayUpTo(qc.query.Range.From)
	var newestTo, newestFrom *time.Time
	err = qc.tx.QueryRow(ctx, `
		select (select day from post_daily where parent_account = $1 and day <= $2::date order by day desc limit 1),
		       (select day from post_daily where parent_account = $1 and day <= $3::date order by day desc limit 1)`,
		qc.scope.ParentAccount, to, from).Scan(&newestTo, &newestFrom)
	if err != nil {
		return last, before, nil, fmt.Errorf("find last days with readings: %w", err)
	}
	of := func(name, at, day0, day1 string, instant, day time.Time, newest *time.Time) end {
		e := end{name: name, at: at, day0: day0, day1: day1, cut: instant.Before(day.AddDate(0, 0, 1)), unread: newest == nil}
		if newest != nil && newest.Before(day) {
			day, e.cut = *newest, false
		}
		days = append(days, day, day.AddDate(0, 0, -1))
		return e
	}
	last = of("e", "$6", "$8", "$9", qc.query.Range.To, to, newestTo)
	before = of("b", "$7", "$10", "$11", qc.query.Range.From, from, newestFrom)
	return last, before, days, nil
}

// dayUpTo is the UTC day that ends with an instant, or in which it lies.
func dayUpTo(instant time.Time) time.Time { return startOfUTCDay(instant.Add(-time.Microsecond)) }
