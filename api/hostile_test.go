package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

// Ranges at the ends of time are answered.
func TestExtremeTimeRangesAreAnswered(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedTenants())
	for _, route := range b.server.Routes() {
		start, end := "{startTime}", "{endTime}"
		if strings.Contains(route.Pattern, "{fromDate}") {
			start, end = "{fromDate}", "{toDate}"
		}
		if !strings.HasPrefix(route.Pattern, "/auth/") || !strings.Contains(route.Pattern, end) {
			continue
		}
		for _, span := range [][3]string{
			{"1970-01-01", "1970-01-01", "Pacific/Kiritimati"}, // begins before 1970
			{"9998-12-30", "9998-12-31", "Pacific/Pago_Pago"},  // ends in 9999
			{"2023-01-01", "2025-12-31", "Pacific/Kiritimati"},
			{"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "Pacific/Pago_Pago"},
		} {
			path := pathOf(strings.NewReplacer(start, span[0], end, span[1]).Replace(route.Pattern))
			b.get(path+"?tz="+span[2], b.agencyToken()).Says(t, http.StatusOK)
		}
	}
}

// A cursor goes on in the list that gave it, for its caller, and nowhere else.
func TestCursorIsBoundToItsListAndCaller(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedTenants())
	const posts, more = "/auth/getPostInsights/2026-01-01/2026-01-31/all?limit=1", "&cursor="
	cursor := metaOf(t, b.get(posts, b.agencyToken()))["next_cursor"].(string)
	require.Equal(t, http.StatusOK, b.get(posts+more+cursor, b.agencyToken()).Status)
	require.Equal(t, http.StatusOK, b.get(strings.Replace(posts, "limit=1", "limit=7", 1)+more+cursor, b.agencyToken()).Status)
	refuses := func(address, token string) {
		t.Helper()
		answer := b.get(address, token)
		requireNamed(t, answer, "cursor")
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
func TestMalformedPathsAndParametersAreClientErrors(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedTenants())
	token := b.agencyToken()
	for _, path := range []string{
		"/auth", "/auth/", "/auth/getRoiViews/7", "/auth/getMembersTopPosts/7", "/auth/getMembersTopPosts/7/1/2/3/4/5", "/auth///getRoiViews",
		"/auth/getAccountInsights/2026-01-01/2026-01-31", "/auth/%2e%2e/healthz/x", "/auth/getRoiViews%2F..", "/auth/getRoiViews%00",
	} {
		answer := b.get(path, token).Says(t, http.StatusNotFound)
		answer.Failure(t)
	}
	for path, field := range map[string]string{
		"/api/activities/70:" + strings.Repeat("x", 20_000): "activityId", "/api/platforms/7%2F0": "platformId", "/api/users?active=true&active=false": "active",
		"/auth/getAccountInsights/2026-01-01//all": "endTime", "/auth/getMembersTopPosts//0": "memberId",
		"/auth/getRoiViews?tz=%zz": "query", "/auth/getRoiViews?tz=UTC;account=7": "query", "/auth/getRoiViews?tz=UTC&tz=UTC": "tz",
		"/auth/reach/getAccountStats/4?pId=1": "pId", "/api/users/" + alice + "?role=x": "role",
	} {
		answer := b.get(path, token)
		requireNamed(t, answer, field)
	}
	all := b.get("/auth/getAccountInsights/2026-02-01/2026-01-01/2?tz=x&account=y", token)
	require.Len(t, all.Failure(t).Errors, 4, "all are named at once")
	for _, text := range []string{"%00", "%ff", "%ed%a0%80", "a%00b"} {
		for _, path := range []string{"/connect/start/", "/connect/choose/", "/connect/link/", "/connect/meta/delete/", "/connect/"} {
			b.ask(http.MethodGet, path+text, "").Says(t, http.StatusNotFound, "Check the URL")
		}
		for _, path := range []string{"/connect/choose/", "/connect/link/"} {
			b.ask(http.MethodPost, path+text, "platform=1", "Content-Type: application/x-www-form-urlencoded").Says(t, http.StatusNotFound)
		}
		require.Equal(t, http.StatusBadRequest, b.get("/api/connect/"+text, token).Status)
	}
	wrong := b.get("/auth/getRoiViews?tz=x", token, "Accept: text/csv, application/problem+json").Says(t, http.StatusBadRequest)
	require.Equal(t, "application/problem+json", wrong.Header.Get("Content-Type"))
	require.Contains(t, b.get("/auth/getRoiViews?tz=x", token, "Accept: text/csv").Header.Get("Content-Type"), "application/json", "an error is no table")
}

