package analytics

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// memberSteps returns the CTE "stepped": the gains of posts in a range or their totals at its end,
// one row per post and member, if the engagement is known.
func (p postQuery) memberSteps(r Range) (sql string, args arguments) {
	if p.rankedBy == RankByTotal {
		return p.postTotals(r)
	}
	sql, args = p.steps(r, sumsOfWeek(shownFigures), sumsOfReading(shownFigures))
	sql += `,
		stepped as materialized (
			select post, member_id, ` + totalsOf(shownFigures) + `,
			       sum_bigint(likes) + sum_bigint(comments) + sum_bigint(shares) as engagement
			from step`
	if p.isFiltered() {
		sql += " where (post in (select post from p)) is true" // hashed; as a join, it might be a nested loop
	}
	return sql + `
			group by post, member_id
			having sum_bigint(likes_n) + sum_bigint(comments_n) + sum_bigint(shares_n) > 0
		)`, args
}

// rankBoard reads the best members and the best posts. Members are ranked by the engagement that
// posts gained while the member owned them, or by the total engagement of the member's posts. Tied
// members share a rank and are ordered by id; posts are ordered as in [postQuery.rankPosts].
// PreviousRank is the rank in the same ranking of the previous period. The members have no names
// yet. The list of members is never nil, so that JSON has an array.
func (p postQuery) rankBoard(ctx context.Context) (members []RankedMember, posts []postRank, err error) {
	members = []RankedMember{}
	ctes, args := p.memberSteps(p.query.Range)
	limit := args.add(p.query.Page.Size(), "bigint")
	var list, nth int64
	var m RankedMember
	var ranked postRank
	sums := eachOf(append(slices.Clone(shownFigures), "engagement"), "sum_bigint(%[1]s) as %[1]s")
	rows, _ := p.tx.Query(ctx, ctes+", gained as ("+p.gainedOfPosts("stepped", true, limit)+`)
		(select 1 as list, row_number() over (order by engagement desc, member_id) as nth,
		        rank() over (order by engagement desc) as place, members.*, null::timestamptz, 0::bigint, ''
		 from (
			select member_id, count(*) as posts, `+sums+`
			from stepped group by member_id) members
		 order by nth limit `+limit+`)
		union all
		(select 2, row_number() over (order by `+bestFirst+`), rank() over (order by engagement desc), 0, 0,
		        null::bigint as likes, null::bigint as comments, null::bigint as shares, null::bigint as views,
		        engagement,
		        nullif(published, '-infinity'), social_account_id, external_id
		 from (select * from gained order by `+bestFirst+` limit `+limit+`) best)
		order by list, nth`, args...)
	err = forEach(rows, "rank members and posts", []any{
		&list, &nth, &m.Rank, &m.MemberID, &m.Posts, &m.Likes, &m.Comments, &m.Shares, &m.Views, &m.Engagement,
		&ranked.Published, &ranked.Social, &ranked.External,
	}, func() {
		if list == 1 {
			members = append(members, m)
		} else {
			ranked.Rank, ranked.Gained = m.Rank, m.Engagement
			posts = append(posts, ranked)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	previous, err := p.ranksBefore(ctx)
	for i := range members {
		if rank, ok := previous[members[i].MemberID]; ok {
			members[i].PreviousRank = &rank
		}
	}
	return members, posts, err
}

// ranksBefore returns the ranks of members in the previous period. Gains come from the sums per
// quarter hour, unless there is a filter: that is a few rows per account instead of
// several per post.
func (p postQuery) ranksBefore(ctx context.Context) (map[int64]int64, error) {
	earlier := *p.queryContext
	earlier.query.Range = p.query.Range.Compared(ComparePrevious)
	before := postQuery{&earlier}
	gains, args := gainParts(&earlier, p.platformIDs(), gainQuery{from: before.query.Range.From})
	gains = "select member_id, likes + comments + shares as engagement from (" + gains + ") g where likes_n + comments_n + shares_n > 0"
	if p.rankedBy == RankByTotal || p.isFiltered() {
		gains, args = before.memberSteps(before.query.Range)
		gains += " select member_id, engagement from stepped"
	}
	rows, _ := p.queryGrouped(ctx, `
		select member_id, rank() over (order by sum_bigint(engagement) desc) from (`+gains+`) g group by member_id`,
		args...)
	return pg.ScanMap[int64, int64](rows, "rank members in previous period")
}
