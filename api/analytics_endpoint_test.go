package api_test

import (
	"context"
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

func TestAnalyticsUnderAuthAndAtTheRoot(t *testing.T) {
	t.Parallel()
	const path = "/getAccountInsights/2026-01-01/2026-01-31/3"
	b := setup(t)
	for _, prefix := range []string{"", "/auth"} {
		answer := b.get(prefix+path+"?tz=Europe/Berlin", b.agencyToken())
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		body := answer.object(t)
		require.Equal(t, []any{true, "SUCCESS"}, []any{body["success"], body["message"]})
		require.NotNil(t, body["data"])
		meta := body["meta"].(map[string]any)
		require.Equal(t, "2025-12-31T23:00:00Z", meta["from"])
		require.Equal(t, "2026-01-31T23:00:00Z", meta["to"])
		require.Equal(t, "Europe/Berlin", meta["time_zone"])
		require.Contains(t, meta, "as_of")
	}
	require.Equal(t, []domain.Platform{domain.Instagram}, b.queries[0].Platforms)
	mounted := setup(t, func(d *api.Deps) { d.Config.AnalyticsAtRoot = false })
	require.Equal(t, http.StatusNotFound, mounted.get(path, mounted.agencyToken()).status)
	require.Equal(t, http.StatusOK, mounted.get("/auth"+path, mounted.agencyToken()).status)
}

func TestEncodedParametersAreDecodedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer := b.get("/auth/getAccountInsights/2026-01-01T00%3A00%3A00%2B02%3A00/2026-01-01T02:00:00+02:00/0", b.agencyToken())
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	require.Equal(t, time.Date(2025, 12, 31, 22, 0, 0, 0, time.UTC), b.queries[0].Range.From)
	require.Equal(t, 2*time.Hour, b.queries[0].Range.To.Sub(b.queries[0].Range.From))
	require.Equal(t, http.StatusBadRequest, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/%2531", b.agencyToken()).status,
		"%2531 is %31, not 1")
}

func TestBadParametersAreNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer := b.get("/auth/getAccountInsights/2026-02-01/2026-01-01/2?tz=x&account=y", b.agencyToken())
	require.Equal(t, http.StatusBadRequest, answer.status)
	f := answer.failure(t)
	require.Equal(t, "invalid", f.Code)
	require.Len(t, f.Errors, 4)
	require.Empty(t, b.scopes)
	require.Empty(t, b.queries)
}

func TestWhoseFigures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/auth/getAccountInsights/2026-01-01/2026-01-31/all"
	require.Equal(t, http.StatusOK, b.get(path+"?account=17", b.agencyToken()).status)
	require.Equal(t, http.StatusOK, b.get(path+"?account="+client2, b.token(client1, "client")).status)
	require.Equal(t, []readmodels.ScopeRequest{
		{ParentAccount: agency, Narrow: readmodels.Narrowing{Accounts: []readmodels.AccountRef{{RowID: 17}}}},
		{ParentAccount: agency, ClientAccount: client1, ClientUser: alice, Narrow: readmodels.Narrowing{Accounts: []readmodels.AccountRef{{ID: client2}}}},
	}, b.scopes)
	b.scopeErr = readmodels.ErrAccountNotFound
	require.Equal(t, http.StatusNotFound, b.get(path, b.agencyToken()).status)
	b.scopeErr = readmodels.ErrNoOpenDashboard
	require.Equal(t, http.StatusForbidden, b.get(path, b.token(client1, "client")).status)
	require.Len(t, b.queries, 2)
}

func TestAnalyticsAsCSV(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.meta = analytics.Meta{NextCursor: "x y"}
	const path = "/auth/getAccountInsights/2026-01-01/2026-01-31/all"
	for _, accept := range []string{"text/csv", "text/csv, application/json;q=0.5"} {
		answer := b.get(path, b.agencyToken(), "Accept: "+accept)
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		require.Equal(t, "text/csv; charset=utf-8; header=present", answer.header.Get("Content-Type"))
		require.Equal(t, `attachment; filename="getAccountInsights.csv"`, answer.header.Get("Content-Disposition"))
		require.Equal(t, `<?cursor=x+y>; rel="next"`, answer.header.Get("Link"))
		columns, _, _ := strings.Cut(answer.body, "\n")
		require.Contains(t, strings.Split(columns, ","), "total.followers.value")
	}
	for _, accept := range []string{"*/*", "text/csv;q=0.1, application/json", "text/html"} {
		require.Contains(t, b.get(path, b.agencyToken(), "Accept: "+accept).header.Get("Content-Type"), "application/json")
	}
	b.meta.Sources = []analytics.Source{{
		SocialAccount: 7, Status: analytics.SourcePartial, Reason: "3 of 31 days were read.",
		Missing: []domain.MissingFigure{{Name: "engagement", Reason: "permission"}}, Paused: "An operator has paused it.",
	}}
	ofSources := b.get(path+"?table=meta.sources", b.agencyToken(), "Accept: text/csv")
	require.Empty(t, ofSources.header.Get("Link"), "every page has the same ones")
	require.Equal(t, "p_id,platform,social_account_id,account_id,a_type,name,status,reason,last_read_at,paused\n"+
		"0,,7,,,,partial,3 of 31 days were read.,,An operator has paused it.\n", ofSources.body, "why a cell is empty")
	for _, accept := range []string{"*/*", "text/html,application/xhtml+xml,*/*;q=0.8"} {
		require.Equal(t, ofSources.body, b.get(path+"?table=meta.sources", b.agencyToken(), "Accept: "+accept).body, "a link sets no header")
	}
	for query, accept := range map[string]string{"table=meta.sources": "application/json", "meta=brief": "text/csv", "meta=brief&table=data": "*/*"} {
		field, _, _ := strings.Cut(query, "=")
		refused := b.get(path+"?"+query, b.agencyToken(), "Accept: "+accept)
		refused.requireNamed(t, field, query)
	}
	refused := b.get(path+"?table=nothing", b.agencyToken(), "Accept: text/csv")
	refused.requireNamed(t, "table")
}

