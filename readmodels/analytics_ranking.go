package readmodels

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ranked is a post in the order of what its engagement gained in the range.
type ranked struct {
	postKey

	Gained int64 `json:"g"`
	Rank   int64 `json:"-"`
}

// rankedMember is what the posts of one member gained.
type rankedMember struct {
	member, rank, posts, engagement int64
	likes, comments, shares, views  *int64
}

// endState writes the joins that give, for each post of CTE post, its last reading before an instant:
// columns of the name's prefix. Most posts are read on every day, so that the day up to the instant has nearly
// all of them in one stretch of an index. Only where it has fewer readings than there are posts (early in a day,
// say) is the day before read too, in the same way; what is left is looked for one by one.
//
// at, d0, d1 are parameters: the instant, the UTC day that it ends or cuts, and the day before. cut says
// that the instant lies inside of d0: then a later reading may hide the one that counts, which only the
// raw readings have.
func endState(name, at, d0, d1 string, cut bool) (ctes, joins string, pick func(column string) string) {
	const cols = `social_account_id, external_id, account_id, captured_at, published_at, likes, comments, shares, views, engagement, engagement_partial`
	slice := func(n, day, when string) string {
		return fmt.Sprintf(`%s%s as materialized (
			select %s from post_daily
			where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and day = %s::date and p_id = any($3)%s)`, name, n, cols, day, when)
	}
	join := func(n string) string {
		return fmt.Sprintf(`
			left join %[1]s%[2]s on %[1]s%[2]s.social_account_id = p.social_account_id and %[1]s%[2]s.external_id = p.external_id and %[1]s%[2]s.account_id = p.account_id`, name, n)
	}
	const same = `i.social_account_id = p.social_account_id and i.external_id = p.external_id and i.parent_account = $1 and i.account_id = p.account_id`
	counted := fmt.Sprintf("select count(*) from %s0", name)
	newest := name + "0.captured_at is not null"
	joins = join("0") + join("1")
	cases := []string{"0"}
	none := name + "0.captured_at is null"
	if cut {
		newest = fmt.Sprintf("%s0.captured_at < %s", name, at)
		counted += " where " + newest
		joins += fmt.Sprintf(`
			left join lateral (
				select %[1]s from tSPostInsights i
				where %[2]s0.captured_at >= %[3]s and %[4]s and i.captured_at >= (%[5]s::date)::timestamp at time zone 'UTC' and i.captured_at < %[3]s
				order by i.captured_at desc limit 1) %[2]s_raw on true`, cols, name, at, same, d0)
		cases = append(cases, "_raw")
		none = fmt.Sprintf("(%[1]s0.captured_at is null or %[1]s0.captured_at >= %[2]s) and %[1]s_raw.captured_at is null", name, at)
	}
	joins += fmt.Sprintf(`
		left join lateral (
			select %[1]s from post_daily i
			where %[2]s and %[3]s1.captured_at is null and %[4]s and i.day < %[5]s::date
			order by i.day desc limit 1) %[3]s_old on true`, cols, none, name, same, d0)
	cases = append(cases, "1")
	fewer := fmt.Sprintf(" and (%s) < (select count(*) from post)", counted)
	return slice("0", d0, "") + ",\n" + slice("1", d1, fewer), joins, func(column string) string {
		var text strings.Builder
		text.WriteString("case")
		for _, c := range cases {
			when := name + c + ".captured_at is not null"
			if c == "0" {
				when = newest
			}
			fmt.Fprintf(&text, " when %s then %s%s.%s", when, name, c, column)
		}
		fmt.Fprintf(&text, " else %s_old.%s end", name, column)
		return text.String()
	}
}

// gainsOfPosts is a CTE "gained": every post of the query that was read in the range, with what it gained
// (null: not known), by the rules of [PostGrowth]. Parameters: $1 parent account, $2 accounts, $3
// platforms, $4 member, $5 category, $6 to, $7 from, then the days of both ends.
func (a *answering) gainsOfPosts() (sql string, args []any) {
	r := a.query.Range
	param := func(at time.Time) (day0, day1 time.Time, cut bool) {
		day := startOfUTCDay(at)
		if cut = !day.Equal(at); !cut {
			day = day.AddDate(0, 0, -1)
		}
		return day, day.AddDate(0, 0, -1), cut
	}
	e0, e1, endCut := param(r.To)
	b0, b1, beginCut := param(r.From)
	ends, endJoins, end := endState("e", "$6", "$8", "$9", endCut)
	begins, beginJoins, begin := endState("b", "$7", "$10", "$11", beginCut)
	var cols strings.Builder
	for _, c := range []string{"captured_at", "published_at", "likes", "comments", "shares", "views", "engagement", "engagement_partial"} {
		fmt.Fprintf(&cols, ", %s as e_%s, %s as b_%s", end(c), c, begin(c), c)
	}
	since := func(c string) string {
		return fmt.Sprintf("(case when b_captured_at is null then f_%[1]s else b_%[1]s end)", c)
	}
	gain := func(c string) string {
		return fmt.Sprintf("case when began then e_%[1]s else e_%[1]s - %[2]s end as %[1]s", c, since(c))
	}
	equal := func(c string) string { return fmt.Sprintf("(e_%s is null) = (%s is null)", c, since(c)) }
	sql = `
		with post as materialized (
			select p.social_account_id, p.external_id, p.account_id, p.member_id, p.published_at
			from tSPosts p where ` + postsOfScope + `
		),
		` + ends + ",\n" + begins + `,
		gained as materialized (
			select social_account_id, external_id, account_id, member_id, published, e_captured_at, ` +
		gain("likes") + ", " + gain("comments") + ", " + gain("shares") + ", " + gain("views") + `,
			       case when began then e_engagement
			            when ` + equal("likes") + " and " + equal("comments") + " and " + equal("shares") + `
			            then e_engagement - ` + since("engagement") + ` end as engagement
			from (
				select s.*, b_captured_at is null and e_published_at >= $7 as began,
				       f.likes as f_likes, f.comments as f_comments, f.shares as f_shares, f.views as f_views, f.engagement as f_engagement
				from (
					select p.social_account_id, p.external_id, p.account_id, p.member_id, coalesce(p.published_at, '-infinity') as published` + cols.String() + `
					from post p` + endJoins + beginJoins + `
				) s
				left join lateral (
					select i.* from (
						select i.likes, i.comments, i.shares, i.views, i.engagement from tSPostInsights i
						where i.social_account_id = s.social_account_id and i.external_id = s.external_id
						  and i.captured_at >= $7 and i.captured_at < s.e_captured_at
						  and i.parent_account = $1 and i.account_id = s.account_id
						order by i.captured_at limit 1) i
					where s.b_captured_at is null and (s.e_published_at is null or s.e_published_at < $7)
					limit 1) f on true
				where e_captured_at >= $7
			) s
		)`
	return sql, []any{
		a.scope.ParentAccount, a.scope.Accounts, a.platformIDs(), a.query.Member, a.query.Category, r.To, r.From, e0, e1, b0, b1,
	}
}

