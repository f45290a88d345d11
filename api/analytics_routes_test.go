package api_test

import (
	"context"

	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// asked notes a query, and answers with no figures.
func asked[R any](f fakeAnalytics, query analytics.RangeQuery) (data R, meta analytics.Meta, err error) {
	_, meta, err = f.AccountInsights(context.Background(), readmodels.Scope{}, query)
	return data, meta, err
}

func (f fakeAnalytics) AccountFollowers(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.AccountFollowers, analytics.Meta, error) {
	return asked[analytics.AccountFollowers](f, q)
}

func (f fakeAnalytics) RoiViews(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.RoiViews, analytics.Meta, error) {
	return asked[analytics.RoiViews](f, q)
}

func (f fakeAnalytics) AccountStats(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.AccountStats, analytics.Meta, error) {
	return asked[analytics.AccountStats](f, q)
}

func (f fakeAnalytics) AccountNetGrowth(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.AccountNetGrowth, analytics.Meta, error) {
	return asked[analytics.AccountNetGrowth](f, q)
}

func (f fakeAnalytics) ActivityMeter(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.ActivityMeter, analytics.Meta, error) {
	return asked[analytics.ActivityMeter](f, q)
}

func (f fakeAnalytics) Leaderboard(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.Leaderboard, analytics.Meta, error) {
	return asked[analytics.Leaderboard](f, q)
}

func (f fakeAnalytics) TopPosts(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.TopPosts, analytics.Meta, error) {
	return asked[analytics.TopPosts](f, q)
}

func (f fakeAnalytics) PostInsights(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostInsights, analytics.Meta, error) {
	return asked[analytics.PostInsights](f, q)
}

func (f fakeAnalytics) PostsLikes(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostsLikes, analytics.Meta, error) {
	return asked[analytics.PostsLikes](f, q)
}

func (f fakeAnalytics) PostsViews(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostsViews, analytics.Meta, error) {
	return asked[analytics.PostsViews](f, q)
}

func (f fakeAnalytics) PostsEngagements(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostsEngagements, analytics.Meta, error) {
	return asked[analytics.PostsEngagements](f, q)
}

func (f fakeAnalytics) PostsTotalEngagements(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.PostsTotalEngagements, analytics.Meta, error) {
	return asked[analytics.PostsTotalEngagements](f, q)
}

func (f fakeAnalytics) ActiveMembers(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.ActiveMembers, analytics.Meta, error) {
	return asked[analytics.ActiveMembers](f, q)
}

func (f fakeAnalytics) MemberGrowth(_ context.Context, _ readmodels.Scope, q analytics.RangeQuery) (analytics.MemberGrowth, analytics.Meta, error) {
	return asked[analytics.MemberGrowth](f, q)
}
