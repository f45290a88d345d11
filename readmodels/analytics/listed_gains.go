package analytics

import "time"

// gainsOfPost sums what post p gained in the range: whole UTC days from its months, a sum less a sum of each, and of a day
// that an end of the range cuts the readings. It adds its parameters to the args.
func (qc *queryContext) gainsOfPost(ofMember string, args *arguments) (sql string) {
	from, to := qc.query.Range.From, qc.query.Range.To
	months, days := monthsOf(from, to)
	list := args.add(months, "date[]")
	sql = `(
			select ` + eachOf(listedParts, "sum_bigint(%[1]s) as %[1]s") + `, coalesce(bool_or(partial), false) as partial
			from (
				select ` + gainedInMonth(listedParts) + `, partial_days & mask <> 0 as partial
				from (
					select i.*, k.mask, ` + placesInMonth("i", listedParts) + `
					from unnest(` + list + ", " + args.add(days.first, "smallint[]") + ", " + args.add(days.last, "smallint[]") + ", " + args.add(days.mask, "integer[]") + `)
						as k(month, first, last, mask)
					join post_months i on i.month = k.month
					where ` + inScope + " and i.month between (" + list + ")[1] and (" + list + ")[cardinality(" + list + ")] and " + ofMember + `
					  and ` + daysKnown("i", listedParts) + ` & k.mask <> 0
					offset 0) m`
	if begins, ends := cutSpans(from, to); len(begins) > 0 {
		sql += `
				union all
				select ` + eachOf(listedParts, "i.g%[1]s") + `, num_nonnulls(i.glikes, i.gcomments, i.gshares) in (1, 2)
				from unnest(` + args.add(begins, "timestamptz[]") + ", " + args.add(ends, "timestamptz[]") + `) as c(begins, ends)
				join tSPostInsights i on i.captured_at >= c.begins and i.captured_at < c.ends
				where ` + inScope + " and " + ofMember
	}
	return sql + `) x)`
}

// listedParts are the figures that a list shows of a post: all those of post_months, in their order there.
var listedParts = []string{"likes", "comments", "shares", "views", "impressions", "clicks", "saves"}

// cutSpans are the parts of a range that are no whole UTC days.
func cutSpans(from, to time.Time) (begins, ends []time.Time) {
	days, cuts := cutDays(from, to)
	for i, day := range days {
		begin, end := day, cuts[i]
		if cuts[i].Equal(from) {
			begin, end = from, earlier(to, day.Add(aDay))
		}
		begins, ends = append(begins, begin), append(ends, end)
	}
	return begins, ends
}
