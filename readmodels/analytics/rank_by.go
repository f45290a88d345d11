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

// ofPosts joins posts p with sums s of their steps. The join is a full one, and its condition not strict, because a full
// join is never nested: where PostgreSQL expects few posts, it would compare each of thousands with each.
const ofPosts = `
			full join (%s) s on s.social_account_id = p.social_account_id and s.external_id = p.external_id
			where coalesce(p.social_account_id, 0) > 0 and coalesce(s.social_account_id, 0) > 0`

// gainedOfPosts selects what posts are ranked by. That is what their engagement gained, from a CTE of their steps and "p"; with by=total it
// is what they have gathered, from the CTE "stepped". For the first page of everything
// that an agency has it selects those that gained most alone, which are on the page: the registrations of these few are looked up
// one by one, in the order of what they gained, where a join would take as long as all else.
func (qc *queryContext) gainedOfPosts(steps string, firstPage bool, limit string) string {
	if qc.rankedBy == RankByTotal {
		return "select social_account_id, external_id, account_id, published, engagement from stepped"
	}
	sums := "select social_account_id, external_id, sum_bigint(engagement) as engagement from " + steps +
		" where engagement is not null group by social_account_id, external_id"
	if !firstPage || qc.scope.Accounts != nil || qc.query.Category != 0 {
		return "select p.*, s.engagement from p" + fmt.Sprintf(ofPosts, sums)
	}
	return `
			select p.*, s.engagement
			from (` + sums + ` order by engagement desc) s
			cross join lateral (
				select ` + rankedKey + ` from tSPosts p
				where p.social_account_id = s.social_account_id and p.external_id = s.external_id and ` + qc.postsOfScope() + `
				offset 0) p
			order by s.engagement desc fetch first (` + limit + ") rows with ties"
}

// bestFirst is the order of a ranking: equals stand as in lists of posts.
const bestFirst = `engagement desc, published desc, social_account_id desc, external_id collate "C" desc, account_id collate "C" desc`
