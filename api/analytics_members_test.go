package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// A member or an account of another agency reads like one that does not exist, by itself and without
// ?account=; so does a member of the agency to a client user that may not see the account.
func TestForeignMembersAndAccountsOfThePath(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	for _, route := range b.server.Routes() {
		for param, ids := range map[string][3]string{"{memberId}": {"7", "8", "4711"}, "{accountId}": {"11", "21", "4711"}} {
			if !strings.Contains(route.Pattern, param) {
				continue
			}
			ask := func(id, role string) answer {
				path, _, _ := strings.Cut(filled(strings.ReplaceAll(route.Pattern, param, id), client1, id, id, alice), "?")
				return b.get(path, b.tokenOf(role))
			}
			require.Equal(t, http.StatusOK, ask(ids[0], "agency").status, route.Pattern)
			for _, role := range []string{"agency", "client"} {
				foreign, unknown := ask(ids[1], role), ask(ids[2], role)
				require.Equal(t, http.StatusNotFound, foreign.status, "%s as %s: %s", route.Pattern, role, foreign.body)
				require.Equal(t, unknown.failure(t).Message, foreign.failure(t).Message)
				require.Len(t, foreign.body, len(unknown.body))
			}
		}
	}
}

// Each pattern asks for what its path and query say.
func TestAnalyticsPaths(t *testing.T) {
	t.Parallel()
	may := analytics.Range{From: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Zone: time.UTC}
	last := analytics.Range{From: time.Date(2026, 6, 16, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 7, 16, 0, 0, 0, 0, time.UTC), Zone: time.UTC}
	since := analytics.Range{From: may.From, To: last.To, Zone: time.UTC}
	page := readmodels.Page{Limit: api.DefaultPageLimit}
	for path, want := range map[string]analytics.RangeQuery{
		"/leaderboard/4?limit=3":                                   {Range: last, Page: readmodels.Page{Limit: 3}},
		"/leaderboard/4?by=total":                                  {Range: last, By: analytics.RankByTotal, Page: page},
		"/getTopPostsInsights/2026-05-01/2026-05-31/4/9":           {Range: may, Category: 9, Page: page},
		"/getTopPostsInsights/2026-05-01/2026-05-31/4/9?by=gained": {Range: may, Category: 9, By: analytics.RankByGained, Page: page},
		"/getPostInsights/2026-05-01/2026-05-31/4?cursor=x":        {Range: may, Page: readmodels.Page{Limit: 50, Cursor: "x"}},
		"/getPostsLikes/2026-05-01/2026-05-31/4?granularity=month": {Range: may, Granularity: analytics.ByMonth, Page: page},
		"/getPostsViews/2026-05-01/2026-05-31/4?granularity=week":  {Range: may, Granularity: analytics.ByWeek},
		"/getPostsEngagements/2026-05-01/2026-05-31/4":             {Range: may, Page: page},
		"/getPostsTotalEngagements/2026-05-01/2026-05-31/4":        {Range: may, Granularity: analytics.ByDay},
		"/member-followers-graph/7?pId=4":                          {Range: last, Member: 7, Granularity: analytics.ByDay},
		"/accountActiveMembersPlatforms/17?pId=4":                  {Range: last, Page: page},
		"/membersSocialGrowth/7/2026-05-01/2026-05-31?pId=4":       {Range: may, Member: 7},
		"/getMembersPostInsights/7/2026-05-01/2026-05-31/4":        {Range: may, Member: 7, Page: page},
		"/getMembersfollowersGrowth/7/2026-05-01/2026-05-31/4":     {Range: may, Member: 7, Granularity: analytics.ByDay},
		"/getMembersPostLikes/7/2026-05-01/2026-05-31/4":           {Range: may, Member: 7, Granularity: analytics.ByDay, Page: page},
		"/getMembersPostViews/7/2026-05-01/2026-05-31/4":           {Range: may, Member: 7, Granularity: analytics.ByDay},
		"/getMembersPostEngagement/7/2026-05-01/2026-05-31/4":      {Range: may, Member: 7, Page: page},
		"/getMembersTopPosts/7/9?pId=4":                            {Range: last, Member: 7, Category: 9, Page: page},
		"/getMembersTopPosts/7/2026-05-01/9?pId=4":                 {Range: since, Member: 7, Category: 9, Page: page},
		"/getMembersTopPosts/7/2026-05-01/2026-05-31/9?pId=4":      {Range: may, Member: 7, Category: 9, Page: page},
		"/getMembersTopPosts/7/2026-05-01/2026-05-31/9/4":          {Range: may, Member: 7, Category: 9, Page: page},
		"/getMembersTopPosts/7/2026-05-01/2026-05-31/9/4?by=total": {Range: may, Member: 7, Category: 9, By: analytics.RankByTotal, Page: page},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			want.Platforms, want.Range.Now = []domain.Platform{domain.LinkedIn}, b.now
			answer := b.get("/auth"+path, b.agencyToken())
			require.Equal(t, http.StatusOK, answer.status, answer.body)
			require.Equal(t, []analytics.RangeQuery{want}, b.queries)
			narrow := readmodels.Narrowing{}
			if strings.Contains(path, "/17") {
				narrow.Accounts = []readmodels.AccountRef{{RowID: 17}}
			}
			require.Equal(t, narrow, b.scopes[0].Narrow)
		})
	}
}

// A parameter that is wrong is named, wherever it stands, and nothing is asked.
func TestAnalyticsPathsNameBadParameters(t *testing.T) {
	t.Parallel()
	for path, field := range map[string]string{
		"/leaderboard/4?limit=0": "limit", "/leaderboard/4?by=likes": "by", "/getPostsViews/2026-05-01/2026-05-31/4?granularity=hour": "granularity",
		"/getPostsViews/2020-01-01/2026-05-31/4": "startTime", "/getTopPostsInsights/2026-05-01/2026-05-31/4/x": "cId",
		"/member-followers-graph/x": "memberId", "/accountActiveMembersPlatforms/x": "accountId",
		"/membersSocialGrowth/7/2026-05-32/2026-05-31": "fromDate", "/membersSocialGrowth/7/2026-05-01/x": "toDate",
		"/getMembersTopPosts/7/2026-06-01/2026-05-31/9/4": "startTime",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			answer := b.get("/auth"+path, b.agencyToken())
			require.Equal(t, http.StatusBadRequest, answer.status, answer.body)
			require.Equal(t, field, answer.failure(t).Errors[0].Field)
			require.Empty(t, b.queries)
		})
	}
}

// A cursor that no page gave is named as the caller's fault.
func TestForeignCursors(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	for _, path := range []string{"/getPostInsights/2026-05-01/2026-05-31/4", "/getTopPostsInsights/2026-05-01/2026-05-31/4/0", "/accountActiveMembersPlatforms/11"} {
		for _, cursor := range []string{"x", "eyJsIjoib3RoZXIiLCJrIjoxfQ", "e30", "eyJsIjoicG9zdHMiLCJrIjp7ImUiOiJcdTAwMDAifX0"} {
			answer := b.get("/auth"+path+"?cursor="+cursor, b.agencyToken())
			require.Equal(t, http.StatusBadRequest, answer.status, answer.body)
			require.Equal(t, "cursor", answer.failure(t).Errors[0].Field)
		}
	}
}
