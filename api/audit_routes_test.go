package api_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const auditedPath = "/api/projects/dashboard/" + client1

// The query and the record contain the parameters of the request, and the record the auditor and
// the agency.
func TestAuditReadIsRecordedWithItsParameters(t *testing.T) {
	t.Parallel()
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	at := func(instant time.Time) history.Moment { return history.Moment{Time: instant} }
	filtered := history.Query{
		Types: []string{"dashboard.accounts_linked.v1", "dashboard.opened.v1"},
		Actor: alice, User: alice, Account: client2, From: at(from), To: at(to), Ascending: true, Limit: 7, Cursor: "3." + client1,
	}
	ofOne := filtered
	ofOne.Dashboard = client1
	filters := "?type=opened,dashboard.accounts_linked.v1&actor=" + strings.ToUpper(alice) + "&user=" + alice + "&account=" + client2 +
		"&from=2026-01-01&to=2026-01-31&order=asc&limit=7&cursor=3." + client1
	recorded := domain.AuditFilter{
		Types: filtered.Types, Actor: alice, User: alice, Account: client2, From: "2026-01-01T00:00:00Z", To: "2026-02-01T00:00:00Z",
		Order: "asc", Limit: 7, Cursor: "3." + client1,
	}
	endOfJanuary, endOfToday := to.Add(-time.Microsecond), time.Date(2026, 7, 15, 23, 59, 59, 999999000, time.UTC)
	for path, test := range map[string]struct {
		query history.Query // of the agency
		what  string
		read  domain.AuditFilter
	}{
		auditedPath + "/history" + filters: {ofOne, domain.AuditHistory, recorded},
		"/api/audit/history" + filters:     {filtered, domain.AuditHistory, recorded},
		"/api/audit/history?actor=Nina&user=Park": {
			history.Query{Actor: "Nina", User: "Park", Limit: 50},
			domain.AuditHistory,
			domain.AuditFilter{ByName: true, Order: "desc", Limit: 50},
		},
		"/api/audit/history?actor=system:import&q=Nina": {
			history.Query{Actor: "system:import", Named: "Nina", Limit: 50},
			domain.AuditHistory,
			domain.AuditFilter{Actor: "system:import", ByName: true, Order: "desc", Limit: 50},
		},
		"/api/audit/history?from=2026-02-01&to=2026-02-01&tz=Europe/Berlin": { // a day of the caller's zone
			history.Query{From: at(to.Add(-time.Hour)), To: at(to.Add(23 * time.Hour)), Limit: 50},
			domain.AuditHistory,
			domain.AuditFilter{From: "2026-01-31T23:00:00Z", To: "2026-02-01T23:00:00Z", Order: "desc", Limit: 50},
		},
		auditedPath + "/state": {
			history.Query{Dashboard: client1},
			domain.AuditState,
			domain.AuditFilter{},
		},
		auditedPath + "/state?version=12": {
			history.Query{Dashboard: client1, At: history.Moment{Version: 12}},
			domain.AuditState,
			domain.AuditFilter{At: "v12"},
		},
		auditedPath + "/state?at=2026-01-31": {
			history.Query{Dashboard: client1, At: at(endOfJanuary)},
			domain.AuditState,
			domain.AuditFilter{At: "2026-01-31T23:59:59.999999Z"},
		},
		auditedPath + "/diff?from=2026-01-01&to=2026-07-15": { // today: the view contains nothing later than now
			history.Query{Dashboard: client1, From: at(from.Add(-time.Microsecond)), To: at(endOfToday)},
			domain.AuditDiff,
			domain.AuditFilter{From: "2025-12-31T23:59:59.999999Z", To: "2026-07-15T12:00:00Z"},
		},
		auditedPath + "/diff?from=2026-01-01&to=2026-01-31": {
			history.Query{Dashboard: client1, From: at(from.Add(-time.Microsecond)), To: at(endOfJanuary)},
			domain.AuditDiff,
			domain.AuditFilter{From: "2025-12-31T23:59:59.999999Z", To: "2026-01-31T23:59:59.999999Z"},
		},
		auditedPath + "/diff?from=3&to=v1700000000": {
			history.Query{Dashboard: client1, From: history.Moment{Version: 3}, To: history.Moment{Version: 1_700_000_000}},
			domain.AuditDiff,
			domain.AuditFilter{From: "v3", To: "v1700000000"},
		},
		auditedPath + "/diff?from=v0": {
			history.Query{Dashboard: client1, From: at(time.Unix(0, 0).UTC())},
			domain.AuditDiff,
			domain.AuditFilter{From: "1970-01-01T00:00:00Z"},
		},
		"/api/audit/diff?from=v3&to=2026-01-31&limit=7&cursor=x": {
			history.Query{From: history.Moment{Version: 3}, To: at(endOfJanuary), Limit: 7, Cursor: "x"},
			domain.AuditDiff,
			domain.AuditFilter{From: "v3", To: "2026-01-31T23:59:59.999999Z", Limit: 7, Cursor: "x"},
		},
		auditedPath + "/access?user_id=" + alice + "&at=1767225600": {
			history.Query{Dashboard: client1, User: alice, At: at(from)},
			domain.AuditAccess,
			domain.AuditFilter{User: alice, At: "2026-01-01T00:00:00Z"},
		},
		"/api/audit/access": {
			history.Query{Limit: 50},
			domain.AuditAccess,
			domain.AuditFilter{Limit: 50},
		},
		"/api/audit/access?at=v12&by=user&limit=7&cursor=x": {
			history.Query{At: history.Moment{Version: 12}, ByUser: true, Limit: 7, Cursor: "x"},
			domain.AuditAccess,
			domain.AuditFilter{At: "v12", Order: "user", Limit: 7, Cursor: "x"},
		},
		"/api/audit/access?dashboard=" + client1 + "&user_id=" + alice + "&from=2026-01-01&to=2026-01-31&by=dashboard": {
			history.Query{Dashboard: client1, User: alice, From: at(from), To: at(to), Limit: 50},
			domain.AuditAccess,
			domain.AuditFilter{User: alice, From: "2026-01-01T00:00:00Z", To: "2026-02-01T00:00:00Z", Limit: 50},
		},
	} {
		b, f := setupAudit(t)
		answer := b.get(path, b.auditorToken(), "X-Request-Id: r-9").Says(t, http.StatusOK)
		read := domain.AuditRead{What: test.what, Dashboard: test.query.Dashboard, AsOf: 41, Filter: test.read}
		test.query.ParentAccount = agency
		require.Equal(t, []any{test.query}, f.queries, path)
		require.Equal(t, []domain.AuditRead{read}, f.reads, path)
		require.Equal(t, []commands.Caller{{ParentAccount: agency, UserID: alice, Role: "auditor", RequestID: answer.Header.Get("X-Request-Id")}}, f.callers)
		answer.Says(t, http.StatusOK, `"as_of":{"version":41`, `"names_proven":false`)
	}
}

