package api_test

import (
	"context"

	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

func asked[R any](f fakeAnalytics, query analytics.RangeQuery, data R) (R, analytics.Meta, error) {
	_, meta, err := f.AccountInsights(context.Background(), readmodels.Scope{}, query)
	return data, meta, err
}

// AccountFollowers implements api.Analytics.
func (f fakeAnalytics) AccountFollowers(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.AccountFollowers, analytics.Meta, error) {
	return asked(f, q, analytics.AccountFollowers{Total: analytics.FollowerSeries{SocialAccounts: 2}})
}

// RoiViews implements api.Analytics.
func (f fakeAnalytics) RoiViews(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.RoiViews, analytics.Meta, error) {
	return asked(f, q, analytics.RoiViews{Total: analytics.Roi{Price: analytics.PriceNoViews}})
}

// AccountStats implements api.Analytics.
func (f fakeAnalytics) AccountStats(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.AccountStats, analytics.Meta, error) {
	return asked(f, q, analytics.AccountStats{Total: analytics.ReachStats{SocialAccounts: 4}})
}

// AccountNetGrowth implements api.Analytics.
func (f fakeAnalytics) AccountNetGrowth(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.AccountNetGrowth, analytics.Meta, error) {
	return asked(f, q, analytics.AccountNetGrowth{Total: analytics.NetGrowth{SocialAccounts: 5}})
}

// ActivityMeter implements api.Analytics.
func (f fakeAnalytics) ActivityMeter(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.ActivityMeter, analytics.Meta, error) {
	return asked(f, q, analytics.ActivityMeter{Total: analytics.Activity{SocialAccounts: 6}})
}

// Leaderboard implements api.Analytics.
func (f fakeAnalytics) Leaderboard(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.Leaderboard, analytics.Meta, error) {
	return asked(f, q, analytics.Leaderboard{})
}

// TopPosts implements api.Analytics.
func (f fakeAnalytics) TopPosts(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.TopPosts, analytics.Meta, error) {
	return asked(f, q, analytics.TopPosts{})
}

// PostInsights implements api.Analytics.
func (f fakeAnalytics) PostInsights(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostInsights, analytics.Meta, error) {
	return asked(f, q, analytics.PostInsights{})
}

// PostsLikes implements api.Analytics.
func (f fakeAnalytics) PostsLikes(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostsLikes, analytics.Meta, error) {
	return asked(f, q, analytics.PostsLikes{})
}

// PostsViews implements api.Analytics.
func (f fakeAnalytics) PostsViews(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostsViews, analytics.Meta, error) {
	return asked(f, q, analytics.PostsViews{})
}

// PostsEngagements implements api.Analytics.
func (f fakeAnalytics) PostsEngagements(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostsEngagements, analytics.Meta, error) {
	return asked(f, q, analytics.PostsEngagements{})
}

// PostsTotalEngagements implements api.Analytics.
func (f fakeAnalytics) PostsTotalEngagements(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostsTotalEngagements, analytics.Meta, error) {
	return asked(f, q, analytics.PostsTotalEngagements{})
}

// ActiveMembers implements api.Analytics.
func (f fakeAnalytics) ActiveMembers(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.ActiveMembers, analytics.Meta, error) {
	return asked(f, q, analytics.ActiveMembers{})
}

// MemberGrowth implements api.Analytics.
func (f fakeAnalytics) MemberGrowth(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.MemberGrowth, analytics.Meta, error) {
	return asked(f, q, analytics.MemberGrowth{})
}
