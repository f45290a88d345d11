package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// MemberGrowth is the answer to /membersSocialGrowth.
type MemberGrowth struct {
	Total     GrowthTotals           `json:"total"`     // over all platforms
	Platforms []PlatformGrowthTotals `json:"platforms"` // each platform, also without accounts
}

// PlatformGrowthTotals is the growth on one platform.
type PlatformGrowthTotals struct {
	readmodels.PlatformRef
	GrowthTotals
}

// GrowthTotals is how the social accounts of a member grew, against the previous period (see [Total]).
type GrowthTotals struct {
	SocialAccounts int   `json:"social_accounts"` // that the member has now, or had with figures in the answer
	Followers      Total `json:"followers"`       // as `followers` of [AccountTotals]
	Engagement     Total `json:"engagement"`      // as `engagement` of [AccountTotals]: as the platforms count it of an account
	Impressions    Total `json:"impressions"`     // as `impressions` of [ReachStats]
	// PostsPublished are those of the member that were published in the range, also when they were deleted since, and
	// the number of the previous period (see [Total]); 0 is none. They are the member's who has the connection now; what
	// follows is what posts gained while it was this member's.
	PostsPublished         int64  `json:"posts_published"`
	PostsPublishedPrevious *int64 `json:"posts_published_previous"` // null with compare=none
	// PostEngagement is what likes + comments + shares of the posts gained, as `engagement` of [EngagementTotals].
	PostEngagement Gain `json:"post_engagement"`
	PostViews      Gain `json:"post_views"` // video views: as `views` of [ViewsSeries]
}

// MemberGrowth is endpoint 16: a member's growth summary.
func (a *Analytics) MemberGrowth(ctx context.Context, scope readmodels.Scope, query RangeQuery) (MemberGrowth, Meta, error) {
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions}
	var gains *postGains
	var published, publishedBefore map[platformPeriod]int64
	return answerFigures(ctx, a, "growth of a member", scope, query, metrics, []bucket{query.Range.whole()},
		func(ctx context.Context, f *accountFigures, _ *MemberGrowth) (err error) {
			if gains, _, err = f.comparedGains(ctx, []string{domain.MetricEngagement, domain.MetricViews}, nil); err != nil {
				return err
			}
			f.ofPosts = false // the status of the sources goes by the readings of accounts
			if published, err = f.publishedPosts(ctx, query.Range.From, f.buckets); err != nil || f.uncompared {
				return err
			}
			publishedBefore, err = f.comparison().publishedPosts(ctx, f.compared.From, []bucket{f.compared.whole()})
			return err
		}, func(f *accountFigures, data *MemberGrowth) {
			data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) GrowthTotals {
				t := GrowthTotals{
					SocialAccounts: f.accountsOn(on...), Followers: f.total(domain.MetricFollowers, on),
					Engagement: f.total(domain.MetricEngagement, on), Impressions: f.total(domain.MetricImpressions, on),
					PostEngagement: gains.gain(domain.MetricEngagement, on...), PostViews: gains.gain(domain.MetricViews, on...),
				}
				for _, p := range on {
					t.PostsPublished += published[platformPeriod{p, 0}]
					if publishedBefore != nil {
						t.PostsPublishedPrevious = plus(t.PostsPublishedPrevious, publishedBefore[platformPeriod{p, 0}])
					}
				}
				return t
			}, func(p readmodels.PlatformRef, t GrowthTotals) PlatformGrowthTotals { return PlatformGrowthTotals{p, t} })
		})
}
