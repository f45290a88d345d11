package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const (
	bakery   = "c10000000000000000000001"
	catering = "c10000000000000000000002"
)

func named(id, name string) history.Named { return history.Named{ID: id, Name: &name} }

// changed returns a history entry of a record and a board.
func changed(version int64, at string, board history.Named) history.HistoryEntry {
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	return history.HistoryEntry{
		Record: history.Record{
			Version: version, Time: when, Type: "dashboard.accounts_linked.v1", Actor: named(alice, "Alice"), Role: "agency", RequestID: "REQ",
		},
		Dashboard: &board, After: &history.DashboardState{}, Changes: history.Differences{UsersAdded: []history.Named{named(adam, "Adam")}},
	}
}

// history sets an API response with two entries of version 8, which linked two boards, and one
// entry of version 7.
func (s *stage) history() {
	s.answers["GET /api/audit/history"] = func(_ api.Principal, r *http.Request) (int, any) {
		entries := []history.HistoryEntry{
			changed(8, "2026-10-01T10:00:00Z", named(bakery, "Bakery")), changed(8, "2026-10-01T10:00:00Z", named(catering, "Catering")),
			changed(7, "2026-09-30T10:00:00Z", named(bakery, "Bakery")),
		}
		meta := history.EntriesMeta{HistoryMeta: history.HistoryMeta{AsOf: history.StreamPosition{Version: 9}}}
		if r.URL.Query().Has("to") {
			meta.NextAt = new(time.Date(2026, 10, 2, 10, 0, 0, 0, time.UTC))
		}
		return http.StatusOK, map[string]any{"data": entries, "meta": meta}
	}
}

func TestHistoryShowsARecordAndItsLinks(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	s.history()
	s.now = s.now.AddDate(0, 0, 1)
	b := s.signedIn("auditor")
	b.get("/console").leadsTo("/console/history")
	page := b.asks("/console/history?at=2026-10-01", "GET /api/audit/history?limit=40&to=2026-10-02T00%3A00%3A00Z") // a day means its end
	page.says(http.StatusOK, "Change 8: accounts linked", "Bakery", "Catering", "Added to the list", "REQ", "Alice",
		`rel="prev" href="/console/history?at=2026-09-30T10%3A00%3A00Z"`, `rel="next" href="/console/history?at=2026-10-02T10%3A00%3A00Z"`)
	page.says(http.StatusOK, `href="/console/history/difference?dashboard=&amp;from=2026-10-01T23%3A59%3A59.999999Z"`)
	b.get("/console/history").says(http.StatusOK, "Change 8", `rel="prev"`).lacks(`rel="next"`) // nothing comes after now
	b.get("/console/history?at=yesterday").says(http.StatusOK, "This is not a valid date or time.", `value="yesterday"`)
	b.asks("/console/history?at=2026-10-03").says(http.StatusOK, `class="fault">This time is in the future.`, `value="2026-10-03"`)
	b.get("/console/history?at=2026-10-02").says(http.StatusOK, "Change 8")
	require.Contains(t, s.asked, "GET /api/audit/history?limit=40&to=2026-10-02T12%3A00%3A00.000001Z", "today ends now")
}

// Change 6 could not be read, and change 9 skipped it.
func TestHistoryShowsASkip(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	skip := history.HistoryEntry{
		Record: history.Record{Version: 9, Time: s.now, Type: "dashboard.event_skipped.v1", Actor: history.Named{ID: "system:operator"}, Role: "operator"},
		Skip: &domain.EventSkipped{
			Version: 6, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-77"},
		},
	}
	s.answer("GET /api/audit/history", []history.HistoryEntry{skip, changed(8, "2026-09-30T10:00:00Z", named(bakery, "Bakery"))},
		history.EntriesMeta{HistoryMeta: history.HistoryMeta{AsOf: history.StreamPosition{Version: 9}, LeftOut: 1}})
	s.signedIn("auditor").get("/console/history").says(http.StatusOK, "Change 9: event skipped", "<code>system:operator</code> (operator)",
		"Change 6 was skipped", "Reason: incident, OPS-77", "skipped: change 6",
		"An operator skipped 1 event.", "action:%22event+skipped%22", "The agency's history ends with change 9")
}

