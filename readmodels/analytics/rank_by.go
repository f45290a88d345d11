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