// rankPosts reads a page of the posts by what their engagement gained; equals share a rank and stand by
// the order of [postKey]. Posts of which nothing is known have no rank.
func (a *answering) rankPosts(ctx context.Context) ([]ranked, error) {
	listed := a.question("top")
	last, err := after[ranked](a.query.Page, listed)
	if err != nil {
		return nil, err
	}
	first := last == nil
	if first {
		last = &ranked{}
	}
	limit := a.query.Page.limit()
	with, args := a.gainsOfPosts()
	rows, err := a.tx.Query(ctx, with+`
		select engagement, place, nullif(published, '-infinity'), social_account_id, external_id, account_id
		from (select *, rank() over (order by engagement desc) as place from gained where engagement is not null) g
		where $12 or (engagement, published, social_account_id, external_id collate "C", account_id collate "C")
			< ($13::bigint, coalesce($14::timestamptz, '-infinity'), $15::bigint, $16::text collate "C", $17::text collate "C")
		order by engagement desc, published desc, social_account_id desc, external_id collate "C" desc, account_id collate "C" desc
		limit $18`, append(args, first, last.Gained, last.Published, last.Social, last.External, last.Account, limit+1)...)
	if err != nil {
		return nil, fmt.Errorf("rank posts: %w", err)
	}
	posts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p ranked, err error) {
		err = row.Scan(&p.Gained, &p.Rank, &p.Published, &p.Social, &p.External, &p.Account)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("rank posts: %w", err)
	}
	if len(posts) > limit {
		posts = posts[:limit]
		if a.cursor, err = cursorOf(listed, posts[limit-1]); err != nil {
			return nil, err
		}
	}
	return posts, nil
}

// rankBoard reads the best members and the best posts: a member by what the engagement of its posts gained.
// Equals share a rank; members stand by their ids then, posts as in [answering.rankPosts].
func (a *answering) rankBoard(ctx context.Context) (members []rankedMember, posts []ranked, err error) {
	with, args := a.gainsOfPosts()
	rows, err := a.tx.Query(ctx, with+`
		(select 1 as list, row_number() over (order by sum(engagement) desc, member_id) as nth,
		        rank() over (order by sum(engagement) desc) as place, member_id, count(*), sum(likes)::bigint, sum(comments)::bigint,
		        sum(shares)::bigint, sum(views)::bigint, sum(engagement)::bigint, null::timestamptz, 0::bigint, '', ''
		 from gained where engagement is not null
		 group by member_id
		 order by 2 limit $12)
		union all
		(select 2, row_number() over best, rank() over (order by engagement desc), 0, 0, null::bigint as likes, null::bigint as comments, null::bigint as shares, null::bigint as views, engagement,
		        nullif(published, '-infinity'), social_account_id, external_id, account_id
		 from gained where engagement is not null
		 window best as (order by engagement desc, published desc, social_account_id desc, external_id collate "C" desc, account_id collate "C" desc)
		 order by 2 limit $12)
		order by list, nth`, append(args, a.query.Page.limit())...)
	if err != nil {
		return nil, nil, fmt.Errorf("rank members and posts: %w", err)
	}
	var list, nth int64
	var m rankedMember
	var p ranked
	_, err = pgx.ForEachRow(rows, []any{
		&list, &nth, &m.rank, &m.member, &m.posts, &m.likes, &m.comments, &m.shares, &m.views, &m.engagement,
		&p.Published, &p.Social, &p.External, &p.Account,
	}, func() error {
		if list == 1 {
			members = append(members, m)
		} else {
			p.Rank, p.Gained = m.rank, m.engagement
			posts = append(posts, p)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("rank members and posts: %w", err)
	}
	return members, posts, nil
}