func TestHistorySearches(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	s.history()
	found := []directory.DashboardSummary{{SubAccountID: bakery, SubAccountName: "Bakery"}, {SubAccountID: catering, SubAccountName: "Bakery & Catering"}}
	s.answers["GET /api/dashboards"] = func(_ api.Principal, r *http.Request) (int, any) {
		if r.URL.Query().Get("q") == "Nowhere" {
			return http.StatusOK, map[string]any{"data": []directory.DashboardSummary{}}
		}
		return http.StatusOK, map[string]any{"data": found}
	}
	s.answers["GET /api/projects/dashboard/"+bakery+"/history"] = s.answers["GET /api/audit/history"]
	s.answer("GET /api/projects/dashboard/"+bakery+"/state", history.StateAnswer{
		Dashboard: named(bakery, "Bakery"), State: history.DashboardState{Scopes: []string{"posts"}, SubAccountID: bakery, SubAccountIDs: []history.Named{named(bakery, "Bakery")}}, ChangedBy: history.Record{Version: 8},
	}, nil)
	b := s.signedIn("auditor")
	s.asked = nil
	q := url.QueryEscape(`Dashboard:"bakery" actor:` + alice + ` user:` + adam + ` action:"Accounts linked" since:2026-09-01`)
	b.get("/console/history?q="+q).says(http.StatusOK, "State of Bakery now", "Posts", "no other client", "Last changed by change 8")
	require.Contains(t, s.asked, "GET /api/projects/dashboard/"+bakery+"/history?actor="+alice+
		"&from=2026-09-01&limit=40&type=accounts_linked&user="+adam)

	for words, kind := range map[string]string{"people on the list changed": "users_changed", "board created": "opened", "event skipped": "event_skipped", "users_changed": "users_changed"} {
		b.get("/console/history?q=" + url.QueryEscape(`action:"`+words+`"`)).says(http.StatusOK)
		require.Contains(t, s.asked, "GET /api/audit/history?limit=40&type="+kind)
	}

	// If the search names only a board, its last change contains the state.
	b.asks("/console/history?q=dashboard:"+bakery, "GET /api/projects/dashboard/"+bakery+"/history?limit=40").
		says(http.StatusOK, "State of Bakery now", "Last changed by change 8")

	b.get("/console/history?q=dashboard:Baker").says(http.StatusOK, "Several clients match", "Bakery &amp; Catering")
	found = append(found, directory.DashboardSummary{SubAccountID: adam, SubAccountName: "bakery"})
	b.get("/console/history?q=dashboard:%22Bakery%22").says(http.StatusOK, "Several clients are named “Bakery”. Enter the id of one of them: "+bakery+", "+adam)
	found = found[:2]
	b.get("/console/history?q=%22%22").says(http.StatusOK, "“&#34;&#34;” is not a valid search. Enter part of a name")
	b.get("/console/history?q=dashboard:Nowhere").says(http.StatusOK, "No client of the agency matches")
	b.get("/console/history?q=actor:%22Alice").says(http.StatusOK, "A quotation mark is not closed.", `value="actor:&#34;Alice"`)
	b.get("/console/history?q=user:jonas+user:alice").says(http.StatusOK, "Enter user: only once.")
	b.get("/console/history?q=dashboard:"+adam).says(http.StatusOK, `class="fault">The agency has no board for this client.`, `value="dashboard:`+adam)
	// A search without an effective filter is an error and does not list everything.
	for _, wrong := range []string{"actor:", ":", "dashboard:Nowhere"} {
		s.asked = nil
		b.get("/console/history?q="+wrong).says(http.StatusOK, `class="fault"`, `value="`+wrong+`"`).lacks("Change 8")
		require.NotContains(t, strings.Join(s.asked, " "), "/history")
	}
	// A quoted phrase is text, also with colons; an unknown key is text, too, and the page says so.
	for text, name := range map[string]string{
		`"Nina Park" "actor: Bob"`: "Nina Park actor: Bob", `Café:Mitte`: "Café:Mitte", `"user:x y:z"`: "user:x y:z", `https://x`: "https://x", `Mitte:`: "Mitte:",
		`colour:"dark red" x`: "colour:dark red x",
	} {
		s.asked = nil
		page := b.get("/console/history?q=" + url.QueryEscape(text)).says(http.StatusOK).lacks(`class="fault"`)
		require.Contains(t, s.asked, "GET /api/audit/history?limit=40&q="+url.QueryEscape(name))
		if text[0] == 'c' {
			page.says(http.StatusOK, "“colour:” is not a key, so it is searched as part of a name.")
		}
	}
	s.asked = nil
	b.get("/console/history?at=2026-09-30&at_time=14:30&q=Nina+Park+actor:Alice").says(http.StatusOK, `value="14:30"`)
	require.Contains(t, s.asked, "GET /api/audit/history?actor=Alice&limit=40&q=Nina+Park&to=2026-09-30T14%3A31%3A00Z")
	s.refuse("GET /api/audit/history", http.StatusBadRequest, domain.CodeInvalid, "from: is not a time.")
	b.get("/console/history").says(http.StatusBadRequest, "from: is not a time.", "R1")
	s.refuseFields("GET /api/audit/history", "from")
	b.get("/console/history?q=since:once").says(http.StatusOK, `value="since:once"`, `class="fault">Enter a day like since:`, "No results yet.").lacks("Nothing was done")
	s.answer("GET /api/audit/history", []history.HistoryEntry{}, history.HistoryMeta{})
	b.get("/console/history").says(http.StatusOK, "No\nboard has been opened or changed yet")
	b.get("/console/history?at=2020-01-01").says(http.StatusOK, "Nothing had been recorded by then")
	b.get("/console/history?q=actor:"+alice).says(http.StatusOK, "No change matches this search")
}

