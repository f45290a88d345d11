package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
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

// Each of the first six endpoints reaches its own query, with what its path and query say, and answers
// in the envelope.
func TestFirstSixEndpoints(t *testing.T) {
	t.Parallel()
	january := [2]time.Time{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}
	// Now is 15 July 2026, noon: the last 30 days end with today.
	lastDays := [2]time.Time{time.Date(2026, 6, 16, 0, 0, 0, 0, time.UTC), time.Date(2026, 7, 16, 0, 0, 0, 0, time.UTC)}
	const inJanuary = "startTime=2026-01-01&endTime=2026-01-31"
	linkedIn := []domain.Platform{domain.LinkedIn}
	for path, tt := range map[string]struct {
		window    [2]time.Time
		platforms []domain.Platform
		total     string // what only this endpoint's answer holds
	}{
		"/getAccountInsights/2026-01-01/2026-01-31/4":    {january, linkedIn, `"followers"`},
		"/getAccountFollowers/2026-01-01/2026-01-31/all": {january, domain.Platforms(), `"social_accounts":2,`},
		"/getRoiViews":                                           {lastDays, domain.Platforms(), `"price":"no_views"`},
		"/getRoiViews?pId=4&" + inJanuary:                        {january, linkedIn, `"price":"no_views"`},
		"/reach/getAccountStats/4":                               {lastDays, linkedIn, `"social_accounts":4,`},
		"/reach/getAccountStats/0?" + inJanuary:                  {january, domain.Platforms(), `"social_accounts":4,`},
		"/reach/getAccountNetGrowth":                             {lastDays, domain.Platforms(), `"social_accounts":5,`},
		"/reach/getAccountNetGrowth?pId=4":                       {lastDays, linkedIn, `"social_accounts":5,`},
		"/reach/getAccountNetGrowth/4?pId=4&" + inJanuary:        {january, linkedIn, `"social_accounts":5,`},
		"/reach/activityMeter":                                   {lastDays, domain.Platforms(), `"social_accounts":6,`},
		"/reach/activityMeter?tz=&pId=4&account=17&" + inJanuary: {january, linkedIn, `"social_accounts":6,`},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for _, prefix := range []string{"/auth", ""} {
				answer := b.get(prefix+path, b.agencyToken())
				require.Equal(t, http.StatusOK, answer.status, answer.body)
				var body struct {
					Success bool            `json:"success"`
					Message string          `json:"message"`
					Data    json.RawMessage `json:"data"`
					Meta    map[string]any  `json:"meta"`
				}
				require.NoError(t, json.Unmarshal([]byte(answer.body), &body))
				require.True(t, body.Success)
				require.Equal(t, "SUCCESS", body.Message)
				require.Contains(t, string(body.Data), tt.total)
				require.Equal(t, tt.window[0].Format(time.RFC3339), body.Meta["from"])
				require.Equal(t, tt.window[1].Format(time.RFC3339), body.Meta["to"])
			}
			require.Len(t, b.queries, 2)
			for _, query := range b.queries {
				require.Equal(t, tt.platforms, query.Platforms)
				require.Equal(t, time.UTC, query.Range.Zone)
			}
		})
	}
}

// A parameter that is wrong is named, wherever it stands, and nothing is asked.
func TestFirstSixEndpointsNameBadParameters(t *testing.T) {
	t.Parallel()
	for path, field := range map[string]string{
		"/getAccountFollowers/2026-01-01/2026-01-31/2":          "pId",
		"/getAccountFollowers/2026-02-30/2026-03-31/1":          "startTime",
		"/getAccountFollowers/2026-01-31/2026-01-01/1":          "startTime",
		"/getRoiViews?startTime=yesterday":                      "startTime",
		"/getRoiViews?endTime=x":                                "endTime",
		"/getRoiViews?pId=facebook":                             "pId",
		"/reach/getAccountStats/5":                              "pId",
		"/reach/getAccountStats/1?tz=Europe/Atlantis":           "tz",
		"/reach/getAccountNetGrowth/01":                         "pId",
		"/reach/getAccountNetGrowth?account=-1":                 "account",
		"/reach/activityMeter?account=zzzzzzzzzzzzzzzzzzzzzzzz": "account",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			answer := b.get("/auth"+path, b.agencyToken())
			require.Equal(t, http.StatusBadRequest, answer.status, answer.body)
			f := answer.failure(t)
			require.Len(t, f.Errors, 1)
			require.Equal(t, field, f.Errors[0].Field)
			require.Empty(t, b.queries)
			require.Empty(t, b.scopes)
		})
	}
}
