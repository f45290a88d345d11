package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// hostile are values that nobody should send as a parameter of a kind.
var hostile = map[string][]string{
	"time": {
		"yesterday", "2026-02-30", "2026-13-01", "2026-1-1", "20260101", "0000-00-00", "-1", "1e9", "١٧٦٧٢٢٥٦٠٠", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00",
		"2026-01-01'--", "99999999999999999999", "9223372036854775807", "10000-01-01", "1969-12-30", "2026-01-01\x00", "\xff\xfe", strings.Repeat("9", 5000),
		"2026-01-01T00:00:00+99:99", "NaN", "now()", "2026-01-01;drop table tSPosts",
	},
	"pId":  {"2", "5", "-1", "01", "1,3", "1;3", "1 or 1=1", "facebook", "+1", "1\x00", "\xff", "１", strings.Repeat("1", 4000), "9223372036854775808"},
	"cId":  {"-1", "x", "1.5", "0x1", "01", "1\x00", "\xff", "9223372036854775808", "' or ''='"},
	"id":   {"0", "-7", "007", "x", "7.0", "7 ", "7\x00", "\xff", "9223372036854775808", "7;8", "7'--", strings.Repeat("7", 3000)},
	"hex":  {"0", "-7", "x", strings.Repeat("g", 24), strings.Repeat("a", 25), strings.Repeat("a", 23), "7\x00", "\xff", "9223372036854775808", "../../etc/passwd"},
	"tz":   {"Mars/Phobos", "Local", "local", "localtime", "posixrules", "posix/UTC", "right/UTC", "../etc/localtime", "UTC\x00", "UTC'; set timezone to 'x", "+02:00", "\xff", "/UTC", strings.Repeat("A", 65)},
	"gran": {"hour", "DAY", "Week", "day,week", "1", "\xff", "day'", "quarter"},
	"lim":  {"0", "-1", "501", "1e2", "+5", "0x10", "5.0", "x", "99999999999999999999", "\xff"},
	"cur":  {"x", "a b", "\x00", "é", "e30", "bnVsbA", "eyJrIjpudWxsfQ", "eyJrIjp7fSwiZCI6IiJ9", strings.Repeat("a", 20_000)},
	"meta": {"nothing", "BRIEF", "brief,platforms", "\xff"},
	"tab":  {"nothing", "data;drop", "\xff", ""},
	"comp": {"Year", "last year", "previous,year", "1", "\xff", "none'--"},
	"by":   {"Total", "likes", "gained,total", "1", "\xff", "total'--"},
}

// kindOf is what a parameter takes.
var kindOf = map[string]string{
	"startTime": "time", "endTime": "time", "fromDate": "time", "toDate": "time", "pId": "pId", "cId": "cId", "memberId": "id", "accountId": "hex",
	"account": "hex", "tz": "tz", "granularity": "gran", "limit": "lim", "cursor": "cur", "table": "tab",
	"dashboard": "hex", "meta": "meta", "by": "by", "compare": "comp",
}

// Whatever is sent as a parameter of the figures, in the path or in the query: it is a 400 that names it, of
// the one shape, and never a 500, nor figures of something else.
func TestHostileParametersAreNamed(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	token, tried := b.agencyToken(), 0
	refused := func(path, field string) {
		t.Helper()
		tried++
		answer := b.get(path, token)
		require.Equal(t, http.StatusBadRequest, answer.status, "%.300q: %.300s", path, answer.body)
		f := answer.failure(t)
		require.Equal(t, "invalid", f.Code)
		fields := map[string]bool{}
		for _, e := range f.Errors {
			require.NotEmpty(t, e.Detail)
			fields[e.Field] = true
		}
		require.True(t, fields[field], "%.300q should name %s: %s", path, field, answer.body)
		require.Less(t, len(answer.body), 2000, "what was sent is not sent back")
	}
	for _, route := range b.server.Routes() {
		if !strings.HasPrefix(route.Pattern, "/auth/") {
			continue
		}
		parameters := b.parametersOf(route.Pattern)
		for name, in := range parameters {
			kind, known := kindOf[name]
			require.True(t, known, "%s: say what a hostile %s is", route.Pattern, name)
			for _, value := range hostile[kind] {
				if value == "" {
					continue // in the query: absent
				}
				if in == "path" {
					// What else the path names is well-formed.
					refused(pathWith(route.Pattern, name, url.PathEscape(value)), name)
				} else {
					refused(pathOf(route.Pattern)+"?"+name+"="+url.QueryEscape(value), name)
					refused(pathOf(route.Pattern)+"?"+name+"=1&"+name+"=1", name)
				}
			}
		}
		refused(pathOf(route.Pattern)+"?tz=%zz", "query")
		refused(pathOf(route.Pattern)+"?tz=UTC;account=7", "query")
		if parameters["pId"] == "path" {
			refused(pathOf(route.Pattern)+"?pId=1", "pId")
		}
	}
	require.Greater(t, tried, 2000)
}

