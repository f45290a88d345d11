package analytics

import (
	"context"
	"fmt"
	"time"

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

// gainsOfPosts are the CTEs "stepped", what each post of the query gained for each member, and "gained", what it gained in
// all: sums of the gains of the readings in the range, of which some are known. Whole UTC days come from the roll-up, one
// stretch of an index; of a day that an end cuts, the readings themselves are looked for. Parameters: $1 parent account,
// $2 accounts, $3 platforms, $4 member, $5 category, $6 to, $7 from, $8 and $9 first day and the one after the last, $10 the
// days that are cut.
func (qc *queryContext) gainsOfPosts() (sql string, args []any) {
	from, to := qc.query.Range.From, qc.query.Range.To
	first, end := startOfUTCDay(from), startOfUTCDay(to)
	cut := []time.Time{}
	if !end.Equal(to) {
		cut = append(cut, end)
	}
	if !first.Equal(from) {
		if !first.Equal(end) {
			cut = append(cut, first)
		}
		first = first.AddDate(0, 0, 1)
	}
	rows := "d.parent_account = $1 and " + qc.within("d.account_id") + " and d.p_id = any($3) and " + qc.ofMember("d.member_id")
	// The join is a full one because it is never nested: where PostgreSQL expects few posts, it would compare each of
	// thousands with each.
	sql = `
		with step as (
			select social_account_id, external_id, member_id, glikes, gcomments, gshares, gviews
			from post_daily d where ` + rows + ` and d.day >= $8::date and d.day < $9::date
			union all
			select d.social_account_id, d.external_id, d.member_id, i.glikes, i.gcomments, i.gshares, i.gviews
			from post_daily d
			cross join lateral (
				select sum(glikes)::bigint as glikes, sum(gcomments)::bigint as gcomments, sum(gshares)::bigint as gshares,
				       sum(gviews)::bigint as gviews
				from tSPostInsights i
				where i.social_account_id = d.social_account_id and i.external_id = d.external_id and i.parent_account = $1
				  and i.account_id = d.account_id and i.member_id = d.member_id
				  and i.captured_at >= greatest($7, d.day::timestamp at time zone 'UTC')
				  and i.captured_at < least($6, (d.day + 1)::timestamp at time zone 'UTC')) i
			where ` + rows + ` and d.day = any($10::date[]) and d.captured_at >= $7
		),
		stepped as materialized (
			select p.social_account_id, p.external_id, p.account_id, p.published, s.member_id, s.likes, s.comments, s.shares, s.views
			from (
				select p.social_account_id, p.external_id, p.account_id, coalesce(p.published_at, '-infinity') as published
				from tSPosts p where ` + qc.postsOfScope() + `
			) p
			full join (
				select social_account_id, external_id, member_id, sum(glikes)::bigint as likes, sum(gcomments)::bigint as comments,
				       sum(gshares)::bigint as shares, sum(gviews)::bigint as views
				from step group by social_account_id, external_id, member_id
			) s on s.social_account_id = p.social_account_id and s.external_id = p.external_id
			where coalesce(p.social_account_id, 0) > 0 and num_nonnulls(s.likes, s.comments, s.shares) > 0
		),
		gained as (
			select social_account_id, external_id, account_id, published,
			       (coalesce(sum(likes), 0) + coalesce(sum(comments), 0) + coalesce(sum(shares), 0))::bigint as engagement
			from stepped group by social_account_id, external_id, account_id, published
		)`
	return sql, []any{
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.query.Category, to, from, first, end, cut,
	}
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
	with, args := qc.gainsOfPosts()
	args = append(args, limit+1)
	place, onPage := "rank() over (order by engagement desc)", "true"
	if last != nil {
		const beyond = `(engagement, published, social_account_id, external_id collate "C", account_id collate "C")
				< ($12::bigint, coalesce($13::timestamptz, '-infinity'), $14::bigint, $15::text collate "C", $16::text collate "C")`
		with += `,
		passed as materialized (
			select count(*) filter (where engagement > $12) as better, count(*) as posts from gained where not ` + beyond + `
		)`
		place = "case when engagement = $12 then (select better from passed) + 1 else (select posts from passed) + " + place + " end"
		onPage = beyond
		args = append(args, last.Gained, last.Published, last.Social, last.External, last.Account)
	}
	var posts []ranked
	var p ranked
	err = qc.rank(ctx, "rank posts", with+`
		select engagement, `+place+`, nullif(published, '-infinity'), social_account_id, external_id, account_id
		from (select * from gained where `+onPage+` order by `+bestFirst+` limit $11) page
		order by `+bestFirst, args, []any{&p.Gained, &p.Rank, &p.Published, &p.Social, &p.External, &p.Account},
		func() { posts = append(posts, p) })
	if err != nil {
		return nil, err
	}
	posts, qc.cursor, err = readmodels.CutPage(posts, limit, scope, func(p ranked) ranked { return p })
	return posts, err
}

// rankBoard reads the best members and the best posts: a member by what the engagement of posts gained while it had them.
// Equals share a rank; members stand by their ids then, posts as in [queryContext.rankPosts].
func (qc *queryContext) rankBoard(ctx context.Context) (members []rankedMember, posts []ranked, err error) {
	with, args := qc.gainsOfPosts()
	var list, nth int64
	var m rankedMember
	var p ranked
	err = qc.rank(ctx, "rank members and posts", with+`
		(select 1 as list, row_number() over (order by engagement desc, member_id) as nth,
		        rank() over (order by engagement desc) as place, member_id, posts, likes, comments, shares, views, engagement,
		        null::timestamptz, 0::bigint, '', ''
		 from (
			select member_id, count(*) as posts, sum(likes)::bigint as likes, sum(comments)::bigint as comments, sum(shares)::bigint as shares,
			       sum(views)::bigint as views,
			       (coalesce(sum(likes), 0) + coalesce(sum(comments), 0) + coalesce(sum(shares), 0))::bigint as engagement
			from stepped group by member_id) members
		 order by 2 limit $11)
		union all
		(select 2, row_number() over (order by `+bestFirst+`), rank() over (order by engagement desc), 0, 0,
		        null::bigint as likes, null::bigint as comments, null::bigint as shares, null::bigint as views, engagement,
		        nullif(published, '-infinity'), social_account_id, external_id, account_id
		 from (select * from gained order by `+bestFirst+` limit $11) best)
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
