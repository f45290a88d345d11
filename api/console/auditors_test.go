package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

const (
	bakery   = "c10000000000000000000001"
	catering = "c10000000000000000000002"
	ben      = "be0000000000000000000001" // of the client catering
)

// at moves the clock to a time.
func (r *real) at(moment string) {
	r.t.Helper()
	when, err := time.Parse(time.RFC3339, moment)
	require.NoError(r.t, err)
	r.now = when
}

// newHistory has three changes: 1 of October 1, which opened the bakery's board to Clara; 2 of October 2,
// which linked it with Catering; and 3 of October 3, which removed Ben from both. It is October 4.
func newHistory(t *testing.T, change ...func(*api.Deps)) (*real, *browser) {
	t.Helper()
	r := newReal(t, change...)
	r.log.Put(t, domain.DirectoryAccount{ID: catering, RowID: 15, ParentAccount: agency, Name: "Bakery & Catering", Active: true},
		domain.DirectoryUser{ID: ben, AccountID: catering, Name: "Ben Holm", Active: true})
	r.at("2026-10-02T10:00:00Z")
	r.share(t, bakery, []string{catering}, clara, ben)
	r.at("2026-10-03T10:00:00Z")
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Users: &[]string{clara}})
	r.at("2026-10-04T12:00:00Z")
	return r, r.signedIn("auditor")
}

func TestHistoryPageShowsRecordWithPrevAndNextLinks(t *testing.T) {
	t.Parallel()
	r, b := newHistory(t)
	b.get("/console").leadsTo("/console/history")
	b.get("/console/history?at=2026-10-02").says(http.StatusOK, "Change 2: accounts linked", "Harbour Bakery", "Bakery &amp; Catering", "Added to the list", "Ben Holm", "Alice", // a day means its end
		`rel="prev" href="/console/history?at=2026-10-01T12%3A00%3A00Z"`, `rel="next" href="/console/history?at=2026-10-03T10%3A00%3A00Z"`,
		`href="/console/history/difference?dashboard=&amp;from=2026-10-02T23%3A59%3A59.999999Z"`)
	b.get("/console/history").says(http.StatusOK, "Change 3", "Removed from the list", `rel="prev"`).lacks(`rel="next"`) // nothing comes after now
	b.get("/console/history?at=yesterday").says(http.StatusOK, "This is not a valid date or time.", `value="yesterday"`)
	views := len(r.views())
	b.get("/console/history?at=2026-10-05").says(http.StatusOK, `class="fault">This time is in the future.`, `value="2026-10-05"`)
	require.Len(t, r.views(), views, "nothing was viewed")
	b.get("/console/history?at=2026-10-04").says(http.StatusOK, "Change 3") // today ends now
	require.Len(t, r.views(), views+1, "a page is one view")
	b.get("/console/history?at=2020-01-01").says(http.StatusOK, "Nothing had been recorded by then")
	newStage(t).signedIn("auditor").get("/console/history?q=actor:"+clara).says(http.StatusOK, "No change matches this search")
}

