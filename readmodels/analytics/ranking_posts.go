package analytics

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

type postRank struct {
	postKey

	Gained int64 `json:"g"`
	Rank   int64 `json:"-"`
}

// steps returns the CTEs "step", the gains of posts in a range (several rows per post and member),
// and "p", each post of the query once. Whole UTC days come from the months, as differences of
// running sums. For a day that the start or the end of the range cuts, single readings are read
// unless the day's last reading suffices. ofMonth and ofReading are the expressions to select from
// a month and from a reading i. Parameters: $1 parent account, $2 accounts, $3 platforms, $4
// member, $5 category.
func (qc postQuery) steps(from, to time.Time, ofMonth, ofReading string) (sql string, args arguments) {
	args = arguments{qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.query.Category}
	filter := func(table string) string {
		return table + ".parent_account = $1 and " + table + ".p_id = any($3) and " +
			qc.withinAccounts(table+".account_id") + " and " + qc.ofMember(table+".member_id")
	}
	months, k := monthsOf(from, to)
	sql = `
		with step as (
			(select social_account_id, external_id, member_id, ` + ofMonth + `
			 from (
				select m.*, k.mask, ` + placesInMonth("m", shownParts) + `
				from (select * from unnest(` + args.add(months, "date[]") + `,
						` + args.add(k.first, "smallint[]") + ", " + args.add(k.last, "smallint[]") + `,
						` + args.add(k.mask, "integer[]") + `)
					limit ` + strconv.Itoa(len(months)) + `) as k(month, first, last, mask)
				join post_months m on m.month = k.month
				where ` + filter("m") + " and " + daysKnown("m", shownParts) + ` & k.mask <> 0
				offset 0) m
			 offset 0)`
	if days, cuts := cutDays(from, to); len(days) > 0 {
		list := args.add(days, "date[]")
		sql += `
			union all
			select d.social_account_id, d.external_id, d.member_id, ` + ofReading + `
			from unnest(` + list + ", " + args.add(cuts, "timestamptz[]") + `) as c(day, at)
			join post_daily d on d.day = c.day
			cross join lateral (
				select d.captured_at, d.glikes, d.gcomments, d.gshares, d.gviews
				where d.readings = 1 or d.captured_at < c.at
				union all
				select i.captured_at, i.glikes, i.gcomments, i.gshares, i.gviews
				from tSPostInsights i
				where not (d.readings = 1 or d.captured_at < c.at)
				  and i.social_account_id = d.social_account_id and i.external_id = d.external_id
				  and i.parent_account = $1
				  and i.account_id = d.account_id and i.member_id = d.member_id
				  and i.captured_at >= d.day::timestamp at time zone 'UTC'
				  and i.captured_at < (d.day + 1)::timestamp at time zone 'UTC'
				offset 0) i
			where ` + filter("d") + " and d.day = any(" + list + `)
			  and i.captured_at >= ` + args.add(from, "timestamptz") +
			" and i.captured_at < " + args.add(to, "timestamptz")
	}
	return sql + `
		)` + qc.rankablePosts(), args
}

// monthDays contains the days to include in some months: the days after first up to last, and the
// same days as a bit mask.
type monthDays struct {
	first, last []int16
	mask        []int32
}

func monthsOf(from, to time.Time) (months []time.Time, days monthDays) {
	begin, end := dayOf(from.Add(aDay-1).UTC()), dayOf(to.UTC())
	for month := dayOf(from.UTC()).month(); month.utc().Before(to); month = month.nextMonth() {
		first := max(0, min(31, begin-month))
		last := max(first, min(31, end-month))
		months = append(months, month.utc())
		days.first, days.last = append(days.first, int16(first)), append(days.last, int16(last))
		days.mask = append(days.mask, int32(int64(1)<<last-int64(1)<<first))
	}
	return months, days
}

