package api_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
)

func TestRequestsOfACallerAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Config.RateLimit = api.RateLimit{Requests: 3, Window: time.Minute} })
	token, other := b.agencyToken(), b.token(client1, "client", map[string]any{"sub": client2})
	for left := 2; left >= 0; left-- {
		answer := b.get(insightsPath, token)
		require.Equal(t, http.StatusOK, answer.status)
		require.Equal(t, `"user";q=3;w=60`, answer.header.Get("RateLimit-Policy"))
		require.Equal(t, `"user";r=`+strconv.Itoa(left)+`;t=60`, answer.header.Get("RateLimit"))
	}
	b.now = b.now.Add(20*time.Second + time.Millisecond)
	for range 3 {
		refused := b.get(insightsPath, token)
		require.Equal(t, http.StatusTooManyRequests, refused.status)
		require.Equal(t, "40", refused.header.Get("Retry-After"))
		require.Equal(t, `"user";r=0;t=40`, refused.header.Get("RateLimit"))
		require.Equal(t, "rate_limited", refused.failure(t).Code)
		require.Equal(t, "You have made 3 requests within 60 seconds. Wait 40 seconds and go on more slowly.", refused.failure(t).Message)
	}
	require.Len(t, b.queries, 3, "a refused request asks nothing")
	require.Equal(t, http.StatusTooManyRequests, b.get(dashboardPath+client1, token).status, "all routes count")
	require.Equal(t, http.StatusTooManyRequests, b.get("/auth/getRoiViews?pId=x", b.agencyToken()).status, "another token of the same caller")
	require.Equal(t, http.StatusOK, b.get(insightsPath, other).status, "another caller")
	require.Equal(t, http.StatusOK, b.ask(http.MethodGet, "/healthz", "").status, "who is not known is not counted")
	b.now = b.now.Add(40 * time.Second)
	require.Equal(t, http.StatusOK, b.get(insightsPath, b.agencyToken()).status)
}

func TestNoBoundNoHeader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Empty(t, b.get(insightsPath, b.agencyToken()).header.Get("RateLimit"))
	_, err := api.Handler(api.Deps{Config: api.Config{RateLimit: api.RateLimit{Requests: -1}}})
	require.ErrorContains(t, err, "RateLimit")
}
