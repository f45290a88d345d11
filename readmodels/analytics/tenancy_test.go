package analytics_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// endpoints are all methods that answer a query with a range.
var endpoints = map[string]endpoint[any]{
	"AccountInsights":       boxed((*analytics.Analytics).AccountInsights),
	"AccountFollowers":      boxed((*analytics.Analytics).AccountFollowers),
	"FollowersByAccount":    boxed((*analytics.Analytics).FollowersByAccount),
	"AccountNetGrowth":      boxed((*analytics.Analytics).AccountNetGrowth),
	"AccountStats":          boxed((*analytics.Analytics).AccountStats),
	"Stats":                 boxed((*analytics.Analytics).Stats),
	"RoiViews":              boxed((*analytics.Analytics).RoiViews),
	"MemberGrowth":          boxed((*analytics.Analytics).MemberGrowth),
	"PostsViews":            boxed((*analytics.Analytics).PostsViews),
	"PostsLikes":            boxed((*analytics.Analytics).PostsLikes),
	"PostsEngagements":      boxed((*analytics.Analytics).PostsEngagements),
	"PostsTotalEngagements": boxed((*analytics.Analytics).PostsTotalEngagements),
	"PostInsights":          boxed((*analytics.Analytics).PostInsights),
	"TopPosts":              boxed((*analytics.Analytics).TopPosts),
	"Leaderboard":           boxed((*analytics.Analytics).Leaderboard),
	"ActivityMeter":         boxed((*analytics.Analytics).ActivityMeter),
	"ActiveMembers":         boxed((*analytics.Analytics).ActiveMembers),
}

func boxed[R any](method endpoint[R]) endpoint[any] {
	return func(a *analytics.Analytics, ctx context.Context, s readmodels.Scope, q analytics.RangeQuery) (any, analytics.Meta, error) {
		return method(a, ctx, s, q)
	}
}

// answers returns the answers of all endpoints for June, as JSON with their meta.
func answers(t *testing.T, db *pgtest.DB, scope readmodels.Scope) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, endpoint := range endpoints {
		data, meta := ask(t, db, endpoint, scope, everywhere(june))
		raw, err := json.Marshal([]any{data, meta})
		require.NoError(t, err, name)
		out[name] = string(raw)
	}
	return out
}

// tenantFacts are the data of one tenant in June; two tenants can own the same social account in
// turn.
func tenantFacts(w *world, id string, tenant domain.Tenant, value int64) {
	when := inJune
	if tenant.ParentAccount == agencyB {
		when = when.AddDate(0, 0, -20) // before June: agency A must not use it as a baseline
	}
	tenant = tenantOf(tenant, 11)
	video := tenantOf(tenant, 15)
	published := when
	w.Add(id+"1", domain.AccountRead{Tenant: tenant, Platform: domain.Facebook, CapturedAt: when, Figures: []domain.Figure{
		people(value), flow(domain.MetricViews, "2026-06-09", value), flow(domain.MetricImpressions, "2026-06-09", value),
		flow(domain.MetricEngagement, "2026-06-09", value),
		reach("day", "2026-06-09", value),
		{Name: domain.MetricEngagement, Kind: domain.Rolling, Value: value, Source: "lifetime", Window: "months_12"},
	}})
	w.Add(id+"2", domain.PostRead{
		Tenant: video, Platform: domain.TikTok, ExternalID: "v", CapturedAt: when, PublishedAt: &published, FromZero: true,
		Counts: domain.Counts{Likes: &value, Views: &value},
	})
	w.Add(id+"3", registered(video, domain.TikTok, "v", when, &published))
	w.Directory = append(w.Directory, domain.DirectoryAccount{ID: tenant.AccountID, ParentAccount: tenant.ParentAccount},
		domain.DirectorySubscription{ID: value, AccountID: tenant.AccountID, PriceMinor: &value, Currency: "EUR", StartsAt: june.From})
}

// An agency's answers do not depend on whether another agency has the same social accounts.
func TestAnalyticsIgnoreOtherAgencyWithSameAccounts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	answersIn := func(w *world, scope readmodels.Scope) map[string]string {
		w.Fold(t, db)
		return answers(t, db, scope)
	}
	own := []domain.DirectoryEntity{page(11, domain.Facebook), page(15, domain.TikTok)}
	alone, both, others := &world{Directory: own}, &world{Directory: own}, &world{}
	tenantFacts(alone, "a", tenants[0], 700)
	tenantFacts(both, "a", tenants[0], 700)
	tenantFacts(both, "b", tenants[2], 31337)
	tenantFacts(others, "b", tenants[2], 31337)
	for _, scope := range []readmodels.Scope{wholeAgency, ofClient(clientA), ofClient(clientC)} {
		require.Equal(t, answersIn(alone, scope), answersIn(both, scope))
	}
	for name, answer := range answersIn(both, wholeAgency) {
		require.NotContains(t, answer, "31337", name)
		// counts, differences, names
		if !slices.Contains([]string{"ActivityMeter", "AccountNetGrowth", "ActiveMembers"}, name) {
			require.Contains(t, answer, "700", name)
		}
	}
	// Without data, and by an account of another agency, nothing is found.
	emptyAnswers := answersIn(&world{}, wholeAgency)
	require.Equal(t, emptyAnswers, answersIn(others, wholeAgency))
	require.Equal(t, emptyAnswers, answersIn(others, ofClient(clientB)))
	// Lists are lists and missing values are null, even without data.
	for name, answer := range emptyAnswers {
		require.Contains(t, answer, `"sources":[]`, name)
		require.Contains(t, answer, `"as_of":null`, name)
		for _, list := range []string{"platforms", "series", "months", "as_read", "reach", "kinds", "source_metrics", "posts", "members", "social_accounts"} {
			figure := list == "reach" && name == "AccountStats" || list == "posts" && name == "ActivityMeter" || name == "Stats"
			if !figure {
				require.NotContains(t, answer, `"`+list+`":null`, name)
			}
		}
	}
}