// A page of a filtered history may be empty without being the last. The console reads further
// pages, but only as many as needed, because each request is recorded.
func TestHistorySearchSkipsEmptyPages(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	found := []history.HistoryEntry{changed(3, "2026-10-01T10:00:00Z", named(bakery, "Bakery"))}
	s.answers["GET /api/audit/history"] = func(_ api.Principal, r *http.Request) (int, any) {
		if r.URL.Query().Get("cursor") == "" {
			return http.StatusOK, map[string]any{"data": []history.HistoryEntry{}, "meta": history.EntriesMeta{
				HistoryMeta: history.HistoryMeta{NextCursor: "NEXT"}, NextAt: new(time.Date(2026, 10, 2, 10, 0, 0, 0, time.UTC)),
			}}
		}
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		require.NoError(t, err)
		return http.StatusOK, map[string]any{"data": found[:min(limit, len(found))], "meta": history.HistoryMeta{NextCursor: "MORE"}}
	}
	b := s.signedIn("auditor")
	s.asked = nil
	b.get("/console/history?at=2026-10-01&q=actor:"+alice).says(http.StatusOK, "Change 3", "Older", `rel="next" href="/console/history?at=2026-10-02T10%3A00%3A00Z&amp;q=actor`,
		`rel="prev" href="/console/history?at=2026-10-01T09%3A59%3A59.999999Z&amp;q=actor`)
	require.Len(t, s.asked, 1+2, s.asked) // and /api/me
	b.get("/console/history?after=2026-10-01T09:00:00Z&q=actor:" + alice).leadsTo("/console/history?at=2026-10-01T10%3A00%3A00Z&q=actor%3A" + alice)

	found, s.asked = nil, nil
	b.get("/console/history?q=actor:"+alice).says(http.StatusOK, "None of the newest changes matches. Choose an earlier time")
	require.Len(t, s.asked, 1+5, "it looks far enough, and says that there is more")
}

// A record that changes more boards than a page contains is shown completely, with links to other
// records. A set of clients that were linked with each other is named once.
func TestHistoryShowsALargeRecordCompletely(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	const many = 160
	clients := make([]history.Named, many)
	for n := range clients {
		clients[n] = named(fmt.Sprintf("%024x", n+1), fmt.Sprintf("Client <%d>", n))
	}
	var all []history.HistoryEntry
	for n, client := range clients {
		e := changed(8, "2026-10-01T10:00:00Z", client)
		e.Changes = history.Differences{AccountsLinked: slices.Delete(slices.Clone(clients), n, n+1)}
		e.After = &history.DashboardState{ID: client.ID, SubAccountID: client.ID, SubAccountIDs: clients}
		if n == 7 {
			e.Changes.UsersAdded = []history.Named{named(adam, "Adam")}
		}
		all = append(all, e)
	}
	for range 3 {
		all = append(all, changed(7, "2026-09-30T10:00:00Z", named(catering, "Catering")))
	}
	s.answers["GET /api/audit/history"] = func(_ api.Principal, r *http.Request) (int, any) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		require.NoError(t, err)
		require.Empty(t, r.URL.Query().Get("cursor"))
		return http.StatusOK, map[string]any{"data": all[:min(limit, many+2)], "meta": history.HistoryMeta{NextCursor: "NEXT"}}
	}
	page := s.signedIn("auditor").get("/console/history").says(http.StatusOK, "Change 8", `rel="prev" href="/console/history?at=2026-09-30T10%3A00%3A00Z"`,
		"<h3>159 boards</h3>", "<summary>159 clients linked with each other</summary>",
		`<ins>Added to the list</ins> <a href="/console/people/`+adam, "<td>160 boards</td>")
	require.Equal(t, 2, strings.Count(page.Body.String(), "<h3>"), "one client is also on a list")
	for n := range clients {
		require.GreaterOrEqual(t, strings.Count(page.raw, fmt.Sprintf("Client &lt;%d&gt;", n)), 2, "as a board, and in the state")
	}
	require.Less(t, len(page.raw), 200_000)
	require.NotContains(t, page.Body.String(), "Catering", "not all of the record before is known")
}

// unproven is the note on each auditor page with names.
const unproven = "and are not part of the proof"

