package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// TopPosts is the answer to /getTopPostsInsights and /getMembersTopPosts.
type TopPosts struct {
	// Posts are ranked by what their engagement (likes + comments + shares) gained in the range, the most
	// first; of equal ones the newest first. Posts of which that is not known are left out: they were not read in
	// the range, or for the first time in a life that began before. Of one member they are those that gained while it had them.
	Posts []RankedPost `json:"posts"`
}

// RankedPost is a post in a ranking.
type RankedPost struct {
	Rank int64 `json:"rank"` // from 1; equals share one, and the next rank counts them all
	Post

	Latest PostCounts `json:"latest"` // at the end of the range
	Growth PostGrowth `json:"growth"` // in the range; `engagement` of PostGrowth ranks
}

// TopPosts answers the endpoints 8 and 22: the posts that gained most engagement in the range.
func (a *Analytics) TopPosts(ctx context.Context, scope readmodels.Scope, query RangeQuery) (TopPosts, Meta, error) {
	return answer(ctx, a, "top posts", scope, query, engagementMetrics(), func(ctx context.Context, qc *queryContext, data *TopPosts) error {
		ranking, err := qc.rankPosts(ctx)
		if err != nil {
			return err
		}
		if data.Posts, err = qc.rankedPosts(ctx, ranking); err != nil {
			return err
		}
		return qc.classifyPostSources(ctx)
	})
}

// rankedPosts reads all that is known of the posts of a ranking.
func (qc *queryContext) rankedPosts(ctx context.Context, ranking []ranked) ([]RankedPost, error) {
	n := len(ranking)
	socials, externals, accounts := make([]int64, n), make([]string, n), make([]string, n)
	for i, r := range ranking {
		socials[i], externals[i], accounts[i] = r.Social, r.External, r.Account
	}
	posts, err := qc.queryPosts(ctx, `
		select p.*, `+categoryOfPost+` as category
		from unnest($4::bigint[], $5::text[], $6::text[]) with ordinality as k(social, external, account, place)
		join tSPosts p on p.social_account_id = k.social and p.external_id = k.external and p.account_id = k.account and p.parent_account = $1
		where p.p_id = any($3) and ($2::text[] is null or p.account_id = any($2))
		order by k.place`, socials, externals, accounts)
	if err != nil {
		return nil, err
	}
	top := make([]RankedPost, len(posts))
	for i, p := range posts {
		top[i] = RankedPost{ranking[i].Rank, p.Post, p.counts(), p.growth()}
	}
	return top, nil
}
