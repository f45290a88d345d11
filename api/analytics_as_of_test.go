package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every endpoint of figures takes an instant of the past, a day of the caller's zone as its end; the future has none.
func TestFiguresAsOfATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC)
	for _, path := range []string{
		"/auth/getAccountInsights/2025-12-01/2025-12-31/0", "/auth/getRoiViews", "/auth/reach/activityMeter", "/auth/leaderboard/0",
		"/auth/getPostInsights/2025-12-01/2025-12-31/0", "/auth/membersSocialGrowth/7/2025-12-01/2025-12-31",
		"/auth/accountActiveMembersPlatforms/11",
	} {
		for _, query := range []string{"?as_of=2025-12-31T23:00:00Z", "?as_of=2026-01-01T00:00:00%2B01:00", "?as_of=2025-12-31&tz=Europe/Berlin"} {
			b.queries = nil
			answer := b.get(path+query, b.agencyToken())
			require.Equal(t, http.StatusOK, answer.status, "%s%s: %s", path, query, answer.body)
			require.NotEmpty(t, b.queries, path)
			require.Equal(t, &want, b.queries[0].AsOf, path+query)
		}
		require.Equal(t, http.StatusOK, b.get(path, b.agencyToken()).status)
		require.Nil(t, b.queries[len(b.queries)-1].AsOf, path)
	}
	for query, hint := range map[string]string{"?as_of=3000-01-01T00:00:00Z": "future", "?as_of=yesterday": "as_of"} {
		answer := b.get("/auth/getRoiViews"+query, b.agencyToken())
		require.Equal(t, http.StatusBadRequest, answer.status, query)
		require.Contains(t, answer.body, hint)
	}
}
