package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostsViews is the answer to /getPostsViews and /getMembersPostViews.
type PostsViews struct {
	Total     ViewsSeries           `json:"total"`     // over the platforms asked for
	Platforms []PlatformViewsSeries `json:"platforms"` // each platform asked for, also without posts
}

// PlatformViewsSeries are the video views of one platform.
type PlatformViewsSeries struct {
	readmodels.PlatformRef
	ViewsSeries
}

// ViewsSeries is how often posts were seen: video views. Page views, which platforms count of accounts, stand in [Roi].
type ViewsSeries struct {
	// Views are the video views that posts gained in the range: Facebook post_media_view (videos: plays), Instagram views,
	// TikTok view_count; all cumulative. LinkedIn counts no video views of posts, only `impressions` of PostCounts.
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

// PostsViews answers the endpoints 11 and 20: the video views that posts gained over time.
func (a *Analytics) PostsViews(ctx context.Context, scope readmodels.Scope, query RangeQuery) (PostsViews, Meta, error) {
	views := []string{domain.MetricViews}
	return answer(ctx, a, "views of posts", scope, query, views, func(ctx context.Context, qc *queryContext, data *PostsViews) error {
		g, before, err := qc.gainSeries(ctx, views)
		if err != nil {
			return err
		}
		data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) ViewsSeries {
			return ViewsSeries{g.gain(domain.MetricViews, on...), seriesOf(g, viewsDay, on), seriesOf(before, viewsDay, on)}
		}, func(p readmodels.PlatformRef, s ViewsSeries) PlatformViewsSeries { return PlatformViewsSeries{p, s} })
		return qc.classifySources(ctx)
	})
}

func viewsDay(day string, sums *gainSums) ViewsDay {
	return ViewsDay{day, sums.views.value(), sums.readings}
}
