package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ranges at the ends of time are answered.
func TestRangesAtTheEndsOfTime(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	for _, route := range b.server.Routes() {
		start, end := "{startTime}", "{endTime}"
		if strings.Contains(route.Pattern, "{fromDate}") {
			start, end = "{fromDate}", "{toDate}"
		}
		if !strings.HasPrefix(route.Pattern, "/auth/") || !strings.Contains(route.Pattern, end) {
			continue
		}
		for name, span := range map[string][2]string{
			"the first day": {"1970-01-01", "1970-01-01"}, "far ahead": {"9998-12-30", "9998-12-31"}, "three years": {"2023-01-01", "2025-12-31"}, "a microsecond": {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"},
		} {
			for _, tz := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago"} {
				answer := b.get(pathOf(strings.NewReplacer(start, span[0], end, span[1]).Replace(route.Pattern))+"?tz="+tz, b.agencyToken())
				require.Equal(t, http.StatusOK, answer.status, "%s %s: %s", name, route.Pattern, answer.body)
			}
		}
	}
}

// A cursor goes on in the list that gave it, for its caller, and nowhere else.
func TestHostileCursors(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	const posts, more = "/auth/getPostInsights/2026-01-01/2026-01-31/all?limit=1", "&cursor="
	cursor := metaOf(t, b.get(posts, b.agencyToken()))["next_cursor"].(string)
	require.Equal(t, http.StatusOK, b.get(posts+more+cursor, b.agencyToken()).status)
	require.Equal(t, http.StatusOK, b.get(strings.Replace(posts, "limit=1", "limit=7", 1)+more+cursor, b.agencyToken()).status)
	refuses := func(address, token string) {
		t.Helper()
		answer := b.get(address, token)
		require.Equal(t, http.StatusBadRequest, answer.status, "%s: %s", address, answer.body)
		require.Equal(t, "cursor", answer.failure(t).Errors[0].Field)
	}
	for _, list := range []string{
		"/auth/getTopPostsInsights/2026-01-01/2026-01-31/all/0?limit=1", "/auth/accountActiveMembersPlatforms/11?limit=1", "/api/activities?limit=1", "/api/users?limit=1",
		"/api/platforms?limit=1", "/auth/getMembersPostInsights/7/2026-01-01/2026-01-31/all?limit=1", "/auth/getPostInsights/2026-01-02/2026-01-31/all?limit=1",
		"/auth/getPostInsights/2026-01-01/2026-01-31/1?limit=1", posts + "&tz=Asia/Tokyo", posts + "&account=" + client1,
	} {
		refuses(list+more+cursor, b.agencyToken())
	}
	refuses(posts+more+cursor, b.token(client1, "client"))
	for _, broken := range []string{"x", "e30", cursor[:len(cursor)-2], strings.ToUpper(cursor), cursor + "AA"} {
		refuses(posts+more+broken, b.agencyToken())
	}
	activities := metaOf(t, b.get("/api/activities?limit=1", b.agencyToken()))["next_cursor"].(string)
	refuses("/api/activities?limit=1&pId=3"+more+activities, b.agencyToken())
}

// Paths that are no address, parameters that none takes, forms that nobody can have.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	token := b.agencyToken()
	for _, path := range []string{
		"/auth", "/auth/", "/auth/getRoiViews/7", "/auth/getMembersTopPosts/7", "/auth/getMembersTopPosts/7/1/2/3/4/5", "/auth//getRoiViews",
		"/auth/getAccountInsights/2026-01-01/2026-01-31", "/auth/%2e%2e/healthz/x", "/auth/getRoiViews%2F..", "/auth/getRoiViews%00",
	} {
		answer := b.get(path, token)
		require.Equal(t, http.StatusNotFound, answer.status, "%s: %s", path, answer.body)
		answer.failure(t)
	}
	for path, field := range map[string]string{
		"/api/activities/70:%00": "activityId", "/api/activities/70:%ff": "activityId", "/api/activities/70": "activityId", "/api/activities/70:" + strings.Repeat("x", 20_000): "activityId",
		"/api/users/%00": "userId", "/api/users/7": "userId", "/api/platforms/0": "platformId", "/api/platforms/7%2F0": "platformId",
		"/api/users?q=%00": "q", "/api/users?q=" + strings.Repeat("x", 201): "q", "/api/users?active=maybe": "active", "/api/users?active=true&active=false": "active",
		"/auth/getAccountInsights/2026-01-01//all": "endTime", "/auth/getMembersTopPosts//0": "memberId",
		"/auth/getRoiViews?tz=%zz": "query", "/auth/getRoiViews?tz=UTC;account=7": "query", "/auth/getRoiViews?tz=UTC&tz=UTC": "tz",
		"/auth/reach/getAccountStats/4?pId=1": "pId", "/api/users?memberId=7": "memberId", "/api/platforms?state=fine": "state", "/api/platforms?q=x": "q", "/api/stats?granularity=hour": "granularity",
		"/api/activities?type=%ff": "type", "/api/activities?granularity=day": "granularity", "/api/users/" + alice + "?role=x": "role",
	} {
		answer := b.get(path, token)
		require.Equal(t, http.StatusBadRequest, answer.status, "%.200s: %s", path, answer.body)
		require.Equal(t, field, answer.failure(t).Errors[0].Field, "%.200s", path)
	}
	for _, text := range []string{"%00", "%ff", "%ed%a0%80", "a%00b"} {
		for _, path := range []string{"/connect/start/", "/connect/choose/", "/connect/link/", "/connect/meta/delete/", "/connect/"} {
			answer := b.ask(http.MethodGet, path+text, "")
			require.Equal(t, http.StatusNotFound, answer.status, "%s%s: %s", path, text, answer.body)
			require.Contains(t, answer.body, "Check the path", "%s%s", path, text)
		}
		for _, path := range []string{"/connect/choose/", "/connect/link/"} {
			answer := b.ask(http.MethodPost, path+text, "platform=1", "Content-Type: application/x-www-form-urlencoded")
			require.Equal(t, http.StatusNotFound, answer.status, "%s%s: %s", path, text, answer.body)
		}
		require.Equal(t, http.StatusBadRequest, b.get("/api/connect/"+text, token).status)
	}
	accepts := []string{"", "*/*", "text/html", "application/*", "text/csv;q=x", "text/csv;q=-1", ",,,", "text/csv, text/csv", strings.Repeat("a/b,", 3000), "\x01"}
	for i, route := range b.server.Routes() {
		if !strings.HasPrefix(route.Pattern, "/auth/") {
			continue
		}
		path := pathOf(route.Pattern)
		want := b.get(path, token).status
		accept := accepts[i%len(accepts)] // all of them over the routes
		answer := b.get(path, token, "Accept: "+accept)
		require.Equal(t, want, answer.status, "%s %.40q: %s", path, accept, answer.body)
	}
	wrong := b.get("/auth/getRoiViews?tz=x", token, "Accept: text/csv, application/problem+json")
	require.Equal(t, http.StatusBadRequest, wrong.status)
	require.Equal(t, "application/problem+json", wrong.header.Get("Content-Type"))
	require.Contains(t, b.get("/auth/getRoiViews?tz=x", token, "Accept: text/csv").header.Get("Content-Type"), "application/json", "an error is no table")
}
