package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
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
		answer.requireNamed(t, "cursor", "%s: %s", address, answer.body)
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
		"/api/activities/70:" + strings.Repeat("x", 20_000): "activityId", "/api/platforms/7%2F0": "platformId", "/api/users?active=true&active=false": "active",
		"/auth/getAccountInsights/2026-01-01//all": "endTime", "/auth/getMembersTopPosts//0": "memberId",
		"/auth/getRoiViews?tz=%zz": "query", "/auth/getRoiViews?tz=UTC;account=7": "query", "/auth/getRoiViews?tz=UTC&tz=UTC": "tz",
		"/auth/reach/getAccountStats/4?pId=1": "pId", "/api/users/" + alice + "?role=x": "role",
	} {
		answer := b.get(path, token)
		answer.requireNamed(t, field, "%.200s: %s", path, answer.body)
	}
	for _, text := range []string{"%00", "%ff", "%ed%a0%80", "a%00b"} {
		for _, path := range []string{"/connect/start/", "/connect/choose/", "/connect/link/", "/connect/meta/delete/", "/connect/"} {
			answer := b.ask(http.MethodGet, path+text, "")
			require.Equal(t, http.StatusNotFound, answer.status, "%s%s: %s", path, text, answer.body)
			require.Contains(t, answer.body, "Check the URL", "%s%s", path, text)
		}
		for _, path := range []string{"/connect/choose/", "/connect/link/"} {
			answer := b.ask(http.MethodPost, path+text, "platform=1", "Content-Type: application/x-www-form-urlencoded")
			require.Equal(t, http.StatusNotFound, answer.status, "%s%s: %s", path, text, answer.body)
		}
		require.Equal(t, http.StatusBadRequest, b.get("/api/connect/"+text, token).status)
	}
	wrong := b.get("/auth/getRoiViews?tz=x", token, "Accept: text/csv, application/problem+json")
	require.Equal(t, http.StatusBadRequest, wrong.status)
	require.Equal(t, "application/problem+json", wrong.header.Get("Content-Type"))
	require.Contains(t, b.get("/auth/getRoiViews?tz=x", token, "Accept: text/csv").header.Get("Content-Type"), "application/json", "an error is no table")
}

// Requests whose parameters all match their schemas are refused only for the rules in the text of
// the document.
func TestWellFormedRequestsAreRefusedOnlyByDocumentedRules(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	doc := b.document()
	components := doc["components"].(map[string]any)["schemas"].(map[string]any)
	requests, accepted := 0, 0
	for _, op := range reads(t) {
		if op.Method != http.MethodGet {
			continue
		}
		described := parametersOf(doc, doc["paths"].(map[string]any)[documented(op.Pattern)].(map[string]any)["get"].(map[string]any))
		for seed := range 6 {
			address, query := op.Pattern, url.Values{}
			for i, p := range described {
				name, in := p["name"].(string), p["in"].(string)
				switch value := drawn(t, schemaOf(p, components), seed+i); {
				case in == "path":
					address = strings.ReplaceAll(address, "{"+name+"}", url.PathEscape(value))
				case in == "query" && (p["required"] == true || (seed+i)%3 == 0):
					query.Set(name, value)
				}
			}
			answer := b.get(address+"?"+query.Encode(), b.tokenOf(roleFor(op)))
			if requests++; answer.status != http.StatusBadRequest {
				accepted++
				continue
			}
			for _, e := range answer.failure(t).Errors {
				requireDocumentedRule(t, doc, e.Detail, address+"?"+query.Encode())
			}
		}
	}
	require.Greater(t, requests, 300)
	require.Greater(t, accepted, requests/3)
}

// documentedRules maps the start of an error detail to the rule in the text of the document.
var documentedRules = map[string]string{
	"must be before":         "a range starts before it ends",
	"must not be after to":   "a range starts before it ends",
	"is more than 1096 days": "at most 1,096 days",
	"cannot be combined":     "at excludes version, from and to",
	"is in the future":       "a moment in the history is not in the future",
	"applies to JSON only":   "meta applies to JSON and table to CSV",
	"does not belong to":     "a cursor comes from a page of the same list",
}

// requireDocumentedRule requires that the text of the document contains the rule for an error
// detail.
func requireDocumentedRule(t *testing.T, doc map[string]any, detail, address string) {
	t.Helper()
	for prefix, rule := range documentedRules {
		if strings.HasPrefix(detail, prefix) {
			text := strings.Join(strings.Fields(doc["info"].(map[string]any)["description"].(string)), " ")
			require.Contains(t, text, rule)
			return
		}
	}
	require.Fail(t, "the service refuses a request that the document allows", "%s: %s", address, detail)
}

func schemaOf(parameter, components map[string]any) map[string]any {
	schema := parameter["schema"].(map[string]any)
	if ref, ok := schema["$ref"].(string); ok {
		return components[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
	}
	return schema
}

// drawn returns a value that matches a schema.
func drawn(t *testing.T, schema map[string]any, seed int) string {
	t.Helper()
	if words, ok := schema["enum"].([]any); ok {
		return fmt.Sprint(words[seed%len(words)])
	}
	if schema["type"] == "integer" {
		least, most := schema["minimum"].(float64), schema["maximum"].(float64)
		return fmt.Sprint([]int64{int64(least), int64(most), int64(least) + 1, int64(most/2) + 1}[seed%4])
	}
	pattern, ok := schema["pattern"].(string)
	require.True(t, ok, "a parameter without a form: %v", schema)
	value := rapid.StringMatching(pattern).Example(seed + 1)
	if most, ok := schema["maxLength"].(float64); ok {
		value = string([]rune(value)[:min(len([]rune(value)), int(most))])
	}
	return value
}