// Requests whose parameters all match their schemas are refused only for the rules in the text of
// the document.
func TestWellFormedRequestsAreRefusedOnlyByDocumentedRules(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedDiscovery())
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
			if requests++; answer.Status != http.StatusBadRequest {
				accepted++
				continue
			}
			for _, e := range answer.Failure(t).Errors {
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
	"applies to JSON only":   "meta applies to JSON, and table and for to CSV",
	"applies to CSV only":    "meta applies to JSON, and table and for to CSV",
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

// Ids that nobody has.
const (
	noAccount = "cf0000000000000000000001"
	noUser    = "af0000000000000000000001"
)

// idSet is one id of each kind.
type idSet struct{ account, member, row, user string }

var (
	ownIDs     = idSet{client1, "7", "11", alice}
	foreignIDs = idSet{otherClient, "8", "21", otherUser}
	siblingIDs = idSet{client2, "9", "12", bob}
	unknownIDs = idSet{noAccount, "5", "99", noUser}
)

// idPlaces are the places of a route that take ids; the other ids are the caller's own.
func idPlaces(route api.Route, inQuery []string) (paths []func(idSet) string) {
	fill := func(pattern string, ids idSet) string {
		path, _, _ := strings.Cut(filled(pattern, ids.account, ids.member, ids.row, ids.user), "?")
		return path
	}
	for _, param := range []string{"{sub_account_id}", "{memberId}", "{accountId}", "{userId}", "{platformId}", "{activityId}", "{account_id}"} {
		if strings.Contains(route.Pattern, param) {
			_, query, _ := strings.Cut(ownPath(route.Pattern), "?")
			if strings.HasPrefix(query, "account=") {
				query = ""
			}
			paths = append(paths, func(ids idSet) string {
				return fill(strings.ReplaceAll(route.Pattern, param, fill(param, ids)), ownIDs) + "?" + query
			})
		}
	}
	own := fill(route.Pattern, ownIDs)
	for _, name := range inQuery {
		for _, id := range idParameters[name] {
			for _, before := range formatsOf(route) {
				paths = append(paths, func(ids idSet) string { return own + "?" + before + name + "=" + id(ids) })
			}
		}
	}
	return paths
}

// idParameters are the parameters of a query that take ids, and the kinds of ids that each takes.
var idParameters = func() map[string][]func(idSet) string {
	account := func(ids idSet) string { return ids.account }
	user := []func(idSet) string{func(ids idSet) string { return ids.user }}
	return map[string][]func(idSet) string{
		"account": {account, func(ids idSet) string { return ids.row }}, "dashboard": {account},
		"memberId":   {func(ids idSet) string { return ids.member }},
		"platformId": {func(ids idSet) string { return ids.member + "0" }},
		"userId":     user, "user_id": user, "user": user, "actor": user,
	}
}()

// formatsOf are what a query of a route begins with: exports say their format.
func formatsOf(route api.Route) []string {
	if strings.HasSuffix(route.Pattern, "/export") {
		return []string{"format=jsonl&", "format=csv&"}
	}
	return []string{""}
}

// queryOf are the names of the parameters of a route's query, as the API document has them.
func queryOf(doc map[string]any, route api.Route) (names []string) {
	path, _ := doc["paths"].(map[string]any)[documented(route.Pattern)].(map[string]any)
	op, _ := path[strings.ToLower(route.Method)].(map[string]any)
	for _, p := range parametersOf(doc, op) {
		if p["in"] == "query" {
			names = append(names, p["name"].(string))
		}
	}
	return names
}

// A foreign id is answered as an unknown one: by the same statements, with the same bytes.
func TestForeignIDIsIndistinguishableFromUnknownID(t *testing.T) {
	t.Parallel()
	log := tenants(t)
	traced, statements := pgtest.Traced(t, log.DB.ReadOnly)
	log.DB.ReadOnly = traced
	b := setupOn(t, log, func(d *api.Deps) { d.Config.RateLimit = api.RateLimit{Requests: 10, Window: time.Second} })
	type seen struct {
		answer     ledgertest.Answer
		statements []string
	}
	ask := func(method, path, role, body string, headers []string) seen {
		b.now = b.now.Add(2 * time.Second) // each request is the first one of its window
		statements.Take()
		headers = append([]string{"Authorization: Bearer " + b.tokenOf(role)}, headers...)
		a := b.ask(method, path, body, headers...)
		if id := a.Header.Get("X-Request-Id"); id != "" { // each request has its own
			a.Body = strings.ReplaceAll(a.Body, id, "its id")
			a.Header.Del("X-Request-Id")
		}
		return seen{a, sent(statements)}
	}
	doc := b.document()
	tried := 0
	compare := func(method string, path func(idSet) string, role, body string, bodies func(string, idSet) string, headers []string) {
		unknown := ask(method, path(unknownIDs), role, bodies(body, unknownIDs), headers)
		others := []idSet{foreignIDs}
		if role == "client" {
			others = append(others, siblingIDs)
		}
		for _, ids := range others {
			other := ask(method, path(ids), role, bodies(body, ids), headers)
			name := fmt.Sprintf("%s %s %s as %s %v", method, path(ids), bodies(body, ids), role, headers)
			require.Equal(t, unknown.answer.Status, other.answer.Status, name)
			require.Equal(t, unanswered(unknown.answer.Body, unknownIDs), unanswered(other.answer.Body, ids), name)
			require.Equal(t, unknown.answer.Header, other.answer.Header, name)
			require.Equal(t, unknown.statements, other.statements, name)
			tried++
		}
	}
	none := func(body string, _ idSet) string { return body }
	for _, route := range b.server.Routes() {
		if _, served := b.server.Match(route.Method, "/auth"+route.Pattern); served || route.Pattern == socketIO {
			continue // the same endpoint as under /auth
		}
		if strings.HasPrefix(route.Pattern, "/api/ops/") || strings.HasPrefix(route.Pattern, "/api/directory") {
			continue // operators see no tenant's data, and a main application all of the directory: nothing there is foreign
		}
		if route.Method == http.MethodPost && route.Pattern == "/api/platforms" {
			continue // likewise
		}
		if route.Method == http.MethodPost && route.Pattern == "/api/users" {
			continue // its ids are in its body: below
		}
		if strings.Contains(route.Pattern, "/connect") {
			continue // connect_test.go; browsers' pages take no ids
		}
		known, _ := b.rowOf(route)
		row := known.ofRole()
		places := idPlaces(route, queryOf(doc, route))
		require.True(t, len(places) > 0 || row["agency"] == free || row["auditor"] == free, "%s takes ids: say where", route.Pattern)
		for _, role := range []string{"agency", "client", "auditor"} {
			if row[role].own != http.StatusOK {
				continue
			}
			forms := [][]string{nil}
			if role == "agency" { // a form is asked for by a caller who may ask
				forms = append(forms, []string{"Accept: text/csv", "If-None-Match: *"}, []string{"Accept: application/problem+json"})
			}
			for _, path := range places {
				for _, headers := range forms {
					body := ""
					if route.Method == http.MethodPut {
						body = "{}"
					}
					compare(route.Method, path, role, body, none, headers)
				}
			}
		}
	}
	require.Greater(t, tried, 250)
	inBody := func(body string, ids idSet) string {
		return strings.NewReplacer("ACCOUNT", ids.account, "USER", ids.user).Replace(body)
	}
	for _, body := range []string{`{"sub_account_ids":["ACCOUNT"]}`, `{"users":["USER"]}`, `{"sub_account_ids":["ACCOUNT"],"unlink":true}`} {
		compare(http.MethodPut, func(idSet) string { return dashboardPath + client1 }, "agency", body, inBody, nil)
	}
	invite := `{"name":"Jonas","email":"jonas@example.com","account":"ACCOUNT"}`
	compare(http.MethodPost, func(idSet) string { return "/api/users" }, "agency", invite, inBody, nil)
}

// unanswered is a body without the ids that the caller itself sent, which an answer may repeat.
func unanswered(body string, ids idSet) string {
	for _, id := range slices.Concat([]string{ids.account, ids.user}) {
		body = strings.ReplaceAll(body, id, "ID")
	}
	return body
}

// sent is what was sent since the last time, with the types of arguments and how much came back.
func sent(s *pgtest.Statements) (lines []string) {
	for _, statement := range s.Take() {
		lines = append(lines, fmt.Sprintf("%s %s: %s", statement.SQL, shapes(statement.Args), statement.Outcome))
	}
	return lines
}

// shapes are the types of arguments; of lists also their lengths.
func shapes(args []any) (out []string) {
	for _, arg := range args {
		switch list := arg.(type) {
		case []string:
			out = append(out, fmt.Sprintf("%d texts", len(list)))
		case []int64:
			out = append(out, fmt.Sprintf("%d numbers", len(list)))
		default:
			out = append(out, fmt.Sprintf("%T", arg))
		}
	}
	return out
}
