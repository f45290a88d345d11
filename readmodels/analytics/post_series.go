package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostsViews is the answer to /getPostsViews and /getMembersPostViews.
type PostsViews struct {
	Total     ViewsSeries           `json:"total"`                     // over the platforms asked for
	Platforms []PlatformViewsSeries `json:"platforms" brief:"figures"` // each platform asked for, also without posts
}

// PlatformViewsSeries are the views of one platform.
type PlatformViewsSeries struct {
	readmodels.PlatformRef
	ViewsSeries
}

// ViewsSeries is how often posts were seen.
type ViewsSeries struct {
	// Views are those that posts gained in the range: Facebook post_media_view (videos: plays), Instagram views,
	// TikTok view_count; all cumulative. LinkedIn counts no views of posts, only `impressions` of PostCounts.
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
	Views    *int64 `json:"views"`    // gained since the readings before, which may be some days old; null when nothing was read
	Readings int64  `json:"readings"` // of posts, captured in this part
}

// PostsViews answers the endpoints 11 and 20: the views that posts gained over time.
func (a *Analytics) PostsViews(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostsViews, Meta, error) {
	views := []string{domain.MetricViews}
	return postSeries(ctx, a, "views of posts", scope, query, views, views, func(g, before gainSeries, data *PostsViews) {
		data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) ViewsSeries {
			return ViewsSeries{g.gain(domain.MetricViews, on...), seriesOf(g, viewsDay, on), seriesOf(before, viewsDay, on)}
		}, func(p readmodels.PlatformRef, s ViewsSeries) PlatformViewsSeries { return PlatformViewsSeries{p, s} })
	})
}

func viewsDay(day string, sums *gainSums) ViewsDay {
	return ViewsDay{day, sums.views.value(), sums.readings}
}

// PostsTotalEngagements is the answer to /getPostsTotalEngagements.
type PostsTotalEngagements struct {
	Total     EngagementTotals           `json:"total"`                     // over the platforms asked for
	Platforms []PlatformEngagementTotals `json:"platforms" brief:"figures"` // each platform asked for, also without posts
}

// PlatformEngagementTotals are the totals of one platform.
type PlatformEngagementTotals struct {
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

// PostsTotalEngagements is endpoint 13: likes, comments and shares that all posts gained, summed, and over
// time.
func (a *Analytics) PostsTotalEngagements(
	ctx context.Context, scope readmodels.Scope, query RangeQuery,
) (PostsTotalEngagements, Meta, error) {
	sums := append(engagementMetrics(), domain.MetricEngagement)
	return postSeries(ctx, a, "engagement of posts", scope, query, engagementMetrics(), sums,
		func(g, before gainSeries, data *PostsTotalEngagements) {
			data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) EngagementTotals {
				return g.engagementTotals(before, on...)
			}, func(p readmodels.PlatformRef, t EngagementTotals) PlatformEngagementTotals {
				return PlatformEngagementTotals{p, t}
			})
		})
}

func (g gainSeries) engagementTotals(before gainSeries, platforms ...domain.Platform) EngagementTotals {
	t := EngagementTotals{
		Engagement: g.gain(domain.MetricEngagement, platforms...), Likes: g.gain(domain.MetricLikes, platforms...),
		Comments: g.gain(domain.MetricComments, platforms...), Shares: g.gain(domain.MetricShares, platforms...),
		Series: seriesOf(g, engagementDay, platforms), PreviousSeries: seriesOf(before, engagementDay, platforms),
	}
	for _, sums := range g.buckets(len(g.parts), platforms...) {
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

// gainSeries are what posts gained in some parts of time; the zero value is of none.
type gainSeries struct {
	*postGains

	parts []bucket
}

// seriesOf makes a series of what posts on some platforms gained in each part; nil of no parts.
func seriesOf[D any](g gainSeries, part func(day string, sums *gainSums) D, platforms []domain.Platform) []D {
	if g.postGains == nil {
		return nil
	}
	series := make([]D, len(g.parts))
	for i, sums := range g.buckets(len(g.parts), platforms...) {
		series[i] = part(g.parts[i].day.String(), &sums)
	}
	return series
}

// postSeries reads what posts gained over time of some metrics and hands it to build; by the other ones the
// status of the sources is found.
func postSeries[D any](
	ctx context.Context, a *Analytics, what string, scope readmodels.Scope, query RangeQuery, metrics, sums []string,
	build func(now, before gainSeries, data *D),
) (D, Meta, error) {
	return answer(ctx, a, what, scope, query, metrics, func(ctx context.Context, qc *queryContext, data *D) error {
		now, before, err := qc.gainsWithSources(ctx, sums)
		if err != nil {
			return err
		}
		build(now, before, data)
		return nil
	})
}

// gainsWithSources reads what posts gained over time and completes the sources of an answer that rests on nothing else.
func (qc *queryContext) gainsWithSources(ctx context.Context, metrics []string) (now, before gainSeries, err error) {
	now.parts = qc.query.buckets()
	before.parts = qc.query.comparedParts(now.parts)
	if now.postGains, before.postGains, err = qc.comparedGains(ctx, metrics, now.parts); err != nil {
		return now, before, err
	}
	now.shows(qc)
	return now, before, qc.classifySources(ctx)
}