func TestHistorySearchFilters(t *testing.T) {
	t.Parallel()
	r, b := newHistory(t)
	search := func(q string) page { return b.get("/console/history?q=" + url.QueryEscape(q)) }
	search(`Dashboard:"harbour bakery" actor:`+alice+` user:`+ben+` action:"Accounts linked" since:2026-09-01`).
		says(http.StatusOK, "Change 2", "State of Harbour Bakery now", "Last changed by change 3").lacks("Change 1:", "Change 3:")
	search(`dashboard:"harbour bakery" since:2026-10-03`).says(http.StatusOK, "Change 3:").lacks("Change 2:")
	for words, change := range map[string]string{"people on the list changed": "Change 3:", "users_changed": "Change 3:", "accounts linked": "Change 2:", "board created": "No change matches", "event skipped": "No change matches"} {
		search(`action:"`+words+`"`).says(http.StatusOK, change)
	}
	// If the search names only a board, its last change contains the state.
	views := len(r.views())
	search("dashboard:"+bakery).says(http.StatusOK, "State of Harbour Bakery now", "Last changed by change 3")
	require.Len(t, r.views(), views+1)

	search("dashboard:Baker").says(http.StatusOK, "Several clients match", "Bakery &amp; Catering")
	const twin = "c10000000000000000000016"
	r.log.Put(t, domain.DirectoryAccount{ID: twin, RowID: 16, ParentAccount: agency, Name: "harbour bakery", Active: true})
	search(`dashboard:"Harbour Bakery"`).says(http.StatusOK, "Several clients are named “Harbour Bakery”. Enter the id of one of them: ", bakery, twin)
	// A search without an effective filter is an error and does not list everything.
	views = len(r.views())
	for q, says := range map[string]string{
		`""`: "“&#34;&#34;” is not a valid search. Enter part of a name", "dashboard:Nowhere": "No client of the agency matches", `actor:"Alice`: "A quotation mark is not closed.",
		"user:jonas user:alice": "Enter user: only once.", "dashboard:" + adam: "The agency has no board for this client.", "actor:": "", ":": "", "since:once": "Enter a day like since:",
	} {
		search(q).says(http.StatusOK, `class="fault">`+says).lacks("Change 3:", "Change 2:")
	}
	require.LessOrEqual(t, len(r.views()), views+1)
	// A quoted phrase is text, also with colons; an unknown key is text, too, and the page says so.
	for text, finds := range map[string]bool{`"Ben Holm"`: true, `catering`: true, `"user:x y:z"`: false, `https://x`: false, `Mitte:`: false, `colour:"dark red" x`: false} {
		page := search(text).says(http.StatusOK).lacks(`class="fault"`)
		require.Equal(t, finds, strings.Contains(page.Body.String(), "Change 2:") || strings.Contains(page.Body.String(), "Change 3:"), text)
		if text[0] == 'c' && !finds {
			page.says(http.StatusOK, "“colour:” is not a key, so it is searched as part of a name.")
		}
	}
	b.get("/console/history?at=2026-10-03&at_time=09:30&q=Ben+actor:Alice").says(http.StatusOK, `value="09:30"`, "Change 2:")
}

// The newest page of a filtered history may be empty. The console reads further pages, but only as
// many as needed, because each request is recorded.
func TestHistorySearchSkipsEmptyPages(t *testing.T) {
	t.Parallel()
	r, b := newHistory(t)
	for i := range 120 {
		r.change(t, agency, domain.UpdateDashboard{Primary: mill, AllowClientDashboard: new(i%2 == 0)})
	}
	views := len(r.views())
	b.get("/console/history?q=user:"+ben).says(http.StatusOK, "Change 3:")
	require.LessOrEqual(t, len(r.views()), views+5)
}

// A record that changes more boards than a page contains is shown completely, with links to other
// records. A set of clients that were linked with each other is named once.
func TestHistoryShowsALargeRecordCompletely(t *testing.T) {
	t.Parallel()
	r, b := newHistory(t)
	var clients []string
	var all []domain.Draft
	for i := range 158 {
		client := domain.DirectoryAccount{ID: numbered("c9", i), RowID: int64(900 + i), ParentAccount: agency, Name: fmt.Sprintf("Client <%d>", i), Active: true}
		clients, all = append(clients, client.ID), append(all, commands.EntityDraft(client, time.UnixMicro(int64(1e6+i))))
	}
	for _, err := range r.log.AppendBatch(t.Context(), all) {
		require.NoError(t, err)
	}
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, SubAccountIDs: &clients})
	page := b.get("/console/history").says(http.StatusOK, "Change 4:", `rel="prev" href="/console/history?at=2026-10-03T10%3A00%3A00Z"`,
		"<h3>158 boards</h3>", "<summary>158 clients linked with each other</summary>", "<td>160 boards</td>",
		`<ins>Added to the list</ins> <a href="/console/people/`+clara)
	require.Equal(t, 2, strings.Count(page.Body.String(), "<h3>"), "two were linked before")
	for n := range clients {
		require.GreaterOrEqual(t, strings.Count(page.raw, fmt.Sprintf("Client &lt;%d&gt;", n)), 2, "as a board, and in the state")
	}
	require.Less(t, len(page.raw), 200_000)

	// Between two times, they are one entry, too: a page would have only a part of them.
	page = b.get("/console/history/difference?from=2026-10-04").says(http.StatusOK, "20 changed boards are on this page",
		"boards</h2>", "<summary>Which boards</summary>", "<ins>Linked with each other</ins>", "More changed boards")
	require.LessOrEqual(t, strings.Count(page.raw, `<section class="record">`), 3)
	require.Less(t, len(page.raw), 100_000)
}

