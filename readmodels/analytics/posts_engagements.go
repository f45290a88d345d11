package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostsEngagements is the answer to /getPostsEngagements and /getMembersPostEngagement.
type PostsEngagements struct {
	// Posts are all that were published before the end of the range or read in it, newest first.
	Posts []PostEngagement `json:"posts"`
}

// PostEngagement is the interactions with one post.
type PostEngagement struct {
	Post

	// Likes, `comments`, `shares` and their sum `engagement` are at the end of the range, since publication; as in
	// [PostCounts].
	Likes             *int64 `json:"likes"`
	Comments          *int64 `json:"comments"`           // at the end of the range, as `likes`
	Shares            *int64 `json:"shares"`             // at the end of the range, as `likes`
	Engagement        *int64 `json:"engagement"`         // the sum of `likes`, `comments` and `shares` that are known
	EngagementPartial bool   `json:"engagement_partial"` // a part of `engagement` is missing
	// Gained is what `engagement` gained in the range, as `engagement` of [PostGrowth].
	Gained        *int64 `json:"gained"`
	GainedPartial bool   `json:"gained_partial"` // as `engagement_partial` of [PostGrowth]
	NoBaseline    bool   `json:"no_baseline"`    // as `no_baseline` of [PostGrowth]
}

// PostsEngagements answers the endpoints 12 and 21: likes + comments + shares per post.
func (a *Analytics) PostsEngagements(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostsEngagements, Meta, error) {
	return answer(ctx, a, "engagement per post", scope, query, engagementMetrics(),
		func(ctx context.Context, qc *queryContext, data *PostsEngagements) error {
			data.Posts = []PostEngagement{}
			posts, err := qc.readPosts(ctx)
			if err != nil {
				return err
			}
			for _, p := range posts {
				c, g := p.counts, p.growth
				data.Posts = append(data.Posts, PostEngagement{
					Post: p.Post, Likes: c.Likes, Comments: c.Comments, Shares: c.Shares, Engagement: c.Engagement,
					EngagementPartial: c.EngagementPartial, Gained: g.Engagement, GainedPartial: g.EngagementPartial, NoBaseline: g.NoBaseline,
				})
			}
			return qc.classifyPostSources(ctx)
		})
}
