package analytics

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// stepped is the CTE "stepped": what posts gained in a range, or have gathered by its end, each post of a member once, where
// the engagement is known.
func (qc *queryContext) stepped(of Range) (sql string, args arguments) {
	if qc.rankedBy == RankByTotal {
		return qc.counted(of)
	}
	sql, args = qc.steps(of.From, of.To, gainedInMonth(shownParts), eachOf(shownParts, "i.g%s"))
	sql += `,
		stepped as materialized (
			select social_account_id, external_id, member_id, ` + eachOf(shownParts, "sum_bigint(%[1]s) as %[1]s") + `,
			       ` + engagementOf("sum_bigint(%s)") + `
			from step`
	if qc.query.Category != 0 {
		sql += " where (social_account_id, external_id) in (select social_account_id, external_id from p)"
	}
	return sql + ` group by social_account_id, external_id, member_id having coalesce(` + eachOf(shownParts[:3], "sum_bigint(%s)") + `) is not null
		)`, args
}

// rankBoard reads the best members and the best posts: a member by what the engagement of posts gained while it had them,
// or by what its posts have gathered. Equals share a rank; members stand by their ids then, posts as in
// [queryContext.rankPosts]. The rank of a member in the period before is what this ranking would say of that. The members
// have no names yet; they are never nil, so that JSON shows a list.
func (qc *queryContext) rankBoard(ctx context.Context) (members []RankedMember, posts []ranked, err error) {
	members = []RankedMember{}
	with, args := qc.stepped(qc.query.Range)
	limit := args.add(qc.query.Page.Size(), "bigint")
	var list, nth int64
	var m RankedMember
	var p ranked
	rows, _ := qc.tx.Query(ctx, with+", gained as ("+qc.gainedOfPosts("stepped", true, limit)+`)
		(select 1 as list, row_number() over (order by engagement desc, member_id) as nth, rank() over (order by engagement desc) as place, members.*,
		        null::timestamptz, 0::bigint, '', ''
		 from (
			select member_id, count(*) as posts, `+eachOf(append(shownParts, "engagement"), "sum_bigint(%[1]s) as %[1]s")+`
			from stepped group by member_id) members
		 order by nth limit `+limit+`)
		union all
		(select 2, row_number() over (order by `+bestFirst+`), rank() over (order by engagement desc), 0, 0,
		        null::bigint as likes, null::bigint as comments, null::bigint as shares, null::bigint as views, engagement,
		        nullif(published, '-infinity'), social_account_id, external_id, account_id
		 from (select * from gained order by `+bestFirst+` limit `+limit+`) best)
		order by list, nth`, args...)
	err = forEach(rows, "rank members and posts", []any{
		&list, &nth, &m.Rank, &m.MemberID, &m.Posts, &m.Likes, &m.Comments, &m.Shares, &m.Views, &m.Engagement,
		&p.Published, &p.Social, &p.External, &p.Account,
	}, func() {
		if list == 1 {
			members = append(members, m)
		} else {
			p.Rank, p.Gained = m.Rank, m.Engagement
			posts = append(posts, p)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	previous, err := qc.ranksBefore(ctx)
	for i := range members {
		if rank, ok := previous[members[i].MemberID]; ok {
			members[i].PreviousRank = &rank
		}
	}
	return members, posts, err
}

// ranksBefore are the ranks of members in the period before. What their posts gained then is summed by quarters of an hour,
// unless those of a category are asked for: that is a few rows of each account, where there are some of each post.
func (qc *queryContext) ranksBefore(ctx context.Context) (map[int64]int64, error) {
	before := *qc
	before.query.Range = qc.query.Range.Previous()
	engagement := map[int64]int64{}
	if qc.rankedBy == RankByTotal || qc.query.Category != 0 {
		with, args := before.stepped(before.query.Range)
		var member, sum int64
		rows, _ := qc.tx.Query(ctx, with+" select member_id, sum_bigint(engagement) from stepped group by member_id", args...)
		if err := forEach(rows, "rank members before", []any{&member, &sum}, func() { engagement[member] = sum }); err != nil {
			return nil, err
		}
	} else {
		query := gainQuery{metrics: []string{domain.MetricEngagement}, from: before.query.Range.From}
		gains, err := before.gainRows(ctx, qc.platformIDs(), query, gainSets{"true", "(member_id, p_id)"})
		if err != nil {
			return nil, err
		}
		for _, g := range gains {
			if sum := g.engagement.value(); sum != nil {
				engagement[*g.member] += *sum
			}
		}
	}
	best := slices.SortedFunc(maps.Keys(engagement), func(a, b int64) int { return cmp.Compare(engagement[b], engagement[a]) })
	ranks := make(map[int64]int64, len(best))
	for i, member := range best {
		ranks[member] = int64(i + 1)
		if i > 0 && engagement[best[i-1]] == engagement[member] {
			ranks[member] = ranks[best[i-1]]
		}
	}
	return ranks, nil
}