func TestAccessIsAList(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	listed, opened := changed(7, "2026-09-30T10:00:00Z", named(bakery, "Bakery")).Record, changed(8, "2026-10-01T10:00:00Z", named(bakery, "Bakery")).Record
	rescoped := changed(9, "2026-10-02T10:00:00Z", named(bakery, "Bakery")).Record
	opened.Actor = named("9", "Ilse") // the access starts there, not at the change of the scopes
	span := func(board, user history.Named) history.AccessSpan {
		return history.AccessSpan{
			Dashboard: board, User: user, From: rescoped.Time, BeganBy: rescoped, ListedBy: listed, AllowedBy: opened,
			Scopes: []history.GrantedScope{{Scope: "posts"}}, ActiveToday: true, LinkedToday: true,
		}
	}
	bakeryBoard, cateringBoard, zoe := named(bakery, "Bakery"), named(catering, "Catering"), named(adam, "Zoe")
	s.answer("GET /api/audit/access", []history.AccessSpan{
		span(cateringBoard, zoe), span(bakeryBoard, zoe), span(cateringBoard, named(alice, "Alice")),
	}, history.SpansMeta{Staff: history.AccessStaff{Users: []history.Named{named("5", "Stella")}, UsersCount: 1}})
	b := s.signedIn("auditor")
	s.asked = nil
	page := b.get("/console/access?at=2026-10-01T11:00&person="+adam).says(http.StatusOK, "Stella", unproven, "2 Oct 2026</time></a> by Alice",
		"/console/history?at=2026-10-01T10%3A00%3A00Z&amp;q=dashboard%3A"+bakery)
	require.Contains(t, s.asked, "GET /api/audit/access?at=2026-10-01T11%3A00%3A59.999999Z&limit=500&user_id="+adam)
	b.get("/console/access?at="+s.now.AddDate(1, 0, 0).Format(time.DateOnly)).says(http.StatusOK, "This time is in the future.", "No results yet.")
	b.get("/console/access?at="+s.now.Format(time.DateOnly)).says(http.StatusOK, "12:00:00 UTC</time>, before the first recorded change, these people had access")
	require.Contains(t, s.asked, "GET /api/audit/access?at=2026-10-01T12%3A00%3A00Z&limit=500", "today ends now")
	head := []string{"Person", "Board", "Shows", "Since", "Given by"}
	of := func(person, board string) []string {
		return []string{person, board, "Posts ( changed 2 Oct 2026", "1 Oct 2026", "Ilse"}
	}
	require.Equal(t, [][]string{head, of("Alice", "Catering"), of("Zoe", "Bakery"), of("Zoe", "Catering")}, cells(t, page.Body.String()))
	s.answer("GET /api/audit/access", []history.AccessSpan{}, history.SpansMeta{})
	b.get("/console/access").says(http.StatusOK, "Now, at <time datetime=\"2026-10-01T12:00:00Z\">1 Oct 2026, 12:00:00 UTC</time>, before the first recorded change, <strong>no one\nhas access to any board.")

	// Inactive people cannot open boards now. Records do not say who was active in the past.
	asleep := span(bakeryBoard, named(clara, "Clara"))
	asleep.ActiveToday = false
	elsewhere := span(bakeryBoard, named("6", "Hugo"))
	elsewhere.LinkedToday = false
	s.answer("GET /api/audit/access", []history.AccessSpan{span(bakeryBoard, zoe), asleep, elsewhere}, history.SpansMeta{HistoryMeta: history.HistoryMeta{LeftOut: 1}})
	page = b.get("/console/access").says(http.StatusOK, "2 people are on the list of an open board that they cannot open", "Clara", "Hugo", "An operator skipped 1 event.")
	require.Equal(t, [][]string{head, of("Zoe", "Bakery")}, cells(t, page.Body.String()))
	staff := span(cateringBoard, named("5", "Stella"))
	staff.Role = new(history.DirectoryStaff)
	spans := []history.AccessSpan{span(bakeryBoard, zoe), asleep, staff}
	for more, shown := range map[string]bool{"": true, "MORE": false} { // the last board may continue on the next page
		s.answer("GET /api/audit/access", spans, history.SpansMeta{
			HistoryMeta: history.HistoryMeta{NextCursor: more}, WithoutAccess: new(history.WithoutAccess),
		})
		body := b.get("/console/access").Body.String()
		require.Equal(t, shown, strings.Contains(body, "Open, but no client user on its list can open it"))
	}
	s.answer("GET /api/audit/access", []history.AccessSpan{span(bakeryBoard, zoe), asleep, elsewhere}, history.SpansMeta{})
	page = b.get("/console/access?at=2026-10-01").says(http.StatusOK, "The records do not say who was active at that time.")
	require.Equal(t, [][]string{head, of("Clara inactive today", "Bakery"), of("Hugo", "Bakery"), of("Zoe", "Bakery")}, cells(t, page.Body.String()))
}

