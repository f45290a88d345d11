package analytics

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AccountInsights is the answer to /getAccountInsights.
type AccountInsights struct {
	Total     AccountTotals      `json:"total"`     // over the platforms asked for
	Platforms []PlatformInsights `json:"platforms"` // each platform asked for, also without accounts
	// AsRead are the engagement figures that only exist over a platform's own window (LinkedIn's
	// lifetime statistics); they are in no total.
	AsRead []ReadFigure `json:"as_read"`
}

// PlatformInsights are the totals of one platform.
type PlatformInsights struct {
	readmodels.PlatformRef
	AccountTotals
}

// AccountTotals are the totals of some social accounts.
type AccountTotals struct {
	// SocialAccounts is the number of social accounts in scope, read or not, plus those that have left the scope
	// and have figures in this answer.
	SocialAccounts int `json:"social_accounts"`
	// Followers are people, a stock: the last reading of each account in the range. Facebook
	// followers_count, Instagram followers_count, LinkedIn firstDegreeSize and memberFollowersCount,
	// TikTok follower_count.
	Followers Total `json:"followers"`
	// Engagement is interactions gained in the range, as each platform counts them: Facebook
	// page_post_engagements and Instagram total_interactions (day flows), LinkedIn reactions, comments
	// and shares (day flows), TikTok likes_count (cumulative; the platform gives no other part).
	Engagement Total `json:"engagement"`
}

// AccountInsights is endpoint 1: follower and engagement totals per platform and over all, with the
// change against the previous period.
func (a *Analytics) AccountInsights(ctx context.Context, scope readmodels.Scope, query RangeQuery) (AccountInsights, Meta, error) {
	metrics := []string{domain.MetricFollowers, domain.MetricEngagement}
	return answerFigures(ctx, a, "account insights", scope, query, metrics, []bucket{query.Range.whole()},
		func(_ context.Context, f *accountFigures, data *AccountInsights) error {
			data.AsRead = f.asRead(domain.MetricEngagement)
			return nil
		}, func(f *accountFigures, data *AccountInsights) {
			data.Total, data.Platforms = perPlatform(query.Platforms, func(on ...domain.Platform) AccountTotals {
				return AccountTotals{
					SocialAccounts: f.accountsOn(on...), Followers: f.total(domain.MetricFollowers, on), Engagement: f.total(domain.MetricEngagement, on),
				}
			}, func(p readmodels.PlatformRef, t AccountTotals) PlatformInsights { return PlatformInsights{p, t} })
		})
}