// TestEveryDeclaredParameterIsValidated covers values that are malformed on their own.
func TestBadAuditParametersAreNamed(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	to, tomorrow := b.now.Add(time.Second).Format(time.RFC3339), b.now.AddDate(0, 0, 1).Format(time.DateOnly)
	for path, fields := range map[string][]string{
		"/api/audit/history?type=linked&actor=%01&user=%01&account=y&from=z&to=z&order=up&limit=0&cursor=%20": {
			"cursor", "limit", "type", "actor", "user", "account", "from", "to", "order",
		},
		auditedPath + "/state?at=2026-01-01&version=3":               {"version"},
		auditedPath + "/diff":                                        {"from"},
		auditedPath + "/diff?from=vx&to=v":                           {"from", "to"},
		"/api/audit/diff?to=soon&limit=0&cursor=%20":                 {"cursor", "limit", "from", "to"},
		auditedPath + "/access":                                      {"user_id"},
		auditedPath + "/access?user_id=7&tz=Mars":                    {"user_id", "tz"},
		"/api/audit/export":                                          {"format"},
		"/api/audit/history?from=2026-02-01&to=2026-01-01":           {"from"},
		"/api/audit/export?format=csv&from=2026-02-01&to=2026-01-01": {"from"},
		"/api/audit/reads?from=2026-02-01&to=2026-01-01":             {"from"},
		"/api/audit/export?format=csv&limit=3":                       {"limit"}, // a file is whole
		"/api/audit/export?format=csv&order=desc":                    {"order"},
		"/api/audit/export?format=xls&dashboard=7":                   {"format", "dashboard"},
		"/api/audit/reads?from=x&limit=501":                          {"limit", "from"},
		"/api/audit/access?at=soon&by=day&user_id=1&dashboard=2":     {"at", "user_id", "dashboard", "by"},
		"/api/audit/access?at=v3&from=2026-01-01":                    {"at"},
		"/api/audit/access/export?at=v3&to=2026-01-01&cursor=%20":    {"format", "cursor", "at"},
		"/api/audit/access?from=2026-02-01&to=2026-01-01":            {"from"},
		auditedPath + "/state?at=" + to:                              {"at"}, // it has not come yet
		auditedPath + "/diff?from=" + to + "&to=" + to:               {"from", "to"},
		auditedPath + "/access?at=" + to + "&user_id=" + alice:       {"at"},
		"/api/audit/access?at=" + to:                                 {"at"},
		"/api/audit/diff?from=v1&to=" + tomorrow:                     {"to"},
	} {
		answer := b.get(path, b.auditorToken()).Says(t, http.StatusBadRequest)
		require.ElementsMatch(t, fields, answer.Failure(t).Fields(), path) // members first, then rules of several
	}
	require.Empty(t, f.queries)
	require.Empty(t, f.callers)
	for _, now := range []string{b.now.Format(time.RFC3339), b.now.Format(time.DateOnly)} { // today has come
		require.Equal(t, http.StatusOK, b.get(auditedPath+"/state?at="+now, b.auditorToken()).Status, now)
	}
}