// A page that is one of several says so, also on paper.
func TestAccessOnSeveralPagesSaysSo(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	spans := []history.AccessSpan{{Dashboard: named(bakery, "Bakery"), User: named(adam, "Adam"), ActiveToday: true, LinkedToday: true}}
	b := s.signedIn("auditor")
	const several = "This is one page of several: it lists 1 grant."
	s.answer("GET /api/audit/access", spans, history.SpansMeta{})
	b.get("/console/access").lacks(several)
	b.get("/console/access?cursor=BEFORE").says(http.StatusOK, several).lacks("More people")
	s.answer("GET /api/audit/access", spans, history.SpansMeta{HistoryMeta: history.HistoryMeta{NextCursor: "NEXT"}})
	b.get("/console/access").says(http.StatusOK, several, "More people and boards")
}

// Boards without access are listed with the record that decided it. Each page is recorded as one
// view.
func TestAccessShowsWhoClosedABoard(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	began := changed(8, "2026-10-01T10:00:00Z", named(bakery, "Bakery")).Record
	closed, left := changed(6, "2026-09-02T10:00:00Z", named(catering, "Catering")).Record, changed(7, "2026-09-30T10:00:00Z", named(clara, "Clara's")).Record
	closed.Type, left.Type, left.Actor = "dashboard.settings_changed.v1", "dashboard.users_changed.v1", named(adam, "Adam")
	meta := history.SpansMeta{WithoutAccess: &history.WithoutAccess{Count: 5, Dashboards: []history.ClosedDashboard{
		{Dashboard: named(catering, "Old Catering"), DecidedBy: closed},
		{Dashboard: named(clara, "Clara's"), AllowClientDashboard: true, DecidedBy: left},
	}}}
	meta.NextCursor = "NEXT"
	s.answer("GET /api/audit/access", []history.AccessSpan{
		{Dashboard: named(bakery, "Bakery"), User: named(adam, "Adam"), From: began.Time, BeganBy: began},
	}, meta)
	b := s.signedIn("auditor")
	const asked = "GET /api/audit/access?at=2026-09-30T23%3A59%3A59.999999Z&"
	page := b.asks("/console/access?at=2026-09-30", asked+"limit=500")
	requireInOrder(t, page.Body.String(), ">Clara&#39;s<", ">Old Catering<")
	page.says(http.StatusOK, "Boards that no one could open", "Closed to its clients", "settings changed, ", "2 Sep 2026",
		"Open, but no one is on its list", "people on the list changed", "/console/history?at=2026-09-02T10%3A00%3A00Z&amp;q=dashboard%3A"+catering,
		"3 more boards are not shown.", `rel="next" href="/console/access?at=2026-09-30&amp;cursor=NEXT"`)

	meta.NextCursor, meta.WithoutAccess = "", nil
	s.answer("GET /api/audit/access", []history.AccessSpan{}, meta)
	b.asks("/console/access?at=2026-09-30&cursor=NEXT", asked+"cursor=NEXT&limit=500").lacks("Boards that no one", `rel="next"`)
}

func TestPersonShowsPeriodsAndReasons(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	board := named(bakery, "Bakery")
	began, ended := changed(8, "2026-10-01T10:00:00Z", board).Record, changed(9, "2026-10-02T10:00:00Z", board).Record
	ended.Actor = named(alice, "Alice the Closer")
	s.answer("GET /api/audit/access", []history.AccessSpan{
		{
			Dashboard: board, User: named(adam, "Adam"), From: began.Time, To: &ended.Time,
			BeganBy: began, EndedBy: &ended, ListedBy: began, AllowedBy: began,
		},
		{
			Dashboard: named(catering, "appetisers"), User: named(adam, "Adam"), From: began.Time, BeganBy: began, ListedBy: began, AllowedBy: began,
			Scopes: []history.GrantedScope{{Scope: "posts"}, {Scope: "reports"}}, To: &ended.Time, EndedBy: &ended,
		},
		{
			Dashboard: named(catering, "appetisers"), User: named(adam, "Adam"), From: ended.Time, BeganBy: ended, ListedBy: began, AllowedBy: began,
			Scopes: []history.GrantedScope{{Scope: "posts"}}, ActiveToday: true, // reports was removed
		},
	}, history.SpansMeta{HistoryMeta: history.HistoryMeta{NextCursor: "NEXT"}, User: new(named(adam, "Adam"))})
	s.now = time.Date(2026, 10, 4, 12, 0, 0, 0, time.UTC)
	b := s.signedIn("auditor")
	const periods = "GET /api/audit/access?from=1970-01-01&limit=500&user_id=" + adam
	b.get("/console/people/"+adam+"?to=2026-10-04").says(http.StatusOK, "cursor=NEXT&amp;to=2026-10-04T12%3A00%3A00Z")
	page := b.asks("/console/people/"+adam, periods)
	requireInOrder(t, page.Body.String(), ">Bakery<", ">appetisers<") // a list of several pages has the order of the API
	require.Equal(t, 1, strings.Count(page.Body.String(), "Shown:"), "access that began with the list or the opening has no third reason")
	page.says(http.StatusOK, "<h1>Adam</h1>", unproven, "shows Posts, Reports<", "shows Posts<", "shows nothing<", "Shown:", ">now, but the person cannot open it: their client is not linked", "Ended:", "Alice the Closer", `href="/console/people/`+alice,
		"/console/history?at=2026-10-02T10%3A00%3A00Z&amp;q=dashboard%3A"+bakery)
	b.asks("/console/people/"+adam+"?from=2026-10-01&to=2026-10-03",
		"GET /api/audit/access?from=2026-10-01T00%3A00%3A00Z&limit=500&to=2026-10-03T23%3A59%3A59.999999Z&user_id="+adam).
		says(http.StatusOK, `rel="next" href="/console/people/`+adam+`?cursor=NEXT&amp;from=2026-10-01&amp;to=2026-10-03"`)
	for from, fault := range map[string]string{"once": "This is not a valid date or time", "2026-10-04": "Choose a time that is before", "2026-10-05": "This time is in the future"} {
		b.asks("/console/people/"+adam+"?from="+from+"&to=2026-10-03", periods).says(http.StatusOK, "<h1>Adam</h1>",
			`value="`+from+`"`, `class="fault">`+fault, `value="2026-10-03"`, "All times are shown.", ">Bakery<")
	}
	s.answer("GET /api/audit/access", []history.AccessSpan{}, history.SpansMeta{
		Staff: history.AccessStaff{Users: []history.Named{named(alice, "Alice")}, UsersCount: 1}, User: new(named(alice, "Alice")),
	})
	b.get("/console/people/"+alice).says(http.StatusOK, "<h1>Alice</h1>", "Staff can open every board because of their role", "No access to any board is recorded")
	s.refuse("GET /api/audit/access", http.StatusNotFound, domain.CodeNotFound, "There is no such user in your agency.")
	b.get("/console/people/"+clara).says(http.StatusNotFound, "There is no such user in your agency.")
}

