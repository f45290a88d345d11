package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// addressOf is a request of an operation with examples for what must be given, and one value of a
// known parameter.
func addressOf(op api.Operation, name, value string) string {
	path, query := op.Pattern, url.Values{}
	for _, declared := range op.Parameters {
		given := fmt.Sprint(declared.Example)
		if declared.Name == "activityId" {
			given = "70:p" // which is there
		}
		if declared.Name == name {
			given = value
		}
		inPath := strings.Contains(op.Pattern, "{"+declared.Name+"}")
		switch {
		case declared.In == api.InHeader:
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
	for _, op := range api.Operations() {
		stream := op.ID == "getNotices" || op.ID == "getLive" || op.ID == "getOpsGenerationEvents"
		if op.Roles != nil && !stream && op.ID != "getDashboard" && op.ID != "putDashboard" && op.ID != "postNoticesTicket" {
			operations = append(operations, op)
		}
	}
	require.Greater(t, len(operations), 70)
	return operations
}

func roleFor(op api.Operation) string { return string(op.Roles[0]) }

// malformed contains invalid values for each kind of parameter.
var malformed = map[reflect.Type][]string{
	reflect.TypeFor[api.Time](): {
		"soon", "2026-02-30", "2026-13-01", "2026-1-1", "20260101", "0000-00-00", "-1", "1e9", "١٧٦٧٢٢٥٦٠٠", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00",
		"2026-01-01'--", "99999999999999999999", "9223372036854775807", "10000-01-01", "1969-12-30", "2026-01-01\x00", "\xff\xfe", strings.Repeat("9", 5000),
		"2026-01-01T00:00:00+99:99", "NaN", "now()",
	},
	reflect.TypeFor[api.Zone]():       {"Mars/Olympus", "Local", "localtime", "posix/UTC", "right/UTC", "../etc/localtime", "UTC\x00", "UTC'; set timezone to 'x", "+02:00", "\xff", "/UTC"},
	reflect.TypeFor[api.Platforms]():  {"2", "5", "-1", "01", "1,3", "1 or 1=1", "facebook", "+1", "1\x00", "\xff", "１", strings.Repeat("1", 4000), "9223372036854775808"},
	reflect.TypeFor[api.CategoryID](): {"x", "-1", "1.5", "0x1", "01", "1\x00", "\xff", "9223372036854775808", "' or ''='"},
	reflect.TypeFor[api.RowID]():      {"0", "-7", "007", "x", "7.0", "7 ", "7\x00", "\xff", "9223372036854775808", "7;8", "7'--", strings.Repeat("7", 3000)},
	reflect.TypeFor[api.HexID]():      {"zz", "7\x00", "\xff", strings.Repeat("a", 23), strings.Repeat("a", 25), strings.Repeat("g", 24)},
	reflect.TypeFor[api.Account]():    {"x!", "0", "-7", "\xff", "9223372036854775808", "../../etc/passwd"},
	reflect.TypeFor[api.Accounts]():   {"11,x", "0", "-7", "7\x00", strings.Repeat("g", 24), strings.Repeat("a", 25), "9223372036854775808"},
	reflect.TypeFor[api.Limit]():      {"0", "-1", "501", "1e2", "+5", "0x10", "5.0", "99999999999999999999", "\xff"},
	reflect.TypeFor[api.Cursor]():     {"a b", "\x00", "é", strings.Repeat("a", 20_000)},
	reflect.TypeFor[string]():         {strings.Repeat("x", 201), "\x00", "\xff"},
	reflect.TypeFor[api.ActivityID](): {"70", "70:\x00"},
	reflect.TypeFor[api.Person]():     {"\x01"}, reflect.TypeFor[api.Changes](): {"nonsense"}, reflect.TypeFor[api.Moment](): {"soon"}, reflect.TypeFor[api.Version](): {"0"},
	reflect.TypeFor[api.PlatformName](): {strings.Repeat("x", 201), "\x00", "\xff"},
	reflect.TypeFor[api.DeadLetter]():   {"none"},
}

// A malformed parameter is a 400 that names it, at every route that declares it.
func TestEveryDeclaredParameterIsValidated(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedTenants())
	judged, names := 0, map[string]bool{}
	for _, op := range reads(t) {
		for _, declared := range op.Parameters {
			if declared.In == api.InHeader {
				continue
			}
			values, ok := malformed[declared.Type]
			if declared.Words != nil && declared.Type != reflect.TypeFor[api.PlatformName]() {
				values, ok = []string{"nonsense", "\xff", "none'--", strings.ToUpper(declared.Words[0]), declared.Words[0] + "," + declared.Words[0]}, true
			}
			require.True(t, ok, "say what is no %s", declared.Type)
			if names[declared.Name] {
				values = values[:1]
			}
			names[declared.Name] = true
			for _, value := range values {
				address := addressOf(op, declared.Name, value)
				answer := b.ask(op.Method, address, "", "Authorization: Bearer "+b.tokenOf(roleFor(op))).Says(t, http.StatusBadRequest)
				f := answer.Failure(t)
				require.Equal(t, "invalid", f.Code)
				require.True(t, slices.ContainsFunc(f.Errors, func(e domain.FieldError) bool { return e.Field == declared.Name && e.Detail != "" }),
					"%s %.300q: %s", op.Method, address, answer.Body)
				require.Less(t, len(answer.Body), 2000, "what was sent is not sent back")
				judged++
			}
		}
	}
	require.Greater(t, judged, 500)
}

// Paths under /api/ refuse unknown parameters; the analytics ignore and list them, except those that
// look like the ends of a range: ignoring them would return figures of other days.
func TestUnknownParametersAreRefusedOrListed(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	for _, op := range reads(t) {
		for _, name := range []string{"xyz", "_"} {
			address := addressOf(op, name, "1")
			answer := b.ask(op.Method, address, `{"reason":"test:T-1","report":"r2"}`, "Authorization: Bearer "+b.tokenOf(roleFor(op)))
			if strings.HasPrefix(op.Pattern, "/api/") {
				requireNamed(t, answer, name)
				continue
			}
			require.Contains(t, []int{http.StatusOK, http.StatusNotFound}, answer.Status, "%s: %s", address, answer.Body)
			if answer.Status == http.StatusOK {
				require.Equal(t, []any{name}, metaOf(t, answer)["ignored"], address)
			}
		}
	}
	ofOthers := metaOf(t, b.get("/auth/getRoiViews?granularity=3", b.agencyToken()))
	require.Equal(t, []any{"granularity"}, ofOthers["ignored"])
	require.NotContains(t, b.get("/auth/getRoiViews?tz=UTC", b.agencyToken()).Body, `"ignored"`)
	b.views[agency+"/"+client1] = view(client1, 3)
	for _, path := range []string{dashboardPath + client1, "/healthz", "/readyz"} {
		require.Equal(t, http.StatusOK, b.get(path+"?xyz=1&acount=2&_=3", b.agencyToken()).Status, path)
	}
	b.ask(http.MethodPut, dashboardPath+client1+"?xyz=1", "{}", "Authorization: Bearer "+b.agencyToken()).Says(t, http.StatusOK)

	for path, said := range map[string]string{
		insightsPath: "startTime and endTime in the path", "/auth/getRoiViews": "startTime and endTime in the query",
		"/auth/membersSocialGrowth/7/2026-01-01/2026-01-31": "fromDate and toDate in the path",
	} {
		for _, name := range []string{"start", "end", "from", "to"} {
			answer := b.get(path+"?"+name+"=2025-01-01", b.agencyToken()).Says(t, http.StatusBadRequest)
			f := answer.Failure(t).Errors[0]
			require.Equal(t, name, f.Field)
			require.Contains(t, f.Detail, said)
		}
	}
}

// A main application's ignored parameters are accepted by endpoints that do not declare them.
func TestMainAppIgnoredParametersAreAccepted(t *testing.T) {
	t.Parallel()
	own := func(d *api.Deps) { d.Config.IgnoreParams = []string{"accounts", "theme", "version"} }
	b := setupTenants(t, own)
	for _, path := range []string{insightsPath, "/api/users", "/api/stats", "/api/audit/history"} {
		b.get(path+"?theme=dark&accounts=x&version=3", b.agencyToken()).Says(t, http.StatusOK).Lacks(t, `"ignored"`)
	}
	b.get("/api/projects/dashboard/"+client1+"/state?version=0", b.agencyToken()).Says(t, http.StatusBadRequest) // who takes it reads it
}

// A valid parameter of a figure or list changes the response.
var changing = map[string][]string{
	"startTime": {"2026-01-03", "2026-01-05"}, "endTime": {"2026-01-03", "2026-01-01"}, "fromDate": {"2026-01-03"}, "toDate": {"2026-01-03"}, "tz": {"America/New_York"},
	"pId": {"3", "1"}, "cId": {"77"}, "limit": {"1"}, "account": {client2}, "accountId": {"12"}, "memberId": {"9", "7"},
	"granularity": {"month"}, "platformId": {"90"}, "q": {"zzz"}, "role": {"zzz"}, "active": {"false"}, "type": {"reel", "users_set"}, "state": {"scheduled"}, "status": {"blocked"}, "compare": {"year"},
	"userId": {bob}, "exists": {"false"}, "dashboard": {client2}, "meta": {"brief"}, "by": {"total"}, "activityId": {"90:p"}, "attempt": {"another"}, "table": nil, "format": {"csv", "xlsx"}, "cursor": nil, // of CSV and of pages: tests of their own
}

// Every parameter of figures and entities changes the response.
func TestEveryDeclaredParameterHasAnEffect(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedDiscovery())
	tried := 0
	for _, op := range reads(t) {
		audit := slices.Contains(op.Roles, api.RoleAuditor)
		if op.Method != http.MethodGet || roleFor(op) != "agency" || audit {
			continue
		}
		ask := func(name, value, more string) ledgertest.Answer {
			return b.get(addressOf(op, name, value)+more, b.agencyToken())
		}
		without := map[string]ledgertest.Answer{} // the parameter
		for _, declared := range op.Parameters {
			values, known := changing[declared.Name]
			if declared.In == api.InHeader {
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
				return other.Status != plain.Status || other.Body != plain.Body
			})
			require.True(t, changed, "%s: %s does nothing: %s", op.ID, declared.Name, plain.Body)
			tried++
		}
	}
	require.Greater(t, tried, 150)
}