// cutDays returns the UTC days within which the instants lie, and the first instant in each. The
// instants are in order.
func cutDays(instants ...time.Time) (days, cuts []time.Time) {
	for _, at := range instants {
		if day := dayOf(at.UTC()).utc(); !day.Equal(at) && !slices.ContainsFunc(days, day.Equal) {
			days, cuts = append(days, day), append(cuts, at)
		}
	}
	return days, cuts
}

const rankedKey = `p.social_account_id, p.external_id, coalesce(p.published_at, '-infinity') as published`

// rankablePosts returns CTEs, the last of them "p". Posts that gained for the scope but are
// registered outside it are found with "except", which PostgreSQL hashes; it would run an anti-join
// of thousands of rows as a nested loop. Their category must not be visible to the caller, so a
// category filter excludes them.
func (qc postQuery) rankablePosts() string {
	registered := "select " + rankedKey + " from tSPosts p where " + qc.postsOfScope()
	if qc.scope.Accounts == nil || qc.query.Category != 0 {
		return ", p as (" + registered + ")"
	}
	return `,
		registered as (` + registered + `),
		p as (
			select * from registered
			union all
			select p.* from (
				select social_account_id, external_id from step
				except select social_account_id, external_id from registered) k
			cross join lateral (
				select ` + rankedKey + ` from tSPosts p
				where p.social_account_id = k.social_account_id and p.external_id = k.external_id
				  and p.parent_account = $1 and not (` + qc.withinAccounts("p.account_id") + `)
				offset 0) p
		)`
}

// gainedInMonth returns SQL for the gain of figures on the days of a month: the running sum at the
// last day minus the one before the first day, or null if no gain is known on these days. The
// figures must be the first ones in the order of post_months.
func gainedInMonth(figures []string) string {
	parts := make([]string, len(figures))
	for i, f := range figures {
		parts[i] = fmt.Sprintf(
			"case when %[1]s_days & mask <> 0 then gained[last + %[2]d] - coalesce(gained[first + %[2]d], 0) end as %[1]s",
			f, i+1)
	}
	return strings.Join(parts, ", ")
}

const engagementInMonth = `case when (likes_days | comments_days | shares_days) & mask <> 0
			         then gained[last + 1] + gained[last + 2] + gained[last + 3]
			         - coalesce(gained[first + 1] + gained[first + 2] + gained[first + 3], 0) end as engagement`

// placesInMonth returns SQL for two positions in the array of running sums in a row of post_months:
// after "first" are the sums of the last day before the days k, and after "last" those of the last
// of these days. "first" is null if no gain is known before these days. A position is searched for
// only if gains are known on both sides of it; otherwise it is derived from the length of the
// array.
func placesInMonth(month string, figures []string) string {
	return strings.NewReplacer("@", month, "KNOWN", daysKnown(month, figures), "N", strconv.Itoa(len(listedParts))).
		Replace(`case when KNOWN & ~(-1 << k.first) <> 0 then N * width_bucket(k.first, @.days) - N end as first,
				       case when KNOWN >> k.last = 0 then cardinality(@.gained) - N
				            else N * width_bucket(k.last, @.days) - N end as last`)
}

// daysKnown returns the bit mask of days in a month of post_months on which a gain of any of the
// figures is known.
func daysKnown(month string, figures []string) string {
	return "(" + strings.ReplaceAll(eachOf(figures, month+".%s_days"), ", ", " | ") + ")"
}

// engagementOf returns SQL for the engagement from its parts, each in the given format; null if no
// part is known.
func engagementOf(format string) string {
	return fmt.Sprintf(`case when num_nonnulls(%[1]s, %[2]s, %[3]s) > 0
			         then coalesce(%[1]s, 0) + coalesce(%[2]s, 0) + coalesce(%[3]s, 0) end as engagement`,
		fmt.Sprintf(format, "likes"), fmt.Sprintf(format, "comments"), fmt.Sprintf(format, "shares"))
}

var shownParts = []string{"likes", "comments", "shares", "views"}

