package console_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	bakery   = "c10000000000000000000001"
	catering = "c10000000000000000000002"
)

func named(id, name string) readmodels.Named { return readmodels.Named{ID: id, Name: &name} }

// changed is what a record changed on a board.
func changed(version int64, at string, board readmodels.Named) readmodels.HistoryEntry {
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	return readmodels.HistoryEntry{
		Record: readmodels.Record{
			Version: version, Time: when, Type: "dashboard.accounts_linked.v1", Actor: named(alice, "Alice"), Role: "agency", RequestID: "REQ",
		},
		Dashboard: board, Changes: readmodels.Differences{UsersAdded: []readmodels.Named{named(adam, "Adam")}},
	}
}

// history has the API answer two entries of version 8, which linked two boards, and one of version 7; and 9 after an instant.
func (s *stage) history() {
	s.answers["GET /api/audit/history"] = func(_ api.Principal, r *http.Request) (int, any) {
		entries := []readmodels.HistoryEntry{
			changed(8, "2026-10-01T10:00:00Z", named(bakery, "Bakery")), changed(8, "2026-10-01T10:00:00Z", named(catering, "Catering")),
			changed(7, "2026-09-30T10:00:00Z", named(bakery, "Bakery")),
		}
		if r.URL.Query().Get("order") == "asc" {
			entries = []readmodels.HistoryEntry{changed(9, "2026-10-02T10:00:00Z", named(bakery, "Bakery"))}
		}
		return http.StatusOK, map[string]any{"data": entries, "meta": readmodels.HistoryMeta{AsOf: readmodels.StreamPosition{Version: 9}}}
	}
}

func TestHistoryShowsARecordAndTheWaysFromIt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.history()
	b := s.signedIn("auditor")
	b.get("/console").leadsTo("/console/history")
	s.asked = nil
	page := b.get("/console/history?at=2026-10-01")
	page.says(http.StatusOK, "Change 8: accounts linked", "Bakery", "Catering", "On the list now", "REQ", "Alice",
		`rel="prev" href="/console/history?at=2026-09-30T10%3A00%3A00Z"`, `rel="next" href="/console/history?at=2026-10-02T10%3A00%3A00Z"`)
	require.Equal(t, []string{
		"GET /api/me",
		"GET /api/audit/history?limit=40&to=2026-10-02T00%3A00%3A00Z", // a day means its end
		"GET /api/audit/history?from=2026-10-02T00%3A00%3A00Z&limit=1&order=asc",
	}, s.asked)
	now := b.get("/console/history")
	now.says(http.StatusOK, "Change 8", `rel="prev"`)
	require.NotContains(t, now.Body.String(), `rel="next"`, "nothing comes after now")
	b.get("/console/history?at=yesterday").says(http.StatusUnprocessableEntity, "no instant", "2026-10-01T14:30")
}

func TestHistorySearches(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.history()
	found := []readmodels.DashboardSummary{{SubAccountID: bakery, SubAccountName: "Bakery"}, {SubAccountID: catering, SubAccountName: "Bakery & Catering"}}
	s.answers["GET /api/dashboards"] = func(_ api.Principal, r *http.Request) (int, any) {
		if r.URL.Query().Get("q") == "Nowhere" {
			return http.StatusOK, map[string]any{"data": []readmodels.DashboardSummary{}}
		}
		return http.StatusOK, map[string]any{"data": found}
	}
	s.answers["GET /api/projects/dashboard/"+bakery+"/history"] = s.answers["GET /api/audit/history"]
	s.answer("GET /api/projects/dashboard/"+bakery+"/state", readmodels.StateAnswer{
		Dashboard: named(bakery, "Bakery"), State: readmodels.DashboardState{Scopes: []string{"posts"}}, ChangedBy: readmodels.Record{Version: 8},
	}, nil)
	b := s.signedIn("auditor")
	s.asked = nil
	q := url.QueryEscape(`dashboard:"bakery" actor:` + alice + ` user:` + adam + ` action:accounts_linked since:2026-09-01`)
	b.get("/console/history?q="+q).says(http.StatusOK, "Bakery, as it was last", "posts", "Last changed by change 8")
	require.Contains(t, s.asked, "GET /api/projects/dashboard/"+bakery+"/history?actor="+alice+
		"&from=2026-09-01&limit=40&type=accounts_linked&user="+adam)

	b.get("/console/history?q=dashboard:Baker").says(http.StatusOK, "Several clients are named like", "Bakery &amp; Catering", "all dashboards")
	b.get("/console/history?q=dashboard:Nowhere").says(http.StatusOK, "No client of the agency is named")
	b.get("/console/history?q=whatever+colour:red").says(http.StatusOK, "&#34;whatever&#34; is no search", "&#34;colour:red&#34; is no search")
	s.refuse("GET /api/audit/history", http.StatusBadRequest, domain.CodeInvalid, "from: is not a time.")
	b.get("/console/history?q=since:once").says(http.StatusBadRequest, "from: is not a time.", "R1")
	s.answer("GET /api/audit/history", []readmodels.HistoryEntry{}, readmodels.HistoryMeta{})
	b.get("/console/history").says(http.StatusOK, "No\nboard was opened or changed yet")
	b.get("/console/history?at=2020-01-01").says(http.StatusOK, "Nothing had been recorded by then")
	b.get("/console/history?q=actor:"+alice).says(http.StatusOK, "No change matches this search")
}

