package analytics

import (
	"cmp"
	"context"
	"fmt"
)

// RankBy says what a ranking goes by.
type RankBy string

// What rankings go by.
const (
	// RankByGained ranks by what likes, comments and shares gained in the range, whenever the posts were published.
	RankByGained RankBy = "gained"
	// RankByTotal ranks the posts that were published in the range by all that they had gathered at its end.
	RankByTotal RankBy = "total"
)

// RankingOffer is the ranking that may say more than the answer's.
type RankingOffer struct {
	By     RankBy `json:"by"`     // what to ask for
	Reason string `json:"reason"` // a sentence
}

// counted is the CTE "stepped": the posts that were published in a range, under the accounts and the member of the query,
// with their last reading before its end. Parameters: $1 parent account, $2 accounts, $3 platforms, $4 member,
// $5 category, $6 to, $7 from, $8 the UTC day of to.
func (qc *queryContext) counted(of Range) (sql string, args []any) {
	sql = `
		with stepped as materialized (
			select p.social_account_id, p.external_id, p.account_id, p.published_at as published, p.member_id,
			       e.likes, e.comments, e.shares, e.views,
			       (coalesce(e.likes, 0) + coalesce(e.comments, 0) + coalesce(e.shares, 0))::bigint as engagement
			from (
				select * from tSPosts p
				where ` + qc.postsOfScope() + " and coalesce(p.published_at, '-infinity') >= $7 and " + qc.ofMember("p.member_id") + `
				offset 0) p
			cross join lateral ` + readingAt("$6::timestamptz", "$8::timestamptz") + ` e
			where num_nonnulls(e.likes, e.comments, e.shares) > 0
		)`
	return sql, []any{
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.query.Category, of.To, of.From, startOfUTCDay(of.To),
	}
}

// previousRanks are the ranks of the members in the previous period, by the same measure; who has none is not there.
func (qc *queryContext) previousRanks(ctx context.Context) (map[int64]int64, error) {
	engagement := map[int64]*tally{}
	add := func(member int64, t tally) {
		if engagement[member] == nil {
			engagement[member] = &tally{}
		}
		engagement[member].add(t)
	}
	var member int64
	var sum tally
	previous := qc.query.Range.Previous()
	if qc.rankedBy == RankByTotal {
		with, args := qc.counted(previous)
		err := qc.rank(ctx, "rank members of the previous period", with+" select member_id, sum(engagement)::bigint, count(*) from stepped group by member_id",
			args, []any{&member, &sum.sum, &sum.n}, func() { add(member, sum) })
		return ranksOf(engagement), err
	}
	whole := gainQuery{from: previous.From}
	rows, _ := qc.queryGrouped(ctx, `
		select member_id, sum(engagement)::bigint, sum(engagement_n)::bigint
		from post_gains
		where parent_account = $1 and `+qc.within("account_id")+` and p_id = any($3) and ($4::bigint = 0 or member_id = $4)
		  and quarter >= $5 and quarter < $6 and quarter <> all($7::timestamptz[])
		group by member_id`,
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, previous.From, previous.To, qc.cutQuarters(whole))
	err := forEach(rows, "rank members of the previous period", []any{&member, &sum.sum, &sum.n}, func() { add(member, sum) })
	if err != nil {
		return nil, err
	}
	cut, err := qc.cutGains(ctx, whole)
	for _, r := range cut {
		if r.at.Before(previous.To) {
			add(r.member, r.engagement)
		}
	}
	return ranksOf(engagement), err
}

// ranksOf ranks members by a sum; equals share a rank.
func ranksOf(sums map[int64]*tally) map[int64]int64 {
	ranks := map[int64]int64{}
	for member, own := range sums {
		if own.n == 0 {
			continue
		}
		ranks[member] = 1
		for _, other := range sums {
			if other.n > 0 && other.sum > own.sum {
				ranks[member]++
			}
		}
	}
	return ranks
}

// rankBy notes what the answer's rankings go by.
func (qc *queryContext) rankBy() { qc.rankedBy = cmp.Or(qc.query.By, RankByGained) }

// offerTotal offers the other ranking where pages were first read here within the range.
func (qc *queryContext) offerTotal(pages int) {
	if qc.rankedBy != RankByGained || pages == 0 {
		return
	}
	reason := "One page was first read here in this range: what its posts had gathered before was not gained in it."
	if pages > 1 {
		reason = fmt.Sprintf("%d pages were first read here in this range: what their posts had gathered before was not gained in it.", pages)
	}
	qc.instead = &RankingOffer{RankByTotal, reason + " by=total ranks the posts that were published in the range by all that they have gathered."}
}
