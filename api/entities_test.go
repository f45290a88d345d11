package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Lists have pages, filters and null, over the real queries.
func TestEntities(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	token := b.token(agency, "agency")
	ask := func(path string) (data []map[string]any, next string) {
		t.Helper()
		answer := b.ask(http.MethodGet, path, "", "Authorization: Bearer "+token)
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		var body struct {
			Success bool
			Message string
			Data    []map[string]any
			Meta    struct {
				Next string `json:"next_cursor"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(answer.body), &body))
		require.True(t, body.Success)
		require.Equal(t, "SUCCESS", body.Message)
		require.NotNil(t, body.Data)
		return body.Data, body.Meta.Next
	}
	users, next := ask("/api/users?q=ALI&active=true&limit=1&account=11")
	require.Len(t, users, 1)
	require.Equal(t, "Alice", users[0]["name"])
	require.Contains(t, users[0], "created_at")
	require.Nil(t, users[0]["created_at"])
	require.NotContains(t, strings.Join(keysOf(users[0]), " "), "password")
	require.Empty(t, next)
	none, _ := ask("/api/users?q=nobody")
	require.Empty(t, none)

	platforms, _ := ask("/api/platforms?state=waiting&pId=1&memberId=7")
	require.Len(t, platforms, 1)
	require.Equal(t, "waiting", platforms[0]["state"])
	require.Nil(t, platforms[0]["expires_at"])
	for _, name := range keysOf(platforms[0]) {
		require.NotContains(t, name, "secret")
		require.False(t, strings.Contains(name, "token") && name != "token_stored_at", name)
	}

	activities, _ := ask("/api/activities?startTime=2026-01-02&endTime=2026-01-02&platformId=70&cId=all")
	require.Len(t, activities, 1)
	require.Equal(t, "70:p", activities[0]["id"])
	for _, name := range []string{"likes", "comments", "shares", "views", "impressions", "reach", "content", "c_id", "captured_at"} {
		require.Contains(t, activities[0], name)
		require.Nil(t, activities[0][name], "%s: absent is null", name)
	}
	outside, _ := ask("/api/activities?endTime=2026-01-01")
	require.Empty(t, outside)

	answer := b.ask(http.MethodGet, "/api/activities/"+url.PathEscape("70:p"), "", "Authorization: Bearer "+token)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	stats := b.ask(http.MethodGet, "/api/stats?startTime=2026-01-01&endTime=2026-02-28&granularity=month&tz=Europe/Vienna&pId=1", "", "Authorization: Bearer "+token)
	require.Equal(t, http.StatusOK, stats.status, stats.body)
	require.Contains(t, stats.body, `"period":"2026-01-01","from":"2025-12-31T23:00:00Z"`)
	require.Contains(t, stats.body, `"followers":null,"followers_change":null,"posts":2,"engagement":null,"impressions":null,"reach":null,"engagement_rate_pct":null,"engagement_rate_of":null,`+
		`"recorded_at":null,"updated_at":null,"demographics":null`)
	require.Contains(t, stats.body, `"period":"2026-02-01"`)
}

// From a user on every relation can be followed: to what it has connected, to its posts and its figures, to a post's.
func TestRelationsOfAUser(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	b.facts.Put(t, domain.DirectoryPlannedPost{
		ID: 4, AccountID: client1, SocialAccount: 70, CategoryID: 5, ScheduledAt: new(time.Date(2027, 1, 1, 9, 0, 0, 0, time.UTC)),
	})
	ask := func(path string, into any) {
		t.Helper()
		answer := b.get(path, b.agencyToken())
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		require.NoError(t, json.Unmarshal([]byte(answer.body), &struct{ Data any }{into}))
	}
	type ids struct {
		ID     any    `json:"id"`
		State  string `json:"state"`
		Social int64  `json:"social_account_id"`
		User   string `json:"user_id"`
	}
	var platforms, activities, planned, readings []ids
	ask("/api/users/"+alice+"/platforms", &platforms)
	require.Len(t, platforms, 1)
	platform := fmt.Sprintf("/api/platforms/%v", platforms[0].ID)
	ask(platform+"/activities", &activities)
	require.Equal(t, []ids{{"70:p", "published", 70, alice}}, activities)
	ask(platform+"/activities?state=scheduled", &planned)
	require.Equal(t, []ids{{"70:planned:4", "scheduled", 70, alice}}, planned)
	ask("/api/activities/"+url.PathEscape("70:p")+"/stats", &readings)
	require.Equal(t, ids{Social: 70, User: alice}, readings[0])

	var stats struct {
		ids

		Periods []struct{ Period string }
	}
	ask(platform+"/stats?startTime=2026-01-01&endTime=2026-02-28&granularity=month", &stats)
	require.Equal(t, ids{Social: 70, User: alice}, stats.ids)
	require.Len(t, stats.Periods, 2)
	compared := b.get(platform+"/stats?startTime=2026-01-01&endTime=2026-02-28&granularity=month&compare=year", b.agencyToken())
	require.Contains(t, compared.body, `"compared_from":"2025-01-01T00:00:00Z","compared_to":"2025-03-01T00:00:00Z"`)
	require.Contains(t, compared.body, `"previous_periods":[{"period":"2025-01-01"`)
	require.Equal(t, http.StatusNotFound, b.get("/api/platforms/80/stats", b.agencyToken()).status, "another agency's")
	require.Equal(t, http.StatusNotFound, b.get("/api/platforms/71/stats", b.agencyToken()).status)
}

func keysOf(m map[string]any) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}
