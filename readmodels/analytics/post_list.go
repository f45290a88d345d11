package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostInsights is the answer to /getPostInsights and /getMembersPostInsights.
type PostInsights struct {
	// Posts are all that were published before the end of the range or read in it, newest first.
	Posts []PostInsight `json:"posts"`
}

// PostInsight is a post with its figures.
type PostInsight struct {
	Post

	Latest PostCounts `json:"latest"` // at the end of the range
	Growth PostGrowth `json:"growth"` // in the range
}

// PostInsights answers the endpoints 9 and 17: every post with its latest metrics, and what it gained in
// the range.
func (a *Analytics) PostInsights(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostInsights, Meta, error) {
	metrics := append(engagementMetrics(), domain.MetricViews)
	return answer(ctx, a, "posts", scope, query, metrics, func(ctx context.Context, qc *queryContext, data *PostInsights) error {
		data.Posts = []PostInsight{}
		posts, err := qc.readPosts(ctx)
		if err != nil {
			return err
		}
		for _, p := range posts {
			data.Posts = append(data.Posts, PostInsight{p.Post, p.counts(), p.growth()})
		}
		return qc.classifyPostSources(ctx)
	})
}

// PostsLikes is the answer to /getPostsLikes and /getMembersPostLikes.
type PostsLikes struct {
	Total     LikesSeries           `json:"total"`                     // over the platforms asked for
	Platforms []PlatformLikesSeries `json:"platforms" brief:"figures"` // each platform asked for, also without posts
	// Posts are all that were published before the end of the range or read in it, newest first. The pages of one answer
	// differ in them only. Of one member they are those whose connection is the member's now; what they gained is, as in
	// `total`, what they gained while it was.
	Posts []PostLikes `json:"posts"`
}

// PlatformLikesSeries are the likes of one platform.
type PlatformLikesSeries struct {
	readmodels.PlatformRef
	LikesSeries
}

// LikesSeries is the likes (or reactions) that posts gained.
type LikesSeries struct {
	// Likes are likes or reactions gained: Facebook reactions, Instagram likes, LinkedIn likeCount (profiles:
	// REACTION), TikTok like_count; all cumulative.
	Likes  Gain       `json:"likes"`
	Series []LikesDay `json:"series"` // every part of the range
	// PreviousSeries, with compare=previous or year, is what each part of `series` that has begun is compared with, in the
	// same order; `day` is its first day.
	PreviousSeries []LikesDay `json:"previous_series,omitzero"`
}

// LikesDay is one part of a [LikesSeries].
type LikesDay struct {
	// the day, or the first one of the week or month, even if the range begins after it; YYYY-MM-DD in the time zone
	Day      string `json:"day"`
	Likes    *int64 `json:"likes"`    // gained since the readings before, which may be some days old; null when nothing was read
	Readings int64  `json:"readings"` // of posts, captured in this part
}

// PostLikes is the likes of one post.
type PostLikes struct {
	Post

	Likes      *int64 `json:"likes"`                        // at the end of the range, since publication; null: not read, or not given
	Gained     *int64 `json:"gained"`                       // in the range, as `likes` of [PostGrowth]
	NoBaseline bool   `json:"no_baseline" brief:"omitzero"` // as `no_baseline` of [PostGrowth]
}

// PostsLikes answers the endpoints 10 and 19: likes per post and over time.
func (a *Analytics) PostsLikes(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostsLikes, Meta, error) {
	return answer(ctx, a, "likes of posts", scope, query, []string{domain.MetricLikes},
		func(ctx context.Context, qc *queryContext, data *PostsLikes) error {
			data.Posts = []PostLikes{}
			posts, err := qc.readPosts(ctx)
			if err != nil {
				return err
			}
			for _, p := range posts {
				growth := p.growth()
				data.Posts = append(data.Posts, PostLikes{p.Post, p.now.Likes, growth.Likes, growth.NoBaseline})
			}
			g, before, err := qc.gainsWithSources(ctx, qc.metrics)
			if err != nil {
				return err
			}
			data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) LikesSeries {
				return LikesSeries{g.gain(domain.MetricLikes, on...), seriesOf(g, likesDay, on), seriesOf(before, likesDay, on)}
			}, func(p readmodels.PlatformRef, s LikesSeries) PlatformLikesSeries { return PlatformLikesSeries{p, s} })
			return nil
		})
}

func likesDay(day string, sums *gainSums) LikesDay {
	return LikesDay{day, sums.likes.value(), sums.readings}
}

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
	GainedPartial bool   `json:"gained_partial"`               // as `engagement_partial` of [PostGrowth]
	NoBaseline    bool   `json:"no_baseline" brief:"omitzero"` // as `no_baseline` of [PostGrowth]
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
				c, g := p.counts(), p.growth()
				data.Posts = append(data.Posts, PostEngagement{
					Post: p.Post, Likes: c.Likes, Comments: c.Comments, Shares: c.Shares, Engagement: c.Engagement,
					EngagementPartial: c.EngagementPartial, Gained: g.Engagement, GainedPartial: g.EngagementPartial, NoBaseline: g.NoBaseline,
				})
			}
			return qc.classifyPostSources(ctx)
		})
}