// A read that cannot be recorded returns no data.
func TestAuditReadFailsIfNotRecorded(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	f.refuse = &domain.Error{Code: domain.CodeUnavailable, Message: "not recorded"}
	f.entries = []history.HistoryEntry{{Record: history.Record{CommandID: "a-secret-of-the-history"}}}
	for _, path := range []string{
		auditedPath + "/history", auditedPath + "/state", auditedPath + "/diff?from=1", auditedPath + "/access?user_id=" + alice,
		"/api/audit/history", "/api/audit/export?format=csv", "/api/audit/export?format=jsonl",
		"/api/audit/access", "/api/audit/access/export?format=csv", "/api/audit/diff?from=1",
	} {
		for _, token := range []string{b.auditorToken(), b.agencyToken()} {
			answer := b.get(path, token).Says(t, http.StatusServiceUnavailable).Lacks(t, "a-secret-of-the-history")
			require.Empty(t, answer.Header.Get("Content-Disposition"))
		}
	}
}

// Requests without data are not recorded: a foreign dashboard, a query that fails.
func TestFailedAuditReadIsNotRecorded(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	f.err = domain.ErrDashboardNotFound
	for _, path := range []string{
		auditedPath + "/history", auditedPath + "/state", auditedPath + "/diff?from=1", auditedPath + "/access?user_id=" + alice,
		"/api/audit/export?format=csv&dashboard=" + client1, "/api/audit/access?dashboard=" + client1,
		"/api/audit/access/export?format=jsonl&dashboard=" + client1,
	} {
		require.Equal(t, http.StatusNotFound, b.get(path, b.auditorToken()).Status, path)
	}
	f.err = errors.New("the database is away")
	require.Equal(t, http.StatusInternalServerError, b.get("/api/audit/history", b.auditorToken()).Status)
	require.Empty(t, f.callers)
}

// The history is recorded, for a caller with both roles as read by an auditor.
func TestListOfAuditReadsIsPagedAndNotRecorded(t *testing.T) {
	t.Parallel()
	b, f := setupAudit(t)
	answer := b.get("/api/audit/reads?actor="+alice+"&from=2026-01-01T00:00:00Z&limit=2&cursor=9.9.9", b.auditorToken()).Says(t, http.StatusOK)
	body := answer.Object(t)
	require.Equal(t, []any{}, body["data"])
	require.Equal(t, "1.2.3", body["meta"].(map[string]any)["next_cursor"])
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, []any{history.Query{ParentAccount: agency, Actor: alice, From: history.Moment{Time: from}, Limit: 2, Cursor: "9.9.9"}}, f.queries)
	require.Empty(t, f.callers)

	require.Equal(t, http.StatusOK, b.get("/api/audit/history", b.token(agency, []string{"agency", "auditor"})).Status)
	require.Equal(t, http.StatusOK, b.get("/api/audit/history", b.agencyToken()).Status)
	require.Equal(t, "auditor", f.callers[0].Role)
	require.Equal(t, "agency", f.callers[1].Role)
}

// Whatever stands in a parameter is answered by data or named as wrong.
func FuzzAuditParameters(f *testing.F) {
	for _, seed := range []string{"v12", "v0", "2026-01-31", "1767225600", "v99999999999999999999", "2026-02-30", "\x00", "-1", "3." + client1} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		b, fake := setupAudit(t)
		value = url.QueryEscape(value)
		for _, path := range []string{
			auditedPath + "/state?at=" + value, auditedPath + "/state?version=" + value, auditedPath + "/diff?from=" + value + "&to=" + value,
			auditedPath + "/access?user_id=" + alice + "&at=" + value, "/api/audit/access?at=" + value,
			"/api/audit/diff?from=" + value + "&to=" + value, "/api/audit/history?from=" + value + "&to=" + value + "&type=" + value,
			"/api/audit/history?actor=" + value + "&user=" + value + "&account=" + value + "&order=" + value + "&cursor=" + value,
		} {
			asked := len(fake.queries)
			status := b.get(path, b.auditorToken()).Status
			require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, status, path)
			require.Equal(t, status == http.StatusOK, len(fake.queries) > asked)
		}
	})
}