// A filtered history may have nothing on a page and yet go on: the page looks further.
func TestHistorySearchGoesOnBehindEmptyPages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.answers["GET /api/audit/history"] = func(_ api.Principal, r *http.Request) (int, any) {
		if r.URL.Query().Get("cursor") == "" {
			return http.StatusOK, map[string]any{"data": []readmodels.HistoryEntry{}, "meta": readmodels.HistoryMeta{NextCursor: "NEXT"}}
		}
		return http.StatusOK, map[string]any{"data": []readmodels.HistoryEntry{changed(3, "2026-10-01T10:00:00Z", named(bakery, "Bakery"))}}
	}
	s.signedIn("auditor").get("/console/history?q=actor:"+alice).says(http.StatusOK, "Change 3")
}

// A record may touch more boards than a page asks for: it is shown whole, and there is a way from it.
func TestHistoryShowsALargeRecordWhole(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var all []readmodels.HistoryEntry
	for range 60 {
		all = append(all, changed(8, "2026-10-01T10:00:00Z", named(bakery, "Bakery")))
	}
	for range 3 {
		all = append(all, changed(7, "2026-09-30T10:00:00Z", named(catering, "Catering")))
	}
	s.answers["GET /api/audit/history"] = func(_ api.Principal, r *http.Request) (int, any) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		require.NoError(t, err)
		require.Empty(t, r.URL.Query().Get("cursor"))
		return http.StatusOK, map[string]any{"data": all[:min(limit, 62)], "meta": readmodels.HistoryMeta{NextCursor: "NEXT"}}
	}
	page := s.signedIn("auditor").get("/console/history")
	page.says(http.StatusOK, "Change 8", `rel="prev" href="/console/history?at=2026-09-30T10%3A00%3A00Z"`)
	require.Equal(t, 60, strings.Count(page.Body.String(), "<h3>"))
	require.NotContains(t, page.Body.String(), "Catering", "not all of the record before is known")
}

func TestAccessIsAMatrix(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	began := changed(8, "2026-10-01T10:00:00Z", named(bakery, "Bakery")).Record
	span := func(board, user readmodels.Named) readmodels.AccessSpan {
		return readmodels.AccessSpan{Dashboard: board, User: user, From: began.Time, BeganBy: began, Scopes: []readmodels.ScopeSpan{{Scope: "posts"}}}
	}
	bakeryBoard, cateringBoard, zoe := named(bakery, "Bakery"), named(catering, "Catering"), named(adam, "Zoe")
	s.answer("GET /api/audit/access", []readmodels.AccessSpan{
		span(cateringBoard, zoe), span(bakeryBoard, zoe), span(cateringBoard, named(alice, "Alice")),
	}, readmodels.SpansMeta{Staff: readmodels.AccessStaff{Users: []readmodels.Named{named("5", "Stella")}, UsersCount: 1}})
	b := s.signedIn("auditor")
	s.asked = nil
	page := b.get("/console/access?at=2026-10-01T12:00&person=" + adam)
	page.says(http.StatusOK, "Stella", "shows posts", "by Alice", "/console/history?at=2026-10-01T10%3A00%3A00Z&amp;q=dashboard%3A"+bakery)
	require.Contains(t, s.asked, "GET /api/audit/access?at=2026-10-01T12%3A00%3A59.999999Z&limit=500&user_id="+adam)
	require.Equal(t, 2, strings.Count(page.Body.String(), "shows posts"), "what a board shows stands once, at its name")
	page.says(http.StatusOK, `href="/console/history?at=2026-10-01T12%3A00%3A59">see it in the history at that instant`)
	require.Equal(t, [][]string{{"Person", "Bakery shows posts", "Catering shows posts"}, {"Alice", "no", "since 1 Oct 2026"}, {"Zoe", "since 1 Oct 2026", "since 1 Oct 2026"}},
		cells(t, page.Body.String()))
	s.answer("GET /api/audit/access", []readmodels.AccessSpan{}, readmodels.SpansMeta{})
	b.get("/console/access").says(http.StatusOK, "Nobody", "had access to any board")
}

