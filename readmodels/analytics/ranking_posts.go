package analytics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

type postRank struct {
	postKey

	Gained int64 `json:"g"`
	Rank   int64 `json:"-"`
}

// steps returns the CTEs "step", sums of gains and numbers of gains of posts in a range (several rows
// per post and member), and "p", each post of the query once. ofWeek and ofReading are the
// expressions to select. The arguments begin as [postQuery.arguments].
func (p postQuery) steps(r Range, ofWeek, ofReading string) (sql string, args arguments) {
	args = p.arguments()
	weeks, readings := gainsNear(r, "owner = o.id", &args)
	owned := `
			select s.*, o.member_id from (` + p.ownersInScope() + `) o
			cross join lateral (select post, `
	return `
		with step as (` + owned + ofWeek + " from " + weeks + ` offset 0) s
			union all` + owned + ofReading + " from " + readings + ` offset 0) s
		)` + p.rankablePosts(), args
}

// gainsNear returns the FROM items and conditions of SQL for the gains of posts in a range: the sums of
// the weeks nearest to it, and readings r to be added or, with k.sign -1, subtracted. It appends its
// parameters to args. Reading the sums of weeks saves reading most readings.
func gainsNear(r Range, condition string, args *arguments) (weeks, readings string) {
	near, rest := nearestWeeks(r)
	begins, ends := spanArrays(rest)
	signs := make([]int16, len(rest))
	for i, s := range rest {
		signs[i] = 1
		if s.begins.Before(r.From) || s.ends.After(r.To) {
			signs[i] = -1
		}
	}
	weeks = "post_weeks r where " + condition + " and begins >= " + args.add(near.begins, "timestamptz") +
		" and begins < " + args.add(near.ends, "timestamptz")
	readings = "unnest(" + args.add(begins, "timestamptz[]") + ", " + args.add(ends, "timestamptz[]") + ", " +
		args.add(signs, "smallint[]") + `) as k(begins, ends, sign)
				cross join lateral (
					select * from post_readings r
					where ` + condition + ` and counted and captured_at >= k.begins and captured_at < k.ends
					offset 0) r`
	return weeks, readings
}

// nearestWeeks returns the weeks that are nearest to a range, and the intervals by which they differ
// from it. At each end, the shorter part of a week differs; time that has not come is not counted.
func nearestWeeks(r Range) (weeks span, rest []span) {
	from, to, now := r.From.UTC(), later(r.From, r.To).UTC(), r.Now.UTC()
	weeks = span{from.Truncate(aWeek), to.Truncate(aWeek)}
	if next := weeks.begins.Add(aWeek); next.Sub(from) < from.Sub(weeks.begins) {
		weeks.begins = next
	}
	elapsed := func(at time.Time) time.Time {
		if r.Now.IsZero() {
			return at
		}
		return earlier(at, now)
	}
	if next := weeks.ends.Add(aWeek); elapsed(next).Sub(elapsed(to)) < elapsed(to).Sub(elapsed(weeks.ends)) {
		weeks.ends = next
	}
	if !weeks.begins.Before(weeks.ends) {
		return span{from, from}, []span{{from, to}}
	}
	for _, s := range []span{
		{earlier(from, weeks.begins), later(from, weeks.begins)}, {earlier(to, weeks.ends), later(to, weeks.ends)},
	} {
		if s.begins.Before(s.ends) {
			rest = append(rest, s)
		}
	}
	return weeks, rest
}

const rankedKey = `p.post, p.social_account_id, p.external_id, coalesce(p.published_at, '-infinity') as published`

// rankablePosts returns CTEs, the last of them "p". Posts that gained for the scope but are
// registered outside it are found with "except", which PostgreSQL hashes; it would run an anti-join
// of thousands of rows as a nested loop. Their registration must not be visible to the caller, so a
// filter excludes them.
func (p postQuery) rankablePosts() string {
	registered := "select " + rankedKey + " from tSPosts p where " + p.postsOfScope()
	if p.scope.Accounts == nil || p.isFiltered() {
		return ", p as (" + registered + ")"
	}
	return `,
		registered as (` + registered + `),
		p as (
			select * from registered
			union all
			select p.* from (
				select post from step except select post from registered) k
			cross join lateral (
				select ` + rankedKey + ` from tSPosts p
				where p.post = k.post and not (` + p.withinAccounts("p.account_id") + `)
				offset 0) p
		)`
}