// Each pattern asks for what its path and query say.
func TestAnalyticsPaths(t *testing.T) {
	t.Parallel()
	may := analytics.Range{From: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Zone: time.UTC}
	last := analytics.Range{From: time.Date(2026, 6, 16, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 7, 16, 0, 0, 0, 0, time.UTC), Zone: time.UTC}
	since := analytics.Range{From: may.From, To: last.To, Zone: time.UTC}
	page := readmodels.Page{Limit: api.DefaultPageLimit}
	for path, want := range map[string]analytics.RangeQuery{
		"/getAccountInsights/2026-05-01/2026-05-31/4":                {Range: may},
		"/getAccountFollowers/2026-05-01/2026-05-31/4":               {Range: may, Granularity: analytics.ByDay},
		"/getRoiViews?pId=4":                                         {Range: last},
		"/getRoiViews?pId=4&startTime=2026-05-01&endTime=2026-05-31": {Range: may},
		"/reach/getAccountStats/4":                                   {Range: last, Granularity: analytics.ByDay},
		"/reach/getAccountNetGrowth?pId=4":                           {Range: last, Granularity: analytics.ByDay},
		"/reach/getAccountNetGrowth/4?startTime=2026-05-01":          {Range: since, Granularity: analytics.ByDay},
		"/reach/activityMeter?tz=&pId=4&account=17":                  {Range: last, Granularity: analytics.ByDay},
		"/leaderboard/4?limit=3":                                     {Range: last, Page: readmodels.Page{Limit: 3}},
		"/leaderboard/4?by=total":                                    {Range: last, By: analytics.RankByTotal, Page: page},
		"/getTopPostsInsights/2026-05-01/2026-05-31/4/9":             {Range: may, Category: 9, Page: page},
		"/getTopPostsInsights/2026-05-01/2026-05-31/4/9?by=gained":   {Range: may, Category: 9, By: analytics.RankByGained, Page: page},
		"/getPostInsights/2026-05-01/2026-05-31/4?cursor=x":          {Range: may, Page: readmodels.Page{Limit: 50, Cursor: "x"}},
		"/getPostsLikes/2026-05-01/2026-05-31/4?granularity=month":   {Range: may, Granularity: analytics.ByMonth, Page: page},
		"/getPostsViews/2026-05-01/2026-05-31/4?granularity=week":    {Range: may, Granularity: analytics.ByWeek},
		"/getPostsEngagements/2026-05-01/2026-05-31/4":               {Range: may, Page: page},
		"/getPostsTotalEngagements/2026-05-01/2026-05-31/4":          {Range: may, Granularity: analytics.ByDay},
		"/member-followers-graph/7?pId=4":                            {Range: last, Member: 7, Granularity: analytics.ByDay},
		"/accountActiveMembersPlatforms/17?pId=4":                    {Range: last, Page: page},
		"/membersSocialGrowth/7/2026-05-01/2026-05-31?pId=4":         {Range: may, Member: 7},
		"/getMembersPostInsights/7/2026-05-01/2026-05-31/4":          {Range: may, Member: 7, Page: page},
		"/getMembersfollowersGrowth/7/2026-05-01/2026-05-31/4":       {Range: may, Member: 7, Granularity: analytics.ByDay},
		"/getMembersPostLikes/7/2026-05-01/2026-05-31/4":             {Range: may, Member: 7, Granularity: analytics.ByDay, Page: page},
		"/getMembersPostViews/7/2026-05-01/2026-05-31/4":             {Range: may, Member: 7, Granularity: analytics.ByDay},
		"/getMembersPostEngagement/7/2026-05-01/2026-05-31/4":        {Range: may, Member: 7, Page: page},
		"/getMembersTopPosts/7/9?pId=4":                              {Range: last, Member: 7, Category: 9, Page: page},
		"/getMembersTopPosts/7/2026-05-01/9?pId=4":                   {Range: since, Member: 7, Category: 9, Page: page},
		"/getMembersTopPosts/7/2026-05-01/2026-05-31/9?pId=4":        {Range: may, Member: 7, Category: 9, Page: page},
		"/getMembersTopPosts/7/2026-05-01/2026-05-31/9/4":            {Range: may, Member: 7, Category: 9, Page: page},
		"/getMembersTopPosts/7/2026-05-01/2026-05-31/9/4?by=total":   {Range: may, Member: 7, Category: 9, By: analytics.RankByTotal, Page: page},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			want.Platforms, want.Range.Now = []domain.Platform{domain.LinkedIn}, b.now
			answer := b.get("/auth"+path, b.agencyToken())
			require.Equal(t, http.StatusOK, answer.status, answer.body)
			require.Equal(t, []analytics.RangeQuery{want}, b.queries)
			narrow := readmodels.Narrowing{}
			if strings.Contains(path, "17") {
				narrow.Accounts = []readmodels.AccountRef{{RowID: 17}}
			}
			require.Equal(t, narrow, b.scopes[0].Narrow)
		})
	}
}

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
