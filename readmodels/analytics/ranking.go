package analytics

import (
	"context"
	"fmt"
	"strings"
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

// steps are the CTEs "step", sums of what posts gained at readings in the range, several of each post and member, and "p",
// the posts of the query, each once. What a post gained on whole UTC days is a difference of two sums of a month. A day
// that an end cuts counts whole where all its readings lie in the range; else the readings are looked for. Parameters: $1
// parent account, $2 accounts, $3 platforms, $4 member, $5 category, $6 to, $7 from, $8 and $9 first whole day and the one
// after the last, $10 the days that are cut, $11 the first month.
func (qc *queryContext) steps() (sql string, args []any) {
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
	if end.Before(first) { // the range lies inside of a day
		end = first
	}
	of := func(table string) string {
		return table + ".parent_account = $1 and " + qc.within(table+".account_id") + " and " + table + ".p_id = any($3) and " +
			qc.ofMember(table+".member_id")
	}
	sql = `
		with step as (
			select social_account_id, external_id, member_id, ` + gainedInMonth("likes", "comments", "shares", "views") + `
			from (
				select m.*, width_bucket(greatest($8::date - m.month, 0)::smallint, m.days) as before,
				       width_bucket(least($9::date - m.month, 31)::smallint, m.days) as upto,
				       ((1::bigint << least($9::date - m.month, 31)) - (1::bigint << greatest($8::date - m.month, 0)))::integer as mask
				from post_months m
				where ` + of("m") + ` and m.month >= $11::date and m.month < $9::date
				offset 0) m
			union all
			select social_account_id, external_id, member_id, glikes, gcomments, gshares, gviews
			from post_daily d where ` + of("d") + ` and d.day = any($10::date[]) and ` + wholeDay + `
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
			where ` + of("d") + ` and d.day = any($10::date[]) and d.captured_at >= $7 and not (` + wholeDay + `)
		)` + qc.rankable()
	return sql, []any{
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.query.Category, to, from, first, end, cut,
		first.AddDate(0, 0, 1-first.Day()),
	}
}

// rankable are the CTEs that end in "p". Posts that gained for the scope and are registered outside of it are those of
// steps that lack a registration in it: an "except" hashes them, where PostgreSQL would nest an anti-join of thousands.
// The category of those is not the caller's to know: of a category there are none.
func (qc *queryContext) rankable() string {
	const key = `p.social_account_id, p.external_id, p.account_id, coalesce(p.published_at, '-infinity') as published`
	registered := "select " + key + " from tSPosts p where " + qc.postsOfScope()
	if qc.scope.Accounts == nil || qc.query.Category != 0 {
		return ", p as (" + registered + ")"
	}
	return `,
		registered as (` + registered + `),
		p as (
			select * from registered
			union all
			select p.* from (
				select social_account_id, external_id from step except select social_account_id, external_id from registered) k
			cross join lateral (
				select ` + key + ` from tSPosts p
				where p.social_account_id = k.social_account_id and p.external_id = k.external_id and p.parent_account = $1
				  and p.newer_accounts is null and coalesce(p.published_at, '-infinity') < $6
				  and not exists (
					select from tSPosts o
					where o.social_account_id = k.social_account_id and o.external_id = k.external_id and o.parent_account = $1
					  and ` + qc.within("o.account_id") + `)
				offset 0) p
		)`
}

// wholeDay selects the days d, of those that are cut, whose readings all lie in the range.
const wholeDay = "d.day >= $8::date and d.captured_at < $6"

// gainedInMonth selects what a month m gained in the range: the sum at the last day in it less the one before the first,
// null where of no day in it a gain is known.
func gainedInMonth(figures ...string) string {
	for i, f := range figures {
		figures[i] = fmt.Sprintf("case when %[1]s_days & mask <> 0 then %[1]s[upto] - coalesce(%[1]s[before], 0) end as g%[1]s", f)
	}
	return strings.Join(figures, ", ")
}

// ofPosts joins posts p with sums s of their steps. The join is a full one, and its condition not strict, because a full
// join is never nested: where PostgreSQL expects few posts, it would compare each of thousands with each.
const ofPosts = `
			full join (
				select social_account_id, external_id, %s from step
				%s
			) s on s.social_account_id = p.social_account_id and s.external_id = p.external_id
			where coalesce(p.social_account_id, 0) > 0 and coalesce(s.social_account_id, 0) > 0`

// bestFirst is the order of a ranking: equals stand as in lists of posts.
const bestFirst = `engagement desc, published desc, social_account_id desc, external_id collate "C" desc, account_id collate "C" desc`

// rankPosts reads a page of the posts by what their engagement gained; equals share a rank and stand by
// the order of [postKey]. Posts of which nothing is known have no rank. Ranks are counted from the page and how many
// stand before it, so that only the page is sorted.
func (qc *queryContext) rankPosts(ctx context.Context) ([]ranked, error) {
	scope := qc.cursorScope("top by " + string(qc.rankedBy))
	last, err := readmodels.DecodeCursor[ranked](qc.query.Page.Cursor, scope)
	if err != nil {
		return nil, err
	}
	limit := qc.query.Page.Size()
	var with string
	var args []any
	if qc.rankedBy == RankByTotal {
		with, args = qc.counted(qc.query.Range)
		with += `,
		gained as (select social_account_id, external_id, account_id, published, engagement from stepped)`
	} else {
		with, args = qc.steps()
		with += `,
		gained as (
			select p.*, s.engagement from p` + fmt.Sprintf(ofPosts, `
				       sum(coalesce(glikes, 0) + coalesce(gcomments, 0) + coalesce(gshares, 0))::bigint as engagement`, `
				where num_nonnulls(glikes, gcomments, gshares) > 0 group by social_account_id, external_id`) + `
		)`
	}
	n := len(args)
	args = append(args, limit+1)
	place, onPage := "rank() over (order by engagement desc)", "true"
	if last != nil {
		better := fmt.Sprintf("$%d::bigint", n+2)
		beyond := fmt.Sprintf(`(engagement, published, social_account_id, external_id collate "C", account_id collate "C")
				< (%s, coalesce($%d::timestamptz, '-infinity'), $%d::bigint, $%d::text collate "C", $%d::text collate "C")`, better, n+3, n+4, n+5, n+6)
		with += `,
		passed as materialized (
			select count(*) filter (where engagement > ` + better + `) as better, count(*) as posts from gained where not ` + beyond + `
		)`
		place = "case when engagement = " + better + " then (select better from passed) + 1 else (select posts from passed) + " + place + " end"
		onPage = beyond
		args = append(args, last.Gained, last.Published, last.Social, last.External, last.Account)
	}
	var posts []ranked
	var p ranked
	err = qc.rank(ctx, "rank posts", with+`
		select engagement, `+place+`, nullif(published, '-infinity'), social_account_id, external_id, account_id
		from (select * from gained where `+onPage+` order by `+bestFirst+fmt.Sprintf(" limit $%d) page", n+1)+`
		order by `+bestFirst, args, []any{&p.Gained, &p.Rank, &p.Published, &p.Social, &p.External, &p.Account},
		func() { posts = append(posts, p) })
	if err != nil {
		return nil, err
	}
	posts, qc.cursor, err = readmodels.CutPage(posts, limit, scope, func(p ranked) ranked { return p })
	return posts, err
}

// rankBoard reads the best members and the best posts: a member by what the engagement of posts gained while it had them,
// or by what its posts have gathered. Equals share a rank; members stand by their ids then, posts as in
// [queryContext.rankPosts].
func (qc *queryContext) rankBoard(ctx context.Context) (members []rankedMember, posts []ranked, err error) {
	var with string
	var args []any
	if qc.rankedBy == RankByTotal {
		with, args = qc.counted(qc.query.Range)
	} else {
		with, args = qc.steps()
		with += `,
		stepped as materialized (
			select p.*, s.member_id, s.likes, s.comments, s.shares, s.views from p` + fmt.Sprintf(ofPosts, `member_id,
				       sum(glikes)::bigint as likes, sum(gcomments)::bigint as comments, sum(gshares)::bigint as shares,
				       sum(gviews)::bigint as views`, `group by social_account_id, external_id, member_id
				having count(glikes) + count(gcomments) + count(gshares) > 0`) + `
		)`
	}
	with += `,
		gained as (
			select social_account_id, external_id, account_id, published,
			       (coalesce(sum(likes), 0) + coalesce(sum(comments), 0) + coalesce(sum(shares), 0))::bigint as engagement
			from stepped group by social_account_id, external_id, account_id, published
		)`
	limit := fmt.Sprintf(" limit $%d)", len(args)+1)
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
		 order by 2`+limit+`
		union all
		(select 2, row_number() over (order by `+bestFirst+`), rank() over (order by engagement desc), 0, 0,
		        null::bigint as likes, null::bigint as comments, null::bigint as shares, null::bigint as views, engagement,
		        nullif(published, '-infinity'), social_account_id, external_id, account_id
		 from (select * from gained order by `+bestFirst+limit+` best)
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
