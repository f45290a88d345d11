package analytics_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// answers are all endpoints, as JSON with their meta.
func answers(t *testing.T, db *pgtest.DB, scope readmodels.Scope) map[string]string {
	t.Helper()
	a := &analytics.Analytics{Pool: db.ReadOnly}
	query := analytics.RangeQuery{Range: june, Platforms: domain.Platforms()}
	out := map[string]string{}
	ask := func(name string, answer func(context.Context, readmodels.Scope, analytics.RangeQuery) (any, analytics.Meta, error)) {
		data, meta, err := answer(t.Context(), scope, query)
		require.NoError(t, err, name)
		raw, err := json.Marshal([]any{data, meta})
		require.NoError(t, err, name)
		out[name] = string(raw)
	}
	ask("getAccountInsights", boxed(a.AccountInsights))
	ask("getAccountFollowers", boxed(a.AccountFollowers))
	ask("getRoiViews", boxed(a.RoiViews))
	ask("getAccountStats", boxed(a.AccountStats))
	ask("getAccountNetGrowth", boxed(a.AccountNetGrowth))
	ask("activityMeter", boxed(a.ActivityMeter))
	ask("leaderboard", boxed(a.Leaderboard))
	ask("getTopPostsInsights", boxed(a.TopPosts))
	ask("getPostInsights", boxed(a.PostInsights))
	ask("getPostsLikes", boxed(a.PostsLikes))
	ask("getPostsViews", boxed(a.PostsViews))
	ask("getPostsEngagements", boxed(a.PostsEngagements))
	ask("getPostsTotalEngagements", boxed(a.PostsTotalEngagements))
	ask("accountActiveMembersPlatforms", boxed(a.ActiveMembers))
	ask("membersSocialGrowth", boxed(a.MemberGrowth))
	return out
}

func boxed[R any](
	answer func(context.Context, readmodels.Scope, analytics.RangeQuery) (R, analytics.Meta, error),
) func(context.Context, readmodels.Scope, analytics.RangeQuery) (any, analytics.Meta, error) {
	return func(ctx context.Context, s readmodels.Scope, q analytics.RangeQuery) (any, analytics.Meta, error) {
		return answer(ctx, s, q)
	}
}

// tenantFacts are what one tenant has in June; two tenants may have the same social account, one after
// the other.
func tenantFacts(w *world, id string, tenant domain.Tenant, value int64) {
	when := inJune
	if tenant.ParentAccount == agencyB {
		when = when.AddDate(0, 0, -20) // before June: agency A must not take it as a baseline
	}
	tenant = tenantOf(tenant, 11)
	video := tenantOf(tenant, 15)
	published := when
	w.Add(id+"1", domain.AccountRead{Tenant: tenant, Platform: domain.Facebook, CapturedAt: when, Figures: []domain.Figure{
		people(value), flow(domain.MetricViews, "2026-06-09", value), flow(domain.MetricImpressions, "2026-06-09", value),
		flow(domain.MetricEngagement, "2026-06-09", value),
		{Name: domain.MetricReach, Kind: domain.Rolling, Value: value, Source: "reach", Day: "2026-06-09", Window: "day"},
		{Name: domain.MetricEngagement, Kind: domain.Rolling, Value: value, Source: "lifetime", Window: "months_12"},
	}})
	w.Add(id+"2", domain.PostRead{
		Tenant: video, Platform: domain.TikTok, ExternalID: "v", CapturedAt: when, PublishedAt: &published, FromZero: true,
		Counts: domain.Counts{Likes: &value, Views: &value},
	})
	w.Add(id+"3", domain.PostRegistered{
		Tenant: video, Platform: domain.TikTok, ExternalID: "v", Origin: domain.OriginListing, RegisteredAt: when, PublishedAt: &published,
	})
	w.Directory = append(w.Directory, domain.DirectoryAccount{ID: tenant.AccountID, ParentAccount: tenant.ParentAccount},
		domain.DirectorySubscription{ID: value, AccountID: tenant.AccountID, PriceMinor: &value, Currency: "EUR", StartsAt: june.From})
}

// Rows belong to the tenant of their event for ever: an agency's answers are the same whether another
// one has the same social accounts or not.
func TestAnotherAgencysRowsNeverShow(t *testing.T) {
	t.Parallel()
	alone, both, others := pgtest.New(t), pgtest.New(t), pgtest.New(t)
	own := []domain.DirectoryEntity{page(11, domain.Facebook), page(15, domain.TikTok)}
	without := &world{Directory: own}
	tenantFacts(without, "a", tenants[0], 700)
	without.Fold(t, alone)

	with := &world{Directory: own}
	tenantFacts(with, "a", tenants[0], 700)
	tenantFacts(with, "b", tenants[2], 31337)
	with.Fold(t, both)

	foreign := &world{}
	tenantFacts(foreign, "b", tenants[2], 31337)
	foreign.Fold(t, others)

	for _, scope := range []readmodels.Scope{
		{ParentAccount: agencyA}, {ParentAccount: agencyA, Accounts: []string{clientA}}, {ParentAccount: agencyA, Accounts: []string{clientC}},
	} {
		require.Equal(t, answers(t, alone, scope), answers(t, both, scope))
	}
	for name, answer := range answers(t, both, readmodels.Scope{ParentAccount: agencyA}) {
		require.NotContains(t, answer, "31337", name)
		if name != "activityMeter" && name != "getAccountNetGrowth" && name != "accountActiveMembersPlatforms" { // counts, differences, names
			require.Contains(t, answer, "700", name)
		}
	}
	// Nothing at all is found for whoever has nothing, nor by an account of another agency.
	nobody := answers(t, pgtest.New(t), readmodels.Scope{ParentAccount: agencyA})
	require.Equal(t, nobody, answers(t, others, readmodels.Scope{ParentAccount: agencyA}))
	require.Equal(t, nobody, answers(t, others, readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientB}}))
}

// Lists are lists and absent is null, also where there is nothing.
func TestAnswersWithoutFiguresHaveTheirShape(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for name, answer := range answers(t, db, readmodels.Scope{ParentAccount: agencyA}) {
		require.Contains(t, answer, `"sources":[]`, name)
		require.Contains(t, answer, `"as_of":null`, name)
		for _, list := range []string{"platforms", "series", "months", "as_read", "reach", "kinds", "source_metrics", "posts", "members", "social_accounts"} {
			if (list != "reach" || name != "getAccountStats") && (list != "posts" || name != "activityMeter") { // also figures
				require.NotContains(t, answer, `"`+list+`":null`, name)
			}
		}
	}
}
