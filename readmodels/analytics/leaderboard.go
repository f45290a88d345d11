package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Leaderboard is the answer to /leaderboard.
type Leaderboard struct {
	// Members are ranked by what the engagement of their posts gained in the range, the most first. A member
	// is ranked as soon as that is known of one post: read in the range, and before it or published in it.
	Members []RankedMember `json:"members"`
	// Posts are ranked alike; of equal ones the newest first.
	Posts []RankedPost `json:"posts"`
}

// RankedMember is a member in a ranking. Its figures are what its posts gained in the range, of the posts
// that are compared; a post belongs to the member who owned the connection when it was last registered.
type RankedMember struct {
	Rank     int64  `json:"rank"` // from 1; equals share one and stand by their ids, and the next rank counts them all
	MemberID int64  `json:"member_id"`
	Name     string `json:"name"`  // "" when the directory does not know the member any more
	Posts    int64  `json:"posts"` // how many are compared
	// Engagement is likes + comments + shares, of the parts that a platform gives.
	Engagement int64  `json:"engagement"`
	Likes      *int64 `json:"likes"` // likes or reactions; null when no platform gave any, as the others
	Comments   *int64 `json:"comments"`
	Shares     *int64 `json:"shares"`
	Views      *int64 `json:"views"`
}

// Leaderboard is endpoint 7: the best members and the best posts, ranked by engagement. It has no further
// pages; limit is how many of each are shown.
func (a *Analytics) Leaderboard(ctx context.Context, scope readmodels.Scope, query RangeQuery) (Leaderboard, Meta, error) {
	query.Page.Cursor = ""
	return answer(ctx, a, "leaderboard", scope, query, engagementMetrics(),
		func(ctx context.Context, qc *queryContext, data *Leaderboard) error {
			data.Members = []RankedMember{}
			members, posts, err := qc.rankBoard(ctx)
			if err != nil {
				return err
			}
			names, err := qc.memberNames(ctx, members)
			if err != nil {
				return err
			}
			for _, m := range members {
				data.Members = append(data.Members, RankedMember{
					Rank: m.rank, MemberID: m.member, Name: names[m.member], Posts: m.posts, Engagement: m.engagement,
					Likes: m.likes, Comments: m.comments, Shares: m.shares, Views: m.views,
				})
			}
			if data.Posts, err = qc.rankedPosts(ctx, posts); err != nil {
				return err
			}
			return qc.classifyPostSources(ctx)
		})
}

// memberNames reads the names of those members that belong to the agency now.
func (qc *queryContext) memberNames(ctx context.Context, members []rankedMember) (map[int64]string, error) {
	ids := make([]int64, len(members))
	for i, m := range members {
		ids[i] = m.member
	}
	rows, _ := qc.tx.Query(ctx, `
		select m.id, m.name from members m join accounts o on o.id = m.account_id
		where m.id = any($2) and (o.parent_account = $1 or o.id = $1)`, qc.scope.ParentAccount, ids)
	names := map[int64]string{}
	var id int64
	var name string
	err := forEach(rows, "read names of members", []any{&id, &name}, func() { names[id] = name })
	return names, err
}
