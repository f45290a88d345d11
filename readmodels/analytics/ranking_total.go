package analytics

import (
	"cmp"
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

// counted is the CTE "stepped": the last reading before the end of a range, of each post that was published in it, under the
// accounts and the member of the query. Parameters: $1 parent account, $2 accounts, $3 platforms, $4 member, $5 category,
// $6 to, $7 from, $8 the UTC day of to.
func (qc *queryContext) counted(of Range) (sql string, args arguments) {
	sql = `
		with stepped as materialized (
			select p.social_account_id, p.external_id, p.account_id, p.published_at as published, p.member_id,
			       e.likes, e.comments, e.shares, e.views, (coalesce(e.likes, 0) + coalesce(e.comments, 0) + coalesce(e.shares, 0))::bigint as engagement
			from (
				select * from tSPosts p
				where ` + qc.postsOfScope() + " and " + publishedByThen + " and " + publishedAt + " >= $7 and " + qc.ofMember("p.member_id") + `
				offset 0) p
			cross join lateral ` + readingAt("$6::timestamptz", "$8::timestamptz") + ` e
			where num_nonnulls(e.likes, e.comments, e.shares) > 0
		)`
	return sql, arguments{
		qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), qc.query.Member, qc.query.Category, of.To, of.From, startOfUTCDay(of.To),
	}
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