func eachOf(figures []string, format string) string {
	parts := make([]string, len(figures))
	for i, f := range figures {
		parts[i] = fmt.Sprintf(format, f)
	}
	return strings.Join(parts, ", ")
}

// rankPosts reads a page of the ranking of posts. Tied posts share a rank and are ordered by
// [postKey]. Posts without a known gain have no rank. Ranks are computed from the page and the
// number of posts before it, so that only the page is sorted.
func (qc postQuery) rankPosts(ctx context.Context) ([]postRank, error) {
	scope := qc.cursorScope("top by " + string(qc.rankedBy))
	last, err := readmodels.DecodeCursor[postRank](qc.query.Page.Cursor, scope)
	if err != nil {
		return nil, err
	}
	limit := qc.query.Page.Size()
	r := qc.query.Range
	var ctes string
	var args arguments
	if qc.rankedBy == RankByTotal {
		ctes, args = qc.postTotals(r)
	} else {
		ctes, args = qc.steps(r.From, r.To, engagementInMonth, engagementOf("i.g%s"))
	}
	args = append(args, limit+1)
	atMost := fmt.Sprintf("$%d", len(args))
	ctes += ", gained as (" + qc.gainedOfPosts("step", last == nil, atMost) + ")"
	place, onPage := "rank() over (order by engagement desc)", "true"
	if last != nil {
		better := args.add(last.Gained, "bigint")
		afterCursor := fmt.Sprintf(`
			(engagement, published, social_account_id, external_id collate "C")
			< (%s, coalesce(%s, '-infinity'), %s, %s collate "C")`, better,
			args.add(last.Published, "timestamptz"), args.add(last.Social, "bigint"),
			args.add(last.External, "text"))
		ctes += `,
		passed as materialized (
			select count(*) filter (where engagement > ` + better + `) as better, count(*) as posts
			from gained where not ` + afterCursor + `
		)`
		place = "case when engagement = " + better + " then (select better from passed) + 1 " +
			"else (select posts from passed) + " + place + " end"
		onPage = afterCursor
	}
	var posts []postRank
	var p postRank
	rows, _ := qc.tx.Query(ctx, ctes+`
		select engagement, `+place+`, nullif(published, '-infinity'), social_account_id, external_id
		from (select * from gained where `+onPage+` order by `+bestFirst+" limit "+atMost+`) page
		order by `+bestFirst, args...)
	dest := []any{&p.Gained, &p.Rank, &p.Published, &p.Social, &p.External}
	err = forEach(rows, "rank posts", dest, func() { posts = append(posts, p) })
	if err != nil {
		return nil, err
	}
	posts, qc.cursor, err = readmodels.CutPage(posts, limit, scope, func(p postRank) postRank { return p })
	return posts, err
}

// postTotals returns the CTE "stepped": the last reading before the end of a range, for each post
// published in it, under the accounts and the member of the query. Parameters: $1 parent account,
// $2 accounts, $3 platforms, $4 member, $5 category, $6 to, $7 from, $8 the UTC day of to.
func (qc postQuery) postTotals(r Range) (sql string, args arguments) {
	sql = `
		with stepped as materialized (
			select p.social_account_id, p.external_id, p.published_at as published, p.member_id,
			       e.likes, e.comments, e.shares, e.views,
			       (coalesce(e.likes, 0) + coalesce(e.comments, 0) + coalesce(e.shares, 0))::bigint as engagement
			from (
				select * from tSPosts p
				where ` + qc.postsOfScope() + " and " + qc.ofMember("p.member_id") + `
				  and ` + publishedByThen + " and " + publishedAt + ` >= $7
				offset 0) p
			cross join lateral ` + readingAt("$6::timestamptz", "$8::timestamptz") + ` e
			where num_nonnulls(e.likes, e.comments, e.shares) > 0
		)`
	return sql, arguments{
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.query.Category, r.To, r.From,
		dayOf(r.To.UTC()).utc(),
	}
}
