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