// pathWith is a path of a pattern with one value as it is given.
func pathWith(pattern, name, value string) string {
	before, after, _ := strings.Cut(pattern, "{"+name+"}")
	return pathOf(before) + value + pathOf(after)
}

// parametersOf are the parameters that the document gives a GET, with their places, headers aside.
func (b *bundle) parametersOf(pattern string) map[string]string {
	b.t.Helper()
	in := map[string]string{}
	for _, p := range b.contract.doc.Paths.Value(documented(pattern)).Get.Parameters {
		if p.Value.In != "header" {
			in[p.Value.Name] = p.Value.In
		}
	}
	return in
}

func TestHostileRanges(t *testing.T) {
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
			"reversed": {"2026-02-01", "2026-01-01"}, "reversed instants": {"2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"}, "empty": {"1767225600", "1767225600"},
			"too long": {"2022-01-01", "2026-01-01"}, "all there is": {"0", "253402300799"}, "mixed": {"2026-01-02", "1767225600"},
		} {
			answer := b.get(pathOf(strings.NewReplacer(start, span[0], end, span[1]).Replace(route.Pattern)), b.agencyToken())
			require.Equal(t, http.StatusBadRequest, answer.status, "%s %s: %s", name, route.Pattern, answer.body)
			require.Equal(t, strings.Trim(start, "{}"), answer.failure(t).Errors[0].Field)
		}
		for name, span := range map[string][2]string{ // at the ends of time, and answered
			"the first day": {"1970-01-01", "1970-01-01"}, "far ahead": {"9998-12-30", "9998-12-31"}, "three years": {"2023-01-01", "2025-12-31"}, "a microsecond": {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"},
		} {
			for _, tz := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago"} {
				answer := b.get(pathOf(strings.NewReplacer(start, span[0], end, span[1]).Replace(route.Pattern))+"?tz="+tz, b.agencyToken())
				require.Equal(t, http.StatusOK, answer.status, "%s %s: %s", name, route.Pattern, answer.body)
			}
		}
	}
}

// post registers another post of our own client.
func (b *bundle) post(id string) {
	b.t.Helper()
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	owner := domain.Tenant{ParentAccount: agency, AccountID: client1, MemberID: 7, SocialAccount: 70}
	require.NoError(b.t, b.facts.Append(b.t.Context(), commands.NewDraft(domain.TopicMetrics, owner.Key(), domain.PostRegistered{
		Tenant: owner, Platform: domain.Facebook, ExternalID: id, Origin: domain.OriginListing, RegisteredAt: at, PublishedAt: &at,
	}, at)))
}

