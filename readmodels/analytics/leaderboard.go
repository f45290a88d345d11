package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Leaderboard is the answer to /leaderboard.
type Leaderboard struct {
	// Members are ranked by what the engagement of posts gained in the range while they had them, the most first. A
	// member is ranked as soon as that is known of one post, also of one that is registered nowhere and so in no list of posts.
	// With by=total they are ranked by what the posts that were
	// published in the range have gathered, of the connections that are theirs now.
	Members []RankedMember `json:"members"`
	// Posts are ranked alike; of equal ones the newest first.
	Posts []RankedPost `json:"posts"`
}

// RankedMember is a member in a ranking. Its figures are what posts gained in the range at readings at which the
// connection was the member's, of the posts that are compared; with by=total what these have gathered by its end.
type RankedMember struct {
	Rank int64 `json:"rank"` // from 1; equals share one and stand by their ids, and the next rank counts them all
	// PreviousRank is the member's rank in the previous period, by the same measure; null where it had none.
	PreviousRank *int64              `json:"previous_rank"`
	MemberID     int64               `json:"member_id"`
	Name         domain.OptionalText `json:"name"`  // null when the directory does not know the member any more
	Image        domain.OptionalText `json:"image"` // address of the picture of its user; null without one
	Posts        int64               `json:"posts"` // how many are compared
	// Engagement is likes + comments + shares, of the parts that a platform gives.
	Engagement int64  `json:"engagement"`
	Likes      *int64 `json:"likes"` // likes or reactions; null when no platform gave any, as the others
	Comments   *int64 `json:"comments"`
	Shares     *int64 `json:"shares"`
	Views      *int64 `json:"views"` // video views; null: no platform gave any
}

// Leaderboard is endpoint 7: the best members and the best posts, ranked by engagement. It has no further
// pages; limit is how many of each are shown.
func (a *Analytics) Leaderboard(ctx context.Context, scope readmodels.Scope, query RangeQuery) (Leaderboard, Meta, error) {
	query.Page.Cursor = ""
	return answer(ctx, a, "leaderboard", scope, query, engagementMetrics(),
		func(ctx context.Context, qc *queryContext, data *Leaderboard) error {
			qc.rankBy()
			members, posts, err := qc.rankBoard(ctx)
			if err != nil {
				return err
			}
			data.Members = members
			if data.Posts, err = qc.rankedPosts(ctx, posts, members); err != nil {
				return err
			}
			return qc.classifyPostSources(ctx)
		})
}
