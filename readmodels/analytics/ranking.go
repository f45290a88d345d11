package analytics

import (
	"context"
	"fmt"
	"strings"

	"github.com/ledgerboard/ledgerboard/readmodels"
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

// gainsOfPosts is a CTE "gained": every post of the query that was read in the range, with what it gained
// (null: not known), by the rules of [PostGrowth]. Nearly all posts have a reading on the last day up to each end:
// what they gained is one subtraction. The others are searched for. Parameters: $1 parent account, $2 accounts, $3
// platforms, $4 member, $5 category, $6 to, $7 from, then the days of both ends.
func (qc *queryContext) gainsOfPosts(ctx context.Context) (sql string, args []any, err error) {
	e, b, days, err := qc.ends(ctx)
	if err != nil {
		return "", nil, err
	}
	many := func(e end, also string) string {
		return fmt.Sprintf("%d * count(*) filter (where (%s) is not true%s) > count(*) as %s_missing", perDay, e.found(), also, e.name)
	}
	var cols strings.Builder
	for _, c := range endColumns {
		fmt.Fprintf(&cols, ", %s as e_%s, %s as b_%s", e.picked(c), c, b.picked(c), c)
	}
	since := func(c string) string {
		return fmt.Sprintf("(case when b_captured_at is null then f_%[1]s else b_%[1]s end)", c)
	}
	// A figure that the earlier reading lacks began at 0 in a post that was published in the range.
	gain := func(now, before, published, c string) string {
		return fmt.Sprintf("%s - coalesce(%s, case when %s >= $7 then 0 end) as %s", now+c, before, published, c)
	}
	var fast, slow strings.Builder
	for _, c := range gainColumns {
		fast.WriteString(", " + gain("e0_", "b0_"+c, "e0_published_at", c))
		slow.WriteString(", " + gain("e_", since(c), "e_published_at", c))
	}
	sql = `
		with joined as materialized (
			select p.*` + e.columns() + b.columns() + `
			from (
				select row_number() over () as nth, p.social_account_id, p.external_id, p.account_id, p.member_id,
				       coalesce(p.published_at, '-infinity') as published
				from tSPosts p where ` + qc.postsOfScope() + `
			) p` + qc.joinDay(e) + qc.joinDay(b) + `
			where coalesce(p.nth, 0) > 0
		),
		counted as materialized (
			select count(*) > max(nth) as moved, ` + many(e, "") + ", " + many(b, " and published < "+b.at) + ` from joined
		),
		state as not materialized (
			select * from joined where not (select moved from counted)
			union all
			(select distinct on (nth) * from joined where (select moved from counted)
			 order by nth, e0_captured_at desc nulls last, b0_captured_at desc nulls last)
		),
		` + qc.dayBefore(e) + ",\n" + qc.dayBefore(b) + `,
		gained as (
			select *, case when num_nonnulls(likes, comments, shares) > 0
				then coalesce(likes, 0) + coalesce(comments, 0) + coalesce(shares, 0) end as engagement
			from (
			select social_account_id, external_id, account_id, member_id, published` + fast.String() + `
			from state
			where ` + e.found() + " and " + b.found() + ` and e0_captured_at >= $7
			union all
			select social_account_id, external_id, account_id, member_id, published` + slow.String() + `
			from (
				select p.*, f.likes as f_likes, f.comments as f_comments, f.shares as f_shares, f.views as f_views
				from (
					select p.social_account_id, p.external_id, p.account_id, p.member_id, p.published` + cols.String() + `
					from (select * from state where (` + e.found() + " and " + b.found() + `) is not true) p` +
		e.join("1", "e1") + b.join("1", "b1") + e.search() + b.search() + `
					where coalesce(p.nth, 0) > 0
				) p
				left join lateral (
					select f.* from (` + qc.takenOver("$7::timestamptz",
		`(date_trunc('day', $7::timestamptz at time zone 'UTC') at time zone 'UTC')`, "p.e_captured_at") + `
						(select ` + readingColumns + ` from tSPostInsights i
						 where ` + inScope + ` and i.captured_at >= $7 and i.captured_at < p.e_captured_at
						   and (p.e_published_at is null or p.e_published_at < $7)
						 order by i.captured_at limit 1)) f
					where p.b_captured_at is null
					limit 1) f on true
				where e_captured_at >= $7
			) s) g
		)`
	return sql, append([]any{
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.query.Category, qc.query.Range.To, qc.query.Range.From,
	}, days...), nil
}

// bestFirst is the order of a ranking: equals stand as in lists of posts.
const bestFirst = `engagement desc, published desc, social_account_id desc, external_id collate "C" desc, account_id collate "C" desc`

// rankPosts reads a page of the posts by what their engagement gained; equals share a rank and stand by
// the order of [postKey]. Posts of which nothing is known have no rank. Ranks are counted from the page and how many
// stand before it, so that only the page is sorted.
func (qc *queryContext) rankPosts(ctx context.Context) ([]ranked, error) {
	scope := qc.cursorScope("top")
	last, err := readmodels.DecodeCursor[ranked](qc.query.Page.Cursor, scope)
	if err != nil {
		return nil, err
	}
	limit := qc.query.Page.Size()
	with, args, err := qc.gainsOfPosts(ctx)
	if err != nil {
		return nil, err
	}
	args = append(args, limit+1)
	place, onPage := "rank() over (order by engagement desc)", ""
	if last != nil {
		const beyond = `(engagement, published, social_account_id, external_id collate "C", account_id collate "C")
				< ($13::bigint, coalesce($14::timestamptz, '-infinity'), $15::bigint, $16::text collate "C", $17::text collate "C")`
		with += `,
		passed as materialized (
			select count(*) filter (where engagement > $13) as better, count(*) as posts from gained
			where engagement is not null and not ` + beyond + `
		)`
		place = "case when engagement = $13 then (select better from passed) + 1 else (select posts from passed) + " + place + " end"
		onPage = " and " + beyond
		args = append(args, last.Gained, last.Published, last.Social, last.External, last.Account)
	}
	var posts []ranked
	var p ranked
	err = qc.rank(ctx, "rank posts", with+`
		select engagement, `+place+`, nullif(published, '-infinity'), social_account_id, external_id, account_id
		from (select * from gained where engagement is not null`+onPage+` order by `+bestFirst+` limit $12) page
		order by `+bestFirst, args, []any{&p.Gained, &p.Rank, &p.Published, &p.Social, &p.External, &p.Account},
		func() { posts = append(posts, p) })
	if err != nil {
		return nil, err
	}
	posts, qc.cursor, err = readmodels.CutPage(posts, limit, scope, func(p ranked) ranked { return p })
	return posts, err
}

// rankBoard reads the best members and the best posts: a member by what the engagement of its posts gained.
// Equals share a rank; members stand by their ids then, posts as in [queryContext.rankPosts].
func (qc *queryContext) rankBoard(ctx context.Context) (members []rankedMember, posts []ranked, err error) {
	with, args, err := qc.gainsOfPosts(ctx)
	if err != nil {
		return nil, nil, err
	}
	var list, nth int64
	var m rankedMember
	var p ranked
	err = qc.rank(ctx, "rank members and posts", with+`
		(select 1 as list, row_number() over (order by sum(engagement) desc, member_id) as nth,
		        rank() over (order by sum(engagement) desc) as place, member_id, count(*), sum(likes)::bigint, sum(comments)::bigint,
		        sum(shares)::bigint, sum(views)::bigint, sum(engagement)::bigint, null::timestamptz, 0::bigint, '', ''
		 from gained where engagement is not null
		 group by member_id
		 order by 2 limit $12)
		union all
		(select 2, row_number() over (order by `+bestFirst+`), rank() over (order by engagement desc), 0, 0,
		        null::bigint as likes, null::bigint as comments, null::bigint as shares, null::bigint as views, engagement,
		        nullif(published, '-infinity'), social_account_id, external_id, account_id
		 from (select * from gained where engagement is not null order by `+bestFirst+` limit $12) best)
		order by list, nth`, append(args, qc.query.Page.Size()), []any{
		&list, &nth, &m.rank, &m.member, &m.posts, &m.likes, &m.comments, &m.shares, &m.views, &m.engagement,
		&p.Published, &p.Social, &p.External, &p.Account,
	}, func() {
		if list == 1 {
			members = append(members, m)
		} else {
			p.Rank, p.Gained = m.rank, m.engagement
			posts = append(posts, p)
		}
	})
	return members, posts, err
}

// rank runs the statement of a ranking and calls each for every row. PostgreSQL chooses by the costs that it expects
// whether it makes a plan for these parameters or keeps one for any; of a ranking they are nearly equal, and planning
// would take a third of the time. So the plan is kept.
func (qc *queryContext) rank(ctx context.Context, what, sql string, args, row []any, each func()) error {
	if _, err := qc.tx.Exec(ctx, "set local plan_cache_mode = force_generic_plan"); err != nil {
		return fmt.Errorf("%s: keep plan: %w", what, err)
	}
	rows, _ := qc.tx.Query(ctx, sql, args...)
	if err := forEach(rows, what, row, each); err != nil {
		return err
	}
	if _, err := qc.tx.Exec(ctx, "set local plan_cache_mode = auto"); err != nil {
		return fmt.Errorf("%s: choose plans again: %w", what, err)
	}
	return nil
}