func TestCompareTwoTimes(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	s.answer("GET /api/audit/diff", []history.DiffAnswer{
		{
			Dashboard: named(bakery, "Bakery"), Records: 3, Changes: history.Differences{
				UsersRemoved: []history.Named{named(adam, "Adam")}, AllowClientDashboard: &history.Flip{After: true},
			},
		},
		{Dashboard: named(catering, "appetisers"), Records: 1},
	}, history.HistoryMeta{NextCursor: "NEXT"})
	s.answer("GET /api/projects/dashboard/"+bakery+"/diff", history.DiffAnswer{Dashboard: named(bakery, "Bakery"), Records: 3}, nil)
	b := s.signedIn("auditor")
	b.get("/console/history/difference").says(http.StatusOK, "Choose a time")
	const from, to = "from=2026-09-01T00%3A00%3A00Z", "to=2026-09-30T23%3A59%3A59.999999Z"
	const differences = "/console/history/difference?from=2026-09-01&to=2026-09-30"
	page := b.asks(differences, "GET /api/audit/diff?"+from+"&limit=20&"+to) // one view is recorded, for any number of boards
	requireInOrder(t, page.Body.String(), ">appetisers<", ">Bakery<")
	page.says(http.StatusOK, "Removed from the list", unproven, "Adam", "Opened to its clients", "Made by 3 changes.",
		"The board did not exist yet", "No difference: 1 change in between canceled each other out.",
		`rel="next" href="/console/history/difference?cursor=NEXT&amp;from=2026-09-01&amp;to=2026-09-30"`)
	b.asks(differences+"&cursor=NEXT", "GET /api/audit/diff?cursor=NEXT&"+from+"&limit=20&"+to)
	b.asks("/console/history/difference?from=2026-09-01&dashboard="+bakery, "GET /api/projects/dashboard/"+bakery+"/diff?"+from).
		says(http.StatusOK, "The boards now")
	const exact = "2026-09-01T10:00:00.25Z" // of a change, in a link; the form's time has no fraction
	b.get("/console/history/difference?from="+exact).says(http.StatusOK, `name="from_time" value="10:00:00"`, `name="from_exact" value="`+exact)
	b.asks("/console/history/difference?from=2026-09-01&from_time=10:00:00&from_exact="+exact, "GET /api/audit/diff?from="+url.QueryEscape(exact)+"&limit=20")
	b.asks("/console/history/difference?from=2026-09-01&from_time=10:00:01&from_exact="+exact, "GET /api/audit/diff?from=2026-09-01T10%3A00%3A01Z&limit=20")
	b.get("/console/history/difference?from=lately&dashboard=bakery").says(http.StatusOK, `value="lately"`, `class="fault">This is not a valid date or time`, `value="bakery"`)
	b.get("/console/history/difference?from=2026-09-01&dashboard="+adam).says(http.StatusOK, `class="fault">The agency has no board for this client.`, `value="`+adam)
	b.get("/console/history/difference?dashboard=%22Bakery%22").says(http.StatusOK, "No client of the agency matches “Bakery”.") // without quotes
	b.get("/console/history/difference?to=2026-09-30&to_time=14:30").says(http.StatusOK, `value="14:30"`, "Also choose the first time.")
	b.asks("/console/history/difference?from=2026-09-30&to=2026-09-01").
		says(http.StatusOK, `value="2026-09-30"`, `value="2026-09-01"`, `class="fault">Choose a time that is before`)
	s.answer("GET /api/audit/diff", []history.DiffAnswer{}, history.HistoryMeta{})
	b.get("/console/history/difference?from=2026-09-01").says(http.StatusOK, "No board was changed between these times")
}