// sumsOfWeek returns SQL for the gains of figures in rows of post_weeks, and sumsOfReading for those in
// readings r: for each figure a sum and a number of gains.
func sumsOfWeek(figures []string) string { return eachOf(figures, "%[1]s, %[1]s_n") }

func sumsOfReading(figures []string) string {
	return eachOf(figures, "k.sign * coalesce(r.g%[1]s, 0), k.sign * (r.g%[1]s is not null)::integer")
}

const (
	engagementOfWeek = `likes + comments + shares as engagement, likes_n + comments_n + shares_n as engagement_n`

	engagementOfReading = `k.sign * (coalesce(r.glikes, 0) + coalesce(r.gcomments, 0) + coalesce(r.gshares, 0)),
				k.sign * num_nonnulls(r.glikes, r.gcomments, r.gshares)`
)

// totalsOf returns SQL that adds up sums of gains; null if no gain is known.
func totalsOf(figures []string) string {
	return eachOf(figures, "case when sum_bigint(%[1]s_n) > 0 then sum_bigint(%[1]s) end as %[1]s")
}

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
func (p postQuery) rankPosts(ctx context.Context) ([]postRank, error) {
	scope := p.cursorScope("top by " + string(p.rankedBy))
	last, err := readmodels.DecodeCursor[postRank](p.query.Page.Cursor, scope)
	if err != nil {
		return nil, err
	}
	limit := p.query.Page.Size()
	r := p.query.Range
	var ctes string
	var args arguments
	if p.rankedBy == RankByTotal {
		ctes, args = p.postTotals(r)
	} else {
		ctes, args = p.steps(r, engagementOfWeek, engagementOfReading)
	}
	args = append(args, limit+1)
	atMost := fmt.Sprintf("$%d", len(args))
	ctes += ", gained as (" + p.gainedOfPosts("step", last == nil, atMost) + ")"
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
	var ranked postRank
	rows, _ := p.tx.Query(ctx, ctes+`
		select engagement, `+place+`, nullif(published, '-infinity'), social_account_id, external_id
		from (select * from gained where `+onPage+` order by `+bestFirst+" limit "+atMost+`) page
		order by `+bestFirst, args...)
	dest := []any{&ranked.Gained, &ranked.Rank, &ranked.Published, &ranked.Social, &ranked.External}
	err = forEach(rows, "rank posts", dest, func() { posts = append(posts, ranked) })
	if err != nil {
		return nil, err
	}
	posts, p.cursor, err = readmodels.CutPage(posts, limit, scope, func(ranked postRank) postRank { return ranked })
	return posts, err
}

// postTotals returns the CTE "stepped": the last reading before the end of a range, for each post
// published in it, under the accounts and the member of the query. The arguments begin as
// [postQuery.arguments].
func (p postQuery) postTotals(r Range) (sql string, args arguments) {
	args = p.arguments()
	from, to := args.add(r.From, "timestamptz"), args.add(r.To, "timestamptz")
	return `
		with stepped as materialized (
			select p.post, p.social_account_id, p.external_id, p.published_at as published, p.member_id,
			       e.likes, e.comments, e.shares, e.views,
			       (coalesce(e.likes, 0) + coalesce(e.comments, 0) + coalesce(e.shares, 0))::bigint as engagement
			from (
				select * from tSPosts p
				where ` + p.postsOfScope() + " and " + p.ofMember("p.member_id") + `
				  and ` + publishedAt + " < " + to + " and " + publishedAt + " >= " + from + `
				offset 0) p
			cross join lateral ` + readingBefore(to) + ` e
			where num_nonnulls(e.likes, e.comments, e.shares) > 0
		)`, args
}