// A cursor goes on in the list that gave it, and nowhere else.
func TestHostileCursors(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	for i := range 5 {
		b.post(fmt.Sprint("more ", i))
	}
	lists := []string{
		"/auth/getPostInsights/2026-01-01/2026-01-31/all", "/auth/getPostsLikes/2026-01-01/2026-01-31/all", "/auth/getTopPostsInsights/2026-01-01/2026-01-31/all/0",
		"/auth/accountActiveMembersPlatforms/1", "/api/activities", "/api/users", "/api/platforms",
	}
	next := func(path, token string) string {
		t.Helper()
		answer := b.get(path+"?limit=1", token)
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		_, cursor, found := strings.Cut(answer.body, `"next_cursor":"`)
		if !found {
			return ""
		}
		return cursor[:strings.IndexByte(cursor, '"')]
	}
	refuses := func(path, token, cursor string) {
		t.Helper()
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		answer := b.get(path+join+"limit=1&cursor="+url.QueryEscape(cursor), token)
		require.Equal(t, http.StatusBadRequest, answer.status, "%s: %s", path, answer.body)
		require.Equal(t, "cursor", answer.failure(t).Errors[0].Field)
	}
	cursors := map[string]string{}
	for _, path := range lists {
		if cursor := next(path, b.agencyToken()); cursor != "" {
			cursors[path] = cursor
			require.Equal(t, http.StatusOK, b.get(path+"?limit=7&cursor="+cursor, b.agencyToken()).status, "a page may be of another length")
		}
	}
	require.Contains(t, cursors, lists[0])
	require.Contains(t, cursors, lists[4])
	for from, cursor := range cursors {
		for _, path := range lists {
			if path != from && (!strings.Contains(from, "getPost") || !strings.Contains(path, "getPost")) {
				refuses(path, b.agencyToken(), cursor)
			}
		}
		refuses(from, b.agencyToken(), cursor[:len(cursor)-2])
		refuses(from, b.agencyToken(), strings.ToUpper(cursor))
		refuses(from, b.agencyToken(), cursor+"AA")
	}
	posts := cursors[lists[0]]
	refuses("/auth/getPostInsights/2026-01-02/2026-01-31/all", b.agencyToken(), posts)
	refuses("/auth/getPostInsights/2026-01-01/2026-01-31/1", b.agencyToken(), posts)
	refuses(lists[0]+"?tz=Asia/Tokyo", b.agencyToken(), posts)
	refuses(lists[0]+"?account="+client1, b.agencyToken(), posts)
	refuses(lists[0], b.token(client1, "client"), posts)
	refuses("/auth/getMembersPostInsights/7/2026-01-01/2026-01-31/all", b.agencyToken(), posts)
	refuses("/api/activities?pId=3", b.agencyToken(), cursors["/api/activities"])
}

// Paths that are no address, methods that an address does not take, forms that nobody can have.
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
		"/api/users?memberId=7": "memberId", "/api/platforms?state=fine": "state", "/api/platforms?q=x": "q", "/api/stats?granularity=hour": "granularity",
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
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodTrace, "QUERY", "get"} {
			answer := b.ask(method, path, "", "Authorization: Bearer "+token)
			require.Equal(t, http.StatusMethodNotAllowed, answer.status, "%s %s", method, path)
			require.Equal(t, "GET, HEAD, OPTIONS", answer.header.Get("Allow"))
			require.Equal(t, "method_not_allowed", answer.failure(t).Code)
		}
		options := b.ask(http.MethodOptions, path, "")
		require.Equal(t, http.StatusNoContent, options.status)
		require.Empty(t, options.body)
		want := b.get(path, token).status
		require.Equal(t, want, b.ask(http.MethodHead, path, "", "Authorization: Bearer "+token).status)
		accept := accepts[i%len(accepts)] // all of them over the routes
		answer := b.get(path, token, "Accept: "+accept)
		require.Equal(t, want, answer.status, "%s %.40q: %s", path, accept, answer.body)
		wrong := b.get(path+"?tz=x", token, "Accept: text/csv, application/problem+json")
		require.Equal(t, http.StatusBadRequest, wrong.status)
		require.Equal(t, "application/problem+json", wrong.header.Get("Content-Type"))
		require.Contains(t, b.get(path+"?tz=x", token, "Accept: text/csv").header.Get("Content-Type"), "application/json", "an error is no table")
	}
}

// What net/http itself refuses is refused over a connection too, and the next request is served.
func TestHostileBytesOverAConnection(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	for _, path := range []string{"/auth/getRoiViews?" + strings.Repeat("tz=UTC&", 1000), "/auth/getRoiViews?tz=" + strings.Repeat("%41", 5000)} {
		answer := request(t, server.Client(), http.MethodGet, server.URL+path, b.agencyToken(), "own")
		require.Equal(t, http.StatusBadRequest, answer.status)
		answer.failure(t)
	}
	require.Equal(t, http.StatusOK, request(t, server.Client(), http.MethodGet, server.URL+"/auth/getRoiViews", b.agencyToken(), "own").status)
}
