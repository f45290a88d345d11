package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
)

// ignoredIn is meta.ignored of an answer.
func ignoredIn(t *testing.T, a answer) []string {
	t.Helper()
	var body struct {
		Meta struct {
			Ignored []string `json:"ignored"`
		} `json:"meta"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &body), a.body)
	return body.Meta.Ignored
}

// addressOf is a request of an operation with examples for what must be given, and one value of a known parameter.
func addressOf(op api.Operation, name, value string) string {
	path, query := op.Pattern, url.Values{}
	for _, declared := range op.Takes {
		given := fmt.Sprint(declared.Example)
		if declared.Name == "activityId" {
			given = "70:p" // which is there
		}
		if declared.Name == name {
			given = value
		}
		inPath := strings.Contains(op.Pattern, "{"+declared.Name+"}")
		switch {
		case declared.Header:
		case inPath:
			path = strings.ReplaceAll(path, "{"+declared.Name+"}", url.PathEscape(given))
		case declared.Required || declared.Name == name:
			query.Set(declared.Name, given)
		}
	}
	if !strings.Contains(op.Pattern, "{"+name+"}") && name != "" {
		query.Set(name, value)
	}
	return path + "?" + query.Encode()
}

// reads are the operations that read parameters by their declarations and answer at once.
func reads(t *testing.T) (operations []api.Operation) {
	t.Helper()
	for _, op := range api.Describe().Operations {
		stream := op.ID == "getNotices" || op.ID == "getLive" || op.ID == "getOpsRebuildEvents"
		if op.Roles != nil && !stream && op.ID != "getDashboard" && op.ID != "putDashboard" && op.ID != "postNoticesTicket" {
			operations = append(operations, op)
		}
	}
	require.Greater(t, len(operations), 70)
	return operations
}

func roleFor(op api.Operation) string { return string(op.Roles[0]) }

// malformed has for each kind of parameter a value that none of them takes.
var malformed = map[api.Kind]string{
	api.KindText: strings.Repeat("x", 201), api.KindWord: "nonsense", api.KindHexID: "zz", api.KindRowID: "0", api.KindAccount: "x!", api.KindAccounts: "11,x",
	api.KindActivity: "70", api.KindPlatform: "2", api.KindCategory: "x", api.KindActor: "\x01", api.KindChanges: "nonsense",
	api.KindTime: "soon", api.KindZone: "Mars/Olympus", api.KindMoment: "soon", api.KindVersion: "0", api.KindGranularity: "hour",
	api.KindOrder: "sideways", api.KindFormat: "xml", api.KindLimit: "0", api.KindCursor: "a b", api.KindDigest: "abc", api.KindParked: "none",
}

// Every route, every parameter that it declares: a malformed one is a 400 that names it, so none is ignored in silence.
func TestEveryDeclaredParameterIsJudged(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	judged := 0
	for _, op := range reads(t) {
		for _, declared := range op.Takes {
			if declared.Header {
				continue
			}
			value, ok := malformed[declared.Kind]
			require.True(t, ok, "say what is no %s", declared.Kind)
			field := declared.Name
			address := addressOf(op, declared.Name, value)
			answer := b.ask(op.Method, address, "", "Authorization: Bearer "+b.tokenOf(roleFor(op)))
			require.Equal(t, http.StatusBadRequest, answer.status, "%s %s: %s", op.Method, address, answer.body)
			fields := []string{}
			for _, e := range answer.failure(t).Errors {
				fields = append(fields, e.Field)
			}
			require.Contains(t, fields, field, "%s %s: %s", op.Method, address, answer.body)
			judged++
		}
	}
	require.Greater(t, judged, 300)
}

// The newer reads refuse a name that nobody knows; the analytics ignore it, and say so.
func TestUnknownParametersAtEveryRoute(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	for _, op := range reads(t) {
		for _, name := range []string{"xyz", "completely_unknown", "_"} {
			address := addressOf(op, name, "1")
			answer := b.ask(op.Method, address, `{"reason":"test:T-1","report":"r2"}`, "Authorization: Bearer "+b.tokenOf(roleFor(op)))
			if strings.HasPrefix(op.Pattern, "/api/") {
				require.Equal(t, http.StatusBadRequest, answer.status, "%s: %s", address, answer.body)
				require.Equal(t, name, answer.failure(t).Errors[0].Field)
				continue
			}
			require.Contains(t, []int{http.StatusOK, http.StatusNotFound}, answer.status, "%s: %s", address, answer.body)
			if answer.status == http.StatusOK {
				require.Equal(t, []string{name}, ignoredIn(t, answer), address)
			}
		}
	}
	b.views[agency+"/"+client1] = view(client1, 3)
	for _, path := range []string{dashboardPath + client1, "/healthz", "/readyz"} {
		require.Equal(t, http.StatusOK, b.get(path+"?xyz=1&acount=2&_=3", b.agencyToken()).status, path)
	}
	put := b.ask(http.MethodPut, dashboardPath+client1+"?xyz=1", "{}", "Authorization: Bearer "+b.agencyToken())
	require.Equal(t, http.StatusOK, put.status, put.body)
}

// What looks like the ends of a range, and is not one here, would give figures of other days.
func TestNamesThatLookLikeARangeAreRefused(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	for path, said := range map[string]string{
		insightsPath: "startTime and endTime, in the path", "/auth/getRoiViews": "startTime and endTime, in the query",
		"/auth/membersSocialGrowth/7/2026-01-01/2026-01-31": "fromDate and toDate, in the path",
	} {
		for _, name := range []string{"start", "end", "from", "to"} {
			answer := b.get(path+"?"+name+"=2025-01-01", b.agencyToken())
			require.Equal(t, http.StatusBadRequest, answer.status, "%s?%s: %s", path, name, answer.body)
			f := answer.failure(t).Errors[0]
			require.Equal(t, name, f.Field)
			require.Contains(t, f.Detail, said)
		}
	}
}

// Of a name that no endpoint knows, of a slip and of one that only others take, the analytics say that it had no effect.
func TestAnalyticsListWhatTheyIgnore(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	for _, name := range []string{"acount", "memberID", "granularty", "_", "version", "user", "format", "granularity", "if-match", "sub_account_id"} {
		answer := b.get("/auth/getRoiViews?"+name+"=3", b.agencyToken())
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		require.Equal(t, []string{name}, ignoredIn(t, answer), answer.body)
	}
	require.NotContains(t, b.get("/auth/getRoiViews?tz=UTC", b.agencyToken()).body, `"ignored"`)
}

// A main application's own names pass wherever no endpoint takes them.
func TestIgnoredParameters(t *testing.T) {
	t.Parallel()
	own := func(d *api.Deps) { d.Config.IgnoreParams = []string{"accounts", "theme", "version"} }
	b := setupTenants(t, own)
	for _, path := range []string{insightsPath, "/api/users", "/api/stats", "/api/audit/history"} {
		answer := b.get(path+"?theme=dark&accounts=x&version=3", b.agencyToken())
		require.Equal(t, http.StatusOK, answer.status, "%s: %s", path, answer.body)
		require.NotContains(t, answer.body, `"ignored"`)
	}
	state := b.get("/api/projects/dashboard/"+client1+"/state?version=0", b.agencyToken())
	require.Equal(t, http.StatusBadRequest, state.status, "who takes it reads it")
}

// What a parameter of a figure or list does when it is right: the answer is another one.
var changing = map[string][]string{
	"startTime": {"2026-01-03", "2026-01-05"}, "endTime": {"2026-01-03", "2026-01-01"}, "fromDate": {"2026-01-03"}, "toDate": {"2026-01-03"}, "tz": {"America/New_York"},
	"pId": {"3", "1"}, "cId": {"77"}, "limit": {"1"}, "account": {client2}, "accountId": {"12"}, "memberId": {"9", "7"},
	"granularity": {"month"}, "platformId": {"90"}, "q": {"zzz"}, "role": {"zzz"}, "active": {"false"}, "type": {"reel", "users_set"}, "state": {"blocked", "scheduled"}, "compare": {"year"},
	"userId": {bob}, "exists": {"false"}, "dashboard": {client2}, "meta": {"brief"}, "by": {"total"}, "activityId": {"90:p"}, "attempt": {"another"}, "table": nil, "cursor": nil, // of CSV and of pages: tests of their own
}

// Every parameter of figures and entities changes the answer.
func TestEveryDeclaredParameterHasAnEffect(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	tried := 0
	for _, op := range reads(t) {
		audit := slices.Contains(op.Roles, api.RoleAuditor)
		if op.Method != http.MethodGet || roleFor(op) != "agency" || audit {
			continue
		}
		ask := func(name, value, more string) answer {
			return b.get(addressOf(op, name, value)+more, b.agencyToken())
		}
		without := map[string]answer{} // the parameter
		for _, declared := range op.Takes {
			values, known := changing[declared.Name]
			if declared.Header {
				continue
			}
			require.True(t, known, "say a value of %s that changes an answer", declared.Name)
			if values == nil || declared.Name == "limit" && (op.Answer.CSV != "" || oneEntry[op.ID]) {
				continue // lists with nothing to cut here; the golden answers of rankings have
			}
			more := beside[op.ID+" "+declared.Name]
			plain, asked := without[more]
			if !asked {
				plain = ask("", "", more)
				without[more] = plain
			}
			changed := slices.ContainsFunc(values, func(v string) bool {
				other := ask(declared.Name, v, more)
				return other.status != plain.status || other.body != plain.body
			})
			require.True(t, changed, "%s: %s does nothing: %s", op.ID, declared.Name, plain.body)
			tried++
		}
	}
	require.Greater(t, tried, 150)
}

// oneEntry are the lists that have one entry in this world.
var oneEntry = map[string]bool{"getUsersPlatforms": true, "getPlatformsActivities": true}

// beside is what a parameter needs to be asked with: a zone is of days.
var beside = map[string]string{
	"getActivities tz": "&endTime=2026-01-01", "getPlatformsActivities tz": "&endTime=2026-01-01", "getActivitiesStats tz": "&endTime=2026-01-04",
}