func TestVerification(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := s.signedIn("auditor")
	b.get("/console/verify").says(http.StatusOK, "No verification of yours is known", "ledgerboard verify --bundle")
	s.answer("POST /api/audit/verify", api.VerifyRun{ID: "R7"}, nil)
	s.asked = nil
	b.post("/console/verify", url.Values{"kind": {"all"}}).leadsTo("/console/verify?run=R7")
	require.Contains(t, s.asked, "POST /api/audit/verify?kind=all")
	b.post("/console/verify", url.Values{}).says(http.StatusUnprocessableEntity, "does not say what to verify")

	s.answer("GET /api/audit/verify/R7", api.VerifyRun{ID: "R7", Stage: "records", RecordsDone: 30, RecordsTotal: 90}, nil)
	b.get("/console/verify?run=R7").says(http.StatusOK, "read from the log", `<progress max="90" value="30"`, `http-equiv="refresh"`)
	done := s.now
	s.answer("GET /api/audit/verify/R7", api.VerifyRun{
		ID: "R7", Stage: api.VerifyDone, FinishedAt: &done,
		Verdict: &api.VerifyResult{Sentence: "Record 12 was altered.", Findings: []api.VerifyFinding{{Sentence: "ALTERED 12"}}, Notes: []string{"A note."}},
	}, nil)
	page := b.get("/console/verify?run=R7")
	page.says(http.StatusOK, `class="bad" role="status"><strong>Record 12 was altered.`, "ALTERED 12", "A note.")
	require.NotContains(t, page.Body.String(), `http-equiv="refresh"`)
}

func TestDownloadsAreTheAPIsOwn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := s.signedIn("auditor")
	s.answers["GET /api/audit/bundle"] = func(api.Principal, *http.Request) (int, any) { return http.StatusOK, "the bundle" }
	got := b.get("/console/verify/bundle")
	require.Equal(t, http.StatusOK, got.Code)
	require.Equal(t, "\"the bundle\"\n", got.Body.String())
	s.refuse("GET /api/audit/bundle", http.StatusServiceUnavailable, domain.CodeUnavailable, "No checkpoint key is known here.")
	b.get("/console/verify/bundle").says(http.StatusServiceUnavailable, "No checkpoint key is known here.")
	s.asked = nil
	s.answer("GET /api/audit/access/export", "csv", nil)
	b.get("/console/access/export?at=&person=")
	require.Contains(t, s.asked, "GET /api/audit/access/export?at=2026-10-01T12%3A00%3A00Z&format=csv", "now, and not all times")
}

// A role gets no page that is not its own, whatever the API would say, and no link to one.
func TestPagesAreOfRoles(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.history()
	operator := s.signedIn("operator")
	for _, path := range []string{"/console/history", "/console/access", "/console/access/export", "/console/verify", "/console/verify/bundle"} {
		operator.get(path).says(http.StatusForbidden, "not for your role")
		s.browser().get(path).leadsTo("/console/sign-in?to=" + url.QueryEscape(path))
	}
	operator.post("/console/verify", url.Values{"kind": {"own"}}).says(http.StatusForbidden, "not for your role")
	require.NotContains(t, operator.get("/console").Body.String(), "/console/history")
	require.Contains(t, s.signedIn("agency").get("/console").Body.String(), "/console/history")
	operator.get("/console/nothing").says(http.StatusNotFound, "no page at this address")
}