// unproven is the note on each auditor page with names.
const unproven = "and are not part of the proof"

func TestAccessPageListsPeopleAndBoards(t *testing.T) {
	t.Parallel()
	r, b := newHistory(t)
	head := []string{"Person", "Board", "Shows", "Since", "Given by"}
	page := b.get("/console/access?at=2026-10-02T11:00&person="+ben).says(http.StatusOK, "Alice", unproven,
		"/console/history?at=2026-10-02T10%3A00%3A00Z&amp;q=dashboard%3A"+bakery)
	require.Equal(t, [][]string{
		head,
		{"Ben Holm", "Bakery & Catering", "Figures", "2 Oct 2026 ended or changed 3 Oct 2026", "Alice"},
		{"Ben Holm", "Harbour Bakery", "Figures", "2 Oct 2026 ended or changed 3 Oct 2026", "Alice"},
	}, cells(t, page.Body.String()))
	page = b.get("/console/access")
	require.Equal(t, [][]string{
		head,
		{"Clara Holm", "Bakery & Catering", "Figures", "2 Oct 2026", "Alice"},
		{"Clara Holm", "Harbour Bakery", "Figures", "1 Oct 2026", "Alice"},
	}, cells(t, page.Body.String()))
	b.get("/console/access?at=2027-10-04").says(http.StatusOK, "This time is in the future.", "No results yet.")
	b.get("/console/access?at=2026-09-30").says(http.StatusOK, "before the first recorded change, <strong>no one\nhad access to any board.")

	// Inactive people cannot open boards now. Records do not say who was active in the past.
	r.log.Put(t, domain.DirectoryUser{ID: clara, AccountID: bakery, Name: "Clara Holm"})
	b.get("/console/access").says(http.StatusOK, "1 person is on the list of an open board that they cannot open", "Clara Holm")
	page = b.get("/console/access?at=2026-10-01").says(http.StatusOK, "The records do not say who was active at that time.")
	require.Equal(t, [][]string{head, {"Clara Holm inactive today", "Harbour Bakery", "Figures", "1 Oct 2026", "Alice"}}, cells(t, page.Body.String()))
}

// Boards without access are listed with the record that decided it. Each page is recorded as one
// view.
func TestAccessPageNamesRecordThatClosedBoard(t *testing.T) {
	t.Parallel()
	r, b := newHistory(t)
	r.change(t, agency, domain.UpdateDashboard{Primary: mill, Users: &[]string{}, AllowClientDashboard: new(true)})
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(false)})
	views := len(r.views())
	page := b.get("/console/access").says(http.StatusOK, "Boards that no one can open", "Closed to its clients", "settings changed, ", "4 Oct 2026", "Open, but no one is on its list",
		"/console/history?at=2026-10-04T12%3A00%3A00")
	requireInOrder(t, page.Body.String(), ">Harbour Bakery<", ">Old Mill<")
	require.Len(t, r.views(), views+1)
}

func TestPersonPageShowsAccessPeriodsAndReasons(t *testing.T) {
	t.Parallel()
	r, b := newHistory(t)
	page := b.get("/console/people/"+ben).says(http.StatusOK, "<h1>Ben Holm</h1>", unproven, "data-label=\"Shows\">Figures<", "Ended:", "Alice", `href="/console/people/`+alice,
		"/console/history?at=2026-10-03T10%3A00%3A00Z&amp;q=dashboard%3A"+bakery)
	require.NotContains(t, page.Body.String(), "Shown:", "access that began with the list has no third reason")
	b.get("/console/people/"+ben+"?from=2026-10-01&to=2026-10-02").says(http.StatusOK, "Harbour Bakery")
	b.get("/console/people/"+ben+"?from=2026-10-01&to=2026-10-01").says(http.StatusOK, "<h1>Ben Holm</h1>").lacks("Harbour Bakery")
	for from, fault := range map[string]string{"once": "This is not a valid date or time", "2026-10-04": "Choose a time that is before", "2026-10-05": "This time is in the future"} {
		b.get("/console/people/"+ben+"?from="+from+"&to=2026-10-03").says(http.StatusOK, "<h1>Ben Holm</h1>",
			`value="`+from+`"`, `class="fault">`+fault, `value="2026-10-03"`, "All times are shown.", "Harbour Bakery")
	}
	b.get("/console/people/"+alice).says(http.StatusOK, "<h1>Alice</h1>", "Staff can open every board because of their role", "No access to any board is recorded")
	b.get("/console/people/"+otherUser).says(http.StatusNotFound, "No such user is in your agency")

	boards := strings.Count(page.Body.String(), `<th scope="row">`)
	require.Positive(t, boards)
	for _, listed := range [][]string{{clara}, {clara, ben}} {
		r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Users: &listed})
	}
	page = b.get("/console/people/"+ben).says(http.StatusOK, "2 periods", ">now</td>")
	require.Equal(t, boards, strings.Count(page.Body.String(), `<th scope="row">`), "a board is one row")
}