func TestHistoryViews(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	s.answer("GET /api/audit/reads", []history.AuditReadEntry{
		{
			Type: "audit.read.v1", Actor: named(adam, "Adam"), Role: "auditor", RequestID: "REQ1",
			Read:  json.RawMessage(`{"what":"access","as_of_version":3,"filter":{"at":"2026-10-01T00:00:00Z","user":"` + clara + `","from":"1970-01-01T00:00:00Z","to":"v12"}}`),
			Names: []history.Named{named(clara, "Clara")},
		},
		{
			Type: "audit.exported.v1", Names: []history.Named{named(bakery, "Bakery")},
			Read: json.RawMessage(`{"format":"csv","dashboard":"` + bakery + `","as_of_version":3,"filter":{"types":["dashboard.users_changed.v1"],"actor":"system:import","by_name":true}}`),
		},
		{Type: "audit.exported.v1", Read: json.RawMessage(`{"format":"bundle","as_of_version":3}`)},
	}, readmodels.TrailMeta{ListMeta: readmodels.ListMeta{NextCursor: "NEXT"}, Incomplete: "The newest may be missing"})
	b := s.signedIn("auditor")
	b.asks("/console/history/looks?actor="+adam, "GET /api/audit/reads?actor="+adam+"&limit=50").says(http.StatusOK, unproven,
		"The newest may be missing.", "Only views by Adam <code class=\"quiet\">"+adam, "Who had access", "at 1 Oct 2026, 00:00:00 UTC; from the beginning; to change 12; person", ">Clara</a> <code class=\"quiet\">"+clara,
		"/console/people/"+clara, "REQ1", "The history, as a file (csv), of", ">Bakery</a> <code class=\"quiet\">"+bakery,
		"changes of type “people on the list changed”; changes made by <code>system:import</code>; a search for part of a name, which is not recorded",
		"/console/history?q=dashboard:"+bakery, "The proof bundle, as a file", "none", "/console/history/looks?actor="+adam+"&amp;cursor=NEXT")
	s.answer("GET /api/audit/reads", []history.AuditReadEntry{}, readmodels.TrailMeta{})
	b.get("/console/history/looks?actor="+adam).says(http.StatusOK, "No views match.").lacks("No one has viewed")
	b.get("/console/history/looks").says(http.StatusOK, "No one has viewed the history yet.")
}

// Views are recorded in the person's name, so requests of scripts and frames of other origins are
// refused. Links work.
func TestOtherOriginsAreRefused(t *testing.T) {
	t.Parallel()
	s, b := fakeSignedIn(t, "auditor")
	s.history()
	s.asked = nil
	from := func(site, mode, dest string) page {
		return b.send(http.MethodGet, "/console/history", nil, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Mode", mode)
			r.Header.Set("Sec-Fetch-Dest", dest)
		})
	}
	for _, site := range []string{"same-site", "cross-site"} {
		from(site, "cors", "empty").says(http.StatusForbidden, "another site")
		from(site, "no-cors", "image").says(http.StatusForbidden, "another site")
		from(site, "navigate", "iframe").says(http.StatusForbidden, "another site")
		require.Empty(t, s.asked)
	}
	from("cross-site", "navigate", "document").says(http.StatusOK, "Change 8")
	from("same-origin", "cors", "empty").says(http.StatusOK, "Change 8")
	from("none", "navigate", "document").says(http.StatusOK, "Change 8")
}

