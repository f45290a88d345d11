package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PostsTotalEngagements is the answer to /getPostsTotalEngagements.
type PostsTotalEngagements struct {
	Total     EngagementTotals           `json:"total"`     // over the platforms asked for
	Platforms []PlatformEngagementTotals `json:"platforms"` // each platform asked for, also without posts
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
	return answer(ctx, a, "engagement of posts", scope, query, engagementMetrics(),
		func(ctx context.Context, qc *queryContext, data *PostsTotalEngagements) error {
			g, before, err := qc.gainSeries(ctx, append(engagementMetrics(), domain.MetricEngagement))
			if err != nil {
				return err
			}
			data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) EngagementTotals {
				return g.engagementTotals(before, on...)
			}, func(p readmodels.PlatformRef, t EngagementTotals) PlatformEngagementTotals {
				return PlatformEngagementTotals{p, t}
			})
			return qc.classifySources(ctx)
		})
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