func TestDifferencePageComparesTwoTimes(t *testing.T) {
	t.Parallel()
	r, b := newHistory(t)
	b.get("/console/history/difference").says(http.StatusOK, "Choose a time")
	views := len(r.views())
	page := b.get("/console/history/difference?from=2026-10-02&to=2026-10-03").says(http.StatusOK, unproven, "Made by 2 changes.", "Linked with", "Bakery &amp; Catering", "2 changed boards are on this page")
	requireInOrder(t, page.Body.String(), ">Bakery &amp; Catering<", ">Harbour Bakery<")
	require.NotContains(t, page.Body.String(), "Ben Holm", "he was added and removed in between")
	require.Len(t, r.views(), views+1, "one view is recorded, for any number of boards")
	page = b.get("/console/history/difference?from=2026-10-02T10:00:00Z&dashboard="+bakery).says(http.StatusOK, "The boards now", "Removed from the list", "Ben Holm", "Made by 1 change.")
	require.NotContains(t, page.Body.String(), "changed board", "one board was asked for")
	const exact = "2026-10-02T10:00:00.25Z" // of a change, in a link; the form's time has no fraction
	b.get("/console/history/difference?from="+exact).says(http.StatusOK, `name="from_time" value="10:00:00"`, `name="from_exact" value="`+exact)
	b.get("/console/history/difference?from=lately&dashboard=bakery").says(http.StatusOK, `value="lately"`, `class="fault">This is not a valid date or time`, `value="bakery"`)
	b.get("/console/history/difference?from=2026-09-01&dashboard="+adam).says(http.StatusOK, `class="fault">The agency has no board for this client.`, `value="`+adam)
	b.get("/console/history/difference?dashboard=%22Nowhere%22").says(http.StatusOK, "No client of the agency matches “Nowhere”.") // without quotes
	b.get("/console/history/difference?to=2026-09-30&to_time=14:30").says(http.StatusOK, `value="14:30"`, "Also choose the first time.")
	b.get("/console/history/difference?from=2026-09-30&to=2026-09-01").
		says(http.StatusOK, `value="2026-09-30"`, `value="2026-09-01"`, `class="fault">Choose a time that is before`)
	b.get("/console/history/difference?from=2026-10-04").says(http.StatusOK, "No board was changed between these times")
}

func TestPageListsViewsOfHistory(t *testing.T) {
	t.Parallel()
	_, b := newHistory(t)
	b.get("/console/history/looks").says(http.StatusOK, "No one has viewed the history yet.")
	b.get("/console/access?at=2026-10-02&person=" + clara).says(http.StatusOK)
	b.get("/console/history?q=dashboard:" + bakery).says(http.StatusOK)
	file := b.get("/console/access/export?at=2026-10-02")
	require.Equal(t, http.StatusOK, file.Code)
	require.Contains(t, file.Header().Get("Content-Disposition"), ".xlsx")
	require.Contains(t, b.get("/console/verify/bundle").Body.String(), "bundle of "+agency)
	require.Equal(t, http.StatusOK, b.get("/console/access/export?at=&person=").Code) // now, and not all times
	b.get("/console/history/looks?actor="+adam).says(http.StatusOK, unproven, "Only views by Adam Nowak <code class=\"quiet\">"+adam, "Who had access", "person", ">Clara Holm</a> <code class=\"quiet\">"+clara,
		"/console/people/"+clara, "as a file", ">Harbour Bakery</a> <code class=\"quiet\">"+bakery, "/console/history?q=dashboard:"+bakery)
	b.get("/console/history/looks?actor="+clara).says(http.StatusOK, "No views match.").lacks("No one has viewed")
}

