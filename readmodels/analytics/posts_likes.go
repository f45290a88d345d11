package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostsLikes is the answer to /getPostsLikes and /getMembersPostLikes.
type PostsLikes struct {
	Total     LikesSeries           `json:"total"`     // over the platforms asked for
	Platforms []PlatformLikesSeries `json:"platforms"` // each platform asked for, also without posts
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

	Likes      *int64 `json:"likes"`       // at the end of the range, since publication; null: not read, or not given
	Gained     *int64 `json:"gained"`      // in the range, as `likes` of [PostGrowth]
	NoBaseline bool   `json:"no_baseline"` // as `no_baseline` of [PostGrowth]
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
				data.Posts = append(data.Posts, PostLikes{p.Post, p.counts.Likes, p.growth.Likes, p.growth.NoBaseline})
			}
			g, before, err := qc.gainSeries(ctx, qc.metrics)
			if err != nil {
				return err
			}
			data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) LikesSeries {
				return LikesSeries{g.gain(domain.MetricLikes, on...), seriesOf(g, likesDay, on), seriesOf(before, likesDay, on)}
			}, func(p readmodels.PlatformRef, s LikesSeries) PlatformLikesSeries { return PlatformLikesSeries{p, s} })
			return qc.classifySources(ctx)
		})
}

func likesDay(day string, sums *gainSums) LikesDay {
	return LikesDay{day, sums.likes.value(), sums.readings}
}
