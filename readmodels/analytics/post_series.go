package analytics

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostsTotalEngagements is the response to /getPostsTotalEngagements.
type PostsTotalEngagements struct {
	Total EngagementTotals `json:"total"` // all requested platforms together
	// all requested platforms, including those without posts
	Platforms []platformEngagementTotals `json:"platforms"`
}

// platformEngagementTotals are the totals of one platform.
type platformEngagementTotals struct {
	readmodels.PlatformRef
	EngagementTotals
}

// EngagementTotals are the interactions that all posts together gained in the range.
type EngagementTotals struct {
	// Engagement is likes + comments + shares gained: the sum of those that are known.
	Engagement Gain `json:"engagement"`
	// EngagementPartial is true if likes, comments and shares of an account's posts have different
	// numbers of known gains.
	EngagementPartial bool            `json:"engagement_partial"`
	Likes             Gain            `json:"likes"`    // likes or reactions gained
	Comments          Gain            `json:"comments"` // comments gained
	Shares            Gain            `json:"shares"`   // shares gained, including reposts
	Series            []EngagementDay `json:"series"`   // one entry per interval of the range
	// PreviousSeries is what `series` is compared with; absent with compare=none.
	PreviousSeries []EngagementDay `json:"previous_series,omitzero"`
}

// EngagementDay is one interval of [EngagementTotals]. Its figures are gains since the previous
// readings, which can be several days old, and null if nothing was read.
type EngagementDay struct {
	// Day is the first day of the interval, YYYY-MM-DD in the response's time zone. It can be
	// before the range.
	Day string `json:"day"`
	// likes + comments + shares gained, as far as they are known
	Engagement *int64 `json:"engagement"`
	Likes      *int64 `json:"likes"`    // likes or reactions gained
	Comments   *int64 `json:"comments"` // comments gained
	Shares     *int64 `json:"shares"`   // shares gained, including reposts
	Readings   int64  `json:"readings"` // number of readings of posts captured in this interval
}

func engagementMetrics() []string {
	return []string{domain.MetricLikes, domain.MetricComments, domain.MetricShares}
}

func (p *postGains) engagementTotals(before *postGains, platforms ...domain.Platform) EngagementTotals {
	t := EngagementTotals{
		Engagement: p.gain(domain.MetricEngagement, platforms...), Likes: p.gain(domain.MetricLikes, platforms...),
		Comments: p.gain(domain.MetricComments, platforms...), Shares: p.gain(domain.MetricShares, platforms...),
		Series: seriesOf(p, engagementDay, platforms), PreviousSeries: seriesOf(before, engagementDay, platforms),
	}
	for _, account := range p.accounts {
		t.EngagementPartial = t.EngagementPartial || account.now.isPartial() && slices.Contains(platforms, account.platform)
	}
	return t
}

func engagementDay(day string, sums *gainSums) EngagementDay {
	return EngagementDay{
		Day: day, Engagement: sums.engagement().value(), Likes: sums.likes.value(), Comments: sums.comments.value(),
		Shares: sums.shares.value(), Readings: sums.readings,
	}
}

// PostsLikes is the response to /getPostsLikes and /getMembersPostLikes.
type PostsLikes struct {
	Total LikesSeries `json:"total"` // all requested platforms together
	// all requested platforms, including those without posts
	Platforms []platformLikesSeries `json:"platforms"`
	// Posts are all posts that were published before the end of the range or read in it, newest
	// first. The pages of a response differ only in this list. For a member, the list contains the
	// posts of the connections that the member owns now, and posts that were read in the range
	// while the member owned their connection. Their gains, like `total`, include only readings
	// from the time when the member owned the connection.
	Posts []PostLikes `json:"posts"`
}

// platformLikesSeries is the series of one platform.
type platformLikesSeries struct {
	readmodels.PlatformRef
	LikesSeries
}

// LikesSeries is the number of likes (or reactions) that posts gained, in total and over time.
type LikesSeries struct {
	// Likes are likes or reactions gained: {post likes}.
	Likes  Gain       `json:"likes"`
	Series []LikesDay `json:"series"` // one entry per interval of the range
	// PreviousSeries is what `series` is compared with; absent with compare=none.
	PreviousSeries []LikesDay `json:"previous_series,omitzero"`
}

// LikesDay is one interval of a [LikesSeries].
type LikesDay struct {
	// Day is the first day of the interval, YYYY-MM-DD in the response's time zone. It can be
	// before the range.
	Day string `json:"day"`
	// gained since the previous readings, which can be several days old; null if nothing was read
	Likes    *int64 `json:"likes"`
	Readings int64  `json:"readings"` // number of readings of posts captured in this interval
}

// PostLikes is one post with its likes.
type PostLikes struct {
	Post

	// total since publication, at the end of the range; null if not read or not reported
	Likes      *int64 `json:"likes"`
	Gained     *int64 `json:"gained"`      // gained in the range, see `likes` of [PostGrowth]
	NoBaseline bool   `json:"no_baseline"` // see `no_baseline` of [PostGrowth]
}

func likesDay(day string, sums *gainSums) LikesDay {
	return LikesDay{day, sums.likes.value(), sums.readings}
}

// PostsViews is the response to /getPostsViews and /getMembersPostViews.
type PostsViews struct {
	Total ViewsSeries `json:"total"` // all requested platforms together
	// all requested platforms, including those without posts
	Platforms []platformViewsSeries `json:"platforms"`
}

// platformViewsSeries is the series of one platform.
type platformViewsSeries struct {
	readmodels.PlatformRef
	ViewsSeries
}

// ViewsSeries is the number of video views that posts gained, in total and over time. Page views,
// which platforms count per account, are in [Roi].
type ViewsSeries struct {
	// Views are the video views that posts gained in the range: {post views}. If a platform has no
	// views, its posts can have `impressions` in PostCounts.
	Views  Gain       `json:"views"`
	Series []ViewsDay `json:"series"` // one entry per interval of the range
	// PreviousSeries is what `series` is compared with; absent with compare=none.
	PreviousSeries []ViewsDay `json:"previous_series,omitzero"`
}

// ViewsDay is one interval of a [ViewsSeries].
type ViewsDay struct {
	// Day is the first day of the interval, YYYY-MM-DD in the response's time zone. It can be
	// before the range.
	Day string `json:"day"`
	// video views gained since the previous readings, which can be several days old; null if
	// nothing was read
	Views    *int64 `json:"views"`
	Readings int64  `json:"readings"` // number of readings of posts captured in this interval
}

func viewsDay(day string, sums *gainSums) ViewsDay {
	return ViewsDay{day, sums.views.value(), sums.readings}
}

// seriesOf returns nil for nil gains.
func seriesOf[D any](g *postGains, part func(day string, sums *gainSums) D, platforms []domain.Platform) []D {
	if g == nil {
		return nil
	}
	series := make([]D, len(g.buckets))
	for i, sums := range g.inBuckets(platforms) {
		series[i] = part(g.buckets[i].label(), &sums)
	}
	return series
}

// gainSeries reads the gains of posts over time, and records which social accounts have posts with
// the figures of the response. before covers the compared period; nil if the series have none.
func gainSeries(ctx context.Context, qc *queryContext, metrics []string) (now, before *postGains, err error) {
	now, before, err = comparedGains(ctx, qc, metrics, qc.query.Range.cut(qc.query.Granularity))
	if err != nil {
		return nil, nil, err
	}
	for social, account := range now.accounts {
		sourceQuery{qc}.notePostMetrics(social, &account.now)
	}
	return now, before, nil
}