// Views are recorded in the person's name, so requests of scripts and frames of other origins are
// refused. Links work.
func TestHistoryRefusesScriptsAndFramesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	r, b := newHistory(t)
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
		require.Empty(t, r.views())
	}
	from("cross-site", "navigate", "document").says(http.StatusOK, "Change 3")
	from("same-origin", "cors", "empty").says(http.StatusOK, "Change 3")
	from("none", "navigate", "document").says(http.StatusOK, "Change 3")
}

// A client's history is one of the client's pages: its links keep the tabs and the range.
func TestClientHistoryKeepsTabsAndRange(t *testing.T) {
	t.Parallel()
	r, _ := newHistory(t)
	b := r.signedIn("agency")
	const client = "/console/clients/" + bakery + "/history"
	b.get(client+"?from=2026-09-01&to=2026-09-07&q=actor:Alice&at=2026-10-02").says(http.StatusOK, "<h1>History of Harbour Bakery</h1>", "Change 2",
		`aria-label="This client"`, `href="/console/clients/`+bakery+`/figures?from=2026-09-01&amp;to=2026-09-07"`,
		`rel="prev" href="`+client+`?at=2026-10-01T12%3A00%3A00Z&amp;from=2026-09-01&amp;q=actor%3AAlice&amp;to=2026-09-07"`,
		`rel="next" href="`+client+`?at=2026-10-03T10%3A00%3A00Z&amp;from=2026-09-01&amp;q=actor%3AAlice&amp;to=2026-09-07"`,
		`<input type="hidden" name="from" value="2026-09-01">`, `href="`+client+`?from=2026-09-01&amp;to=2026-09-07">Newest, unfiltered`)
	b.get(client + "?q=dashboard:" + catering).leadsTo("/console/history?q=dashboard%3A" + catering)
	b.get(client+"?q=actor:").says(http.StatusOK, "<h1>History of Harbour Bakery</h1>", `class="fault"`)
	b.get("/console/clients/"+mill+"/history").says(http.StatusOK, "board has been opened or changed yet")
}

// published has one checkpoint.
type published struct{ noProofs }

func (published) Checkpoints(context.Context) ([]proof.Published, error) {
	return []proof.Published{{Checkpoint: proof.Checkpoint{Time: october, Partitions: []proof.Covered{{Records: 1234}}}, Note: "the signed note"}}, nil
}

func TestVerifyShowsTheNewestCheckpoint(t *testing.T) {
	t.Parallel()
	newStage(t).signedIn("auditor").get("/console/verify").says(http.StatusOK, "No checkpoint has been signed yet", "<pre>ledgerboard verify --bundle proof-"+agency+".jsonl --key")
	newServer(t, func(d *api.Deps) { d.Audit.Proofs = published{} }).signedIn("auditor").get("/console/verify").says(http.StatusOK, "1,234", "<pre>the signed note</pre>", `href="/console/verify/bundle"`)
}

// A role cannot open pages of other roles and gets no links to them, regardless of the API.
func TestPagesRequireRoles(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	operator := s.signedIn("operator")
	for _, path := range []string{
		"/console/history", "/console/history/difference", "/console/history/looks",
		"/console/people/" + adam, "/console/access", "/console/verify",
	} {
		s.browser().get(path).leadsTo("/console/sign-in?to=" + url.QueryEscape(path))
		operator.get(path).says(http.StatusForbidden, "does not have access to this page")
	}
	require.NotContains(t, operator.get("/console").Body.String(), "/console/history")
	home := s.signedIn("agency").get("/console").Body.String()
	require.Contains(t, home, "/console/history")
	require.Contains(t, home, `<a href="/console/clients" aria-current="page">Clients</a>`, "its first page are the clients")
	operator.get("/console/nothing").says(http.StatusNotFound, "no page at this address")
}
