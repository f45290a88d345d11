package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostsTotalEngagements is the answer to /getPostsTotalEngagements.
type PostsTotalEngagements struct {
	Total     EngagementTotals           `json:"total"`     // over the platforms asked for
	Platforms []platformEngagementTotals `json:"platforms"` // each platform asked for, also without posts
}

// platformEngagementTotals are the totals of one platform.
type platformEngagementTotals struct {
	readmodels.PlatformRef
	EngagementTotals
}

// EngagementTotals are the interactions that all posts together gained in the range.
type EngagementTotals struct {
	// Engagement is likes + comments + shares gained: the sum of the three beside it, of those that are known.
	Engagement Gain `json:"engagement"`
	// EngagementPartial says that it is not known of some readings what a part of the engagement gained.
	EngagementPartial bool            `json:"engagement_partial"`
	Likes             Gain            `json:"likes"`    // likes or reactions gained
	Comments          Gain            `json:"comments"` // comments gained
	Shares            Gain            `json:"shares"`   // shares gained, reposts included
	Series            []EngagementDay `json:"series"`   // every part of the range
	// PreviousSeries, with compare=previous or year, is what each part of `series` that has begun is compared with, in the
	// same order; `day` is its first day.
	PreviousSeries []EngagementDay `json:"previous_series,omitzero"`
}

// EngagementDay is one part of [EngagementTotals]: what was gained since the readings before, which may be
// some days old. Null when nothing was read.
type EngagementDay struct {
	// the day, or the first one of the week or month, even if the range begins after it; YYYY-MM-DD in the time zone
	Day        string `json:"day"`
	Engagement *int64 `json:"engagement"` // likes + comments + shares gained, of the parts that are there
	Likes      *int64 `json:"likes"`      // likes or reactions gained
	Comments   *int64 `json:"comments"`   // comments gained
	Shares     *int64 `json:"shares"`     // shares gained, reposts included
	Readings   int64  `json:"readings"`   // of posts, captured in this part
}

// engagementMetrics are what answers about engagement show.
func engagementMetrics() []string {
	return []string{domain.MetricLikes, domain.MetricComments, domain.MetricShares}
}

func (g *postGains) engagementTotals(before *postGains, platforms ...domain.Platform) EngagementTotals {
	t := EngagementTotals{
		Engagement: g.gain(domain.MetricEngagement, platforms...), Likes: g.gain(domain.MetricLikes, platforms...),
		Comments: g.gain(domain.MetricComments, platforms...), Shares: g.gain(domain.MetricShares, platforms...),
		Series: seriesOf(g, engagementDay, platforms), PreviousSeries: seriesOf(before, engagementDay, platforms),
	}
	for _, sums := range g.inBuckets(platforms) {
		t.EngagementPartial = t.EngagementPartial || sums.partial > 0
	}
	return t
}

func engagementDay(day string, sums *gainSums) EngagementDay {
	return EngagementDay{
		Day: day, Engagement: sums.engagement.value(), Likes: sums.likes.value(), Comments: sums.comments.value(),
		Shares: sums.shares.value(), Readings: sums.readings,
	}
}

// PostsLikes is the answer to /getPostsLikes and /getMembersPostLikes.
type PostsLikes struct {
	Total     LikesSeries           `json:"total"`     // over the platforms asked for
	Platforms []platformLikesSeries `json:"platforms"` // each platform asked for, also without posts
	// Posts are all that were published before the end of the range or read in it, newest first. The pages of one answer
	// differ in them only. Of one member they are those whose connection is the member's now; what they gained is, as in
	// `total`, what they gained while it was.
	Posts []PostLikes `json:"posts"`
}

// platformLikesSeries are the likes of one platform.
type platformLikesSeries struct {
	readmodels.PlatformRef
	LikesSeries
}

// LikesSeries is the likes (or reactions) that posts gained.
type LikesSeries struct {
	// Likes are likes or reactions gained: {post likes}.
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

func likesDay(day string, sums *gainSums) LikesDay {
	return LikesDay{day, sums.likes.value(), sums.readings}
}

// PostsViews is the answer to /getPostsViews and /getMembersPostViews.
type PostsViews struct {
	Total     ViewsSeries           `json:"total"`     // over the platforms asked for
	Platforms []platformViewsSeries `json:"platforms"` // each platform asked for, also without posts
}

// platformViewsSeries are the video views of one platform.
type platformViewsSeries struct {
	readmodels.PlatformRef
	ViewsSeries
}

// ViewsSeries is how often posts were seen: video views. Page views, which platforms count of accounts, stand in [Roi].
type ViewsSeries struct {
	// Views are the video views that posts gained in the range: {post views}. A platform without
	// them may count `impressions` of PostCounts.
	Views  Gain       `json:"views"`
	Series []ViewsDay `json:"series"` // every part of the range
	// PreviousSeries, with compare=previous or year, is what each part of `series` that has begun is compared with, in the
	// same order; `day` is its first day.
	PreviousSeries []ViewsDay `json:"previous_series,omitzero"`
}

// ViewsDay is one part of a [ViewsSeries].
type ViewsDay struct {
	// the day, or the first one of the week or month, even if the range begins after it; YYYY-MM-DD in the time zone
	Day      string `json:"day"`
	Views    *int64 `json:"views"`    // video views gained since the readings before, which may be some days old; null when nothing was read
	Readings int64  `json:"readings"` // of posts, captured in this part
}

func viewsDay(day string, sums *gainSums) ViewsDay {
	return ViewsDay{day, sums.views.value(), sums.readings}
}

// seriesOf makes a series of what posts on some platforms gained in each bucket; nil of no gains.
func seriesOf[D any](g *postGains, part func(day string, sums *gainSums) D, platforms []domain.Platform) []D {
	if g == nil {
		return nil
	}
	series := make([]D, len(g.buckets))
	for i, sums := range g.inBuckets(platforms) {
		series[i] = part(g.buckets[i].day.String(), &sums)
	}
	return series
}

// gainSeries reads what posts gained over time, and notes which social accounts' posts have the answer's figures. before
// is of the period that the series come with; nil: they come alone.
func gainSeries(ctx context.Context, qc *queryContext, metrics []string) (now, before *postGains, err error) {
	now, before, err = comparedGains(ctx, qc, metrics, qc.query.buckets())
	if err != nil {
		return nil, nil, err
	}
	for social, account := range now.accounts {
		sourceQuery{qc}.notePostMetrics(social, &account.now)
	}
	return now, before, nil
}