// oneEntry are the lists with one entry in the test data.
var oneEntry = map[string]bool{"getUsersPlatforms": true, "getPlatformsActivities": true}

// beside contains the parameters that another one requires: a time zone requires days.
var beside = map[string]string{
	"getActivities tz": "&endTime=2026-01-01", "getPlatformsActivities tz": "&endTime=2026-01-01", "getActivitiesStats tz": "&endTime=2026-01-04",
}

var paramsNow = time.Date(2026, 7, 15, 22, 30, 0, 0, time.UTC)

func topPostsOf(values map[string]string) (analytics.RangeQuery, readmodels.Narrowing, error) {
	query := url.Values{}
	for name, value := range values {
		query.Set(name, value)
	}
	return api.DecodeTopPosts(query, paramsNow)
}

// fieldsOf returns the parameters in an error.
func fieldsOf(t *testing.T, err error) (fields []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	var known *domain.Error
	require.ErrorAs(t, err, &known)
	for _, f := range known.Fields {
		fields = append(fields, f.Field)
	}
	return fields
}

func TestTimeRangeFormats(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ start, end, tz, from, to string }{
		"days, the end day included":    {"2026-01-01", "2026-01-31", "", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"},
		"one day":                       {"2026-01-01", "2026-01-01", "", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		"days of a zone":                {"2026-01-01", "2026-01-01", "Europe/Berlin", "2025-12-31T23:00:00Z", "2026-01-01T23:00:00Z"},
		"a day of 23 hours":             {"2026-03-29", "2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"a day of 25 hours":             {"2026-10-25", "2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"a day without midnight":        {"2026-03-08", "2026-03-08", "America/Havana", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},
		"a day with two midnights":      {"2026-11-01", "2026-11-01", "America/Havana", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		"instants, half-open":           {"2026-01-01T10:00:00Z", "2026-01-01T12:00:00+01:00", "", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"},
		"instants ignore the zone":      {"2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z", "Asia/Tokyo", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"},
		"lower case, space":             {"2026-01-01t10:00:00z", "2026-01-01 11:00:00Z", "", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"},
		"a plus that was not escaped":   {"2026-01-01T10:00:00 01:00", "2026-01-01 11:00:00 01:00", "", "2026-01-01T09:00:00Z", "2026-01-01T10:00:00Z"},
		"fractions":                     {"2026-01-01T10:00:00.1234567Z", "2026-01-01T11:00:00Z", "", "2026-01-01T10:00:00.123456Z", "2026-01-01T11:00:00Z"},
		"Unix seconds":                  {"1767225600", "1767312000", "", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		"Unix milliseconds":             {"1767225600000", "1767312000000", "", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		"the beginning of Unix":         {"0", "1970-01-02", "", "1970-01-01T00:00:00Z", "1970-01-03T00:00:00Z"},
		"the first day, east":           {"1970-01-01", "1970-01-01", "Asia/Tokyo", "1969-12-31T15:00:00Z", "1970-01-01T15:00:00Z"},
		"mixed":                         {"2026-01-01", "2026-01-01T12:00:00Z", "", "2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z"},
		"none: the last 30 days":        {"", "", "", "2026-06-16T00:00:00Z", "2026-07-16T00:00:00Z"},
		"none, where it is tomorrow":    {"", "", "Asia/Tokyo", "2026-06-16T15:00:00Z", "2026-07-16T15:00:00Z"},
		"no end: to the end of today":   {"2026-07-01", "", "", "2026-07-01T00:00:00Z", "2026-07-16T00:00:00Z"},
		"no start: 30 days to a day":    {"", "2026-03-31", "Europe/Berlin", "2026-03-01T23:00:00Z", "2026-03-31T22:00:00Z"},
		"no start: 30 days to instants": {"", "2026-01-31T10:00:00Z", "", "2026-01-01T10:00:00Z", "2026-01-31T10:00:00Z"},
		"leap day":                      {"2024-02-29", "2024-02-29", "", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
	} {
		q, _, err := topPostsOf(map[string]string{"startTime": test.start, "endTime": test.end, "tz": test.tz})
		window := q.Range
		require.NoError(t, err, name)
		require.Equal(t, test.from, window.From.UTC().Format(time.RFC3339Nano), name)
		require.Equal(t, test.to, window.To.UTC().Format(time.RFC3339Nano), name)
		if test.tz != "" {
			require.Equal(t, test.tz, window.Zone.String())
		}
	}
}

// TestEveryDeclaredParameterIsValidated covers values that are malformed on their own.
func TestInvalidTimeRangesAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		start, end, tz string
		fields         []string
	}{
		"start after end":        {"2026-02-01", "2026-01-31", "", []string{"startTime"}},
		"empty span of instants": {"2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z", "", []string{"startTime"}},
		"start after today":      {"2026-08-01", "", "", []string{"startTime"}},
		"both are nonsense":      {"yesterday", "tomorrow", "", []string{"endTime", "startTime"}},
		"before 1970":            {"1969-12-31", "1970-01-02", "", []string{"startTime"}},
		"last day of JSON":       {"9999-12-01", "9999-12-31", "", []string{"endTime"}},
		"over three years":       {"2023-01-01", "2026-01-02", "", []string{"startTime"}},
	} {
		_, _, err := topPostsOf(map[string]string{"startTime": test.start, "endTime": test.end, "tz": test.tz})
		require.Equal(t, test.fields, fieldsOf(t, err), name)
	}
}

// TestEveryDeclaredParameterIsValidated covers values that are refused.
func TestPlatformAndCategoryParameterFormats(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]domain.Platform{
		"": domain.Platforms(), "0": domain.Platforms(), "all": domain.Platforms(), "ALL": domain.Platforms(),
		"1": {domain.Facebook}, "3": {domain.Instagram}, "4": {domain.LinkedIn}, "6": {domain.TikTok},
	} {
		q, _, err := topPostsOf(map[string]string{"pId": text})
		require.Equal(t, want, q.Platforms, text)
		require.NoError(t, err, text)
	}
	for text, want := range map[string]int64{"": 0, "0": 0, "all": 0, "17": 17} {
		q, _, err := topPostsOf(map[string]string{"cId": text})
		require.Equal(t, want, q.Category, text)
		require.NoError(t, err, text)
	}
}

func FuzzParams(f *testing.F) {
	f.Add("2026-01-01", "1767225600", "Europe/Berlin", "3", "7", "20", "abc")
	f.Add("", "2026-01-01T00:00:00+14:00", "America/Havana", "all", client1, "", "")
	f.Fuzz(func(t *testing.T, start, end, tz, platform, account, limit, cursor string) {
		q, narrow, err := topPostsOf(map[string]string{
			"startTime": start, "endTime": end, "tz": tz, "pId": platform, "account": account, "limit": limit, "cursor": cursor,
		})
		window, ref := q.Range, append(narrow.Accounts, readmodels.AccountRef{})[0]
		if err != nil {
			require.NotEmpty(t, fieldsOf(t, err))
			return
		}
		require.True(t, window.From.Before(window.To))
		require.LessOrEqual(t, window.To.Sub(window.From), 4*366*24*time.Hour)
		_, err = window.To.MarshalJSON()
		require.NoError(t, err)
		require.NotNil(t, window.Zone)
		require.NotEmpty(t, q.Platforms)
		require.Positive(t, q.Page.Limit)
		require.True(t, ref.ID == "" || ref.RowID == 0)
	})
}