// A client's history is one of the client's pages: its links keep the tabs and the range.
func TestAClientsHistory(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	s.history()
	const client = "/console/clients/" + bakery + "/history"
	s.answer("GET /api/accounts", []directory.Account{{ID: bakery, Name: "Harbour Bakery"}}, nil)
	s.answers["GET /api/projects/dashboard/"+bakery+"/history"] = s.answers["GET /api/audit/history"]
	s.answer("GET /api/projects/dashboard/"+bakery+"/state", history.StateAnswer{Dashboard: named(bakery, "Bakery")}, nil)
	b := s.signedIn("agency")
	b.get(client+"?from=2026-09-01&to=2026-09-07&q=actor:Alice&at=2026-09-30").says(http.StatusOK, "<h1>History of Harbour Bakery</h1>", "Change 8",
		`aria-label="This client"`, `href="/console/clients/`+bakery+`/figures?from=2026-09-01&amp;to=2026-09-07"`,
		`rel="prev" href="`+client+`?at=2026-09-30T10%3A00%3A00Z&amp;from=2026-09-01&amp;q=actor%3AAlice&amp;to=2026-09-07"`,
		`rel="next" href="`+client+`?at=2026-10-02T10%3A00%3A00Z&amp;from=2026-09-01&amp;q=actor%3AAlice&amp;to=2026-09-07"`,
		`<input type="hidden" name="from" value="2026-09-01">`, `href="`+client+`?from=2026-09-01&amp;to=2026-09-07">Newest, unfiltered`)
	require.Contains(t, s.asked, "GET /api/projects/dashboard/"+bakery+"/history?actor=Alice&limit=40&to=2026-10-01T00%3A00%3A00Z")
	b.get(client + "?q=dashboard:" + catering).leadsTo("/console/history?q=dashboard%3A" + catering)
	b.get(client+"?q=actor:").says(http.StatusOK, "<h1>History of Harbour Bakery</h1>", `class="fault"`)
	s.refuse("GET /api/projects/dashboard/"+bakery+"/history", http.StatusNotFound, domain.CodeNotFound, "There is no such dashboard.")
	b.get(client).says(http.StatusOK, "board has been opened or changed yet")
	s.signedIn("auditor").get(client).says(http.StatusForbidden, "does not have access to this page")
}

func TestVerifyShowsTheNewestCheckpoint(t *testing.T) {
	t.Parallel()
	s, b := fakeSignedIn(t, "auditor")
	s.answer("GET /api/audit/checkpoints", []api.CheckpointEntry{}, nil)
	b.get("/console/verify").says(http.StatusOK, "No checkpoint has been signed yet", "<pre>ledgerboard verify --bundle proof-"+agency+".jsonl --key")
	s.answer("GET /api/audit/checkpoints", []api.CheckpointEntry{{Time: s.now, Records: 1234, Note: "the signed note"}}, nil)
	s.asked = nil
	b.get("/console/verify").says(http.StatusOK, "1,234", "<pre>the signed note</pre>", `href="/console/verify/bundle"`)
	require.Contains(t, s.asked, "GET /api/audit/checkpoints?limit=1")
	s.refuse("GET /api/audit/checkpoints", http.StatusServiceUnavailable, domain.CodeUnavailable, "No public key is known here.")
	b.get("/console/verify").says(http.StatusServiceUnavailable, "No public key is known here.")
}

func TestDownloads(t *testing.T) {
	t.Parallel()
	s, b := fakeSignedIn(t, "auditor")
	s.answers["GET /api/audit/bundle"] = func(api.Principal, *http.Request) (int, any) { return http.StatusOK, "the bundle" }
	got := b.get("/console/verify/bundle")
	require.Equal(t, http.StatusOK, got.Code)
	require.Equal(t, "the bundle", got.Body.String())
	s.refuse("GET /api/audit/bundle", http.StatusServiceUnavailable, domain.CodeUnavailable, "No checkpoint key is known here.")
	b.get("/console/verify/bundle").says(http.StatusServiceUnavailable, "No checkpoint key is known here.")
	s.asked = nil
	s.answer("GET /api/audit/access/export", "csv", nil)
	b.get("/console/access/export?at=&person=")
	require.Contains(t, s.asked, "GET /api/audit/access/export?at=2026-10-01T12%3A00%3A00Z&format=xlsx", "now, and not all times")
}

// A role cannot open pages of other roles and gets no links to them, regardless of the API.
func TestPagesRequireRoles(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	s.history()
	operator := s.signedIn("operator")
	for _, path := range []string{
		"/console/history", "/console/history/difference", "/console/history/looks",
		"/console/people/" + adam, "/console/access", "/console/verify",
	} {
		s.browser().get(path).leadsTo("/console/sign-in?to=" + url.QueryEscape(path))
	}
	for _, path := range []string{
		"/console/history", "/console/history/difference", "/console/history/looks",
		"/console/people/" + adam, "/console/access", "/console/access/export", "/console/verify", "/console/verify/bundle",
	} {
		operator.get(path).says(http.StatusForbidden, "does not have access to this page")
	}
	require.NotContains(t, operator.get("/console").Body.String(), "/console/history")
	home := s.signedIn("agency").get("/console").Body.String()
	require.Contains(t, home, "/console/history")
	require.Contains(t, home, `<a href="/console/clients" aria-current="page">Clients</a>`, "its first page are the clients")
	operator.get("/console/nothing").says(http.StatusNotFound, "no page at this address")
}
